"""The bytes of one PUT on their way to the locker: a few pieces in memory, then the device has to wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from firmware import limits
from firmware.errors import Unreachable
from services.api.types import Stored


class Intake:
    """Hands pieces to ``keep``, which sends them to the locker and returns when they are durable."""

    def __init__(self, keep: Callable[[AsyncIterator[bytes]], Awaitable[Stored]]) -> None:
        """Begin at once; nothing is sent before the first piece."""
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(limits.WEB_PIECES)
        self._gathered = bytearray()
        self._is_cut = False
        self._task = asyncio.ensure_future(keep(self._body()))

    async def _body(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece
        if self._is_cut:
            raise Unreachable(what="the device that sent this file")

    async def feed(self, chunk: bytes) -> None:
        """Take a piece; waits while the locker is busy. After a refusal pieces are dropped."""
        if self._task.done():
            return
        self._gathered += chunk
        if len(self._gathered) >= limits.API_CHUNK_BYTES:
            await self._hand_on()

    async def _hand_on(self) -> None:
        piece, self._gathered = bytes(self._gathered), bytearray()
        await self._offer(piece)

    async def _offer(self, piece: bytes | None) -> None:
        waiting = asyncio.ensure_future(self._pieces.put(piece))
        await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def end(self) -> Stored:
        """The body is complete: return what was kept; raises what the locker said."""
        await self._hand_on()
        await self._offer(None)
        return await asyncio.shield(self._task)

    def cut(self) -> None:
        """The device went away: nothing half is kept."""
        self._is_cut = True
        if not self._task.done():
            self._task.cancel()
        else:
            with contextlib.suppress(asyncio.CancelledError):
                self._task.exception()
