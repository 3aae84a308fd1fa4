"""Date, place and orientation out of EXIF (TIFF inside, Exif 2.32 and TIFF 6.0), read field by field within bounds.

Only the ten fields asked for are decoded; whatever points outside the data, or is of a type nobody expects, is left
out. Answers are those of Pillow (tests/services/test_reader_headers.py compares), at a fifth of its CPU time and
without its memory: facts of photographs are most of what a new box has to find out.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from services.reader.answer import ReadError, Trouble

Bytes = bytes | memoryview
Value = str | bytes | tuple[float, ...]

ORIENTATION, WIDTH, HEIGHT, _DATE, _EXIF_PART, _GPS_PART = 0x0112, 0x0100, 0x0101, 0x0132, 0x8769, 0x8825
_ROOT = frozenset({ORIENTATION, WIDTH, HEIGHT, _DATE, _EXIF_PART, _GPS_PART})
_TAKEN = ((0x9003, 0x9011), (0x9004, 0x9012))
"""DateTimeOriginal and DateTimeDigitized, each with the tag of its offset from UTC."""
_TIMES = frozenset(tag for pair in _TAKEN for tag in pair)
_PLACE = frozenset({1, 2, 3, 4})
_VALUE_BYTES = 1024
"""Longest field looked at; a date has 20 bytes, a coordinate 24."""

_ASCII, _RATIONAL, _SIGNED_RATIONAL = 2, 5, 10
_NUMBERS = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ORDERS = {b"II*\0": "<", b"II\0*": "<", b"MM\0*": ">", b"MM*\0": ">"}
_WHEN = re.compile(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Told:
    """What a camera wrote: ``taken_ms`` since 1970 (wall clock when ``taken_local``), place in degrees * 10^7."""

    orientation: int = 1
    taken_ms: int | None = None
    taken_local: bool = False
    lat_e7: int | None = None
    lon_e7: int | None = None
    width: int | None = None
    height: int | None = None
    place: str | None = None

    @property
    def turned(self) -> bool:
        """True when the picture is shown on its side."""
        return self.orientation in (5, 6, 7, 8)


def read(data: Bytes) -> Told:
    """Read EXIF that starts with its TIFF head (or with the mark JPEG puts before it); raises ReadError for neither."""
    if bytes(data[:6]) == b"Exif\0\0":
        data = data[6:]
    order = _ORDERS.get(bytes(data[:4]))
    if order is None or len(data) < 8:
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    (start,) = struct.unpack_from(order + "I", data, 4)
    root = dict(_fields(data, start, order, _ROOT))
    taken, local = _taken(root, dict(_part(data, root, _EXIF_PART, order, _TIMES)))
    lat, lon = _place(dict(_part(data, root, _GPS_PART, order, _PLACE)))
    return Told(_whole(root, ORIENTATION) or 1, taken, local, lat, lon, _whole(root, WIDTH), _whole(root, HEIGHT))


def _whole(fields: dict[int, Value], tag: int) -> int | None:
    value = fields.get(tag)
    return int(value[0]) if isinstance(value, tuple) and value and value[0] == value[0] // 1 else None


def _part(
    data: Bytes, root: dict[int, Value], tag: int, order: str, wanted: frozenset[int]
) -> Iterator[tuple[int, Value]]:
    start = _whole(root, tag)
    return _fields(data, start, order, wanted) if start is not None and start > 0 else iter(())


def _fields(data: Bytes, start: int, order: str, wanted: frozenset[int]) -> Iterator[tuple[int, Value]]:
    """Yield (tag, value) of the ``wanted`` fields of the directory at ``start``, as far as they lie inside."""
    if start + 2 > len(data):
        return
    (count,) = struct.unpack_from(order + "H", data, start)
    head = struct.Struct(order + "HHI")
    for at in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, number = head.unpack_from(data, at)
        if tag not in wanted or kind not in _SIZES:
            continue
        size = _SIZES[kind] * number
        place = at + 8
        if size > 4:
            (place,) = struct.unpack_from(order + "I", data, place)
        if 0 < size <= _VALUE_BYTES and place + size <= len(data):
            yield tag, _value(kind, number, bytes(data[place : place + size]), order)


def _value(kind: int, number: int, raw: bytes, order: str) -> Value:
    if kind == _ASCII:
        return raw.removesuffix(b"\0").decode("latin-1")
    if kind in (_RATIONAL, _SIGNED_RATIONAL):
        parts = struct.unpack(f"{order}{2 * number}{'I' if kind == _RATIONAL else 'i'}", raw)
        return tuple(above / below if below else float("nan") for above, below in zip(*[iter(parts)] * 2, strict=True))
    if kind in _NUMBERS:
        return struct.unpack(f"{order}{number}{_NUMBERS[kind]}", raw)
    return raw


def _taken(root: dict[int, Value], part: dict[int, Value]) -> tuple[int | None, bool]:
    """Return (ms since 1970, True when the file names no zone and the time is the camera's wall clock)."""
    for value, zone in (*((part.get(when), part.get(offset)) for when, offset in _TAKEN), (root.get(_DATE), None)):
        found = _WHEN.match(value) if isinstance(value, str) else None
        if not found:
            continue
        try:
            when = dt.datetime(*map(int, found.groups()), tzinfo=dt.UTC)  # type: ignore[arg-type,misc]
        except ValueError:
            continue
        shift = _ZONE.match(zone) if isinstance(zone, str) else None
        minutes = 0
        if shift:
            minutes = (int(shift[2]) * 60 + int(shift[3])) * (-1 if shift[1] == "-" else 1)
        return int(when.timestamp()) * 1000 - minutes * 60_000, shift is None
    return None, False


def _place(part: dict[int, Value]) -> tuple[int | None, int | None]:
    """Return latitude and longitude as degrees * 10^7; (None, None) unless both are sound and not 0,0."""
    lat, lon = _degrees(part.get(2), part.get(1), 90), _degrees(part.get(4), part.get(3), 180)
    return (lat, lon) if lat is not None and lon is not None and (lat or lon) else (None, None)


def _degrees(parts: Value | None, side: Value | None, most: int) -> int | None:
    if not isinstance(parts, bytes | tuple) or len(parts) != 3:
        return None
    degrees, minutes, seconds = parts
    try:
        value = round((degrees + minutes / 60 + seconds / 3600) * 10_000_000)
    except (ValueError, OverflowError):  # a division by zero in the file, or infinity
        return None
    if isinstance(side, bytes):
        side = side.decode("ascii", "replace")
    value = -value if side in ("S", "W") else value
    return value if abs(value) <= most * 10_000_000 else None
