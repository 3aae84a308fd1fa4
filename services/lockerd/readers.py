"""Readers of one open locker: a few catalog connections, each used by one call at a time, in threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from firmware import limits
from firmware.locker import LockerReader

_T = TypeVar("_T")


class Readers:
    """At most limits.READERS at once; callers queue. ``reset`` after keys or catalog were replaced."""

    def __init__(self, make: Callable[[], LockerReader]) -> None:
        """``make`` opens one more reader."""
        self._make = make
        self._idle: list[LockerReader] = []
        self._turn = asyncio.Semaphore(limits.READERS)
        self._generation = 0
        self._pool = ThreadPoolExecutor(limits.READERS, thread_name_prefix="reader")

    @contextlib.asynccontextmanager
    async def take(self) -> AsyncIterator[LockerReader]:
        """Yield a reader nobody else uses."""
        async with self._turn:
            generation = self._generation
            reader = self._idle.pop() if self._idle else await self.run(self._make)
            try:
                yield reader
            finally:
                if generation == self._generation:
                    self._idle.append(reader)
                else:
                    reader.close()

    async def run(self, function: Callable[..., _T], *args: object, on_cancel: Callable[[], None] = lambda: None) -> _T:
        """Call ``function`` in a thread; a caller that is cancelled waits for it, so that a reader is never shared."""
        job = asyncio.get_running_loop().run_in_executor(self._pool, function, *args)
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            on_cancel()
            await asyncio.wait([job])
            raise

    async def ask(self, question: Callable[[LockerReader], _T]) -> _T:
        """Take a reader, ask it one thing, give it back."""
        async with self.take() as reader:
            return await self.run(question, reader)

    def reset(self) -> None:
        """Close what is idle now, and what is in use when it comes back."""
        self._generation += 1
        for reader in self._idle:
            reader.close()
        self._idle.clear()

    def close(self) -> None:
        """Close everything; nothing may be in use any more."""
        self.reset()
        self._pool.shutdown()


def parts(pieces: Iterator[bytes], size: int = limits.API_CHUNK_BYTES) -> Callable[[], list[bytes]]:
    """Return a function that gives the next pieces, ``size`` bytes or a little more together; empty at the end."""

    def more() -> list[bytes]:
        found: list[bytes] = []
        count = 0
        for piece in pieces:
            found.append(piece)
            count += len(piece)
            if count >= size:
                break
        return found

    return more


def batches(pieces: Iterator[bytes], size: int = limits.API_CHUNK_BYTES) -> Callable[[], bytes]:
    """Like ``parts``, joined."""
    more = parts(pieces, size)

    def joined() -> bytes:
        found = more()
        return found[0] if len(found) == 1 else b"".join(found)

    return joined
