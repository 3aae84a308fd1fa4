"""Lockers that come back from friends and are closed just now: what needs no keys goes on coming.

After a restart, or when a session ended, the member need not be there: packs of which the signed chain, or else the
book, said the digest are fetched by peerd, checked and laid down here. Names and the end wait until she opens her
locker: then her worker goes on where this stopped. A lock on the locker's folder keeps the two apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from firmware import restore_events
from firmware.backup.arriving import is_here, lay_down
from firmware.backup.book import PackPlace
from firmware.backup.restoring import Spot, lacking
from firmware.errors import BoxError, Full, Missing
from firmware.event import Event
from firmware.limits import RESTORE_PACKS
from firmware.linux.disk import LinuxDisk
from firmware.seal import KeyFile
from services.api import restore_types as z
from services.api import types as t
from services.api.client import Client
from services.lockerd.rest_list import (
    Came,
    From,
    added,
    doubt,
    is_going,
    is_sure,
    read_came,
    read_rest,
    rest_pages,
    write_came,
)
from services.lockerd.restore_shown import pack_of

_LOOK_SECONDS: Final = 2.0
_KEEP_TURNS: Final = 5


class StillComing:
    """All closed lockers that are under way; used in the main process's loop."""

    def __init__(self, data: Path, run: Path, tell: Callable[..., None], lives_here: Callable[[str], bool]) -> None:
        """``tell`` takes events; ``lives_here`` says whether a member is one of the household."""
        self._lockers, self._run, self._tell, self._lives_here = data / "lockers", run, tell, lives_here
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def is_going(self, member: str) -> bool:
        """Whether something of this member's locker is still to come."""
        return (self._lockers / member / "restore" / "going").exists()

    def state(self, member: str, *, is_open: bool) -> t.ComingBack:
        """How the locker of a member comes back, as anybody at the door may know."""
        if not self.is_going(member):
            return t.ComingBack.NO
        return t.ComingBack.GOES_ON if is_open or member in self._tasks else t.ComingBack.WAITS

    def begin(self, member: str) -> None:
        """The locker is closed: go on without its keys, if it is under way."""
        if self._closed or member in self._tasks or not self._lives_here(member) or not self.is_going(member):
            return
        stream = _Stream(self._lockers / member, self._run, self._tell)
        task = self._tasks[member] = asyncio.get_running_loop().create_task(stream.live())
        task.add_done_callback(lambda done: self._ended(member, done))

    def _ended(self, member: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(member) is task:
            del self._tasks[member]

    async def pause(self, member: str) -> None:
        """Somebody is about to open it; returns when nothing is written any more."""
        task = self._tasks.pop(member, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        """The box stops."""
        self._closed = True
        for member in list(self._tasks):
            await self.pause(member)


class _Stream:
    """One closed locker, until all that can be had without its keys is here."""

    def __init__(self, folder: Path, run: Path, tell: Callable[..., None]) -> None:
        self._folder, self._peerd, self._member = folder, Client(run), folder.name
        self._disk, self._tells = LinuxDisk(folder), tell
        self._came, self._base = Came(), dict[str, From]()
        self._sources: tuple[z.RestoreSource, ...] = ()
        self._joined, self._full, self._turns = False, False, 0
        self._told: set[str] = set()
        self._locker = ""

    async def live(self) -> None:
        """Until it is done or cancelled; what is written down when it is cancelled is whole."""
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                if _locked(lock):  # else a worker of a main process that was killed is about to end
                    break
                await asyncio.sleep(_LOOK_SECONDS)
            await self._go_on()
        except BoxError as error:
            self._say(restore_events.RESTORE_WAITS, why=error.code)
        except OSError:
            self._say(restore_events.RESTORE_WAITS, why="unreachable")  # its folder went
        finally:
            os.close(lock)

    async def _go_on(self) -> None:
        key = await asyncio.to_thread((self._folder / "key").read_bytes)
        self._locker = KeyFile.parse(key).locker_id
        came = await asyncio.to_thread(read_came, self._disk)
        self._came = came if came is not None else Came()
        self._base = added(self._came.sources, {})
        try:
            while True:
                if not await self._turn():
                    break
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self._count_last()
            await _wholly(asyncio.to_thread(self._write_came))
        self._say(restore_events.RESTORE_WAITS, why="locked")

    async def _turn(self) -> bool:
        """As far as it goes with the friends who are there; returns whether something is left."""
        left = False
        with contextlib.suppress(BoxError):
            await self._look()
        self._full = False
        for name in await asyncio.to_thread(rest_pages, self._disk):
            places = await asyncio.to_thread(self._missing, name)
            if places:
                left = True
                self._say(restore_events.RESTORE_GOES_ON)
                passed: list[PackPlace] = list(places)
                sure = is_sure(name)
                await asyncio.gather(*(self._fetch(passed, sure=sure) for _ in range(RESTORE_PACKS)))
        return left and await asyncio.to_thread(is_going, self._disk)

    def _missing(self, name: str) -> list[PackPlace]:
        return [each for each in read_rest(self._disk, name) if not is_here(self._disk, each)]

    async def _look(self) -> None:
        """How friends stand; peerd is told again after it was restarted, and counts from zero then."""
        found: z.RestoreSources = await self._peerd.call("restore_sources", locker=self._locker)
        if not found.sources or not self._joined:
            self._base = added(self._came.sources, {})
            found = await self._peerd.call("restore_resume", locker=self._locker)
            self._joined = True
        self._count(found)
        self._turns += 1
        if self._turns % _KEEP_TURNS == 0:
            await _wholly(asyncio.to_thread(self._write_came))

    async def _count_last(self) -> None:
        """What came since the last look, before whoever opens the locker counts on."""
        if self._joined:
            with contextlib.suppress(BoxError, TimeoutError):
                call = self._peerd.call("restore_sources", locker=self._locker)
                found: z.RestoreSources = await asyncio.wait_for(call, _LOOK_SECONDS)
                if found.sources:
                    self._count(found)

    def _count(self, found: z.RestoreSources) -> None:
        self._sources = found.sources
        friends = (each.friend for each in found.sources)
        now = {each.peer: From(each.label, each.shards, each.bytes, each.wrong) for each in friends}
        self._came.sources = added(self._base, now)

    def _write_came(self) -> None:
        with contextlib.suppress(BoxError):
            if any(each.bytes or each.wrong for each in self._came.sources.values()):
                write_came(self._disk, self._came)

    async def _fetch(self, places: list[PackPlace], *, sure: bool) -> None:
        """One after the other; a pack of which too few friends are there is left for another turn."""
        while places and not self._full:
            place = places.pop(0)
            if lacking(place, self._there(), self._wrong()) is None:
                try:
                    await self._one(place, sure=sure)
                except Full as error:
                    self._full = True
                    self._say(restore_events.RESTORE_WAITS, why=error.code)
                except BoxError:
                    continue
                else:
                    with contextlib.suppress(BoxError):
                        await self._look()

    def _there(self) -> set[bytes]:
        return {bytes.fromhex(each.friend.peer) for each in self._sources if each.friend.there}

    def _wrong(self) -> set[Spot]:
        return {(bytes.fromhex(e), bytes.fromhex(each.friend.peer)) for each in self._sources for e in each.wrong}

    async def _one(self, place: PackPlace, *, sure: bool) -> None:
        call = self._peerd.stream("restore_pack", locker=self._locker, place=pack_of(place))
        async with call as answer:
            payload = b"".join([piece async for piece in answer])
        if not is_going(self._disk):
            raise Missing(what="locker that comes back")
        await _wholly(asyncio.to_thread(self._keep, place, payload, sure=sure))

    def _keep(self, place: PackPlace, payload: bytes, *, sure: bool) -> None:
        if not sure:
            doubt(self._disk, place.pack)
        lay_down(self._disk, place, payload)

    def _say(self, event: Event, **fields: Any) -> None:
        """Each thing once."""
        about = event.name + str(fields)
        if about not in self._told:
            self._told.add(about)
            self._tells(event, member=self._member, **fields)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _wholly(work: Any) -> None:
    """Wait for a thread even when cancelled: it must not write beside whoever comes next."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
