"""Headers read by hand answer what Pillow answers, on pictures Pillow wrote and on photographs Debian carries."""

from __future__ import annotations

import math
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from firmware.model import Facts
from services.reader.answer import ReadError
from services.reader.parsers import exif, headers
from tests.services import reader_files as files

PHOTOGRAPHS = sorted(path for path in Path("/usr/share/backgrounds").rglob("*") if path.suffix in (".jpg", ".webp"))
KINDS = ("JPEG", "PNG", "WEBP", "TIFF")
MIMES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "TIFF": None}

whole_degrees = st.integers(0, 89)
rationals = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1))
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
dates = st.one_of(st.just(files.TAKEN), st.datetimes().map(lambda when: f"{when:%Y:%m:%d %H:%M:%S}"), texts)


@st.composite
def cameras(draw: st.DrawFn) -> Image.Exif:
    """EXIF as a camera might write it, with fields nobody asks for between the others."""
    found = Image.Exif()
    for tag, values in ((0x010F, texts), (0x0112, st.integers(1, 8)), (0x0132, dates), (0x0131, texts)):
        if draw(st.booleans()):
            found[tag] = draw(values)
    part, place = found.get_ifd(0x8769), found.get_ifd(0x8825)
    for tag, values in ((0x9003, dates), (0x9004, dates), (0x9011, st.sampled_from(["+02:00", "-1130", "Z", ""]))):
        if draw(st.booleans()):
            part[tag] = draw(values)
    part[0x829A] = (1, 250)
    if draw(st.booleans()):
        for tag, letters in ((1, "NSX"), (3, "EWX")):
            place[tag] = draw(st.sampled_from(letters))
            place[tag + 1] = tuple(TiffImagePlugin.IFDRational(*draw(rationals)) for _ in range(3))
    return found


def by_pillow(found: Image.Exif) -> tuple[object, ...]:
    """What Pillow says about the same fields: orientation, the dates with their zones, the coordinates as floats."""
    part, place = dict(found.get_ifd(0x8769)), dict(found.get_ifd(0x8825))
    values = [tuple(map(float, place[tag])) if tag in place else None for tag in (2, 4)]
    return found.get(0x0112, 1), found.get(0x0132), part.get(0x9003), part.get(0x9011), place.get(1), values


@settings(max_examples=300, deadline=None)
@given(cameras())
def test_exif_is_read_as_pillow_reads_it(camera: Image.Exif) -> None:
    raw = camera.tobytes()
    again = Image.Exif()
    again.load(raw)
    turn, date, taken, zone, side, values = by_pillow(again)
    told = exif.read(raw)
    assert told.orientation == turn
    for text in (taken, dict(again.get_ifd(0x8769)).get(0x9004), date):
        found = exif._WHEN.match(text) if isinstance(text, str) else None
        if found and 1 <= int(found[2]) <= 12 and found[1] != "0000":
            break
    else:
        assert told.taken_ms is None
    if isinstance(taken, str) and taken == files.TAKEN:
        minutes = {"+02:00": 120, "-1130": -690}.get(str(zone), 0)
        assert told.taken_ms == files.TAKEN_LOCAL_MS - minutes * 60_000
        assert told.taken_local is (minutes == 0)
    assert isinstance(values, list)
    if values[0] and told.lat_e7 is not None:
        degrees = values[0][0] + values[0][1] / 60 + values[0][2] / 3600
        assert math.isclose(abs(told.lat_e7), degrees * 1e7, abs_tol=1)
        assert (told.lat_e7 <= 0) if side == "S" else (told.lat_e7 >= 0)
    elif values[0] and values[1]:
        sizes = [a + b / 60 + c / 3600 for a, b, c in values]
        assert sizes[0] > 90 or sizes[1] > 180 or max(sizes) < 1e-7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_every_kind_says_the_same(kind: str, turn: int) -> None:
    data = files.picture(kind, 300, 200, exif=files.exif(orientation=turn).tobytes())
    size = (200, 300) if turn in (6, 8) else (300, 200)
    assert headers.of(data) == Facts(
        mime=MIMES[kind], taken_ms=files.TAKEN_LOCAL_MS, taken_local=True, width=size[0], height=size[1],
        lat_e7=525_201_389, lon_e7=-134_050_000,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [*KINDS, "GIF"])
def test_pictures_that_say_nothing(kind: str) -> None:
    for options in ({}, {"progressive": True}, {"lossless": True}, {"interlace": 1}):
        data = files.picture(kind, 123, 45, **options)
        assert headers.of(data) == Facts(mime=MIMES[kind], width=123, height=45)


@pytest.mark.parametrize("path", PHOTOGRAPHS, ids=lambda path: path.name)
def test_photographs_debian_carries_have_pillows_size(path: Path) -> None:
    with Image.open(path) as picture:
        found = headers.of(path.read_bytes())
        turned = Image.Image.getexif(picture).get(0x0112, 1) in (5, 6, 7, 8)
        assert (found.width, found.height) == (picture.size[::-1] if turned else picture.size)


def test_both_orders_of_bytes_and_every_kind_of_number() -> None:
    for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):
        for kind, code in ((3, "H"), (4, "I"), (8, "h"), (9, "i")):
            value = struct.pack(order + code, 6).ljust(4, b"\0")
            raw = mark + struct.pack(order + "IHHHI", 8, 1, exif.ORIENTATION, kind, 1) + value
            assert exif.read(raw).turned and exif.read(b"Exif\0\0" + raw).turned


def test_an_orientation_in_xmp_alone_counts() -> None:
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="6"/>'
    segment = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    data = files.picture("JPEG", 300, 200)
    found = headers.of(data[:2] + segment + data[2:])
    assert (found.width, found.height) == (200, 300)


def test_exif_of_several_segments_and_bytes_that_fill() -> None:
    raw = b"Exif\0\0" + files.exif(orientation=6).tobytes().removeprefix(b"Exif\0\0")
    first, rest = raw[:80], b"Exif\0\0" + raw[80:]
    parts = b"".join(b"\xff\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in (first, rest))
    data = files.picture("JPEG", 300, 200)
    found = headers.of(data[:2] + parts + data[2:])
    assert (found.width, found.height, found.taken_ms) == (200, 300, files.TAKEN_LOCAL_MS)


def test_values_that_make_no_sense_are_left_out() -> None:
    def place(*parts: tuple[int, int]) -> int | None:
        found = Image.Exif()
        gps = found.get_ifd(0x8825)
        gps[1], gps[3], gps[4] = "N", "E", (1.0, 0.0, 0.0)
        gps[2] = tuple(TiffImagePlugin.IFDRational(*part) for part in parts)
        return exif.read(found.tobytes()).lat_e7

    assert place((10, 1), (30, 1), (0, 1)) == 105_000_000
    assert place((10, 1), (30, 1)) is None  # minutes without seconds: not what anybody means
    assert place((91, 1), (0, 1), (0, 1)) is None
    for data in (b"", b"II*\0", b"GIF89a", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"\x89PNG\r\n\x1a\n" + bytes(40)):
        with pytest.raises(ReadError):
            headers.of(data)
    with pytest.raises(ReadError):
        headers.of(files.png_bomb(2**31 - 1, 1))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([*KINDS, "GIF"]), st.integers(0, 2**32), st.integers(1, 40))
def test_noise_ends_in_facts_or_refusal(kind: str, seed: int, changes: int) -> None:
    dice = random.Random(seed)
    data = bytearray(files.picture(kind, 60, 40, **({} if kind == "GIF" else {"exif": files.exif().tobytes()})))
    for _ in range(changes):
        data[dice.randrange(min(len(data), 700))] = dice.choice((0, 1, 255, dice.randrange(256)))
    cut = bytes(data[: dice.randrange(len(data))]) if dice.random() < 0.3 else bytes(data)
    try:
        found = headers.of(memoryview(cut))
    except (ReadError, struct.error, ValueError):
        return
    assert found.width and found.height


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_after_a_head_are_bounded(data: bytes) -> None:
    for start in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        told = exif.read(start + data)
        assert told.lat_e7 is None or abs(told.lat_e7) <= 900_000_000


def test_a_directory_of_loops_is_walked_once() -> None:
    """Every pointer points at the same directory, which claims more fields than there are bytes."""
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825)) * 2000
    told = exif.read(b"II*\0\x08\0\0\0" + struct.pack("<H", 65535) + fields)
    assert told == exif.Told()
