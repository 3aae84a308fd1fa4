"""Bytes on their way out of a locker: one record, a preview, many records in one stream, everything as a ZIP."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator

from firmware import events
from firmware.errors import Damaged, Misused, NoSuchRange, NoSuchRecord
from firmware.linux.journal import Journal
from firmware.locker import LockerReader
from firmware.model import Record, Version
from services.api import bulk
from services.api import types as t
from services.api.server import Call
from services.lockerd.readers import Readers, batches, parts
from services.lockerd.zip_stream import Entry, zip_stream

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Downloads:
    """Streams from ``readers`` of the locker of ``member``."""

    def __init__(self, readers: Readers, member: str, journal: Journal, want: Callable[[str], None]) -> None:
        """Nothing is opened yet; ``want`` hears of previews that were asked for and are not there."""
        self._readers, self._member, self._journal, self._want = readers, member, journal, want

    async def content(self, call: Call) -> None:
        """Send a record's bytes, or the range asked for; honours If-None-Match and If-Range."""
        args: t.ContentArgs = call.args
        async with self._readers.take() as reader:
            record, version = await self._readers.run(_chosen, reader, args.id, args.version)
            etag = f'"{version.digest}"'
            headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": record.mime}
            if etag in call.headers.get("If-None-Match", ""):
                await call.begin(304, headers)
                return
            start, stop = 0, version.size
            status = 200
            wanted = _range(call, etag, version.size)
            if wanted is not None:
                status, (start, stop) = 206, wanted
                headers["Content-Range"] = f"bytes {start}-{stop - 1}/{version.size}"
            headers["Content-Length"] = str(stop - start)
            pieces = reader.read(args.id, version=version.number, start=start, stop=stop)
            await self._stream(call, pieces, status, headers)

    async def preview(self, call: Call) -> None:
        """Send one preview; raises NoSuchRecord when there is none (yet: it is made before others now)."""
        args: t.PreviewArgs = call.args
        found = await self._readers.ask(lambda reader: reader.preview(args.id, args.edge))
        if found is None:
            self._want(args.id)
            raise NoSuchRecord(what=f"with a preview and the id {args.id}")
        await call.begin(200, {"Content-Type": found.mime, "Content-Length": str(len(found.data))})
        await call.send(found.data)

    async def fetch(self, call: Call) -> None:
        """Send many records as frames; one that is damaged is ended by the abort mark and the others follow."""
        args: t.FetchArgs = call.args
        if (bool(args.ids) + (args.folder is not None) + args.all) != 1:
            raise Misused(why="fetch takes one of: ids, folder, all.")
        async with self._readers.take() as reader:
            ids = await self._readers.run(_ids, reader, args)
            await self._pump(call, _frames(reader, ids), {})

    async def export(self, call: Call) -> None:
        """Send everything live (below a folder) as a ZIP archive that never touches a disk."""
        args: t.ExportArgs = call.args
        async with self._readers.take() as reader:
            ids = await self._readers.run(_listed, reader, args.folder)
            entries = (Entry(one.name, one.mtime_ns, pieces) for one, pieces in reader.read_many(ids))
            headers = {"Content-Disposition": 'attachment; filename="locker.zip"'}
            await self._pump(call, zip_stream(entries), headers)
        self._journal.tell(events.LOCKER_EXPORTED, member=self._member, files=len(ids))

    async def zip(self, call: Call) -> None:
        """Send the chosen records as a ZIP archive that never touches a disk; raises NoSuchRecord."""
        chosen = list(dict.fromkeys(call.args.ids))
        async with self._readers.take() as reader:
            await self._readers.run(_known, reader, chosen)
            entries = (Entry(one.name, one.mtime_ns, pieces) for one, pieces in reader.read_many(chosen))
            headers = {"Content-Disposition": 'attachment; filename="selection.zip"'}
            await self._pump(call, zip_stream(entries), headers)

    async def _pump(self, call: Call, pieces: Iterator[bytes], headers: dict[str, str]) -> None:
        """Send ``pieces`` from a thread that reads and writes by itself: for much data in one answer."""
        more = parts(pieces)
        found = await self._readers.run(more)
        await call.begin(200, headers)
        pipe, gone = call.pipe(), threading.Event()

        def pump(first: list[bytes]) -> None:
            some = first
            while some and not gone.is_set():
                pipe.send(some)
                some = more()

        try:
            await self._readers.run(pump, found, on_cancel=gone.set)
        finally:
            pipe.close()

    async def _stream(self, call: Call, pieces: Iterator[bytes], status: int, headers: dict[str, str]) -> None:
        """Send ``pieces``; the head goes out after the first ones were read, so that damage there is a clean error."""
        more: Callable[[], bytes] = batches(pieces)
        found = await self._readers.run(more)
        await call.begin(status, headers)
        while found:
            following = asyncio.ensure_future(self._readers.run(more))
            try:
                await call.send(found)
            finally:
                await asyncio.wait([following])
            found = following.result()


def _chosen(reader: LockerReader, id: str, number: int | None) -> tuple[Record, Version]:
    record = reader.get(id)
    for version in reader.versions(id):
        if number is None or version.number == number:
            return record, version
    raise NoSuchRecord(what=f"{id} in version {number}")


def _range(call: Call, etag: str, size: int) -> tuple[int, int] | None:
    """Return (start, stop) of the one range asked for (RFC 9110 section 14); None means all. Raises NoSuchRange."""
    found = _RANGE.fullmatch(call.headers.get("Range", ""))
    if found is None or call.headers.get("If-Range", etag) != etag:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= size or stop <= start:
        raise NoSuchRange(size=size)
    return start, stop


def _ids(reader: LockerReader, args: t.FetchArgs) -> list[str]:
    if not args.ids:
        return _listed(reader, args.folder)
    for id in args.ids:
        reader.get(id)
    return list(args.ids)


def _known(reader: LockerReader, ids: list[str]) -> None:
    for id in ids:
        reader.get(id)


def _listed(reader: LockerReader, folder: str | None) -> list[str]:
    return list(reader.ids_in_order(folder))


def _frames(reader: LockerReader, ids: list[str]) -> Iterator[bytes]:
    for one, pieces in reader.read_many(ids):
        start = bulk.encode_start(one.name, one.mtime_ns, one.size, one.mime)
        try:
            for piece in pieces:
                yield start + bulk.block_prefix(len(piece))
                yield piece
                start = b""
        except Damaged:
            yield start + bulk.ABORT
        else:
            yield start + bulk.END
