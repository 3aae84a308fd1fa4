"""The event loop's side of uploads: hands what arrives to the store thread and streams acknowledgements back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from firmware import limits
from firmware.errors import BoxError
from firmware.model import PutState
from services.api import types as t
from services.api.server import Call
from services.lockerd.intakes import ManyFiles, OneFile, check_size
from services.lockerd.store import DROP, END, Store


class PutSink:
    """One file; refused before its first byte when it cannot be kept."""

    def __init__(
        self, store: Store, call: Call, stored: Callable[[int, int], None], kept: Callable[[str], None]
    ) -> None:
        """Check the declared size; raises TooLarge, Full. Both are called when it is durable: ``stored(files, bytes)``
        and ``kept(record id)``."""
        self._stored, self._kept = stored, kept
        args: t.PutArgs = call.args
        length = call.headers.get("Content-Length", "")
        if args.size is None and length.isascii() and length.isdigit():
            args = t.PutArgs(args.name, args.mtime_ns, int(length), args.mime, args.collide)
        check_size(args.size, store.locker.home.disk.free_bytes)
        self._store = store
        self._intake = OneFile(store, args)
        self._intake.result.add_done_callback(lambda done: done.cancelled() or done.exception())

    def feed(self, chunk: bytes) -> Awaitable[None] | None:
        """Hand on ``chunk``; raises what the store said meanwhile."""
        if self._intake.result.done():
            self._intake.result.result()
        return self._store.offer(self._intake, chunk)

    async def end(self) -> t.Stored:
        """Wait until it is durable."""
        self._store.offer(self._intake, END)
        result = await self._intake.result
        if result.state is PutState.STORED:
            self._stored(1, result.size)
            self._kept(result.id)
        return t.Stored(result.id, str(result.name), result.state.value, result.version, result.size)

    def broken(self) -> None:
        """Forget it."""
        self._store.offer(self._intake, DROP)


class BulkSink:
    """Many files; lines go back while more files arrive, and a client that reads no lines is not read from."""

    def __init__(self, store: Store, call: Call, stored: Callable[[int, int], None]) -> None:
        """Send the head of the answer at once; ``stored(files, bytes)`` is called when it is all durable."""
        self._stored = stored
        self._store, self._call = store, call
        args: t.BulkArgs = call.args
        self._intake = ManyFiles(args.collide, store.locker.id_key, self._said)
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._unread = 0
        self._room = threading.Event()
        self._ending = False
        call.begin()

    def take(self, piece: bytes) -> None:
        """Hand on ``piece``; waits for room in the store's queue, and for a client that reads its lines."""
        while self._unread > limits.ACK_BYTES:
            self._room.clear()
            if self._unread > limits.ACK_BYTES:
                self._room.wait()
        self._store.offer_waiting(self._intake, self._intake.looked_at(piece))

    def look(self) -> None:
        """What goes wrong is said in the lines at once."""

    async def end(self) -> None:
        """Wait for the last line."""
        self._ending = True
        self._store.offer(self._intake, END)
        await self._done
        self._stored(self._intake.stored, self._intake.received)

    def broken(self) -> None:
        """Forget the file in the middle."""
        self._store.offer(self._intake, DROP)

    def _said(self, lines: bytes, error: BoxError | None, done: bool) -> None:
        if lines:
            self._unread += len(lines)
            self._call.push(lines).add_done_callback(lambda sent: self._sent(sent, len(lines)))
        if self._done.done():
            return
        if error is not None:
            self._done.set_exception(error)
            if not self._ending:
                self._call.fail(error)
        elif done:
            self._done.set_result(None)

    def _sent(self, sent: asyncio.Future[None], count: int) -> None:
        if not sent.cancelled():
            sent.exception()
        self._unread -= count
        if self._unread <= limits.ACK_BYTES:
            self._room.set()
