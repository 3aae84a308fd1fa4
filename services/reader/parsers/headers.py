"""Facts of still pictures from their headers alone: JPEG, PNG, GIF, WebP and TIFF, without decoding a pixel.

Sources: ITU-T T.81 annex B (JPEG), the PNG specification (third edition) chapter 5, GIF89a, RFC 9649 (WebP), TIFF 6.0.
Every step moves forward and stays inside the file, whatever lengths it claims.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import replace

from firmware.limits import KIB
from firmware.model import Facts
from services.reader.answer import ReadError, Trouble
from services.reader.parsers import exif, places, webp
from services.reader.parsers.exif import Bytes, Told

_SIDE = 1_000_000
"""Longest side believed, in pixels."""
_CHUNKS = 4096
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9), 0xFF})
"""Markers without a length."""
_SOS, _EOI, _APP1, _APP13 = 0xDA, 0xD9, 0xE1, 0xED
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_XMP = b"XML:com.adobe.xmp\0"
_EXIF_BYTES = 1 << 20
_XMP_BYTES = 64 * KIB
_TURNED = re.compile(rb"tiff:Orientation(?:=\"|>)([0-9])")


def facts(source: int, size: int) -> Facts:
    """Read size, date taken and place of the picture behind descriptor ``source``; raises ReadError for none."""
    with mmap.mmap(source, size, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as whole:
        return of(whole)


def of(data: Bytes) -> Facts:
    """Read the facts of the picture ``data``, told apart by its first bytes; raises ReadError for other files."""
    start = bytes(data[:12])
    if start.startswith(b"\xff\xd8\xff"):
        return _told("image/jpeg", *_jpeg(data))
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return _told("image/png", *_png(data))
    if start.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        width, height = struct.unpack_from("<HH", data, 6)
        return _told("image/gif", width, height, Told())
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        width, height, raw = webp.header(data)
        return _told("image/webp", width, height, _exif(raw))
    told = exif.read(data)  # raises for what is no TIFF either
    return _told(None, told.width, told.height, told)


def _told(mime: str | None, width: int | None, height: int | None, told: Told) -> Facts:
    if not width or not height or not 0 < width <= _SIDE or not 0 < height <= _SIDE:
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    if told.turned:
        width, height = height, width
    return Facts(
        mime=mime, taken_ms=told.taken_ms, taken_local=told.taken_local, width=width, height=height,
        lat_e7=told.lat_e7, lon_e7=told.lon_e7, place=told.place,
    )  # fmt: skip


def _exif(raw: Bytes, xmp: bytes = b"", resources: bytes = b"") -> Told:
    """Read EXIF if there is any; an orientation that stands in XMP alone counts too, and so do words for the place."""
    try:
        told = exif.read(raw)
    except (ReadError, struct.error):
        told = Told()
    if told.orientation == 1 and (found := _TURNED.search(xmp)):
        told = replace(told, orientation=int(found[1]))
    return replace(told, place=places.place(xmp, resources)) if xmp or resources else told


def _jpeg(data: Bytes) -> tuple[int | None, int | None, Told]:
    width = height = None
    raw, xmp, resources = b"", b"", b""
    for marker, start, stop in _segments(data):
        if marker in _SOF and stop - start >= 5:
            height, width = struct.unpack_from(">HH", data, start + 1)
        elif marker == _APP1:
            head = bytes(data[start : min(stop, start + len(_XMP))])
            if head.startswith(b"Exif\0\0") and len(raw) < _EXIF_BYTES:
                raw += bytes(data[start + 6 : stop])
            elif head == _XMP:
                xmp = bytes(data[start + len(_XMP) : stop])
        elif marker == _APP13 and bytes(data[start : start + len(places.IPTC_HEAD)]) == places.IPTC_HEAD:
            resources = bytes(data[start + len(places.IPTC_HEAD) : stop])
    return width, height, _exif(raw, xmp, resources) if raw or xmp or resources else Told()


def _segments(data: Bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, stop) of the segments before the picture itself."""
    at, end = 2, len(data) - 3
    for _ in range(_CHUNKS):
        if at >= end:
            return
        marker = data[at + 1]
        if data[at] != 0xFF or marker in _ALONE:
            at += 1 if data[at] != 0xFF or marker == 0xFF else 2  # bytes that fill, or stand where none should
            continue
        if marker in (_SOS, _EOI):
            return
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if stop < at + 4 or stop > len(data):
            return
        yield marker, at + 4, stop
        at = stop


def _png(data: Bytes) -> tuple[int | None, int | None, Told]:
    if bytes(data[12:16]) != b"IHDR" or len(data) < 24:
        return None, None, Told()
    width, height = struct.unpack_from(">II", data, 16)
    raw, xmp = b"", b""
    at = 8
    for _ in range(_CHUNKS):
        if at + 8 > len(data):
            break
        length, name = struct.unpack_from(">I4s", data, at)
        if name in (b"IDAT", b"IEND"):
            break
        start, stop = at + 8, min(at + 8 + length, len(data))
        if name == b"eXIf" and length <= _EXIF_BYTES:
            raw = bytes(data[start:stop])
        elif name == b"iTXt" and bytes(data[start : start + len(_PNG_XMP)]) == _PNG_XMP:
            xmp = bytes(data[start : min(stop, start + _XMP_BYTES)])
        at = stop + 4
    return width, height, _exif(raw, xmp) if raw or xmp else Told()
