"""Resumable uploads as an open locker answers for them."""

from __future__ import annotations

from collections.abc import Callable

from firmware.errors import NoSuchRecord, NoSuchUpload
from firmware.limits import UPLOADS_OPEN
from firmware.locker import Locker
from firmware.locker.rows import UploadRow
from firmware.locker.uploads import OPEN, Announced
from firmware.model import Record, SafeName
from services.api import records_types as r
from services.api import types as t
from services.api.server import Call, Handler
from services.lockerd.readers import Readers
from services.lockerd.store import Store
from services.lockerd.upload_sink import UploadSink
from services.lockerd.watching import Watch


class UploadCalls:
    """Handlers over one locker's store and readers."""

    def __init__(
        self,
        store: Store,
        readers: Readers,
        watch: Watch,
        shown: Callable[[Record], t.RecordInfo],
        stored: Callable[[int, int], None],
    ) -> None:
        """``stored(files, bytes)`` is told of every upload that became a record, ``shown`` says what callers see."""
        self._store, self._readers, self._watch, self._shown, self._stored = store, readers, watch, shown, stored

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "upload_new": self._new,
            "upload_list": self._list,
            "upload_get": self._get,
            "upload_patch": lambda call: UploadSink(self._store, call.args, self._after),
            "upload_drop": self._drop,
        }

    async def _new(self, call: Call) -> r.UploadState:
        a: r.UploadNew = call.args
        announced = Announced(SafeName(a.name), a.size, a.mtime_ns, a.mime, a.collide)
        return await self._after(await self._store.run(lambda locker: locker.uploads.begin(announced)))

    async def _list(self, call: Call) -> r.Uploads:  # noqa: ARG002
        now_ms = self._store.locker.home.clock.now_ms()
        rows = await self._readers.ask(lambda reader: reader.open_uploads(now_ms, UPLOADS_OPEN))
        return r.Uploads(tuple(_state(row, None) for row in rows))

    async def _get(self, call: Call) -> r.UploadState:
        """Whoever still sends it is stopped first: the one who asks is about to go on."""
        id = bytes.fromhex(call.args.id)

        def stop(locker: Locker) -> None:
            locker.settle()
            locker.uploads.stop(id)

        await self._store.run(stop)
        row = await self._readers.ask(lambda reader: reader.upload(call.args.id))
        if row is None or row.expires_ms <= self._store.locker.home.clock.now_ms():
            raise NoSuchUpload
        return await self._told(row)

    async def _drop(self, call: Call) -> t.Nothing:
        id = bytes.fromhex(call.args.id)
        await self._store.run(lambda locker: locker.uploads.drop(id))
        return t.Nothing()

    async def _after(self, row: UploadRow) -> r.UploadState:
        """An upload moved on and everything of it is durable."""
        self._watch.tell("upload", id=row.id.hex(), offset=row.offset)
        if row.state == "stored":
            self._watch.tell("stored", id=row.record.hex())
            self._stored(1, row.size)
        return await self._told(row)

    async def _told(self, row: UploadRow) -> r.UploadState:
        if row.state == OPEN:
            return _state(row, None)
        try:
            record = await self._readers.ask(lambda reader: reader.get(row.record.hex()))
        except NoSuchRecord:
            return _state(row, None)  # stored, and forgotten since
        return _state(row, self._shown(record))


def _state(row: UploadRow, record: t.RecordInfo | None) -> r.UploadState:
    name = row.name.decode("utf-8", "surrogateescape")
    return r.UploadState(row.id.hex(), name, row.size, row.offset, row.expires_ms, row.state, record)
