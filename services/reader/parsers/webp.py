"""The header of a WebP file (RFC 9649), because Pillow opens a decoder of 8 bytes a pixel just to tell the size."""

from __future__ import annotations

import struct

from services.reader.answer import ReadError, Trouble

_CHUNKS = 64
_EXIF_BYTES = 1 << 20


def is_webp(start: bytes) -> bool:
    """True when ``start`` (12 bytes or more) begins a RIFF WEBP file."""
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def header(data: bytes | memoryview) -> tuple[int, int, bytes]:
    """Return (width, height, EXIF or nothing) of a WebP file; raises ReadError when the size is not there."""
    size: tuple[int, int] | None = None
    exif = b""
    at = 12
    for _ in range(_CHUNKS):
        if at + 8 > len(data):
            break
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"EXIF" and length <= _EXIF_BYTES:
            exif = bytes(data[at + 8 : at + 8 + length])
        elif size is None:
            size = _size(name, bytes(data[at + 8 : at + 18]))
        at += 8 + length + (length & 1)
    if size is None:
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    return *size, exif


def _size(name: bytes, start: bytes) -> tuple[int, int] | None:
    if len(start) < 10:
        return None
    if name == b"VP8X":
        return 1 + int.from_bytes(start[4:7], "little"), 1 + int.from_bytes(start[7:10], "little")
    if name == b"VP8L" and start[0] == 0x2F:
        bits = int.from_bytes(start[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if name == b"VP8 " and start[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", start[6:10])
        return (width & 0x3FFF, height & 0x3FFF) if width & 0x3FFF and height & 0x3FFF else None
    return None
