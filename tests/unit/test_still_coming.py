"""A locker that comes back goes on while it is closed: what the chain vouches for is laid down, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from firmware.backup.arriving import is_here, is_ours, lay_down, place_name
from firmware.backup.book import PackPlace, ShardAt
from firmware.errors import BadSeal, Damaged, TooFewFriends
from firmware.linux.disk import LinuxDisk
from firmware.seal import Secret
from services.api.restore_types import RestoreFriend, RestorePack, RestoreSource, RestoreSources
from services.api.types import ComingBack
from services.lockerd import rest_list, still_coming
from services.lockerd.still_coming import StillComing
from tests.unit.test_locker_restoring import Back, back

__all__ = ["back"]

KEY_FILE = Path(__file__).parent.parent / "vectors" / "key_file_v1.json"
MEMBER, PEER = "a" * 16, b"p" * 32
AWAY = b"q" * 32


class Peerd:
    """What peerd answers: one friend, its packs, what it sent."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self.kept, self.sent, self.before, self.told = kept, 0, 0, list[str]()
        self.resumed = False
        self.hold: asyncio.Event | None = None

    async def call(self, name: str, **args: Any) -> RestoreSources:
        self.told.append(name)
        if name == "restore_resume":
            self.resumed, self.before = True, self.sent
        friends = [(PEER, True, self.sent - self.before), (AWAY, False, 0)] if self.resumed else []
        return RestoreSources(
            tuple(RestoreSource(RestoreFriend(k.hex(), "Ben", there, bytes=size), "") for k, there, size in friends)
        )

    @contextlib.asynccontextmanager
    async def stream(self, name: str, *, locker: str, place: RestorePack) -> AsyncIterator[AsyncIterator[bytes]]:
        assert name == "restore_pack" and len(locker) == 32
        if self.hold is not None:
            await self.hold.wait()
        data = self.kept.get(place.pack)
        if data is None:
            raise TooFewFriends(wanted=1, who="Ben")
        self.sent += len(data)

        async def pieces() -> AsyncIterator[bytes]:
            yield data

        yield pieces()


class Closed:
    """A closed locker with lists of what is still to come."""

    def __init__(self, back: Back, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = data / "lockers" / MEMBER
        self.disk = LinuxDisk(self.folder)
        (self.folder / "key").write_bytes(bytes.fromhex(json.loads(KEY_FILE.read_text())["file"]))
        at = (ShardAt(0, b"s" * 32, PEER),)
        self.places = [dataclasses.replace(each, shards=at) for each in back.book.values()]
        gone = dataclasses.replace(self.places[0], pack=b"x" * 32, shards=(ShardAt(0, b"t" * 32, AWAY),))
        rest_list.begin(self.disk)
        rest_list.write_rest(self.disk, [*self.places[1:], gone], self.places[:1])
        self.peerd = Peerd({id.hex(): each for id, each in back.kept.items()})
        self.events: list[str] = []
        monkeypatch.setattr(still_coming, "Client", lambda _: self.peerd)
        monkeypatch.setattr(still_coming, "_LOOK_SECONDS", 0.01)
        self.coming = StillComing(data, data, lambda event, **_: self.events.append(event.name), lambda _: True)

    def here(self) -> list[PackPlace]:
        return [each for each in self.places if is_here(self.disk, each)]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.01)

    def state(self) -> ComingBack:
        return self.coming.state(MEMBER, is_open=False)


@pytest.fixture
def closed(back: Back, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Closed:
    return Closed(back, tmp_path / "data", monkeypatch)


def is_free(folder: Path) -> bool:
    """Whether a worker could take the locker now."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def test_what_needs_no_key_comes_while_the_locker_is_closed(closed: Closed) -> None:
    async def live() -> None:
        closed.coming.begin(MEMBER)
        closed.coming.begin(MEMBER)
        assert closed.state() is ComingBack.GOES_ON
        await closed.until(lambda: len(closed.here()) == len(closed.places))
        assert closed.state() is ComingBack.GOES_ON, "a friend who is away has the rest"
        assert not is_free(closed.folder)
        await closed.coming.pause(MEMBER)
        assert is_free(closed.folder)
        rest_list.write_rest(closed.disk, closed.places)
        closed.coming.begin(MEMBER)
        await closed.until(lambda: closed.state() is ComingBack.WAITS)
        await closed.coming.close()

    asyncio.run(live())
    came = rest_list.read_came(closed.disk)
    assert came is not None and came.sources[PEER.hex()].bytes == closed.peerd.sent
    assert closed.events[0] == "restore_goes_on" and closed.events[-1] == "restore_waits"
    (doubted,) = rest_list.doubted(closed.disk)
    assert doubted == closed.places[0].pack, "the book alone says its digest"
    rest_list.settled(closed.disk, doubted)
    assert rest_list.doubted(closed.disk) == []
    rest_list.end(closed.disk)
    assert closed.state() is ComingBack.NO and closed.disk.names("restore") == []


def test_a_pause_ends_it_wholly_and_peerd_is_told_again_after_a_restart(closed: Closed) -> None:
    async def live() -> None:
        closed.peerd.hold = asyncio.Event()
        closed.coming.begin(MEMBER)
        await closed.until(lambda: "restore_resume" in closed.peerd.told)
        await closed.coming.pause(MEMBER)
        closed.peerd.hold.set()
        assert is_free(closed.folder) and closed.here() == []
        closed.peerd.resumed = False
        closed.coming.begin(MEMBER)
        await closed.until(lambda: len(closed.here()) == len(closed.places))
        await closed.coming.close()
        closed.coming.begin(MEMBER)
        assert closed.state() is ComingBack.WAITS, "the box stops"

    asyncio.run(live())


def test_nothing_is_laid_down_but_what_the_chain_vouches_for(back: Back, tmp_path: Path) -> None:
    disk, (place, *_) = LinuxDisk(tmp_path / "new"), back.book.values()
    good = back.kept[place.pack]
    for wrong in (good[:-1], good + b"x", bytes([good[0] ^ 1]) + good[1:]):
        with pytest.raises(Damaged):
            lay_down(disk, place, wrong)
    with pytest.raises(BadSeal):
        lay_down(disk, dataclasses.replace(place, pack=b"x" * 32), good)
    assert not disk.names("packs")
    lay_down(disk, place, good)
    assert is_here(disk, place)
    home = dataclasses.replace(back.home, disk=disk)
    assert is_ours(home, back.old.secrets, place)
    others = dataclasses.replace(back.old.secrets, epochs=(Secret(bytes(32)),))
    assert not is_ours(home, others, place), "sealed for another locker"
    (tmp_path / "new" / place_name(place)).unlink()
    assert is_ours(home, back.old.secrets, place)


def test_what_came_while_closed_is_counted_once(tmp_path: Path) -> None:
    disk = LinuxDisk(tmp_path / "locker")
    assert rest_list.read_came(disk) is None
    came = rest_list.Came(sources={"p": rest_list.From("Ben", 2, 30, 1)})
    rest_list.write_came(disk, came)
    assert rest_list.read_came(disk) == came
    before = {"p": rest_list.From("Ben", 1, 10), "q": rest_list.From("Cleo")}
    both = rest_list.added(before, came.sources)
    assert both == {"p": rest_list.From("Ben", 3, 40, 1), "q": rest_list.From("Cleo")}
    assert before["p"].bytes == 10
    (tmp_path / "locker" / "restore" / "came").write_bytes(b"{}")
    assert rest_list.read_came(disk) is None
    rest_list.forget_came(disk)
    assert rest_list.read_came(disk) is None
