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
_SQLITE_MAGIC = b"SQLite format 3\0"


def chunk_id(id_key: bytes, data: bytes | memoryview) -> bytes:
    """Return the 32-byte id of a chunk: BLAKE3 keyed with the locker's ``id_key`` (32 bytes)."""
    return blake3(data, key=id_key).digest()


def content_digest(id_key: bytes, ids: bytes, size: int) -> str:
    """Return a hex digest that is equal exactly when two contents of one locker are equal and cut alike."""
    return blake3(ids + size.to_bytes(8, "big"), key=id_key).hexdigest(16)


class Cutter:
    """Cuts one stream. Feed it with ``feed`` and end with ``finish``; both yield finished chunks.

    A chunk is a view of what is held: it lives until the next one is asked for.
    """

    def __init__(self, size: int | None, seed: int) -> None:
        """``size``: declared length if known (for SQLite pages); ``seed``: secret per locker, hides cut points."""
        self._size = size
        self._seed = seed
        self._held = bytearray()
        self._page = 0
        self._cdc: pyfastcdc.FastCDC | None = None

    def feed(self, data: bytes | memoryview) -> Iterator[memoryview]:
        """Take the next bytes; yield chunks whose end is certain."""
        self._held += data
        if self._page == 0 and self._cdc is None:
            if len(self._held) <= WHOLE_FILE_BYTES:
                return
            self._choose()
        if self._page:
            yield from self._pages()
        elif len(self._held) >= _WINDOW:
            yield from self._defined(final=False)

    def finish(self) -> Iterator[memoryview]:
        """End the stream; yield what is left (nothing for an empty stream)."""
        if self._page:
            yield from self._pages()
        elif self._cdc is not None:
            yield from self._defined(final=True)
        if self._held:
            held, self._held = self._held, bytearray()
            yield memoryview(held)

    def _choose(self) -> None:
        size = self._size if self._size is not None else 1 * GIB
        if self._held.startswith(_SQLITE_MAGIC) and size <= 2 * GIB:
            self._page = 4 * KIB if size <= 256 * MIB else 16 * KIB
        else:
            self._cdc = pyfastcdc.FastCDC(CDC_AVERAGE, min_size=CDC_MIN, max_size=CDC_MAX, seed=self._seed)

    def _pages(self) -> Iterator[memoryview]:
        return self._views(range(self._page, len(self._held) + 1, self._page))

    def _defined(self, *, final: bool) -> Iterator[memoryview]:
        """Cut what is held; the last piece stays held unless it is certain (its end would move with more data)."""
        assert self._cdc is not None
        held = len(self._held)
        ends = [piece.offset + piece.length for piece in self._cdc.cut_buf(self._held)]
        if not final and held - (ends[-2] if len(ends) > 1 else 0) < CDC_MAX:
            ends.pop()
        return self._views(ends)

    def _views(self, ends: Iterable[int]) -> Iterator[memoryview]:
        """Yield what is held up to each of ``ends`` in turn, then drop it."""
        start = 0
        with memoryview(self._held) as view:
            for end in ends:
                with view[start:end] as piece:
                    yield piece
                start = end
        del self._held[:start]
