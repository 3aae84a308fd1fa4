"""Takes an index and a bundle from where somebody laid them: what the fetcher brought, or a stick.

Nothing is believed: the index needs its signatures, the bundle is copied while its hash is made, to a folder only root
writes, and read no further than the index says.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware import limits
from firmware.errors import BoxError, BundleWrong, Full, ReleaseOlder, Unreachable
from firmware.limits import MIB
from firmware.update.release import Keys, Release, judge, parse_release
from services.boxd.facts import Facts

BUNDLE: Final = "bundle.raucb"
_PIECE: Final = 1 * MIB
_RESERVE: Final = limits.FREE_RESERVE_BYTES
ON_STICKS: Final = "*/locker-box-update"


@dataclass(frozen=True, slots=True)
class Offered:
    """A release this box may take, and the folder its bundle lies in."""

    release: Release
    folder: Path


def places(news: Path, sticks: Path) -> Iterator[Path]:
    """Yield the folders to look in: what was fetched, then ``locker-box-update`` on every stick."""
    yield news
    yield from sorted(sticks.glob(ON_STICKS))


def look(
    folders: Sequence[Path], facts: Facts, keys: Keys, judged: Callable[[Release], None]
) -> tuple[Offered | None, BoxError | None]:
    """Return the newest release that ``judged`` lets through, and why the last other one was refused."""
    best: Offered | None = None
    refused: BoxError | None = None
    for folder in folders:
        data = _read(folder / f"{facts.board}.index")
        if data is None:
            continue
        try:
            release = parse_release(data, keys)
            judged(release)
        except ReleaseOlder as error:
            refused = refused or error
        except BoxError as error:
            refused = error
        else:
            if best is None or release.version > best.release.version:
                best = Offered(release, folder)
    return best, refused


def judge_for(facts: Facts, release: Release, highest: tuple[int, int, int], number: int, now_ms: int) -> None:
    """``firmware.update.release.judge`` for this box; its clock stands no earlier than its system was made."""
    from firmware.update.release import Version

    now = max(now_ms // 1000, facts.made)
    judge(release, board=facts.board, running=facts.version, highest=Version(*highest), number=number, now=now)


def take(offered: Offered, into: Path, free: Callable[[], int]) -> Path:
    """Copy the bundle into ``into`` while its hash is made; raises BundleWrong, Full, Unreachable (not all is here)."""
    bundle, target = offered.release.bundle, into / BUNDLE
    if target.is_file() and target.stat().st_size == bundle.size and _digest(target) == bundle.sha256:
        return target
    target.unlink(missing_ok=True)
    source = offered.folder / bundle.name
    try:
        there = source.stat().st_size
    except OSError:
        there = 0
    if there < bundle.size:
        raise Unreachable(what="all of the new version")
    if free() < bundle.size + _RESERVE:
        raise Full(need_mib=(bundle.size + _RESERVE) // MIB, free_mib=free() // MIB)
    part = target.with_suffix(".part")
    try:
        if _copy(source, part, bundle.size) != bundle.sha256 or there != bundle.size:
            raise BundleWrong(why="its hash or its size is another.")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


def forget(into: Path) -> None:
    """Give the room of a bundle back."""
    (into / BUNDLE).unlink(missing_ok=True)


def _copy(source: Path, target: Path, size: int) -> str:
    """Copy at most ``size`` bytes, synced; return their SHA-256."""
    digest, left = hashlib.sha256(), size
    try:
        with source.open("rb") as data, target.open("wb") as out:
            while left and (piece := data.read(min(_PIECE, left))):
                digest.update(piece)
                out.write(piece)
                left -= len(piece)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise Unreachable(what=f"the new version ({error.strerror})") from error
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> bytes | None:
    """At most one byte more than an index may have; None when there is none."""
    try:
        with path.open("rb") as file:
            return file.read(limits.RELEASE_INDEX_BYTES + 1)
    except OSError:
        return None
