"""Photographs that were never taken: hills, water, light in many moods, so that pictures of the pages look lived in."""

from __future__ import annotations

import io
import math
import random
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from tests.services.reader_files import pdf_of

SIZE = (1600, 1200)
_SKIES = (
    ((246, 205, 160), (214, 120, 98), (64, 62, 96)),
    ((214, 232, 240), (120, 168, 200), (52, 92, 110)),
    ((250, 232, 200), (232, 170, 120), (96, 84, 70)),
    ((190, 214, 206), (108, 150, 132), (38, 70, 60)),
    ((40, 52, 92), (150, 96, 130), (24, 26, 48)),
    ((236, 240, 236), (176, 196, 190), (92, 112, 108)),
)
"""Light at the horizon, colour of the sky above, colour of the nearest hill."""


def photograph(seed: int, taken: datetime) -> bytes:
    """Return a JPEG of a place that does not exist, taken at ``taken`` (EXIF)."""
    dice = random.Random(f"scenery-{seed}")
    light, sky, near = _SKIES[seed % len(_SKIES)]
    width, height = SIZE
    picture = _sky(sky, light)
    draw = ImageDraw.Draw(picture)
    sun = (dice.uniform(0.2, 0.8) * width, dice.uniform(0.25, 0.5) * height, dice.uniform(40, 110))
    glow = Image.new("RGB", SIZE, light)
    mask = Image.new("L", SIZE, 0)
    ImageDraw.Draw(mask).ellipse(_round(*sun[:2], sun[2] * 3), fill=150)
    picture.paste(glow, mask=mask.filter(ImageFilter.GaussianBlur(90)))
    draw.ellipse(_round(*sun), fill=_mix(light, (255, 252, 240), 0.7))
    for layer in range(5):
        depth = (layer + 1) / 5
        draw.polygon(_hill(dice, 0.5 + 0.09 * layer, 0.1 - 0.008 * layer), fill=_mix(light, near, depth**1.3))
    if seed % 2:
        _water(picture, dice, _mix(sky, light, 0.4))
    out = io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = f"{taken:%Y:%m:%d %H:%M:%S}"
    picture.filter(ImageFilter.GaussianBlur(1.2)).save(out, "JPEG", quality=84, exif=exif)
    return out.getvalue()


def clip(seed: int, taken: datetime, seconds: int = 5) -> bytes:
    """Return an MP4: a slow look along one such place, with the lapping of a low tone; by ffmpeg."""
    with tempfile.TemporaryDirectory() as folder:
        still, film = Path(folder, "still.jpg"), Path(folder, "clip.mp4")
        still.write_bytes(photograph(seed, taken))
        subprocess.run(
            [
                "ffmpeg", "-nostdin", "-v", "error", "-framerate", "15", "-loop", "1", "-i", str(still),
                "-f", "lavfi", "-i", "sine=f=98", "-t", str(seconds), "-vf", "crop=1280:720:n*4:300,format=yuv420p",
                "-preset", "ultrafast", "-crf", "30", "-metadata", f"creation_time={taken:%Y-%m-%dT%H:%M:%SZ}",
                "-movflags", "+faststart", str(film),
            ],
            check=True,
        )  # fmt: skip
        return film.read_bytes()


def letter(title: str, lines: tuple[str, ...]) -> bytes:
    """Return a PDF of one page: a rule of colour, a title, lines of text."""
    text = [f"1 0 0 1 72 {640 - 24 * number} Tm ({line}) Tj" for number, line in enumerate(lines)]
    drawn = f"0.11 0.3 0.24 rg 72 742 56 6 re f BT 0.11 0.13 0.12 rg /F2 26 Tf 1 0 0 1 72 694 Tm ({title}) Tj "
    stream = f"{drawn}/F1 15 Tf {' '.join(text)} ET".encode("cp1252")
    fonts = b"/F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>/F2<</Type/Font/Subtype/Type1/BaseFont/Times-Bold>>"
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<<%b>>>>>>" % fonts,
        b"<</Length %d>>stream\n%b\nendstream" % (len(stream), stream),
        b"<</Title(%b)>>" % title.encode("cp1252"),
    )


def _sky(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    ramp = Image.linear_gradient("L").resize(SIZE)
    low, high = Image.new("RGB", SIZE, bottom), Image.new("RGB", SIZE, top)
    return Image.composite(low, high, ramp.point([min(255, 2 * value) for value in range(256)]))


def _hill(dice: random.Random, level: float, rise: float) -> list[tuple[float, float]]:
    width, height = SIZE
    waves = [(dice.uniform(0.6, 2.2) * 2**octave, dice.uniform(0, 6), rise / 1.9**octave) for octave in range(5)]
    line = [
        (x, height * (level - sum(high * math.sin(x / width * often * 3 + phase) for often, phase, high in waves)))
        for x in range(0, width + 8, 8)
    ]
    return [(0, height), *line, (width, height)]


def _water(picture: Image.Image, dice: random.Random, colour: tuple[int, int, int]) -> None:
    width, height = SIZE
    shore = int(height * dice.uniform(0.74, 0.8))
    mirrored = picture.crop((0, shore - (height - shore), width, shore)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    tinted = Image.blend(mirrored.filter(ImageFilter.BoxBlur(9)), Image.new("RGB", mirrored.size, colour), 0.35)
    picture.paste(tinted, (0, shore))
    draw = ImageDraw.Draw(picture)
    for _ in range(90):
        x, y = dice.uniform(0, width), dice.uniform(shore + 6, height)
        length = dice.uniform(20, 160) * (y - shore) / (height - shore)
        draw.line([(x, y), (x + length, y)], fill=_mix(colour, (255, 255, 255), 0.25), width=2)


def _round(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return x - radius, y - radius, x + radius, y + radius


def _mix(one: tuple[int, int, int], other: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    first, second, third = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return first, second, third
