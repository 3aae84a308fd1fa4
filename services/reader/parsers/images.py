"""Pictures: previews from one decode, the largest first; and the facts of HEIC, which libheif has to find.

Pillow keeps RGB in four bytes a pixel, so whole-picture conversions of a large picture would pass the memory bound.
Hence JPEG is decoded at a fraction of its size (DCT scaling), and everything else is shrunk in strips.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import BinaryIO

import pillow_heif
from PIL import Image, ImageFile, ImageOps

from firmware.limits import KIB, READER_PIXELS
from firmware.model import Facts, Preview
from services.reader.answer import ReadError, Trouble
from services.reader.parsers import exif, places, webp
from services.reader.parsers.exif import Told

EDGES = (1600, 768, 256)
"""Longer sides in pixels: laptop, phone, grid. A picture is never made larger."""
QUALITY = 80
"""Of baseline JPEG with its own Huffman tables: measured as small as progressive JPEG at a third of the CPU time, and
at a fifth of what WebP takes."""
_PROFILE_BYTES = 4 * KIB
"""A colour profile this small is kept, or a phone's wide colours would look dull; larger ones are dropped."""
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "HEIF")
_STRIP_PIXELS = 1 << 20
_WEBP_PIXELS = 7_000_000
"""Pillow decodes WebP as an animation, 16 bytes a pixel: larger ones go to ffmpeg (see zygote) without a try."""
_HEIC_PIXELS = 25_000_000
"""Up to here libheif's 4.5 bytes a pixel surely fit."""

Strip = Callable[[int, int], Image.Image]
"""``strip(top, bottom)``: these rows of a decoded picture."""


def warm_up() -> None:
    """Register exactly the formats we read, in this process, before the walls."""
    pillow_heif.register_heif_opener(thumbnails=False)
    pillow_heif.options.DECODE_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None  # our own bound, checked from the header, is the lower one
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.preinit()
    sample = Image.new("RGB", (32, 32))
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF"):
        box = io.BytesIO()
        sample.save(box, kind)
        previews(io.BytesIO(box.getvalue()))


def facts(file: BinaryIO) -> Facts:
    """Read size, date and place of a HEIC picture; the other kinds have parsers.headers, without Pillow's memory."""
    with _open(file) as picture:
        width, height = picture.size  # as shown: libheif turns the picture itself
        raw, xmp = picture.info.get("exif"), picture.info.get("xmp")
    try:
        told = exif.read(raw if isinstance(raw, bytes) else b"")
    except (ReadError, struct.error):
        told = Told()
    return Facts(
        taken_ms=told.taken_ms, taken_local=told.taken_local, width=width, height=height, lat_e7=told.lat_e7,
        lon_e7=told.lon_e7, place=places.place(xmp) if isinstance(xmp, bytes) else None,
    )  # fmt: skip


def previews(file: BinaryIO) -> tuple[Preview, ...]:
    """Make the previews of one picture: upright, without metadata, one decode for all sizes, largest first."""
    file.seek(0)
    if webp.is_webp(file.read(12)):
        file.seek(0)
        width, height, _ = webp.header(file.read())
        _bounded(width, height)
        if width * height > _WEBP_PIXELS:
            raise MemoryError
    file.seek(0)
    with _open(file) as opened:
        _bounded(*opened.size)
        turn = _exif(opened).get(exif.ORIENTATION, 1)
        profile = opened.info.get("icc_profile")
        picture = _shrunk(opened, file)
    if turn != 1:
        picture.getexif()[exif.ORIENTATION] = turn
        picture = ImageOps.exif_transpose(picture)
    picture.info.clear()
    keep = profile if isinstance(profile, bytes) and len(profile) <= _PROFILE_BYTES and picture.mode == "RGB" else None
    return sizes(picture, keep)


def sizes(picture: Image.Image, profile: bytes | None) -> tuple[Preview, ...]:
    """Make the previews of one decoded picture (RGB or L), smallest first; ``profile`` goes along with each."""
    made: list[Preview] = []
    for edge in EDGES:
        picture = _fit(picture, edge)
        if not made or max(picture.size) < made[-1].edge:
            made.append(Preview(max(picture.size), "image/jpeg", _jpeg(picture, profile)))
    return tuple(reversed(made))


def _bounded(width: int, height: int) -> None:
    if width * height > READER_PIXELS:
        raise ReadError(Trouble.TOO_MANY_PIXELS)


def _open(file: BinaryIO) -> Image.Image:
    try:
        return Image.open(file, formats=_FORMATS)
    except (SyntaxError, Image.DecompressionBombError) as error:
        raise ReadError(Trouble.NOT_UNDERSTOOD) from error


def _shrunk(picture: Image.Image, file: BinaryIO) -> Image.Image:
    """Decode, and bring the picture near its largest preview as RGB or L."""
    longest = max(picture.size)
    if picture.format == "JPEG" and longest > EDGES[0]:
        share = EDGES[0] / longest
        picture.draft(None, (max(int(picture.width * share), 1), max(int(picture.height * share), 1)))
    try:
        strip_of = _heic_strips(picture, file) if picture.format == "HEIF" else _pillow_strips(picture)
    except (SyntaxError, Image.DecompressionBombError) as error:
        raise ReadError(Trouble.NOT_UNDERSTOOD) from error
    factor = max(1, int(max(picture.size) / (EDGES[0] * 1.25)))
    return _strips(picture.size, factor if min(picture.size) >= factor else 1, strip_of)


def _pillow_strips(picture: Image.Image) -> Strip:
    picture.load()
    return lambda top, bottom: picture.crop((0, top, picture.width, bottom))


def _heic_strips(picture: Image.Image, file: BinaryIO) -> Strip:
    """Take strips straight from libheif's buffer: three bytes a pixel, where a Pillow copy would add four more."""
    file.seek(0)
    opened = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)
    source = opened[opened.primary_index]
    try:
        pixels = memoryview(source.data)
    except (RuntimeError, ValueError, OSError, EOFError) as error:
        # libheif has one error for all; of a picture this large it is memory.
        trouble = Trouble.MEMORY if picture.width * picture.height > _HEIC_PIXELS else Trouble.NOT_UNDERSTOOD
        raise ReadError(trouble) from error
    stride, mode = source.stride, source.mode
    if mode not in ("RGB", "RGBA", "L", "LA"):
        raise ReadError(Trouble.NOT_UNDERSTOOD)

    def strip(top: int, bottom: int) -> Image.Image:
        rows = bytes(pixels[top * stride : bottom * stride])
        return Image.frombytes(mode, (picture.width, bottom - top), rows, "raw", mode, stride)

    return strip


def _strips(size: tuple[int, int], factor: int, strip_of: Strip) -> Image.Image:
    width, height = size
    rows = max(_STRIP_PIXELS // width // factor, 1) * factor
    out: Image.Image | None = None
    for top in range(0, height, rows):
        small = _opaque(strip_of(top, min(top + rows, height)))
        small = small.reduce(factor) if factor > 1 else small
        if out is None:
            out = Image.new(small.mode, (small.width, -(-height // factor)))
        out.paste(small, (0, top // factor))
    assert out is not None
    return out


def _opaque(picture: Image.Image) -> Image.Image:
    """Return the picture as L or RGB, transparent parts on white."""
    if picture.mode in ("RGB", "L"):
        return picture
    if picture.mode.startswith("I;16") or picture.mode == "I":
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode == "1":
        return picture.convert("L")
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        ground = Image.new("RGB", clear.size, "white")
        ground.paste(clear, mask=clear.getchannel("A"))
        return ground
    return picture.convert("RGB")


def _fit(picture: Image.Image, edge: int) -> Image.Image:
    longest = max(picture.size)
    if longest <= edge:
        return picture
    size = (max(round(picture.width * edge / longest), 1), max(round(picture.height * edge / longest), 1))
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _jpeg(picture: Image.Image, profile: bytes | None) -> bytes:
    box = io.BytesIO()
    picture.save(box, "JPEG", quality=QUALITY, optimize=True, icc_profile=profile)
    return box.getvalue()


def _exif(picture: Image.Image) -> Image.Exif:
    try:
        # Pillow's PNG class decodes the whole picture for EXIF that may stand behind it; the base class does not.
        found = Image.Image.getexif(picture)
        found.get(exif.ORIENTATION)
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, IndexError):
        return Image.Exif()
    return found
