"""Where to cut a stream: whole when small, in pages when it is SQLite, content-defined otherwise.

Cut points are no part of any format (docs/formats/pack.md): readers join chunks by their recorded lengths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyfastcdc
from blake3 import blake3

from firmware.limits import GIB, KIB, MIB, WHOLE_FILE_BYTES

if ".cy." not in pyfastcdc.FastCDC.__module__:  # the pure-Python twin is two orders slower, silently
    msg = "pyfastcdc runs without its compiled part"
    raise ImportError(msg)

ID_BYTES = 32
CDC_AVERAGE, CDC_MIN, CDC_MAX = 256 * KIB, 128 * KIB, 1 * MIB
"""FastCDC (Xia et al., IEEE TPDS 2020). `./box bench locker` shows what they cost after a 1 % change; half the average
as the least length spares a quarter of the search that a quarter of it takes."""

_WINDOW = 1 * MIB + CDC_AVERAGE
_ROOM = 256 * KIB
"""How much more than a window a buffer takes at a time."""
_SPARE_BUFFERS = 2
"""Kept for the next stream; more than two uploads at a time are rare in a household."""
_SQLITE_MAGIC = b"SQLite format 3\0"


def chunk_id(id_key: bytes, data: bytes | memoryview) -> bytes:
    """Return the 32-byte id of a chunk: BLAKE3 keyed with the locker's ``id_key`` (32 bytes)."""
    return blake3(data, key=id_key).digest()


def content_digest(id_key: bytes, ids: bytes, size: int) -> str:
    """Return a hex digest that is equal exactly when two contents of one locker are equal and cut alike."""
    return blake3(ids + size.to_bytes(8, "big"), key=id_key).hexdigest(16)


class Cutter:
    """Cuts one stream. Feed it with ``feed`` and end with ``finish``; both yield finished chunks.

    A chunk is a view of what is held: it lives until the next one is asked for. ``close`` gives the buffer back.
    """

    def __init__(self, size: int | None, seed: int, buffers: list[bytearray] | None = None) -> None:
        """``size``: declared length if known (for SQLite pages); ``seed``: secret per locker, hides cut points.

        ``buffers``: those nobody uses; taken from and given back to, so that memory is touched anew only once.
        """
        self._size = size
        self._seed = seed
        self._buffers = buffers if buffers is not None else []
        self._only: bytes | None = None
        self._buffer: bytearray | None = None
        self._end = 0
        self._page = 0
        self._cdc: pyfastcdc.FastCDC | None = None

    def feed(self, data: bytes | memoryview) -> Iterator[memoryview]:
        """Take the next bytes; yield chunks whose end is certain."""
        if self._only is None and not self._end and not self._chosen and len(data) <= WHOLE_FILE_BYTES:
            self._only = bytes(data) or None  # most files come in one piece: bytes are not copied
            return
        left = memoryview(data)
        while left:
            left = left[self._hold(left) :]
            yield from self._certain()

    def finish(self) -> Iterator[memoryview]:
        """End the stream; yield what is left (nothing for an empty stream)."""
        if self._only is not None:
            only, self._only = self._only, None
            yield memoryview(only)
        if self._end and self._page:
            yield from self._pages()
        elif self._end and self._cdc is not None:
            yield from self._defined(final=True)
        if self._end:
            yield from self._views([self._end])

    def close(self) -> None:
        """Hold nothing any more."""
        if self._buffer is not None and len(self._buffers) < _SPARE_BUFFERS:
            self._buffers.append(self._buffer)
        self._buffer, self._only, self._end = None, None, 0

    @property
    def _chosen(self) -> bool:
        return self._page > 0 or self._cdc is not None

    @property
    def _waiting(self) -> memoryview:
        """What is held."""
        if self._only is not None:
            return memoryview(self._only)
        return memoryview(self._buffer or b"")[: self._end]

    def _hold(self, data: memoryview) -> int:
        """Take as much of ``data`` as there is room for; return how much."""
        if self._buffer is None:
            self._buffer = self._buffers.pop() if self._buffers else bytearray(_WINDOW + _ROOM)
        with memoryview(self._buffer) as room:  # a bytearray would make one more copy of what it is given
            if self._only is not None:
                self._end = len(self._only)
                room[: self._end] = self._only
                self._only = None
            took = min(len(data), len(room) - self._end)
            room[self._end : self._end + took] = data[:took]
        self._end += took
        return took

    def _certain(self) -> Iterator[memoryview]:
        if not self._chosen:
            if self._end <= WHOLE_FILE_BYTES:
                return
            self._choose(self._waiting)
        if self._page:
            yield from self._pages()
        elif self._end >= _WINDOW:
            yield from self._defined(final=False)

    def _choose(self, head: memoryview) -> None:
        size = self._size if self._size is not None else 1 * GIB
        if head[: len(_SQLITE_MAGIC)] == _SQLITE_MAGIC and size <= 2 * GIB:
            self._page = 4 * KIB if size <= 256 * MIB else 16 * KIB
        else:
            self._cdc = pyfastcdc.FastCDC(CDC_AVERAGE, min_size=CDC_MIN, max_size=CDC_MAX, seed=self._seed)

    def _pages(self) -> Iterator[memoryview]:
        return self._views(range(self._page, self._end + 1, self._page))

    def _defined(self, *, final: bool) -> Iterator[memoryview]:
        """Cut what is held; the last piece stays held unless it is certain (its end would move with more data)."""
        assert self._cdc is not None
        ends = [piece.offset + piece.length for piece in self._cdc.cut_buf(self._waiting)]
        if not final and self._end - (ends[-2] if len(ends) > 1 else 0) < CDC_MAX:
            ends.pop()
        return self._views(ends)

    def _views(self, ends: Iterable[int]) -> Iterator[memoryview]:
        """Yield what is held up to each of ``ends`` in turn, then move what is behind them to the front."""
        assert self._buffer is not None
        start = 0
        with memoryview(self._buffer) as view:
            for end in ends:
                with view[start:end] as piece:
                    yield piece
                start = end
            self._end -= start
            if start and self._end:
                view[: self._end] = view[start : start + self._end]
