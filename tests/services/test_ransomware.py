"""Ransomware with real boxes: a stolen session rewrites, renames and deletes everything; yesterday comes back whole.

The thief has the token of a member, nothing else: no passphrase, no words, no key of the box. It works for minutes and
comes back for days, moves the clock of the box and of the friends' boxes, and fills with garbage the room that friends
give. What friends keep of yesterday is compared file by file then, put together with the kit's 24 words. Where Debian's
``faketime`` is not installed no clock is moved, and what is printed says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import site
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import StepUpNeeded, WrongPassphrase
from firmware.linux.home import linux_home
from firmware.locker import Locker as Store
from firmware.seal import KeyFile, open_with_words
from services.api.blocking import Blocking
from tests.lab.clock import interpreter
from tests.services.circle_peerds import HOUR, LIBRARY, Clock, PeerBox, end, later
from tests.services.lockerd_box import PASSPHRASE, frames
from tests.services.running import HOUSE, Running, until
from tests.vectors import second_reader
from tests.vectors import second_shard_reader as second_shard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PRELUDE, K, N = 16, 2, 3
FILES, ROUNDS, WEEKS, DAY = 30, 3, 4, 24
ROOM, GARBAGE = 8 << 20, 4 << 20
_HASTY = "import firmware.limits; firmware.limits.ARGON2_TARGET_NS = 1"


class House(PeerBox):
    """A whole box under the moved clock, with an owner whose session is about to be stolen."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.data, self.clock, self.name = folder / "box", clock, folder.name
        moved = (str(LIBRARY), clock.file) if LIBRARY is not None else None
        lines = (f"import sys; sys.path.insert(0, {str(HOUSE)!r})", _HASTY)
        packages = site.getsitepackages()[0]
        python = interpreter(folder / "python", os.path.realpath(sys.executable), packages, moved=moved, lines=lines)
        self.box = Running(self.data, python=python)
        self.run = (self.data / "run").resolve()
        code = json.loads((self.data / "box" / "claim").read_bytes())["code"]
        self.free = Blocking(self.run)
        made = self.free.call("claim", code=code, household="Elm", name="Ada", passphrase=PASSPHRASE, device="a test")
        self.words, self.member = made.words, made.member
        self.locker = self.data / "lockers" / made.member
        self.enter()
        until(lambda: [each.custody for each in self.show().lockers] == [True])
        self.key = self.show().box

    def enter(self) -> None:
        """The owner opens her locker, and a quarter of an hour goes by; this is the session that is stolen."""
        opened = self.free.call("open", member=self.member, passphrase=PASSPHRASE, device="a phone")
        self.mine = self.free.as_session(opened.token, opened.member)
        self.mine.call("step_down")

    def put(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Keep files; the same names get new versions."""
        *_, done = self.mine.bulk_put(frames(files))
        assert done["done"]

    def ship(self) -> None:
        """Everything that is here is to travel now."""
        self.mine.call("circle_now")


@dataclass(frozen=True)
class Noted:
    """One pack as a page of its owner's book has it: enough to put it together from shards."""

    name: str
    prelude: bytes
    size: int
    shards: tuple[str, ...]


class Street:
    """Ada, three friends, and what was in her locker yesterday."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rng = folder, random.Random(folder.name)
        self.clock = Clock(folder / "clock")
        self.ada = House(folder / "ada", self.clock)
        self.friends = [PeerBox(folder / name, self.clock) for name in ("ben", "cem", "dan")]
        self.files: dict[bytes, bytes] = {}
        self.compared = 0
        self.book: list[Noted] = []
        self.shards: dict[str, bytes] = {}

    def fill(self) -> None:
        """An ordinary locker, safe with three friends; the book is written that night."""
        for each in self.friends:
            self.ada.befriend(each, gets=ROOM)
        for at in range(FILES):
            size = 1_500_000 if at == 7 else self.rng.randrange(100, 90_000)
            name, data = f"Letters/{at % 5}/{at}.bin", self.rng.randbytes(size)
            self.files[name.encode()] = data
        self.ada.put([("Letters/0/0.bin", self.rng.randbytes(5000))])  # an older version, as people have
        self.ada.put((name.decode(), data) for name, data in self.files.items())
        self.ada.ship()
        until(self.is_safe, 120)
        self.book = [noted(path) for path in sorted((self.ada.locker / "packs").iterdir()) if is_closed(path)]
        self.book = [each for each in self.book if set(each.shards) & self.held().keys()]
        wanted = {shard for each in self.book for shard in each.shards}
        self.shards = {name: at.read_bytes() for name, at in self.held().items() if name in wanted}
        assert len(self.shards) == N * len(self.book) >= 2 * N

    def is_safe(self) -> bool:
        """Whether everything is with friends; an open pack stands for nothing."""
        (found,) = self.ada.show().lockers
        return bool(found.safe_bytes) and not found.here_bytes and not found.going_bytes

    def is_told(self, kind: str) -> None:
        """Ada's circle tells of this within half a day; the bytes get the time they take."""
        for _ in range(12 if LIBRARY is not None else 0):
            if self.was_told(kind):
                return
            later(self.clock, 1, [self.ada])
            with contextlib.suppress(AssertionError):
                until(lambda: self.was_told(kind), 5)
        assert LIBRARY is None, kind

    def was_told(self, kind: str) -> bool:
        """Whether Ada can read of this on the page of her circle."""
        return any(each.kind == kind for each in self.ada.show().notices)

    def held(self, but: PeerBox | None = None) -> dict[str, Path]:
        """Every shard that lies with friends, by its name."""
        there = (each for each in self.friends if each is not but)
        return {at.name: at for each in there for at in each.data.glob("hosted/*/shards/*")}

    def peers_hold(self) -> None:
        """Every byte of yesterday lies where it lay, and nobody was told to delete a fifth of it."""
        now = self.held()
        assert {name: now[name].read_bytes() for name in self.shards if name in now} == self.shards
        asked = {line for each in self.friends for line in asked_away(each)}
        assert len(asked & self.shards.keys()) * 5 <= len(self.shards)

    def restore(self, how: Callable[[Path, str], dict[bytes, bytes]]) -> None:
        """Yesterday from the 24 words and two of three friends, one of whom burnt down; every file is compared."""
        place = self.folder / f"restored-{self.compared}"
        (place / "packs").mkdir(parents=True)
        shutil.copy(self.ada.locker / "key", place / "key")  # as the thief left it
        held = self.held(but=self.rng.choice(self.friends))
        for pack in self.book:
            parts = {at: held[shard].read_bytes() for at, shard in enumerate(pack.shards) if shard in held}
            payload = second_shard.join(pack.size, K, dict(list(parts.items())[:K]))
            (place / "packs" / pack.name).write_bytes(pack.prelude + payload)
        found = how(place, self.ada.words)
        assert found.keys() == self.files.keys()
        for name, data in self.files.items():
            assert found[name] == data, name
            self.compared += 1


def is_closed(path: Path) -> bool:
    """A pack that is still written to has no digest yet."""
    return len(path.name.partition("-")[2]) == 64


def noted(path: Path) -> Noted:
    """Work out what the shards of a pack are called, as its owner does."""
    data = path.read_bytes()
    shards = second_shard.make(data[PRELUDE:], K, N)
    ids = tuple(second_shard.shard_id(each).hex() for each in shards)
    return Noted(path.name, data[:PRELUDE], len(data) - PRELUDE, ids)


def asked_away(box: PeerBox) -> Iterator[str]:
    """The shards a host was asked to delete in thirty days."""
    for path in box.data.glob("hosted/*/deletes/*"):
        rest = path.read_bytes()[24:]
        yield from (rest[at : at + 32].hex() for at in range(0, len(rest), 32))


def by_the_box(place: Path, words: str) -> dict[bytes, bytes]:
    """As a new box would: the product opens what was put together."""
    key = KeyFile.parse((place / "key").read_bytes())
    store = Store.open(linux_home(place), open_with_words(key, words))
    try:
        records = store.list(limit=1000).records
        return {os.fsencode(os.fsdecode(each.name.raw)): b"".join(store.read(each.id)) for each in records}
    finally:
        store.close()


def by_the_documents(place: Path, words: str) -> dict[bytes, bytes]:
    """By the second reader, which shares no code with the product."""
    opened = second_reader.read_locker(place, words=words)
    live = (each for each in opened.records.values() if each.state == second_reader.LIVE)
    return {each.name: each.versions[max(each.versions)].data or b"" for each in live}


class Thief:
    """Whoever has the token."""

    def __init__(self, street: Street) -> None:
        self.street, self.ada, self.rng = street, street.ada, random.Random(1)

    @property
    def mine(self) -> Blocking:
        """What the token opens."""
        return self.ada.mine

    def ids(self) -> list[str]:
        """Everything live."""
        return [each.id for each in self.mine.call("list", limit=200).records]

    def one_round(self) -> None:
        """Rewrite a third, rename a third, delete a third, and leave nothing to be found."""
        records = list(self.mine.call("list", limit=200).records)
        self.ada.put([(each.name, self.rng.randbytes(3000)) for each in records[::3]])
        for each in records[1::3]:
            self.mine.call("rename", id=each.id, name=f"{self.rng.randbytes(8).hex()}.locked")
        self.mine.call("delete_many", ids=tuple(each.id for each in records[2::3]))
        self.forget()
        self.street.clock.forward(7 * 60)

    def forget(self) -> None:
        """Empty the bin, repack, let friends hear of it at once."""
        self.mine.call("empty")
        self.mine.call("cut")
        self.mine.call("repack")
        self.ada.ship()

    def delete_all(self) -> None:
        """The rest."""
        self.mine.call("delete_many", ids=tuple(self.ids()))
        self.forget()

    def flood(self) -> None:
        """Garbage, until friends have no room left."""
        self.ada.put((f"snapshot {at}", self.rng.randbytes(GARBAGE)) for at in range(5))
        self.ada.ship()
        self.street.is_told("full")

    def cannot(self, name: str, **args: Any) -> None:
        """What takes more than a session."""
        with pytest.raises((StepUpNeeded, WrongPassphrase)):
            self.mine.call(name, **args)


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    boxes: list[PeerBox] = []
    made: Street | None = None
    try:
        made = Street(tmp_path)
        boxes = made.friends
        made.fill()
        yield made
    finally:
        end(boxes)
        if made is not None:
            made.ada.box.kill()


def test_yesterday_survives_a_stolen_session(street: Street, record_property: Callable[[str, object], None]) -> None:
    thief, ada = Thief(street), street.ada
    street.clock.forward(DAY * HOUR)
    for _ in range(ROUNDS):
        thief.one_round()
    thief.delete_all()
    assert not thief.ids()
    for name, args in (("kit", {}), ("drop_slot", {"kind": "kit"}), ("gone", {"ids": ()})):
        thief.cannot(name, **args)
    thief.cannot("passwd", passphrase="a guess of mine 7", new=PASSPHRASE)
    thief.cannot("peer_leave", peer=street.friends[0].key)
    street.peers_hold()
    street.restore(by_the_documents)

    if LIBRARY is not None:  # what was dropped would be asked away a week later; nothing goes before a person looked
        assert later(street.clock, WEEKS * 7 * DAY, [ada], lambda: street.was_told("deletes"))
    assert ada.show().lockers[0].held_bytes or LIBRARY is None
    ada.enter()  # days of idleness ended the session, so another one is stolen
    thief.flood()
    thief.cannot("let_go")
    street.peers_hold()

    street.clock.forward(500 * DAY * HOUR)  # the clocks of everybody are set forward
    for each in street.friends:
        each.stop(signal.SIGTERM)
        each.start(whole=True)
    until(lambda: all(ada.sees(each) for each in street.friends))
    later(street.clock, 4, [ada])
    street.peers_hold()
    street.restore(by_the_box)
    assert street.compared == 2 * FILES
    ada.enter()  # a clock set forward may have ended this session too
    ada.mine.call("step_up", proof=PASSPHRASE)  # all that the owner would have to do, had it been her
    assert not ada.mine.call("let_go").lockers[0].held_bytes
    record_property("files_compared", street.compared)
    record_property("clock_moved", LIBRARY is not None)
