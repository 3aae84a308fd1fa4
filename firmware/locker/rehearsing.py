"""Opens packs that came back from friends, and compares files in them with what lies here, bit for bit.

Reads two ways: the live packs as always, and the borrowed ones alone, through the same keys. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from firmware.errors import Damaged, Missing, NoSuchRecord
from firmware.limits import DRILL_BYTES, DRILL_FILES, DRILL_PACKS, DRILL_SAMPLE
from firmware.locker.home import Home
from firmware.locker.packs import file_name, reader_for
from firmware.locker.reader import LockerReader
from firmware.locker.rows import PackRow, PackState
from firmware.pack import Prelude
from firmware.pack.format import PRELUDE_BYTES, Kind
from firmware.ports import AppendFile
from firmware.seal import LockerSecrets, Suite

ReadAt = Callable[[int, int], bytes]
"""Gives up to so many bytes from an offset on."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """A pack as it came back: what lies behind its prelude."""

    size: int
    read: ReadAt


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What opening and comparing gave: ``unopened`` packs by id, files that were not the same."""

    files: int
    size: int
    wrong: int
    unopened: tuple[bytes, ...]


class _BorrowedDisk:
    """Only what came back, where the locker would look for it. Everything else is missing, nothing can be written."""

    def __init__(self, packs: Mapping[str, tuple[bytes, Borrowed]]) -> None:
        self._packs = packs

    def read(self, name: str, offset: int, size: int) -> bytes:
        prelude, pack = self._found(name)
        head = prelude[offset : offset + size]
        return head + pack.read(max(0, offset - PRELUDE_BYTES), size - len(head))

    def read_into(self, name: str, offset: int, room: memoryview) -> int:
        data = self.read(name, offset, len(room))
        room[: len(data)] = data
        return len(data)

    def size(self, name: str) -> int:
        return PRELUDE_BYTES + self._found(name)[1].size

    def _found(self, name: str) -> tuple[bytes, Borrowed]:
        if name not in self._packs:
            raise Missing(what=name)
        return self._packs[name]

    def names(self, folder: str) -> list[str]:
        return sorted(name.removeprefix(f"{folder}/") for name in self._packs if name.startswith(f"{folder}/"))

    def create(self, name: str) -> AppendFile:
        raise Missing(what=name)

    def reopen(self, name: str) -> AppendFile:
        raise Missing(what=name)

    def replace(self, name: str, data: bytes) -> None:  # noqa: ARG002
        raise Missing(what=name)

    def remove(self, name: str) -> None:
        raise Missing(what=name)

    def sync_folder(self, folder: str) -> None:
        raise Missing(what=folder)

    def free_bytes(self) -> int:
        return 0

    def total_bytes(self) -> int:
        return 0


def drawn(reader: LockerReader, draw: Callable[[int], int]) -> list[str]:
    """Return ids of live records in an order drawn by ``draw`` (a number below its argument), a bounded number."""
    kept: list[str] = []
    for at, id in enumerate(reader.ids_in_order()):
        if at < DRILL_SAMPLE:
            kept.append(id)
        elif (place := draw(at + 1)) < DRILL_SAMPLE:
            kept[place] = id
    return [kept.pop(draw(len(kept))) for _ in range(len(kept))]


def wanted(reader: LockerReader, ids: Sequence[str]) -> list[bytes]:
    """Return the packs that bring back as many of these files as the bound for traffic allows, whole ones only."""
    rows = {row.id: row for row in reader.pack_rows()}
    chosen: dict[bytes, int] = {}
    files = 0
    for id in ids:
        new = {each: rows[each].size for each in _needs(reader, id) - chosen.keys() if each in rows}
        closed = all(rows[each].state is not PackState.OPEN for each in new)
        fits = sum(chosen.values()) + sum(new.values()) <= DRILL_BYTES and len(chosen) + len(new) <= DRILL_PACKS
        if closed and fits:
            chosen |= new
            files += 1
        if files >= DRILL_FILES:
            break
    return list(chosen)


def rehearse(
    home: Home, secrets: LockerSecrets, live: LockerReader, came: Mapping[bytes, Borrowed], ids: Sequence[str]
) -> Rehearsed:
    """Open every frame of the packs that ``came``, and compare those of ``ids`` that need no other pack.

    A file that changed or whose packs moved meanwhile is passed over; so is one that is damaged here.
    """
    rows = {row.id: row for row in live.pack_rows() if row.id in came}
    disk = _BorrowedDisk({file_name(row): (_prelude(row), came[id]) for id, row in rows.items()})
    away = replace(home, disk=disk)
    unopened = tuple(id for id, row in rows.items() if not _opens(away, secrets, row))
    there = LockerReader(away, secrets, home.open_catalog(secrets.catalog_key, True))
    files = size = wrong = 0
    try:
        for id in ids:
            needs = _needs(live, id)
            if files + wrong >= DRILL_FILES or not needs or needs - rows.keys():
                continue
            same = _same(live, there, id)
            if same is not None:
                files, wrong, size = files + 1, wrong + (same < 0), size + max(0, same)
    finally:
        there.close()
    return Rehearsed(files, size, wrong, unopened)


def _prelude(row: PackRow) -> bytes:
    return Prelude(Suite(row.suite), Kind(row.kind), row.epoch).to_bytes()


def _opens(home: Home, secrets: LockerSecrets, row: PackRow) -> bool:
    """Whether every frame of a pack opens by its key."""
    try:
        reader = reader_for(home, secrets, row)
        index = reader.index()
        if index is None:
            return row.state is PackState.RECOVERED and len(list(reader.walk())) >= row.frames
        for line in index:
            reader.payload(line.frame.number, line.frame.at, line.frame.sealed_len)
    except (Damaged, Missing):
        return False
    return True


def _needs(reader: LockerReader, id: str) -> set[bytes]:
    try:
        return reader.packs_of(id)
    except (NoSuchRecord, Missing, Damaged):
        return set()


def _same(live: LockerReader, there: LockerReader, id: str) -> int | None:
    """Return how many bytes were the same, -1 when one was not, None when nothing can be said."""
    count = 0
    try:
        version = live.get(id).version
        here, back = live.read(id, version=version), there.read(id, version=version)
        for mine in here:
            try:
                theirs = next(back, b"")
            except Damaged:
                return -1
            if mine != theirs:
                return -1
            count += len(mine)
    except (NoSuchRecord, Missing, Damaged):
        return None
    return count
