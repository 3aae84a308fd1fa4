"""What takes longer than one page: bodies that flow from a browser to the locker, and streams of news back.

A body is handed on while it arrives, a few pieces in memory: a slow locker holds the browser back, a browser that goes
away cuts the call, and what the locker then keeps is the locker's to say. Knows no HTTP of the browser's side.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from tornado.web import HTTPError

from firmware import limits
from firmware.errors import BoxError, Conflict


class Flow:
    """Runs ``call(body)`` and feeds its body; ``end`` returns what the call returned or raises what it raised."""

    def __init__(
        self,
        call: Callable[[AsyncIterator[bytes]], Awaitable[Any]],
        refused: Callable[[BoxError | HTTPError], None] = lambda _: None,
    ) -> None:
        """Start the call at once, before the first byte; ``refused`` hears when it ends with an error."""
        self._refused = refused
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(limits.WEB_PIECES)
        self._gathered: list[bytes] = []
        self._size = 0
        self._call = asyncio.ensure_future(call(self._body()))
        self._call.add_done_callback(self._ended)

    @property
    def is_over(self) -> bool:
        """True once the call ended: whatever else arrives is of no use."""
        return self._call.done()

    def feed(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the next bytes; await what is returned while the locker is busy. After the end they are dropped."""
        if self.is_over:
            return None
        self._gathered.append(chunk)
        self._size += len(chunk)
        return self._hand_on() if self._size >= limits.API_CHUNK_BYTES else None

    async def end(self) -> Any:
        """Hand on the rest and wait for the answer; raises Conflict when another connection took over."""
        for last in (self._joined(), None):
            if not self.is_over and (full := self._put(last)) is not None:
                await full
        await self.settled()
        if self._call.cancelled():
            raise Conflict(why="this file is being sent on another connection.")
        return self._call.result()

    def cut(self) -> None:
        """End the call where it is."""
        self._call.cancel()

    async def settled(self) -> None:
        """Wait until the call ended, however it did."""
        with contextlib.suppress(BoxError, HTTPError, asyncio.CancelledError):
            await asyncio.shield(self._call)

    async def _body(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    def _joined(self) -> bytes:
        piece = b"".join(self._gathered)
        self._gathered.clear()
        self._size = 0
        return piece

    def _hand_on(self) -> Awaitable[None] | None:
        return self._put(self._joined())

    def _put(self, piece: bytes | None) -> Awaitable[None] | None:
        if self._pieces.full():
            return self._put_when_free(piece)
        self._pieces.put_nowait(piece)
        return None

    async def _put_when_free(self, piece: bytes | None) -> None:
        waiting = asyncio.ensure_future(self._pieces.put(piece))
        await asyncio.wait((waiting, self._call), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    def _ended(self, call: asyncio.Future[Any]) -> None:
        """Mark the outcome as seen, and give back what nobody will read."""
        error = None if call.cancelled() else call.exception()
        if isinstance(error, (BoxError, HTTPError)):
            self._refused(error)
        self._gathered.clear()
        while not self._pieces.empty():
            self._pieces.get_nowait()


class Flows:
    """The bodies under way of this process: one per upload, a few per member."""

    def __init__(self) -> None:
        """None yet."""
        self._by_upload: dict[tuple[str, str], Flow] = {}

    async def take_over(self, member: str, upload: str) -> None:
        """Cut a body that is still under way for ``upload``: a phone that comes back has a new connection."""
        old = self._by_upload.pop((member, upload), None)
        if old is not None:
            old.cut()
            await old.settled()

    def count(self, member: str) -> int:
        """How many bodies of ``member`` are under way."""
        return sum(1 for whose, _ in self._by_upload if whose == member)

    def add(self, member: str, upload: str, flow: Flow) -> None:
        """Note that ``flow`` feeds ``upload``."""
        self._by_upload[member, upload] = flow

    def drop(self, member: str, upload: str, flow: Flow) -> None:
        """Forget ``flow``; a newer one of the same upload stays."""
        if self._by_upload.get((member, upload)) is flow:
            del self._by_upload[member, upload]


class Stream(Protocol):
    """An answer that goes on until somebody ends it."""

    def leave(self) -> None:
        """End it."""


class Lives:
    """The open streams of news of this process; a browser has at most LIVE_STREAMS, the oldest gives way."""

    def __init__(self) -> None:
        """None yet."""
        self._open: list[tuple[str, Stream]] = []

    def enter(self, browser: str, stream: Stream) -> None:
        """Note a new stream of ``browser``."""
        mine = [one for whose, one in self._open if whose == browser]
        for old in mine[: max(0, len(mine) + 1 - limits.LIVE_STREAMS)]:
            old.leave()
        self._open.append((browser, stream))

    def leave(self, stream: Stream) -> None:
        """Forget a stream."""
        self._open = [(whose, one) for whose, one in self._open if one is not stream]
