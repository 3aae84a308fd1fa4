"""Uploads on their way into the store: one file, or a framed stream of many. Works on the store thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from firmware import limits
from firmware.errors import BoxError, Conflict, FileChanged, Full, TooLarge
from firmware.locker import Locker, Put
from firmware.locker.put import Whole, keep, looked_at
from firmware.model import Collide, PutResult, SafeName
from services.api import types as t
from services.api.bulk import Event, FileEnd, FileStart, Frames
from services.lockerd.store import Intake, Store


def check_size(size: int | None, free_bytes: Callable[[], int]) -> None:
    """Refuse before the first byte what cannot be kept: TooLarge beyond UPLOAD_BYTES, Full beyond the free room."""
    if size is None:
        return
    if size > limits.UPLOAD_BYTES:
        raise TooLarge(limit=f"{limits.UPLOAD_BYTES // limits.GIB} GiB")
    free = free_bytes() - limits.FREE_RESERVE_BYTES
    if size > free:
        raise Full(need_mib=-(-size // limits.MIB), free_mib=max(0, free) // limits.MIB)


class _File:
    """One open put and the generation of the store it began in."""

    __slots__ = ("generation", "put", "received", "size")

    def __init__(self, store: Store, put: Put, size: int | None) -> None:
        self.put, self.generation, self.size, self.received = put, store.generation, size, 0

    def write(self, store: Store, data: bytes | memoryview) -> None:
        self._still(store)
        self.received += len(data)
        self.put.write(data)

    def finish(self, store: Store) -> PutResult:
        self._still(store)
        if self.size is not None and self.received != self.size:
            self.put.abort()
            raise FileChanged(what="The file")
        return self.put.finish()

    def _still(self, store: Store) -> None:
        if store.generation != self.generation:
            raise Conflict(why="the write before it failed, so this file was not kept.")


def _begin(locker: Locker, name: bytes | str, args: FileStart | t.PutArgs, collide: Collide) -> Put:
    text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    size = args.size if args.size is not None and args.size >= 0 else None
    return locker.begin(SafeName(text), mtime_ns=args.mtime_ns, size=size, mime=args.mime, collide=collide)


class OneFile(Intake):
    """A single upload; ``result`` becomes its PutResult or its error."""

    def __init__(self, store: Store, args: t.PutArgs) -> None:
        """Made on the event loop; the put begins with the first bytes or the end."""
        self._store, self._args = store, args
        self._file: _File | None = None
        self._over = False
        self.result: asyncio.Future[PutResult] = asyncio.get_running_loop().create_future()

    def take(self, store: Store, data: bytes) -> None:
        """Write ``data``."""
        if not self._over:
            self._try(store, lambda: self._opened(store).write(store, data))

    def end(self, store: Store) -> None:
        """Finish and answer after the commit."""
        if not self._over:
            self._try(store, lambda: store.tell(self, self._opened(store).finish(store), _same))
            self._over = True

    def drop(self) -> None:
        """Abort."""
        if self._file is not None and not self._over:
            self._file.put.abort()
        self._over = True

    def told(self, news: list[Any]) -> None:
        """Resolve ``result``."""
        if self.result.done():
            return
        if isinstance(news[0], BoxError):
            self.result.set_exception(news[0])
        else:
            self.result.set_result(news[0])

    def _opened(self, store: Store) -> _File:
        if self._file is None:
            args = self._args
            self._file = _File(store, _begin(store.locker, args.name, args, args.collide), args.size)
        return self._file

    def _try(self, store: Store, step: Callable[[], None]) -> None:
        try:
            step()
        except BoxError as error:
            self._over = True
            if self._file is not None:
                self._file.put.abort()
            store.tell(self, error, _same)
            store.refuse_all()


_EVENT_BYTES = 512
"""What an event weighs beside its bytes and its text: tuple, name, view, id. Many tiny files fill a queue by these."""


class Batch:
    """What a piece of a bulk put completed, in order; its length is what it holds in memory, in bytes."""

    __slots__ = ("_size", "events")

    def __init__(self, size: int, events: list[Event | Whole | BoxError]) -> None:
        texts = sum(len(event.text) for event in events if isinstance(event, Whole) and event.text)
        self.events, self._size = events, size + texts + _EVENT_BYTES * len(events)

    def __len__(self) -> int:
        return self._size


class ManyFiles(Intake):
    """A bulk put. ``said(lines, error, done)`` is called on the event loop with finished NDJSON lines."""

    def __init__(self, collide: Collide, id_key: bytes, said: Callable[[bytes, BoxError | None, bool], None]) -> None:
        """Start before the first frame; ``id_key`` is the locker's."""
        self._collide, self._id_key, self._said = collide, id_key, said
        self._frames = Frames()
        self._index = -1
        self._file: _File | None = None
        self._error: BoxError | None = None
        self._over = False
        self.files = self.stored = self.same = self.failed = self.aborted = self.received = 0

    def looked_at(self, data: bytes) -> Batch:
        """On the thread that reads the stream, so that the store thread need not: what ``data`` completes.

        A small file that lies whole in ``data`` is looked at here; every other one is taken piece by piece.
        """
        events: list[Event | Whole | BoxError] = []
        begun: list[Event] = []
        try:
            for event in self._frames.feed(data):
                begun.append(event)
                if len(begun) < 3 and type(begun[0]) is FileStart and type(event) is not FileEnd:
                    continue  # a small file, perhaps
                whole = _whole(begun, self._id_key) if len(begun) == 3 else None
                events += begun if whole is None else (whole,)
                begun.clear()
            events += begun
        except BoxError as error:
            events += (*begun, error)
        return Batch(len(data), events)

    def take(self, store: Store, batch: Batch) -> None:
        """Keep what is in ``batch``."""
        for event in batch.events:
            if self._over:
                return
            if isinstance(event, Whole):
                self._keep(store, event)
            elif isinstance(event, BoxError):
                self._stop(store, event)
            else:
                self._event(store, event)

    def _keep(self, store: Store, file: Whole) -> None:
        self._index += 1
        self.files += 1
        index = self._index
        try:
            result = keep(store.locker, file, self._collide)
        except BoxError as error:
            failed = error
            store.refuse_all()
            store.tell(self, (index, failed), lambda _: (index, failed))
            return
        store.tell(self, (index, result), lambda error: (index, error))

    def end(self, store: Store) -> None:
        """The stream ended: check that it did between two files, then count up."""
        if self._over:
            return
        try:
            self._frames.close()
        except BoxError as error:
            self._stop(store, error)
            return
        self._over = True
        done = _Done(self)  # what failed has a line of its own
        store.tell(self, done, lambda _: done)

    def drop(self) -> None:
        """Abort the file in the middle; finished ones stay."""
        self._over = True
        if self._file is not None:
            self._file.put.abort()

    def told(self, news: list[Any]) -> None:
        """Hand the lines on in order."""
        lines: list[bytes] = []
        error: BoxError | None = None
        done = False
        for one in news:
            if isinstance(one, _Done):
                lines.append(one.line())
                done = True
            elif isinstance(one, _Stop):
                error = one.error
            elif isinstance(one, BoxError):
                error = one
            else:
                lines.append(self._line(one))
        self._said(b"".join(lines), error, done)

    def _event(self, store: Store, event: Event) -> None:
        if isinstance(event, memoryview):
            if self._file is not None:
                try:
                    self._file.write(store, event)
                except BoxError as error:
                    self._spoiled(store, error)
        elif isinstance(event, FileStart):
            self._index += 1
            self.files += 1
            self._error = None
            try:
                if event.size > limits.UPLOAD_BYTES:
                    raise TooLarge(limit=f"{limits.UPLOAD_BYTES // limits.GIB} GiB")
                size = event.size if event.size >= 0 else None
                self._file = _File(store, _begin(store.locker, event.name, event, self._collide), size)
            except BoxError as error:
                self._error = error
        else:
            self._ended(store, ok=event.ok)

    def _spoiled(self, store: Store, error: BoxError) -> None:
        """An error ends the present file alone."""
        assert self._file is not None
        self._error = error
        self._file.put.abort()
        self._file = None
        store.refuse_all()

    def _ended(self, store: Store, *, ok: bool) -> None:
        index = self._index
        if not ok:
            if self._file is not None:
                self._file.put.abort()
            self._error = FileChanged(what="The file")
        elif self._file is not None:
            try:
                result = self._file.finish(store)
                store.tell(self, (index, result), lambda error: (index, error))
            except BoxError as error:
                self._spoiled(store, error)
        failed = self._error
        if failed is not None:
            store.tell(self, (index, failed), lambda _: (index, failed))
        self._file, self._error = None, None

    def _stop(self, store: Store, error: BoxError) -> None:
        self.drop()
        store.tell(self, _Stop(error), _same_stop(error))
        store.refuse_all()

    def _line(self, one: tuple[int, PutResult | BoxError]) -> bytes:
        index, result = one
        if isinstance(result, BoxError):
            self.failed += 1
            return json.dumps({"n": index, "error": result.as_dict()}).encode() + b"\n"
        if result.state == "same":
            self.same += 1
        else:
            self.stored += 1
        self.received += result.size
        return b'{"n":%d,"id":"%b","state":"%b","version":%d,"size":%d}\n' % (
            index,
            result.id.encode(),
            result.state.value.encode(),
            result.version,
            result.size,
        )


def _whole(events: list[Event], id_key: bytes) -> Whole | None:
    """A small file out of its beginning, its only block and its end, None for any other or a name nobody may have."""
    start, data, end = events
    if type(start) is not FileStart or type(data) is not memoryview or end != FileEnd(ok=True):
        return None
    if len(data) > limits.WHOLE_FILE_BYTES or start.size not in (-1, len(data)):
        return None
    try:
        name = SafeName(start.name.decode("utf-8", "surrogateescape"))
    except BoxError:
        return None
    return looked_at(name, data, id_key, mtime_ns=start.mtime_ns, mime=start.mime)


class _Done:
    """The end of a bulk put: its counts are read when all lines before it were written."""

    def __init__(self, intake: ManyFiles) -> None:
        self._intake = intake

    def line(self) -> bytes:
        it = self._intake
        counts = {"files": it.files, "stored": it.stored, "same": it.same, "failed": it.failed, "bytes": it.received}
        return json.dumps({"done": True, **counts}).encode() + b"\n"


class _Stop:
    """The stream made no sense from here on."""

    def __init__(self, error: BoxError) -> None:
        self.error = error


def _same(error: BoxError) -> Any:
    return error


def _same_stop(error: BoxError) -> Callable[[BoxError], Any]:
    return lambda _: _Stop(error)
