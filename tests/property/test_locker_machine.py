"""A locker against a plain dictionary: Hypothesis invents a life and shrinks what breaks it."""

from __future__ import annotations

import copy
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from firmware.errors import NoSuchRecord
from firmware.locker.put import keep, looked_at
from firmware.model import Analysis, Collide, Facts, Preview, PutState, RecordState, SafeName
from tests.homes import DAY_MS, Box, put, whole
from tests.sim.world import small_sizes

_SMALL_FILE = 2048
"""A file that is one chunk in a world of ``small_sizes``."""
NAMES = st.sampled_from(["a.txt", "b.bin", "letters/a.txt", "letters/ä.md", "undecodable-\udcff", "😀"])
CONTENTS = st.one_of(
    st.sampled_from([b"", b"lantern", b"harbour light"]),
    st.binary(max_size=200),
    st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=9), st.integers(1, 2_000)),
    st.builds(lambda seed: (b"SQLite format 3\0" + bytes([seed])) * 600, st.integers(0, 9)),
)
FACTS = st.builds(
    Facts, title=st.sampled_from([None, "Summer"]), taken_ms=st.integers(0, 10**12), width=st.integers(1, 9)
)


@dataclass
class Known:
    """What the dictionary knows of one record."""

    name: str
    mtime_ns: int
    versions: dict[int, bytes]
    state: RecordState = RecordState.LIVE
    deleted_ms: int | None = None
    facts: Facts = field(default_factory=Facts)
    preview: bytes | None = None

    @property
    def newest(self) -> bytes:
        return self.versions[max(self.versions)]


class LockerMachine(RuleBasedStateMachine):
    """Rules are what a member and the nightly care do; an end without warning takes what was not committed."""

    def __init__(self) -> None:
        super().__init__()
        self.small = small_sizes()
        self.small.__enter__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.now: dict[str, Known] = {}
        self.acknowledged: dict[str, Known] = {}
        self.queued = False
        self.changed = False

    @initialize()
    def begin(self) -> None:
        self.box = Box(self.folder / "locker")

    def teardown(self) -> None:
        try:
            self.commit()
            self.check_everything()
            self.box.reopen(without_catalog=True)
            self.check_everything()
            assert self.box.problems() == []
        finally:
            self.box.locker.close()
            shutil.rmtree(self.folder)
            self.small.__exit__(None, None, None)

    def pick(self, draw: int, state: RecordState | None = None) -> str | None:
        """One acknowledged record; ids of queued ones are not known to anybody yet."""
        ids = [id for id, known in self.now.items() if id in self.acknowledged and state in (None, known.state)]
        return ids[draw % len(ids)] if ids else None

    def look(self) -> None:
        """Whatever depends on who lives under which name first commits queued changes of that."""
        if self.changed:
            self.acknowledged, self.changed = copy.deepcopy(self.now), False

    # --- putting

    @rule(name=NAMES, content=CONTENTS, beside=st.booleans(), mtime=st.integers(0, 10**18), at_once=st.booleans())
    def put(self, name: str, content: bytes, *, beside: bool, mtime: int, at_once: bool) -> None:
        collide = Collide.BESIDE if beside else Collide.VERSION
        if at_once and 0 < len(content) <= _SMALL_FILE:
            locker = self.box.locker
            file = looked_at(SafeName(name), memoryview(content), locker.id_key, mtime_ns=mtime, mime=None)
            result = keep(locker, file, collide)
        else:
            result = put(self.box.locker, name, content, collide=collide, mtime_ns=mtime)
        self.look()
        self.queued = True
        live = {id: known for id, known in self.now.items() if (known.name, known.state) == (name, RecordState.LIVE)}
        same = [id for id, known in live.items() if known.newest == content]
        if same:
            assert (result.state, result.new_bytes) == (PutState.SAME, 0)
            assert result.id in same
            assert result.version == max(self.now[result.id].versions)
        elif live and not beside:
            assert result.id in live
            known = self.now[result.id]
            assert result.version == max(known.versions) + 1
            known.versions[result.version] = content
            known.mtime_ns, known.facts, known.preview = mtime, Facts(), None
        else:
            assert result.id not in self.now
            assert result.version == 1
            self.now[result.id] = Known(name, mtime, {1: content})

    @rule(content=CONTENTS)
    def put_nothing_at_last(self, content: bytes) -> None:
        receiver = self.box.locker.begin(SafeName("aborted.bin"), mtime_ns=0)
        receiver.write(content)
        receiver.abort()

    # --- changing

    @rule(draw=st.integers(0, 99))
    def delete(self, draw: int) -> None:
        id = self.pick(draw)
        if id is None:
            return
        self.look()
        live = self.now[id].state is RecordState.LIVE
        assert self.box.locker.delete([id]) == live
        if live:
            self.queued = self.changed = True
            self.now[id].state, self.now[id].deleted_ms = RecordState.BIN, self.box.clock.ms

    @rule(draw=st.integers(0, 99))
    def undelete(self, draw: int) -> None:
        id = self.pick(draw, RecordState.BIN)
        if id is not None:
            self.look()
            assert self.box.locker.undelete([id]) == 1
            self.queued = self.changed = True
            self.now[id].state, self.now[id].deleted_ms = RecordState.LIVE, None

    @rule(draw=st.integers(0, 99), name=NAMES)
    def rename(self, draw: int, name: str) -> None:
        id = self.pick(draw)
        if id is not None:
            self.look()
            self.box.locker.rename(id, SafeName(name))
            self.queued = self.changed = True
            self.now[id].name = name

    @rule(draw=st.integers(0, 99), facts=FACTS, picture=st.none() | st.binary(min_size=1, max_size=60))
    def analyse(self, draw: int, facts: Facts, picture: bytes | None) -> None:
        id = self.pick(draw)
        if id is None or len(self.now[id].versions) != len(self.acknowledged[id].versions):
            return
        self.look()
        previews = (Preview(256, "image/jpeg", picture),) if picture else ()
        self.box.locker.analyse(id, Analysis(facts, previews))
        self.queued = True
        self.now[id].facts = facts
        self.now[id].preview = picture or self.now[id].preview

    @rule()
    def empty_bin(self) -> None:
        self.commit()
        gone = [id for id, known in self.now.items() if known.state is RecordState.BIN]
        assert self.box.locker.empty_bin() == len(gone)
        for id in gone:
            del self.now[id]
        self.commit()
        for id in gone:
            with pytest.raises(NoSuchRecord):
                self.box.locker.get(id)

    # --- time, care, ends

    @rule(days=st.sampled_from([0, 1, 40]))
    def time_passes(self, days: int) -> None:
        self.box.clock.ms += days * DAY_MS + 1

    @rule()
    def commit(self) -> None:
        self.box.locker.commit()
        self.acknowledged = copy.deepcopy(self.now)
        self.queued = self.changed = False

    @rule()
    def cut(self) -> None:
        self.box.locker.cut()
        self.commit()

    @rule()
    def repack(self) -> None:
        self.commit()
        self.box.locker.repack()
        for id, known in self.now.items():
            left = {version.number for version in self.box.locker.versions(id)}
            assert left <= set(known.versions)
            assert set(sorted(known.versions)[-3:]) <= left
            known.versions = {number: known.versions[number] for number in left}
        self.commit()

    @rule()
    def rebuild(self) -> None:
        self.commit()
        self.box.locker.rebuild()

    @rule(without_catalog=st.booleans())
    def end_without_warning(self, *, without_catalog: bool) -> None:
        self.box.reopen(without_catalog=without_catalog)
        self.now = copy.deepcopy(self.acknowledged)
        self.queued = self.changed = False

    @rule()
    @precondition(lambda self: not self.queued)
    def verify(self) -> None:
        assert self.box.problems() == []

    @invariant()
    def counts(self) -> None:
        if not self.queued:
            stats = self.box.locker.stats()
            live = [known for known in self.now.values() if known.state is RecordState.LIVE]
            assert stats["records"] == len(live)
            assert stats["bytes"] == sum(len(known.newest) for known in live)
            assert stats["bin"] == len(self.now) - len(live)

    @rule()
    @precondition(lambda self: not self.queued)
    def check_everything(self) -> None:
        locker = self.box.locker
        found: dict[str, Any] = {
            record.id: record for state in RecordState for record in locker.list(state=state, limit=200).records
        }
        assert set(found) == set(self.now)
        for id, known in self.now.items():
            record = found[id]
            assert (record.name, record.mtime_ns, record.deleted_ms) == (known.name, known.mtime_ns, known.deleted_ms)
            assert {v.number: v.size for v in locker.versions(id)} == {n: len(c) for n, c in known.versions.items()}
            for number, content in known.versions.items():
                assert whole(locker, id, number) == content
            preview = locker.preview(id, 1)
            assert (preview.data if preview else None) == known.preview
            assert (record.facts.title, record.facts.width) == (known.facts.title, known.facts.width)
        self.check_search(found)

    def check_search(self, found: dict[str, Any]) -> None:
        locker = self.box.locker
        live = {id for id, known in self.now.items() if known.state is RecordState.LIVE}
        texts = {id for id in live if self.now[id].newest in (b"lantern", b"harbour light") and is_text(found[id].mime)}
        lanterns = {id for id in texts if self.now[id].newest == b"lantern"}
        assert {record.id for record in locker.search("lant").records} == lanterns
        assert {record.id for record in locker.search("light harb").records} == texts - lanterns
        letters = {id for id in live if self.now[id].name.startswith("letters/")}
        assert {record.id for record in locker.search("le").records} == letters
        assert {record.id for record in locker.list(folder="letters").records} == letters
        titled = {id for id in live if self.now[id].facts.title}
        assert {record.id for record in locker.search("summ").records} == titled


def is_text(mime: str) -> bool:
    """Only what is stored as text is searched without the reader."""
    return mime.startswith("text/")


TestLocker = LockerMachine.TestCase
TestLocker.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_a_pack_that_was_dropped_stays_dropped_whatever_order_its_links_are_found_in() -> None:
    """What the machine found: links in several packs, which are named by chance, and none of them sorted."""
    story = LockerMachine()
    story.begin()
    story.end_without_warning(without_catalog=True)
    story.rebuild()
    story.end_without_warning(without_catalog=True)
    story.repack()
    story.put(name="a.txt", content=b"SQLite format 3\x00" * 600, beside=True, mtime=0, at_once=False)
    story.end_without_warning(without_catalog=True)
    story.cut()
    story.repack()
    story.teardown()
