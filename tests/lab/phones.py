"""What two phones bring: JPEG photographs, videos, documents and notes, made from a seed and kept in a cache."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

from tests.bench.dataset import film, note, pdf
from tests.bench.measure import MIB, folder_bytes
from tests.bench.photos import photos
from tests.bench.words import Prose
from tests.folders import plain_files
from tests.lab.root import cache

_FORMAT = 1
_VIDEO_SHARE = 3
"""A third of a phone's bytes are videos."""


def phones(cache: Path, seed: int, mib: int, count: int = 2) -> Path:
    """Return a folder with ``count`` phones of together at least ``mib`` MiB; small ones have small photographs."""
    final = cache / f"phones-{_FORMAT}-{seed}-{mib}-{count}"
    if not final.is_dir():
        making = final.with_name(f"{final.name}.{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        for number in range(1, count + 1):
            make(making / f"Phone {number}", seed * 100 + number, -(-mib * MIB // count))
        making.rename(final)
    return final


def brought(lab: Path, data: Path | None, seed: int, mib: int) -> Path:
    """Lay what the owner has where every box can see it: her own folder ``data``, copied, or generated phones."""
    source = data or phones(cache(), seed, mib)
    target = lab / source.name
    shutil.copytree(source, target, copy_function=shutil.copy2 if data else _linked)
    return target


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def make(folder: Path, seed: int, size: int) -> Path:
    """Make one phone of about ``size`` bytes; returns its folder."""
    prose, dice = Prose(seed, "phone"), random.Random(f"phone-{seed}")
    for number in range(max(4, size // (8 * MIB))):
        page = pdf(prose.text(dice.randrange(900, 9000)))
        _write(folder / "Documents" / f"{'-'.join(prose.draw(2))}-{number}.pdf", page)
        _write(folder / "Notes" / f"note-{number}.json", note(prose, dice, number))
        _write(folder / "Documents" / f"letter-{number}.txt", prose.text(dice.randrange(400, 20_000)).encode())
    videos = size // _VIDEO_SHARE
    for number in range(max(1, videos // (24 * MIB))):
        film(folder / "Videos" / f"VID_{number:04d}.mp4", seed + number, min(24 * MIB, videos))
    missing = size - folder_bytes(folder)
    for name, taken, data in photos(seed, 1 << 16, divide=1 if size > 32 * MIB else 4):
        if missing <= 0:
            break
        _write(folder / "DCIM" / name, data)
        os.utime(folder / "DCIM" / name, (taken.timestamp(), taken.timestamp()))
        missing -= len(data)
    return folder


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def told(folder: Path) -> dict[str, int]:
    """How many files and bytes a folder has."""
    files = list(plain_files(folder))
    return {"files": len(files), "bytes": sum(each.stat().st_size for each in files)}


def by_ending(folder: Path) -> str:
    """How many files of each ending, for people."""
    counts: dict[str, int] = {}
    for each in plain_files(folder):
        counts[each.suffix] = counts.get(each.suffix, 0) + 1
    return json.dumps(counts)
