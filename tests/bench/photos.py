"""Decodable photographs made quickly: gradients under noise, with EXIF dates, 1 to 4 MB each, all different."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from PIL import Image

_SHAPES: Final = (
    (4000, 3000, 80, 0.12),
    (3000, 4000, 78, 0.14),
    (3264, 2448, 82, 0.18),
    (2400, 1800, 88, 0.28),
    (1600, 1200, 90, 0.5),
)
"""Width, height, JPEG quality, share of noise: a phone's 12 Mpx twice, older cameras after that."""
_NOISE_EDGE: Final = 4200
_EXIF_IFD, _DATE_ORIGINAL, _DATE, _MAKE, _MODEL = 0x8769, 0x9003, 0x0132, 0x010F, 0x0110


def photos(seed: int, count: int, *, divide: int = 1) -> Iterator[tuple[str, datetime, bytes]]:
    """Yield ``count`` times (name, moment taken, JPEG bytes); ``divide`` shrinks both edges (for smoke tests)."""
    dice = random.Random(f"photos-{seed}")
    edge = _NOISE_EDGE // divide
    noise = Image.frombytes("L", (edge, edge), dice.randbytes(edge * edge))
    taken = datetime(2024, 1, 6, 9, 0, 0, tzinfo=UTC)
    for number in range(count):
        taken += timedelta(minutes=dice.randrange(5, 4000))
        width, height, quality, share = _SHAPES[number % len(_SHAPES)]
        picture = _picture(dice, noise, (width // divide, height // divide), share)
        yield f"{taken:%Y}/{taken:%m}/IMG_{number:05d}.jpg", taken, _encode(picture, quality, taken)


def _picture(dice: random.Random, noise: Image.Image, size: tuple[int, int], share: float) -> Image.Image:
    scene = Image.frombytes("RGB", (12, 9), dice.randbytes(12 * 9 * 3)).resize(size, Image.Resampling.BICUBIC)
    left, top = dice.randrange(noise.width - size[0] + 1), dice.randrange(noise.height - size[1] + 1)
    grain = noise.crop((left, top, left + size[0], top + size[1]))
    return Image.blend(scene, Image.merge("RGB", (grain, grain, grain)), share)


def _encode(picture: Image.Image, quality: int, taken: datetime) -> bytes:
    exif = Image.Exif()
    exif[_MAKE], exif[_MODEL], exif[_DATE] = "Locker Box", "bench", f"{taken:%Y:%m:%d %H:%M:%S}"
    exif.get_ifd(_EXIF_IFD)[_DATE_ORIGINAL] = f"{taken:%Y:%m:%d %H:%M:%S}"
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()
