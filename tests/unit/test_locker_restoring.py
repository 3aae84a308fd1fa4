"""A locker that comes back from friends: names first, the rest marked as still there, and the chain goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from firmware.backup.arriving import close_in_chain, place_name, take_in, those_here
from firmware.backup.book import PackPlace
from firmware.errors import BadSeal, Damaged, Full, StillAtFriends
from firmware.locker import Home, Locker
from firmware.locker.home import KnownHead
from firmware.pack import Kind
from firmware.pack.format import PRELUDE_BYTES
from tests.homes import Box, folder_home, whole
from tests.unit.test_locker_recovery import noise


class AtFriends:
    """Packs that are still to come."""

    def __init__(self) -> None:
        self.packs: set[bytes] = set()
        self.wanted: list[bytes] = []

    def has(self, pack: bytes) -> bool:
        return pack in self.packs

    def want(self, pack: bytes) -> None:
        self.wanted.append(pack)

    def hides(self, pack: bytes) -> bool:
        return pack in self.packs


class Back:
    """What friends have of a locker, and a new folder into which it comes."""

    def __init__(self, old: Box, folder: Path) -> None:
        self.old, self.away = old, AtFriends()
        self.book: dict[bytes, PackPlace] = {}
        self.kept: dict[bytes, bytes] = {}
        for row in old.locker.shelf.rows.values():
            path = old.folder / "packs" / f"{Kind(row.kind).word}-{row.id.hex()}"
            if row.digest:
                data = path.read_bytes()
                prelude, payload = data[:PRELUDE_BYTES], data[PRELUDE_BYTES:]
                self.kept[row.id] = payload
                digest = blake3(payload).digest()
                place = PackPlace(row.id, prelude, row.kind, len(payload), digest, False, 1, 1, ())
                self.book[row.id] = place
        self.home: Home = dataclasses.replace(folder_home(folder, entropy=b"new"), away=self.away)

    def take(self, *kinds: Kind) -> Iterator[PackPlace]:
        for id, place in self.book.items():
            if Kind(place.kind) in kinds and not those_here(self.home, [place]):
                take_in(self.home, self.old.secrets, place, self.kept[id])
                yield place


@pytest.fixture
def back(tmp_path: Path) -> Iterator[Back]:
    old = Box(tmp_path / "old")
    for number in range(3):
        old.put(f"film {number}", noise(f"film {number}", 300_000))
    old.put("letter.txt", b"dear lantern")
    old.locker.cut()
    old.put("after the last ship", b"lost with the house")
    found = Back(old, tmp_path / "new")
    yield found
    old.locker.close()


def test_names_come_before_bytes_and_what_is_read_comes_first(back: Back) -> None:
    old = back.old.locker
    known = old.head_link()
    assert known is not None and known.seq < old.head_seq
    list(back.take(Kind.META))
    back.away.packs = {id for id, place in back.book.items() if place.kind == Kind.DATA}
    new = Locker.open(back.home, back.old.secrets)
    listed = {str(record.name): record for record in new.list(limit=50).records}
    assert set(listed) == {"film 0", "film 1", "film 2", "letter.txt"}
    assert whole(new, listed["letter.txt"].id) == b"dear lantern"
    assert [record.name for record in new.search("lantern").records] == ["letter.txt"]
    with pytest.raises(StillAtFriends):
        whole(new, listed["film 1"].id)
    assert set(back.away.wanted) == back.away.packs
    with pytest.raises(StillAtFriends):
        new.repack()
    assert [problem.code for problem in list(new.verify())[-1].problems] == []
    for place in list(back.take(Kind.DATA)):
        back.away.packs.discard(place.pack)
        close_in_chain(new, place)
    new.commit()
    new.shelf.forget_payloads()
    for name in ("film 0", "film 1", "film 2"):
        assert whole(new, listed[name].id) == noise(name, 300_000)
    assert list(new.verify())[-1].problems == ()
    assert all(row.digest for row in new.shelf.rows.values() if row.id in back.book)
    new.close()


def test_the_chain_goes_on_behind_the_head_that_friends_know(back: Back) -> None:
    list(back.take(Kind.META, Kind.DATA))
    told = back.old.locker.shelf.link(back.old.locker.head_seq)
    home = dataclasses.replace(back.home, known_head=KnownHead(told.seq, told.hash))
    new = Locker.open(home, back.old.secrets)
    assert new.head_seq > told.seq
    assert new.shelf.link(told.seq + 1).previous == told.hash
    assert [problem.code for problem in list(new.verify())[-1].problems] == ["chain-gap"]
    new.close()


def test_a_pack_that_is_not_what_it_should_be_is_not_taken(back: Back) -> None:
    id, place = next(each for each in back.book.items() if each[1].kind == Kind.DATA)
    payload = back.kept[id]
    with pytest.raises(Damaged):
        take_in(back.home, back.old.secrets, place, payload[:-1] + bytes([payload[-1] ^ 1]))
    other = bytes(32) + payload[32:]
    lie = dataclasses.replace(place, digest=blake3(other).digest())
    with pytest.raises(BadSeal):
        take_in(back.home, back.old.secrets, lie, other)
    with pytest.raises(BadSeal):
        take_in(back.home, back.old.secrets, dataclasses.replace(place, pack=bytes(32)), payload)
    with pytest.raises(Damaged):
        place_name(dataclasses.replace(place, kind=77))
    assert not those_here(back.home, [place])


def test_a_full_disk_takes_nothing(back: Back, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back.home.disk, "free_bytes", lambda: 1000)
    with pytest.raises(Full):
        list(back.take(Kind.META))


def test_a_pack_that_was_closed_after_a_crash_keeps_the_bytes_that_friends_have(tmp_path: Path) -> None:
    old = Box(tmp_path / "old")
    old.put("letter.txt", b"dear lantern")
    old.reopen()  # as after a crash: what was open is filled up with noise, and the next link says so
    back = Back(old, tmp_path / "new")
    meta = [place for place in back.book.values() if place.kind == Kind.META]
    assert len(meta) == 1 and old.locker.shelf.rows[max(old.locker.shelf.rows)].kind == Kind.META, "that link is lost"
    list(back.take(Kind.META, Kind.DATA))
    new = Locker.open(back.home, old.secrets)
    assert [str(record.name) for record in new.list(limit=50).records] == ["letter.txt"]
    rows = {row.id: row for row in new.shelf.rows.values()}
    for id, place in back.book.items():
        path = tmp_path / "new" / place_name(place)
        assert path.read_bytes()[PRELUDE_BYTES:] == back.kept[id]
        assert rows[id].digest == place.digest
    new.close()
    old.locker.close()
