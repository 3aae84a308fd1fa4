"""One body of a resumable upload on its way in: from the reading thread to the store thread and back with the state.

A body that breaks off keeps what arrived. Whatever ends it, the answer (or the silence) comes after the commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from firmware.errors import BoxError, Conflict
from firmware.limits import GROUP_COMMIT_BYTES_MAX
from firmware.locker.rows import UploadRow
from firmware.locker.uploads import Upload
from services.api import records_types as r
from services.lockerd.store import DROP, END, Intake, Store

_DURABLE_SECONDS = 1.0
"""While bytes keep coming, what arrived is made durable about this often: what a crash makes a phone send again, and
how smoothly a bar that counts durable bytes moves."""


class OneUpload(Intake):
    """The store thread's side; ``result`` becomes the row of the upload or the error."""

    def __init__(self, store: Store, id: bytes, offset: int) -> None:
        """Made on the event loop; the upload goes on with the first bytes or the end."""
        self._store, self._id, self._offset = store, id, offset
        self._upload: Upload | None = None
        self._generation = 0
        self._over = False
        self._durable_at = 0.0
        self.failed: BoxError | None = None
        self.result: asyncio.Future[UploadRow] = asyncio.get_running_loop().create_future()
        self.result.add_done_callback(lambda done: done.cancelled() or done.exception())

    def take(self, store: Store, data: bytes) -> None:
        """Write ``data``."""
        self._try(store, lambda: self._write(store, data))

    def end(self, store: Store) -> None:
        """Pause or finish, and answer after the commit."""
        self._try(store, lambda: self._end(store))
        self._over = True

    def drop(self) -> None:
        """The client went away: keep what came."""
        if self._upload is not None:
            self._try(self._store, lambda: self._end(self._store))
        self._over = True

    def told(self, news: list[Any]) -> None:
        """Resolve ``result``."""
        if self.result.done():
            return
        if isinstance(news[0], BoxError):
            self.result.set_exception(news[0])
        else:
            self.result.set_result(news[0])

    def _write(self, store: Store, data: bytes) -> None:
        self._opened(store).write(data)
        now = time.monotonic()
        if store.locker.uncommitted_bytes >= GROUP_COMMIT_BYTES_MAX or now - self._durable_at > _DURABLE_SECONDS:
            self._durable_at = now
            store.hurry()

    def _end(self, store: Store) -> None:
        upload, uploads = self._opened(store), store.locker.uploads
        whole = upload.received == upload.row.size
        row = uploads.finish(upload)[0] if whole else uploads.pause(upload)
        store.tell(self, row, _same)

    def _opened(self, store: Store) -> Upload:
        if self._upload is None:
            self._upload = store.locker.uploads.resume(self._id, self._offset)
            self._generation, self._durable_at = store.generation, time.monotonic()
        elif self._generation != store.generation:
            self._upload.lose()
            raise Conflict(why="the write before it failed; the upload goes on from what is durable.")
        return self._upload

    def _try(self, store: Store, step: Callable[[], None]) -> None:
        if self._over:
            return
        try:
            step()
        except BoxError as error:
            self._over, self.failed = True, error
            if self._upload is not None:
                self._upload.lose()
            store.tell(self, error, _same)
            store.refuse_all()


class UploadSink:
    """The connection's side (services.api.raw): ``take`` runs on the thread that reads the socket."""

    def __init__(
        self, store: Store, args: r.UploadPatch, state: Callable[[UploadRow], Awaitable[r.UploadState]]
    ) -> None:
        """``state`` makes the answer."""
        self._store, self._state = store, state
        self._intake = OneUpload(store, bytes.fromhex(args.id), args.offset)

    def take(self, piece: bytes) -> None:
        """Hand on ``piece``; raises what the store said meanwhile."""
        self.look()
        self._store.offer_waiting(self._intake, piece)

    def look(self) -> None:
        """Raise what the store said."""
        if self._intake.failed is not None:
            raise self._intake.failed

    async def end(self) -> r.UploadState:
        """Wait until it is durable."""
        self._store.offer(self._intake, END)
        return await self._state(await self._intake.result)

    def broken(self) -> None:
        """Keep what came."""
        self._store.offer(self._intake, DROP)


def _same(error: BoxError) -> Any:
    return error
