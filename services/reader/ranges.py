"""Which bytes of a large media file the reader needs, so that a 40 GB film costs at most 32 MiB of reading.

Only the sizes and names of MP4/MOV top-level boxes (ISO 14496-12, 4.2) are looked at, to find ``moov`` wherever the
recorder put it. Everything else in the file stays a hole.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from firmware.limits import MIB

Read = Callable[[int, int], bytes]
"""``read(start, stop)``: the bytes of the file from ``start`` up to ``stop``."""

EDGE_BYTES = 4 * MIB
"""Taken from either end: first frames, and the index some formats keep at the end."""
TOTAL_BYTES = 32 * MIB
_BOXES = 64
_BOXED = frozenset({"video/mp4", "video/quicktime", "video/3gpp", "audio/mp4"})


def needed(mime: str, size: int, read: Read) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) ranges, not overlapping, together at most TOTAL_BYTES, in the order of their use."""
    if size <= 2 * EDGE_BYTES:
        yield 0, size
        return
    yield 0, EDGE_BYTES
    yield size - EDGE_BYTES, size
    if mime in _BOXED:
        start, stop = _moov(size, read)
        start, stop = max(start, EDGE_BYTES), min(stop, size - EDGE_BYTES)
        if start < stop:
            yield start, min(stop, start + TOTAL_BYTES - 2 * EDGE_BYTES)


def _moov(size: int, read: Read) -> tuple[int, int]:
    at = 0
    for _ in range(_BOXES):
        if at + 16 > size:
            break
        head = read(at, at + 16)
        if len(head) < 16:
            break
        length, name = struct.unpack(">I4s", head[:8])
        if length == 1:
            (length,) = struct.unpack(">Q", head[8:])
        elif length == 0:
            length = size - at
        if name == b"moov":
            return at, min(at + length, size)
        if length < 8:
            break
        at += length
    return 0, 0
