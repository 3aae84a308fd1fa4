"""Many files and many gigabytes in one locker: listing, searching, rebuilding, and does it slow down?"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from firmware.limits import BULK_BLOCK_BYTES
from services.api.bulk import block_prefix, encode_end, encode_start
from tests.bench.boxrun import BoxRun, packs_folder
from tests.bench.dataset import note
from tests.bench.measure import MIB, folder_bytes, median, percentile
from tests.bench.options import Figures, Options, main, workplace
from tests.bench.photos import photos
from tests.bench.words import Prose
from tests.folders import plain_files

GB: Final = 10**9
SMALL_SHARE: Final = 0.9
FILM_SHARE: Final = 0.03
"""Of the large files; films hold 30 % of the large bytes, photographs the rest."""
REQUESTS: Final = 500
COLD_STARTS: Final = 10
_SCAN_MARK: Final = b"\xff\xda"
_NO_MARKERS: Final = bytes(range(255)) + b"\xfe"


@dataclass(frozen=True)
class File:
    """One file to put: all of its bytes are in ``data``."""

    name: str
    mtime_ns: int
    data: bytes


class Life:
    """Generates ``count`` files of about ``size`` bytes in all: 90 % notes, photographs with EXIF dates, films."""

    def __init__(self, seed: int, count: int, size: int) -> None:
        """Plan the order; nothing is generated yet."""
        self._dice = random.Random(f"scale-{seed}")
        self._prose = Prose(seed, "scale")
        self._seed = seed
        large = max(1, round(count * (1 - SMALL_SHARE)))
        films = round(large * FILM_SHARE)
        left = max(large * 4096, size - (count - large) * 2200)
        self._film_mean = round(left * 0.3 / films) if films else 0
        self._photo_mean = round((left - self._film_mean * films) / (large - films))
        self._kinds = ["note"] * (count - large) + ["photo"] * (large - films) + ["film"] * films
        self._dice.shuffle(self._kinds)
        (_, _, jpeg), *_ = photos(seed, 1, divide=8)
        self._head = jpeg[: jpeg.index(_SCAN_MARK) + 14]

    @property
    def words(self) -> list[str]:
        """The words of the notes, most frequent first."""
        return self._prose.words

    def files(self) -> Iterator[File]:
        """Yield the files, one at a time; each is forgotten afterwards."""
        for number, kind in enumerate(self._kinds):
            mtime_ns = (1_700_000_000 + number * 300) * 10**9
            if kind == "note":
                text = note(self._prose, self._dice, number)
                yield File(f"notes/{number // 500:04d}/{'-'.join(self._prose.draw(2))}-{number}.json", mtime_ns, text)
            elif kind == "photo":
                yield File(f"photos/{number // 5000:03d}/IMG_{number:06d}.jpg", mtime_ns, self._photo(number))
            else:
                size = self._dice.randrange(self._film_mean // 2, self._film_mean * 3 // 2)
                yield File(
                    f"films/film-{number:06d}.mp4",
                    mtime_ns,
                    b"\0\0\0\x14ftypisom\0\0\2\0isom" + self._noise(number, size),
                )

    def _noise(self, number: int, size: int) -> bytes:
        return blake3(f"{self._seed} {number}".encode()).digest(length=size)

    def _photo(self, number: int) -> bytes:
        """A JPEG whose head and EXIF date are real and whose picture is noise of the wanted size."""
        size = self._dice.randrange(self._photo_mean // 2, self._photo_mean * 3 // 2)
        day = time.strftime("%Y:%m:%d %H:%M:%S", time.gmtime(1_500_000_000 + number * 997))
        head = self._head.replace(b"2024:01:", day[:8].encode())
        return head + self._noise(number, size).translate(_NO_MARKERS) + b"\xff\xd9"


def folder_files(folder: Path) -> Iterator[File]:
    """Yield a caller's own files."""
    for path in plain_files(folder):
        yield File(
            os.fsencode(path.relative_to(folder)).decode("utf-8", "surrogateescape"),
            path.stat().st_mtime_ns,
            path.read_bytes(),
        )


@dataclass
class Filled:
    """What the filling took, slice by slice."""

    files: int = 0
    size: int = 0
    cpu_per_gb: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    names: list[str] = field(default_factory=list)


def fill(box: BoxRun, files: Iterator[File], slice_bytes: int) -> Filled:
    """Put everything through the bulk API in slices; after each one wait for the reader and take lockerd's CPU."""
    filled = Filled()
    started = time.perf_counter()
    for first in files:
        before, size_before = box.cpu(), filled.size
        asyncio.run(_put_slice(box, itertools.chain([first], files), slice_bytes, filled))
        box.wait_for("pending_text")
        taken = filled.size - size_before
        if taken > slice_bytes // 2:
            filled.cpu_per_gb.append((box.cpu() - before) * GB / taken)
    filled.wall_s = time.perf_counter() - started
    return filled


async def _put_slice(box: BoxRun, files: Iterator[File], slice_bytes: int, filled: Filled) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        stop = filled.size + slice_bytes
        for file in files:
            name = file.name.encode("utf-8", "surrogateescape")
            yield encode_start(name, file.mtime_ns, len(file.data))
            for at in range(0, len(file.data), BULK_BLOCK_BYTES):
                block = file.data[at : at + BULK_BLOCK_BYTES]
                yield block_prefix(len(block)) + block
            yield encode_end(ok=True)
            sent += 1
            filled.size += len(file.data)
            filled.names.append(file.name)
            if filled.size >= stop:
                return

    acknowledged = 0
    async with box.session.stream("bulk_put", body=body()) as answer:
        async for line in answer.lines():
            if "error" in line:
                raise RuntimeError(f"a file was refused: {line}")
            acknowledged += "n" in line
    if acknowledged != sent:
        raise RuntimeError(f"{sent} files were sent, {acknowledged} acknowledged")
    filled.files += sent


class Asker:
    """Lists and searches as a person does, and takes the time of every request (ms)."""

    def __init__(self, seed: int, words: list[str], folders: list[str]) -> None:
        """``words`` most frequent first."""
        self._dice = random.Random(f"ask-{seed}")
        self._words, self._folders = words, folders
        self.found = 0

    def ask(self, box: BoxRun, requests: int) -> dict[str, list[float]]:
        """Send ``requests`` of each kind, one after the other, each on a connection of its own."""
        return asyncio.run(self._ask(box, requests))

    async def _ask(self, box: BoxRun, requests: int) -> dict[str, list[float]]:
        times: dict[str, list[float]] = {"list": [], "search": []}
        cursor: str | None = None
        for number in range(requests):
            if number % 5 == 4:
                folder = self._dice.choice(self._folders)
                await self._timed(times["list"], box, "list", limit=100, folder=folder)
            else:
                cursor = cursor if number % 20 else None
                order = "when" if number // 20 % 2 else "name"
                page = await self._timed(times["list"], box, "list", limit=100, order=order, cursor=cursor)
                cursor = page.get("next")
            found = await self._timed(times["search"], box, "search", q=self._query(), limit=50)
            self.found += len(found["records"])
        return times

    async def _timed(self, into: list[float], box: BoxRun, name: str, **arguments: Any) -> Any:
        """Call, and take the time to the last byte of the answer; what the client makes of it is its own."""
        started = time.perf_counter()
        async with box.session.stream(name, **arguments) as answer:
            found = b"".join([piece async for piece in answer])
        into.append((time.perf_counter() - started) * 1000)
        return json.loads(found)

    def _query(self) -> str:
        """One to three words, frequent and rare; the last one is cut to a beginning in every second query."""
        top = self._dice.choice((30, 300, len(self._words)))
        words = [
            self._words[self._dice.randrange(min(top, len(self._words)))] for _ in range(self._dice.choice((1, 2, 3)))
        ]
        if self._dice.random() < 0.5:
            words[-1] = words[-1][: self._dice.choice((2, 3, 4))]
        return " ".join(words)


def drop_caches() -> bool:
    """Let the kernel forget every file's pages, if this user may ask for that."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        return False
    return True


def restart_cold(box: BoxRun) -> bool:
    """Lock and open the locker (a new worker) with the page cache dropped in between; tells whether it was dropped."""
    box.call("lock")
    dropped = drop_caches()
    box.reopen()
    box.call("set_analysis", previews="off")
    return dropped


def bench(options: Options) -> Figures:
    """Fill one locker and ask it."""
    life = Life(options.seed, options.files, round(options.gb * GB))
    files = folder_files(options.data) if options.data is not None else life.files()
    slice_bytes = min(GB, max(1, round(options.gb * GB / 6)))
    with workplace(options) as place:
        box = BoxRun(place / "data")
        try:
            box.start()
            box.init()
            box.call("set_analysis", previews="off")
            filled = fill(box, files, slice_bytes)
            options.say(f"{filled.files} files, {filled.size / GB:.2f} GB in {filled.wall_s:.0f} s")
            options.say(f"CPU seconds per GB: {[round(each, 2) for each in filled.cpu_per_gb]}")
            box.call("cut")
            words = life.words if options.data is None else name_words(filled.names)
            return ask_and_rebuild(box, filled, words, options)
        finally:
            box.stop()


def ask_and_rebuild(box: BoxRun, filled: Filled, words: list[str], options: Options) -> Figures:
    """Ask warm and cold, rebuild, and name the figures."""
    folders = sorted({name.rpartition("/")[0] for name in filled.names} - {""}) or [""]
    asker = Asker(options.seed, words, folders)
    asker.ask(box, 20)
    warm = asker.ask(box, REQUESTS)
    cold: dict[str, list[float]] = {"list": [], "search": []}
    dropped = True
    for _ in range(COLD_STARTS):
        dropped = restart_cold(box) and dropped
        for kind, times in asker.ask(box, REQUESTS // COLD_STARTS).items():
            cold[kind] += times
    catalog = folder_bytes(packs_folder(box.data, box.member).parent / "catalog")
    before = box.call("stats").counts
    started = time.perf_counter()
    box.cli("rebuild")
    rebuild_s = time.perf_counter() - started
    after = box.call("stats").counts
    slices = filled.cpu_per_gb
    return {
        "files": filled.files,
        "gb": round(filled.size / GB, 3),
        "fill_wall_s": round(filled.wall_s, 1),
        **latencies(warm, cold),
        "search_results": asker.found,
        "cold_cache_dropped": dropped,
        "cpu_s_per_gb": round(median(slices), 3) if slices else None,
        "cpu_slices": len(slices),
        "last_vs_first_cpu": round(median(slices[-3:]) / median(slices[:3]), 4) if slices else None,
        "catalog_mib": round(catalog / MIB, 2),
        "rebuild_s": round(rebuild_s, 2),
        "rebuild_equal": all(before[name] == after[name] for name in ("records", "bytes", "bin", "chunks")),
    }


def latencies(warm: dict[str, list[float]], cold: dict[str, list[float]]) -> Figures:
    """Name the times of listing and searching; the p99 without a state is the worse of both."""
    found: Figures = {}
    for kind in ("list", "search"):
        found[f"{kind}_p99_ms"] = round(max(percentile(warm[kind], 0.99), percentile(cold[kind], 0.99)), 2)
        for state, times in (("warm", warm[kind]), ("cold", cold[kind])):
            found[f"{kind}_p50_{state}_ms"] = round(percentile(times, 0.5), 2)
            found[f"{kind}_p99_{state}_ms"] = round(percentile(times, 0.99), 2)
            found[f"{kind}_{state}_requests"] = len(times)
    return found


def name_words(names: list[str]) -> list[str]:
    """The words of file names, for searching a caller's own folder."""
    return sorted({word for name in names for word in name.replace("/", " ").replace(".", " ").split()}) or ["nothing"]


if __name__ == "__main__":
    sys.exit(main(bench, "List, search and rebuild a locker with many files."))
