"""A simulated household year: bytes written to the disk and bytes to ship, against what was new."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import zstandard

from firmware.limits import GROUP_COMMIT_BYTES
from firmware.linux.clock import SystemEntropy
from firmware.linux.home import linux_home
from firmware.locker import Home, Locker
from firmware.locker.rows import PackState
from firmware.model import Analysis, Facts, Preview, SafeName
from firmware.pack import Kind
from firmware.pack.format import PRELUDE_BYTES
from firmware.ports import AppendFile, Disk
from firmware.seal import new_key_file
from tests.bench.measure import MIB, folder_bytes
from tests.bench.options import Figures, Options, main, workplace
from tests.bench.year import Arrival, Household

DAY_MS: Final = 86_400_000
BIN_DAYS: Final = 30
REPACK_DAYS: Final = 30
_START_MS: Final = 1_767_225_600_000  # 2026-01-01


class DayClock:
    """The household's clock: it stands still until told to go on."""

    def __init__(self) -> None:
        """Begin on the first of January."""
        self.ms = _START_MS

    def now_ms(self) -> int:
        """Return the simulated time."""
        return self.ms

    def ticks_ns(self) -> int:
        """Return the simulated time in nanoseconds."""
        return self.ms * 1_000_000


class CountingFile:
    """Counts what is appended."""

    def __init__(self, file: AppendFile, disk: CountingDisk) -> None:
        """Stand before ``file``."""
        self._file, self._disk = file, disk

    def append(self, data: bytes | bytearray | memoryview) -> int:
        """Count and pass on."""
        self._disk.appended += len(data)
        return self._file.append(data)

    def sync(self) -> None:
        """Count and pass on."""
        self._disk.syncs += 1
        self._file.sync()

    def truncate(self, size: int) -> None:
        """Pass on."""
        self._file.truncate(size)

    def close(self) -> None:
        """Pass on."""
        self._file.close()


class CountingDisk:
    """A Disk that counts bytes and fsyncs on their way to the real one."""

    def __init__(self, disk: Disk) -> None:
        """Stand before ``disk``."""
        self._disk = disk
        self.appended = 0
        self.syncs = 0

    def create(self, name: str) -> CountingFile:
        """Create a counted file."""
        return CountingFile(self._disk.create(name), self)

    def reopen(self, name: str) -> CountingFile:
        """Reopen a counted file."""
        return CountingFile(self._disk.reopen(name), self)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Pass on."""
        return self._disk.read(name, offset, size)

    def read_into(self, name: str, offset: int, room: memoryview) -> int:
        """Pass on."""
        return self._disk.read_into(name, offset, room)

    def size(self, name: str) -> int:
        """Pass on."""
        return self._disk.size(name)

    def names(self, folder: str) -> list[str]:
        """Pass on."""
        return self._disk.names(folder)

    def replace(self, name: str, data: bytes) -> None:
        """Count and pass on."""
        self.appended += len(data)
        self._disk.replace(name, data)

    def remove(self, name: str) -> None:
        """Pass on."""
        self._disk.remove(name)

    def sync_folder(self, folder: str) -> None:
        """Count and pass on."""
        self.syncs += 1
        self._disk.sync_folder(folder)

    def free_bytes(self) -> int:
        """Pass on."""
        return self._disk.free_bytes()

    def total_bytes(self) -> int:
        """Pass on."""
        return self._disk.total_bytes()


def kernel_written() -> int:
    """Bytes this process made the kernel write to block devices (/proc/self/io), less what was cancelled before."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(told["write_bytes"]) - int(told["cancelled_write_bytes"])


@dataclass
class Ledger:
    """What the year brought and what it cost, in bytes."""

    ideal: int = 0
    previews: int = 0
    arrived: int = 0
    commits: int = 0
    deleted: int = 0
    shipped: dict[int, int] = field(default_factory=dict)
    """Size on the wire by pack number, counted once for every pack ever cut."""
    by_kind: dict[str, int] = field(default_factory=dict)
    repacked_disk: int = 0


class Year:
    """Lives through the days with one locker."""

    def __init__(self, folder: Path, seed: int, shrink: int) -> None:
        """Make the locker in ``folder``."""
        self.folder, self.clock = folder, DayClock()
        real = linux_home(folder)
        self.disk = CountingDisk(real.disk)
        self.home: Home = replace(real, disk=self.disk, clock=self.clock)
        _, self._secrets = new_key_file(SystemEntropy())
        self.locker = Locker.create(self.home, self._secrets)
        self.household = Household(seed, shrink)
        self.ledger = Ledger()
        self._codec = zstandard.ZstdCompressor(level=3)

    def live(self, days: int) -> None:
        """Simulate ``days`` days: files come by themselves and are committed as they come; the night cuts and cares."""
        for number in range(days):
            ids = [id for burst in self.household.day(number) for id in self._arrive(burst)]
            self._throw_away(ids)
            self.clock.ms = _START_MS + number * DAY_MS + 80_000_000
            self._night(number)
            self.clock.ms = _START_MS + (number + 1) * DAY_MS
        self.locker.close()

    def _arrive(self, burst: list[Arrival]) -> list[str]:
        """Put a burst as lockerd does, committed after GROUP_COMMIT_BYTES and at its end; then the reader answers."""
        ids = []
        for each in burst:
            self.clock.ms += 60_000
            put = self.locker.begin(SafeName(each.name), mtime_ns=self.clock.ms * 1_000_000, size=len(each.data))
            put.write(each.data)
            ids.append(put.finish().id)
            if self.locker.uncommitted_bytes >= GROUP_COMMIT_BYTES:
                self._commit()
            self._note_arrival(each)
        self._commit()
        media = [id for id, each in zip(ids, burst, strict=True) if each.is_photo or each.is_video]
        if media:
            self._analyse(media)
        return ids

    def _note_arrival(self, arrival: Arrival) -> None:
        fresh = arrival.new_bytes
        packed = arrival.is_photo or arrival.is_video
        self.ledger.ideal += len(fresh) if packed else min(len(fresh), len(self._codec.compress(fresh)))
        self.ledger.arrived += len(arrival.data)

    def _analyse(self, ids: list[str]) -> None:
        """Give the locker what the reader would find: facts at once, three previews of each when all is quiet."""
        for id in ids:
            self.locker.analyse(id, Analysis(Facts(taken_ms=self.clock.ms, width=4000, height=3000)))
        self._commit()
        for id in ids:
            previews = tuple(Preview(edge, "image/jpeg", data) for edge, data in self.household.previews())
            self.ledger.previews += sum(len(each.data) for each in previews)
            self.locker.analyse(id, Analysis(None, previews))
        self._commit()

    def _commit(self) -> None:
        before = self.locker.head_seq
        self.locker.commit()
        self.ledger.commits += self.locker.head_seq > before

    def _throw_away(self, ids: list[str]) -> None:
        gone = self.household.thrown_away(ids[:-1])
        if gone:
            self.ledger.deleted += self.locker.delete(gone)
            self._commit()

    def _night(self, number: int) -> None:
        if number % 7 == 0:
            self.locker.empty_bin(self.clock.ms - BIN_DAYS * DAY_MS)
            self._commit()
        self.locker.cut()
        self._note_shipped()
        if number % REPACK_DAYS == REPACK_DAYS - 1:
            before = self.disk.appended
            self.locker.repack()
            self.ledger.repacked_disk += self.disk.appended - before
            self._note_shipped()

    def _note_shipped(self) -> None:
        for row in self.locker.catalog.packs():
            if row.state in (PackState.CUT, PackState.RECOVERED) and row.no not in self.ledger.shipped:
                self.ledger.shipped[row.no] = size = row.size - PRELUDE_BYTES
                kind = f"shipped_{Kind(row.kind).word}_mib"
                self.ledger.by_kind[kind] = self.ledger.by_kind.get(kind, 0) + size


def bench(options: Options) -> Figures:
    """Live the year and divide."""
    if options.data is not None:
        options.say("--data is not used here: a year is more than one folder")
    with workplace(options) as place:
        before = kernel_written()
        year = Year(place / "locker", options.seed, options.photo_divide)
        year.live(options.days)
        written = kernel_written() - before
        kept = folder_bytes(place / "locker" / "packs")
        catalog = folder_bytes(place / "locker" / "catalog")
    return figures(year, written, kept, catalog, options.days)


def figures(year: Year, written: int, kept: int, catalog: int, days: int) -> Figures:
    """Name the figures. ``ideal`` is the household's own new content, compressed; previews are no part of it."""
    ledger, shipped = year.ledger, sum(year.ledger.shipped.values())
    ideal = ledger.ideal
    raw = {
        "ideal_mib": ideal, "previews_mib": ledger.previews, "arrived_mib": ledger.arrived, "written_mib": written,
        "written_packs_mib": year.disk.appended, "written_catalog_mib": written - year.disk.appended,
        "written_by_repack_mib": ledger.repacked_disk, "shipped_mib": shipped, "packs_kept_mib": kept,
        "catalog_mib": catalog, **ledger.by_kind,
    }  # fmt: skip
    found: Figures = {
        "disk_written_ratio": round(written / ideal, 4),
        "shipped_ratio_vs_ideal": round(shipped / ideal, 4),
        "disk_written_ratio_previews_in_ideal": round(written / (ideal + ledger.previews), 4),
        "shipped_ratio_previews_in_ideal": round(shipped / (ideal + ledger.previews), 4),
    }
    found |= {name: round(value / MIB, 2) for name, value in raw.items()}
    return found | {
        "days": days,
        "commits": ledger.commits,
        "fsyncs": year.disk.syncs,
        "deleted": ledger.deleted,
        "packs_cut": len(ledger.shipped),
    }


if __name__ == "__main__":
    sys.exit(main(bench, "Bytes written and shipped in a simulated household year."))
