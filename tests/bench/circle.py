"""From files to sealed shards with six friends, against Tahoe-LAFS putting the same bytes into a grid, interleaved."""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.circle_boxes import Boxes, circle_of
from tests.bench.circle_grid import VERSION, Grid, get_tahoe, grid
from tests.bench.dataset import DataSet, generate, own
from tests.bench.measure import MIB, Cost, median, peak_resident, watching_parts
from tests.bench.options import Figures, Options, main, workplace
from tests.folders import plain_files

GIB: Final = 1 << 30
SMALL_FILES: Final = 2000
SMALL_FILES_TAHOE: Final = 120
SMALL_BYTES: Final = (1 << 10, 8 << 10)
"""Sizes of small files, from and to; all of them larger than what Tahoe would keep inside the capability."""


@dataclass
class Ours:
    """What one round of ours cost; CPU in seconds of all processes, sizes in bytes."""

    size: int
    ingest: Cost
    place: Cost
    packs: int
    hosted: int
    joined: int
    rss: int
    parts: dict[str, int]
    small_per_s: float


@dataclass
class Theirs:
    """What one round of theirs cost."""

    size: int
    put: Cost
    stored: int
    small_per_s: float


@dataclass
class Books:
    """All rounds."""

    ours: list[Ours] = field(default_factory=list)
    theirs: list[Theirs] = field(default_factory=list)


def bench(options: Options, *, with_tahoe: bool = True) -> Figures:
    """Run ``--rounds`` rounds, ours and theirs in turn; without Tahoe the ratios are left out."""
    data = generate(options.cache, options.seed, options.gib) if options.data is None else own(options.data)
    books = Books()
    program = get_tahoe(options.cache) if with_tahoe else None
    with workplace(options) as folder:
        whole = _whole(data, folder / "whole") if program else None
        for number in range(options.rounds):
            place = folder / f"round-{number + 1}"
            books.ours.append(our_round(data, place, options))
            if options.keep is None:
                shutil.rmtree(place)
            if program is not None and whole is not None:
                with grid(program, place / "grid") as running:
                    books.theirs.append(their_round(running, whole, options))
                if options.keep is None:
                    shutil.rmtree(place)
    return figures(books) | {"set_files": data.files, "set_mib": round(data.size / MIB, 1)}


def our_round(data: DataSet, folder: Path, options: Options) -> Ours:
    """A new circle: put the data set, then ship it, then many small files from the first byte to the last receipt."""
    with circle_of(folder) as boxes:
        ingest = _measured(boxes, lambda: _put(boxes, data.folder))
        with watching_parts(boxes.peerd) as parts:
            place = _measured(boxes, boxes.ship)
        packs, hosted, rss = boxes.pack_bytes(), boxes.hosted_bytes(), peak_resident(boxes.peerd)
        options.say(
            f"  ours: ingest {ingest.cpu:.2f} s CPU {ingest.wall:.1f} s, "
            f"place {place.cpu:.2f} s CPU {place.wall:.1f} s ({packs / MIB:.0f} MiB), peerd {rss / MIB:.1f} MiB"
        )
        found = Ours(data.size, ingest, place, packs, hosted, boxes.joined(), rss, dict(parts), 0.0)
        found.small_per_s = _small(boxes, folder / "small")
        options.say(f"  ours: {found.small_per_s:.1f} small files a second")
        return found


def _put(boxes: Boxes, tree: Path) -> float:
    """`./box locker put`, until every file is durable and its text can be searched; CPU of the command."""
    told = boxes.box.cli("put", tree)
    boxes.box.wait_for("pending_text")
    return told.cpu


def _measured(boxes: Boxes, work: Callable[[], float | None]) -> Cost:
    """CPU of the commands that ``work`` tells, and of all processes meanwhile."""
    started, before = time.perf_counter(), boxes.cpu()
    commands = work() or 0.0
    return Cost(commands + boxes.cpu() - before, time.perf_counter() - started)


def _small(boxes: Boxes, folder: Path) -> float:
    """Put many small files, cut, ship; files a second until the last receipt."""
    folder.mkdir()
    for number, each in enumerate(small_files(SMALL_FILES)):
        (folder / f"note {number}.txt").write_bytes(each)
    started = time.perf_counter()
    boxes.box.cli("put", folder)
    boxes.ship()
    return SMALL_FILES / (time.perf_counter() - started)


def small_files(count: int) -> Iterator[bytes]:
    """Small files of hexadecimal text, different in every run, so that nobody has them already."""
    drawn = random.Random(os.urandom(16))
    for _ in range(count):
        yield drawn.randbytes(drawn.randint(*SMALL_BYTES) // 2).hex().encode()


def their_round(running: Grid, whole: Path, options: Options) -> Theirs:
    """`tahoe put` of the same bytes as one file, which is what it is fastest with, then small files."""
    with whole.open("r+b") as file:
        file.write(os.urandom(32))  # the same file again would be known already
    put = running.put(whole)
    found = Theirs(whole.stat().st_size, put, running.stored_bytes(), 0.0)
    found.small_per_s = running.put_small(list(small_files(SMALL_FILES_TAHOE)))
    options.say(f"  Tahoe: put {put.cpu:.2f} s CPU {put.wall:.1f} s, {found.small_per_s:.1f} small files a second")
    return found


def _whole(data: DataSet, target: Path) -> Path:
    """All files of the data set end to end, in one."""
    with target.open("wb") as out:
        for path in plain_files(data.folder):
            with path.open("rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)
    return target


def figures(books: Books) -> Figures:
    """Turn the books into the named figures: medians over the rounds, ratios of medians, memory at its worst."""
    ours, theirs = books.ours, books.theirs
    place = median([each.place.cpu / each.packs * GIB for each in ours])
    ingest = median([each.ingest.cpu for each in ours])
    both = median([each.ingest.cpu + each.place.cpu for each in ours])
    found: Figures = {
        "place_cpu_s_per_gib": round(place, 3),
        "place_mib_s": round(median([each.packs / MIB / each.place.wall for each in ours]), 1),
        "ingest_cpu_s": round(ingest, 3),
        "ingest_and_place_cpu_s": round(both, 3),
        "ingest_and_place_wall_s": round(median([each.ingest.wall + each.place.wall for each in ours]), 2),
        "packs_mib": round(median([each.packs for each in ours]) / MIB, 1),
        "stored_ratio": round(max(each.hosted / each.packs for each in ours), 4),
        "packs_joined": sum(each.joined for each in ours),
        "small_files_per_s": round(median([each.small_per_s for each in ours]), 1),
        "peerd_peak_rss_mib": round(max(each.rss for each in ours) / MIB, 1),
    }
    for name, part in (("pss", "Pss"), ("own", "Anonymous"), ("file_pss", "Pss_File")):
        found[f"peerd_peak_{name}_mib"] = round(max(each.parts[part] for each in ours) / MIB, 1)
    return found | (_against(ours, theirs, place, both) if theirs else {})


def _against(ours: list[Ours], theirs: list[Theirs], place: float, both: float) -> Figures:
    """Ours over theirs. A byte costs Tahoe the same whatever it says, so its CPU for a GiB stands against our GiB."""
    a_gib = median([each.put.cpu / each.size * GIB for each in theirs])
    put = a_gib * ours[0].size / GIB
    small = median([each.small_per_s for each in theirs])
    return {
        "place_cpu_vs_tahoe": round(place / a_gib, 4),
        "ingest_and_place_cpu_vs_tahoe": round(both / put, 4),
        "small_files_per_s_vs_tahoe": round(median([each.small_per_s for each in ours]) / small, 2),
        "tahoe_cpu_s_per_gib": round(a_gib, 3),
        "tahoe_put_wall_s": round(median([each.put.wall for each in theirs]), 2),
        "tahoe_small_files_per_s": round(small, 2),
        "tahoe_stored_ratio": round(max(each.stored / each.size for each in theirs), 4),
        "tahoe_version": VERSION,
    }


if __name__ == "__main__":
    sys.exit(main(bench, __doc__ or ""))
