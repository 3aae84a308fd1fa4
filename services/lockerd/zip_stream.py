"""A ZIP archive as a stream of bytes: stored entries, sizes after the data, ZIP64 wherever it may be needed.

Written by hand from PKWARE's APPNOTE 6.3.10 (sections 4.3 to 4.5), because nothing may touch a disk on the way: no
temporary file, no seeking back. ``unzip``, Python's zipfile and the file managers in use read it.
"""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Iterable, Iterator
from struct import pack
from typing import NamedTuple

_VERSION = 45
_STREAMED, _UTF8 = 1 << 3, 1 << 11
_UNIX = 3 << 8
_MODE = 0o100600 << 16
_MAX32, _MAX16 = 0xFFFFFFFF, 0xFFFF


class Entry(NamedTuple):
    """One file: its name as bytes, when it was changed, its bytes."""

    name: bytes
    mtime_ns: int
    pieces: Iterable[bytes]


def zip_stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the bytes of the archive; what an entry's ``pieces`` raise ends it in the middle."""
    at = count = 0
    directory = bytearray()
    for entry in _named_apart(entries):
        flags = _STREAMED | (_UTF8 if _is_utf8(entry.name) else 0)
        stamp, seconds = _dos_time(entry.mtime_ns)
        times = pack("<HHBI", 0x5455, 5, 1, seconds)
        sizes = pack("<HHQQ", 1, 16, 0, 0)
        start = pack("<4sHHHHHIIIHH", b"PK\3\4", _VERSION, flags, 0, stamp & _MAX16, stamp >> 16, 0, _MAX32, _MAX32,
                     len(entry.name), len(sizes) + len(times))  # fmt: skip
        head = start + entry.name + sizes + times
        yield head
        crc = size = 0
        for piece in entry.pieces:
            crc = zlib.crc32(piece, crc)
            size += len(piece)
            yield piece
        tail = pack("<4sIQQ", b"PK\7\10", crc, size, size)
        yield tail
        wide = pack("<HHQQQ", 1, 24, size, size, at)
        directory += pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", _UNIX | _VERSION, _VERSION, flags, 0, stamp & _MAX16,
                          stamp >> 16, crc, _MAX32, _MAX32, len(entry.name), len(wide) + len(times), 0, 0, 0, _MODE,
                          _MAX32)  # fmt: skip
        directory += entry.name + wide + times
        at += len(head) + size + len(tail)
        count += 1
    yield bytes(directory)
    yield _end(at, len(directory), count)


def _named_apart(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Give every entry a name of its own: of two IMG_0001.JPG the second becomes IMG_0001 (2).JPG."""
    seen: set[bytes] = set()
    for entry in entries:
        name, number = entry.name, 2
        start, dot, ending = name.rpartition(b".")
        if not dot or b"/" in ending or not start or start.endswith(b"/"):
            start, ending = name, b""
        while name in seen:
            name = start + b" (%d)" % number + (b"." + ending if ending else b"")
            number += 1
        seen.add(name)
        yield entry._replace(name=name)


def _end(at: int, size: int, count: int) -> bytes:
    wide = pack("<4sQHHIIQQQQ", b"PK\6\6", 44, _UNIX | _VERSION, _VERSION, 0, 0, count, count, size, at)
    where = pack("<4sIQI", b"PK\6\7", 0, at + size, 1)
    few, short, near = min(count, _MAX16), min(size, _MAX32), min(at, _MAX32)
    return wide + where + pack("<4sHHHHIIH", b"PK\5\6", 0, 0, few, few, short, near, 0)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _dos_time(mtime_ns: int) -> tuple[int, int]:
    """Return (DOS date and time, UTC; Unix seconds), both held inside what their fields can say."""
    seconds = min(max(mtime_ns // 1_000_000_000, 0), 0x7FFFFFFF)
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    if when.year < 1980:
        return (1 << 21) | (1 << 16), seconds
    date = (when.year - 1980) << 9 | when.month << 5 | when.day
    return date << 16 | when.hour << 11 | when.minute << 5 | when.second // 2, seconds
