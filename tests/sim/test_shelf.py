"""A shelf is pulled at every kind of moment: what counts is whole, what was told to be there is there."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from blake3 import blake3

from firmware.errors import BoxError
from firmware.pack.format import Kind
from firmware.shelf import LockerShelf, Mark, Wanted, batches, line, make, read_mark
from tests.sim.disk import PowerCut, SimDisk

LOCKER = bytes(range(16))
MARK = Mark(bytes(16), bytes(32), 1_700_000_000_000)
RUNS = 80


class SimShelfDisk:
    """The simulated disk with what a shelf needs besides."""

    def __init__(self, disk: SimDisk) -> None:
        self.disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self.disk, name)

    def temporaries(self, folder: str) -> list[str]:
        self.disk.alive()
        split = (name.rpartition("/") for name in self.disk.files)
        return sorted(name for at, _, name in split if at == folder and name.endswith(".tmp"))


@dataclass(frozen=True)
class Household:
    """Packs as the box has them, and what belongs on the shelf."""

    files: dict[bytes, bytes]
    wanted: dict[bytes, Wanted]

    def source(self, each: Wanted) -> Iterator[bytes]:
        data = self.files[each.pack]
        for at in range(0, len(data), 700):
            yield data[at : at + 700]


def household(rng: random.Random) -> Household:
    files, wanted = {}, {}
    for _ in range(rng.randint(3, 9)):
        id, data = rng.randbytes(32), rng.randbytes(16 + rng.randint(1, 3000))
        files[id] = data
        kind = rng.choice((Kind.META, Kind.PREVIEW, Kind.DATA))
        wanted[id] = Wanted(id, kind, len(data) - 16, blake3(data[16:]).digest())
    return Household(files, wanted)


def open_shelf(disk: SimDisk, wanted: dict[bytes, Wanted]) -> LockerShelf:
    at: Any = SimShelfDisk(disk)
    if read_mark(at) is None:
        make(at, MARK)
    shelf = LockerShelf(at, LOCKER)
    for _ in shelf.survey(wanted):
        pass
    return shelf


def write(shelf: LockerShelf, home: Household, told: set[bytes]) -> None:
    missing = [each for id, each in home.wanted.items() if id not in shelf.entries]
    for batch in batches_of_two(line(missing)):
        told.update(shelf.put(batch, home.source, 5).packs)


def batches_of_two(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    assert sum(len(each) for each in batches(wanted)) == len(wanted)
    for at in range(0, len(wanted), 2):
        yield wanted[at : at + 2]


def wrong_after(seed: int, weaken: str = "") -> str:
    """One shelf's life with several pulled plugs; what is wrong at the end of any of them, empty for nothing."""
    rng = random.Random(seed)
    home, disk, told = household(rng), SimDisk(rng), set[bytes]()
    for _ in range(4):
        if weaken == "pack":
            disk.file_sync_lies = lambda name: "/packs/" in name
        disk.folder_sync_lies = weaken == "folder"
        disk.cut_at = disk.ops + rng.randint(1, 60)
        try:
            write(open_shelf(disk, home.wanted), home, told)
            disk.cut()
        except PowerCut:
            disk = disk.restarted()
        if trouble := judge(disk, home, told):
            return trouble
    write(open_shelf(disk, home.wanted), home, told)
    whole = open_shelf(disk, home.wanted)
    missing = len(home.wanted) - len(whole.entries)
    return f"{missing} packs never got there" if missing else judge(disk, home, told)


def judge(disk: SimDisk, home: Household, told: set[bytes]) -> str:
    """Look at a copy of the disk, as the next plug finds it."""
    shelf = open_shelf(disk.copy(), home.wanted)
    if lost := told - shelf.entries.keys():
        return f"{len(lost)} packs were told to be there and are not"
    for each in list(shelf.entries.values()):
        if not shelf.check(each):
            return "a pack counts that is not whole"
    left = [name for name in shelf._disk.disk.files if name.endswith(".tmp") and "/packs/" in name]  # type: ignore[attr-defined]
    return f"left behind: {left}" if left else ""


def test_a_pulled_plug_costs_nothing_that_was_told_and_nothing_half_counts() -> None:
    wrong = {seed: trouble for seed in range(RUNS) if (trouble := wrong_after(seed))}
    assert not wrong


@pytest.mark.parametrize("weaken", ["pack", "folder"])
def test_a_disk_that_lies_is_caught(weaken: str) -> None:
    """The control: without the sync of packs or of folders the same harness finds losses."""
    caught = sum(1 for seed in range(60) if wrong_after(seed, weaken))
    assert caught > 20


def test_a_record_before_its_pack_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the order: the list first, the packs after it."""
    honest = LockerShelf._list

    def put(self: LockerShelf, batch: Sequence[Wanted], source: Any, now_ms: int) -> Any:
        from firmware.shelf.keeping import _entry

        honest(self, [_entry(each, now_ms) for each in batch])
        monkeypatch.setattr(LockerShelf, "_list", lambda *_: None)
        try:
            return real(self, batch, source, now_ms)
        finally:
            monkeypatch.setattr(LockerShelf, "_list", honest)

    real = LockerShelf.put
    monkeypatch.setattr(LockerShelf, "put", put)
    tried = [each for each in range(60) if _counted_too_early(each)]
    assert tried


def _counted_too_early(seed: int) -> bool:
    rng = random.Random(seed)
    home, disk = household(rng), SimDisk(rng)
    disk.cut_at = rng.randint(10, 60)
    try:
        write(open_shelf(disk, home.wanted), home, set())
    except PowerCut:
        listed = LockerShelf(SimShelfDisk(disk.restarted()), LOCKER)
        return not all(listed.check(each) for each in list(listed.entries.values()))
    return False


def test_a_full_disk_and_a_failing_one_lose_nothing() -> None:
    """ENOSPC and EIO at every kind of operation: an error of the box, and the shelf is right afterwards."""
    for seed in range(150):
        rng = random.Random(seed)
        home, disk, told = household(rng), SimDisk(rng), set[bytes]()
        shelf = open_shelf(disk, home.wanted)
        at, code = disk.ops + rng.randint(1, 50), rng.choice((5, 28))
        seen = [0]

        def fail(_op: object, _name: str, at: int = at, code: int = code, seen: list[int] = seen) -> int:
            seen[0] += 1
            return code if seen[0] == at else 0

        disk.fail = fail
        try:
            write(shelf, home, told)
        except (BoxError, OSError):
            disk.fail = None
        disk.fail = None
        disk = disk.restarted()
        assert not judge(disk, home, told), seed
