"""One file on its way into the locker."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from firmware import chain
from firmware.chunk import Cutter, chunk_id
from firmware.errors import Conflict, Misused, TooLarge
from firmware.limits import GIB, TEXT_INDEX_BYTES, TEXT_INLINE_BYTES, UPLOAD_BYTES
from firmware.model import Collide, PutResult, PutState, SafeName
from firmware.model.mime import HEAD_BYTES, is_text, mime_of, needs_reader
from firmware.model.text import decode_text
from firmware.pack import Kind

if TYPE_CHECKING:
    from firmware.locker.locker import Locker

LIST_IDS = 1024
"""More chunks than this are listed in chunks of their own, so that one entry stays small."""

PACKED = (
    "image/jpeg",
    "image/heic",
    "image/heif",
    "image/webp",
    "video/",
    "audio/",
    "application/zip",
    "application/gzip",
)
"""Kinds that are compressed already: trying again would only cost time."""


class Whole(NamedTuple):
    """A small file read to its end, and all that is known of it without its locker; ``identity``: its only chunk's."""

    name: SafeName
    mtime_ns: int
    mime: str
    data: memoryview
    identity: bytes
    text: str | None


def looked_at(name: SafeName, data: memoryview, id_key: bytes, *, mtime_ns: int, mime: str | None) -> Whole:
    """Look at 1 to WHOLE_FILE_BYTES bytes of a file, on any thread; ``mime``: what its sender says it is."""
    head = bytes(data[:TEXT_INDEX_BYTES])
    known = mime_of(name, head[:HEAD_BYTES]) if mime is None else mime
    return Whole(name, mtime_ns, known, data, chunk_id(id_key, data), _text_of(known, head, len(data)))


def keep(locker: Locker, file: Whole, collide: Collide) -> PutResult:
    """Queue a whole file as ``Put.finish`` does, without the detour over an open put; raises Full, Damaged."""
    locker.settle()
    locker.catalog.begin()
    size = len(file.data)
    inline = file.text is not None and size <= TEXT_INLINE_BYTES
    kind, compress = Kind.META if inline else Kind.DATA, not file.mime.startswith(PACKED)
    is_new = locker.add_chunk(kind, file.identity, file.data, compress=compress)
    made = _Made(file.name, file.mtime_ns, file.mime, size, file.identity, 0, inline, file.text, size * is_new)
    return _queued(locker, made, collide)


class _Made(NamedTuple):
    """A file whose chunks are all in the locker; ``inline``: its text is one of them."""

    name: SafeName
    mtime_ns: int
    mime: str
    size: int
    chunks: bytes
    depth: int
    inline: bool
    text: str | None
    new_bytes: int


def _queued(locker: Locker, made: _Made, collide: Collide) -> PutResult:
    """Queue the new version, or find that nothing changed."""
    rid, version = locker.identity(made.name, made.chunks, made.depth, made.size, collide)
    if version == 0:
        return PutResult(rid.hex(), made.name, PutState.SAME, locker.newest_version(rid), made.size, 0)
    entry = chain.Put(
        rid, version, made.name.raw, made.size, made.mtime_ns, locker.now_ms, made.mime, made.chunks, made.depth,
        True if made.inline and made.chunks else made.text or None,
    )  # fmt: skip
    locker.queue_put(entry, made.text)
    return PutResult(rid.hex(), made.name, PutState.STORED, version, made.size, made.new_bytes)


def _text_of(mime: str, head: bytes, size: int) -> str | None:
    """Return the text to index of a file of ``size`` bytes that begins with ``head``, None where none is at hand."""
    if not is_text(mime) or needs_reader(mime):
        return None
    return decode_text(head, whole=size <= len(head))


class Put:
    """Takes bytes with ``write``; ``finish`` queues the entry; only the locker's ``commit`` makes it durable."""

    def __init__(
        self, locker: Locker, name: SafeName, *, mtime_ns: int, size: int | None, mime: str | None, collide: Collide
    ) -> None:
        """See Locker.begin."""
        self._locker = locker
        self._name = name
        self._mtime_ns = mtime_ns
        self._declared = size
        self._collide = collide
        self._mime = mime
        self._cutter = Cutter(size, locker.cut_seed, locker.cut_buffers)
        self._ids: list[bytes] = []
        self._size = 0
        self._new_bytes = 0
        self._head = b""
        self._open = True
        locker.open_puts.add(self)

    @property
    def ids(self) -> tuple[bytes, ...]:
        """The chunks this put relies on so far; a repack leaves them alone."""
        return tuple(self._ids)

    def lose(self) -> None:
        """The locker had to recover: what this put had queued may be gone, so it can only be sent again."""
        self._open = False

    def _still(self) -> None:
        if not self._open:
            raise Conflict(why="the locker had to recover while this file was coming in")

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes; raises TooLarge, Misused (more than declared) or Full."""
        self._still()
        self._size += len(data)
        if self._size > UPLOAD_BYTES:
            raise TooLarge(limit=f"{UPLOAD_BYTES // GIB} GiB")
        if self._declared is not None and self._size > self._declared:
            raise Misused(why="more bytes came than were announced")
        if len(self._head) < TEXT_INDEX_BYTES:
            self._head += bytes(data[: TEXT_INDEX_BYTES - len(self._head)])
        for piece in self._cutter.feed(data):
            self._keep(piece, Kind.DATA)

    def _keep(self, piece: memoryview, kind: Kind) -> None:
        if self._mime is None:
            self._mime = mime_of(self._name, self._head[:HEAD_BYTES])
        identity = chunk_id(self._locker.id_key, piece)
        self._ids.append(identity)
        if self._locker.add_chunk(kind, identity, piece, compress=not self._mime.startswith(PACKED)):
            self._new_bytes += len(piece)

    def finish(self) -> PutResult:
        """Queue the new version (or find that nothing changed). Not durable before the locker's ``commit``."""
        self._still()
        if self._declared is not None and self._size != self._declared:
            self.abort()
            raise Misused(why="fewer bytes came than were announced")
        if self._mime is None:
            self._mime = mime_of(self._name, self._head[:HEAD_BYTES])
        text = _text_of(self._mime, self._head, self._size)
        inline = text is not None and not self._ids and self._size <= TEXT_INLINE_BYTES
        for piece in self._cutter.finish():
            self._keep(piece, Kind.META if inline else Kind.DATA)
        chunks, depth = self._listed()
        self._end()
        made = _Made(self._name, self._mtime_ns, self._mime, self._size, chunks, depth, inline, text, self._new_bytes)
        return _queued(self._locker, made, self._collide)

    def _listed(self) -> tuple[bytes, int]:
        chunks, depth = b"".join(self._ids), 0
        while len(chunks) > LIST_IDS * 32:
            lists = []
            for at in range(0, len(chunks), LIST_IDS * 32):
                part = chunks[at : at + LIST_IDS * 32]
                identity = chunk_id(self._locker.id_key, part)
                self._locker.add_chunk(Kind.META, identity, part, compress=False)
                lists.append(identity)
            chunks, depth = b"".join(lists), depth + 1
        return chunks, depth

    def abort(self) -> None:
        """Forget this put; chunks already queued stay unreferenced until the next repack."""
        self._end()

    def _end(self) -> None:
        self._open = False
        self._cutter.close()
        self._locker.open_puts.discard(self)
