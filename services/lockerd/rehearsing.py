"""Rehearses a restore of one open locker: chooses files, lets peerd take packs back from friends, opens, compares.

peerd decides when one is due (``firmware.backup.drills``) and goes on by itself; here is what needs keys. Packs that
came back are read through peerd's socket into a file without a name, and are forgotten with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import IO, Any, Final

from firmware.errors import BoxError, Conflict, Missing
from firmware.locker import Home, LockerReader
from firmware.locker.rehearsing import Borrowed, Rehearsed, drawn, rehearse, wanted
from services.api.client import Client
from services.api.drill_types import Drill, DrillDoes, DrillIs
from services.api.place import ASLEEP
from services.api.server import Call, Handler
from services.lockerd.readers import Readers
from services.lockerd.store import Store

_LOOK_SECONDS: Final = 900.0
_SOON_SECONDS: Final = 1.0
_FIRST_SECONDS: Final = 5.0


class Rehearsing:
    """Handlers and the background of one open locker; everything runs on the worker's event loop."""

    def __init__(self, home: Home, folder: Path, run: Path, locker: str, store: Store, readers: Readers) -> None:
        """``folder`` is the locker's, ``run`` that of the sockets."""
        self._home, self._folder, self._locker = home, folder, locker
        self._peerd, self._asleep = Client(run), run / ASLEEP
        self._store, self._readers = store, readers
        self._go_on = asyncio.Event()
        self._waits = False
        """Whether one was under way when peerd was heard last: then a peerd that starts anew is asked again soon."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {"drill": self._show, "drill_now": self._now}

    async def live(self) -> None:
        """Begin what is due, open what came back, until cancelled."""
        patience = _FIRST_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._go_on.wait(), patience)
            self._go_on.clear()
            try:
                patience = await self._step()
            except (BoxError, OSError):
                patience = _FIRST_SECONDS if self._waits else _LOOK_SECONDS

    async def _show(self, call: Call) -> Drill:  # noqa: ARG002
        """Looking at a circle that nobody asked for yet wakes nobody."""
        if self._asleep.exists():
            return Drill(self._locker, DrillIs.NEVER)
        try:
            return await self._state()
        except Missing:
            return Drill(self._locker, DrillIs.NEVER)

    async def _now(self, call: Call) -> Drill:  # noqa: ARG002
        """Begin one because a person asks; one that is under way goes on. Raises Missing when friends have nothing."""
        if self._asleep.exists():
            raise Missing(what="pack with friends")
        with contextlib.suppress(Conflict):
            await self._begin(asked=True)
        self._go_on.set()
        return await self._state()

    async def _state(self) -> Drill:
        found: Drill = await self._peerd.call("drill_state", locker=self._locker)
        return found

    async def _step(self) -> float:
        if self._asleep.exists():
            return _LOOK_SECONDS
        found = await self._state()
        self._waits = found.does is not DrillDoes.NOTHING
        if found.does is DrillDoes.OPENING:
            await self._open()
        elif found.does is DrillDoes.FETCHING:
            return _SOON_SECONDS
        elif found.due_ms is not None and found.due_ms <= self._home.clock.now_ms():
            await self._begin(asked=False)
            return _SOON_SECONDS
        return _LOOK_SECONDS

    async def _begin(self, *, asked: bool) -> None:
        chosen = await self._readers.ask(lambda reader: wanted(reader, drawn(reader, self._draw)))
        packs = tuple(each.hex() for each in chosen)
        await self._peerd.call("drill_begin", locker=self._locker, packs=packs, asked=asked)

    def _draw(self, bound: int) -> int:
        return int.from_bytes(self._home.entropy.bytes(8)) % bound

    async def _open(self) -> None:
        """Read what came back into a file without a name, open and compare it, say what came of it."""
        import tempfile  # late: it brings every compression along

        waiting = (await self._peerd.call("drill_packs", locker=self._locker)).packs
        with tempfile.TemporaryFile(dir=self._folder) as file:
            came = {bytes.fromhex(pack): await self._taken(file, pack) for pack in waiting}
            found = await self._readers.ask(lambda reader: self._compared(reader, came))
        unopened = tuple(each.hex() for each in found.unopened)
        told: dict[str, Any] = {"files": found.files, "size": found.size, "wrong": found.wrong, "unopened": unopened}
        await self._peerd.call("drill_opened", locker=self._locker, **told)

    async def _taken(self, file: IO[bytes], pack: str) -> Borrowed:
        begin = file.tell()
        async with self._peerd.stream("drill_pack", locker=self._locker, pack=pack) as answer:
            async for piece in answer:
                await asyncio.to_thread(file.write, piece)
        file.flush()
        size, number = file.tell() - begin, file.fileno()

        def read(at: int, count: int) -> bytes:
            return os.pread(number, max(0, min(count, size - at)), begin + at)

        return Borrowed(size, read)

    def _compared(self, reader: LockerReader, came: dict[bytes, Borrowed]) -> Rehearsed:
        return rehearse(self._home, self._store.locker.secrets, reader, came, drawn(reader, self._draw))
