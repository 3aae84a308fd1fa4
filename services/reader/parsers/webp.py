"""The header of a WebP file (RFC 9649), because Pillow opens a decoder of 8 bytes a pixel just to tell the size."""

from __future__ import annotations

import struct
from typing import BinaryIO

from PIL import Image

from services.reader.answer import ReadError, Trouble

_CHUNKS = 64
_EXIF_BYTES = 1 << 20


def is_webp(file: BinaryIO) -> bool:
    """True when ``file`` starts as RIFF WEBP; leaves it rewound."""
    file.seek(0)
    start = file.read(12)
    file.seek(0)
    return start[:4] == b"RIFF" and start[8:] == b"WEBP"


def header(file: BinaryIO) -> tuple[int, int, Image.Exif]:
    """Return (width, height, EXIF) of a WebP file and rewind it; raises ReadError when the size is not there."""
    file.seek(12)
    size: tuple[int, int] | None = None
    exif = Image.Exif()
    for _ in range(_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        name, length = struct.unpack("<4sI", head)
        at = file.tell()
        if name == b"EXIF" and length <= _EXIF_BYTES:
            _load(exif, file.read(length))
        elif size is None:
            size = _size(name, file.read(10))
        file.seek(at + length + (length & 1))
    file.seek(0)
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


def _load(exif: Image.Exif, raw: bytes) -> None:
    try:
        exif.load(raw.removeprefix(b"Exif\0\0"))
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, IndexError, struct.error):
        exif.clear()
