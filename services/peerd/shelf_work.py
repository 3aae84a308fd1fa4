"""What is done on one shelf while it is plugged in: looked through, filled up, read back. Runs in the shelves' thread.

Works in pieces, and asks between them whether it should stop; whatever was done until then is on the disk and noted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware.errors import BadSeal, Damaged, Missing, NewerFormat, PeerGarbled
from firmware.linux.shelf_disk import LinuxShelfDisk, opened
from firmware.linux.shelf_rows import ShelfRow, ShelfRows
from firmware.peer import read_custody
from firmware.seal import KeyFile
from firmware.shelf import LockerShelf, Wanted, batches, fitting, goes, line, read_mark, to_check, without
from firmware.shelf.format import What

_STEP: Final = 1 << 20
_HOUR_MS: Final = 3_600_000
_MEASURED_BYTES: Final = 32 << 20


class Stopped(Exception):
    """Somebody wants this to end; nothing is lost by it."""


@dataclass(slots=True)
class Doing:
    """What is under way on a shelf, for whoever looks: ``what`` is looking, writing, checking or empty."""

    what: str = ""
    done: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One visit to a shelf. ``fresh``: it was just plugged in. ``check``: read back what is due (all: ``row``)."""

    row: ShelfRow
    at: Path
    box: bytes
    lockers: Path
    fresh: bool
    check: bool


class ShelfWork:
    """The thread's side."""

    def __init__(self, folder: Path, now_ms: Callable[[], int], wanted: Callable[[], bool]) -> None:
        """``folder`` is that of the circle's databases; ``wanted`` says whether to go on."""
        self._folder, self.now_ms, self._go_on = folder, now_ms, wanted
        self.doing = Doing()

    def visit(self, task: Task, after: Callable[[ShelfRow, LinuxShelfDisk, ShelfRows], None]) -> ShelfRow:
        """Do what there is to do; return the row as it is now. Raises what the disk raises, Stopped, Missing.

        ``after`` is called at the end. What was learnt about the shelf before an error is in ``task.row`` all the same.
        """
        rows = ShelfRows(self._folder)
        try:
            with opened(task.at, away_from=task.lockers, same_disk=task.row.same_disk) as disk:
                mark = read_mark(disk)
                if mark is None or (mark.id, mark.box) != (task.row.id, task.box):
                    raise Missing(what="shelf of this box")
                self._tend(task, disk, rows)
                after(task.row, disk, rows)
        finally:
            self.doing = Doing()
            rows.close()
        return task.row

    def _tend(self, task: Task, disk: LinuxShelfDisk, rows: ShelfRows) -> None:
        row, room = task.row, disk.room()
        row.seen_ms, row.total, row.free = self.now_ms(), room.total, room.free
        row.trouble, row.waits = "", 0
        folders = [_Folder(self, task, disk, rows, *each) for each in rows.lockers()]
        for each in folders:
            each.look()
        row.waits = sum(each.missing for each in folders)
        if room.read_only:
            row.trouble = "read-only"
        else:
            for each in folders:
                each.fill()
            row.waits = sum(each.missing for each in folders)
            row.free = disk.room().free
            if row.waits and not row.trouble:
                row.trouble = "full"
            if not row.waits:
                row.whole_ms = self.now_ms()
        if task.check:
            self._check(task, folders, writes=not room.read_only)
        row.seen_ms = self.now_ms()

    def pause(self) -> None:
        """Raise Stopped when this should end."""
        if not self._go_on():
            raise Stopped

    def _check(self, task: Task, folders: list[_Folder], *, writes: bool) -> None:
        """The next part of the background round, or one whole round from where it stands."""
        row = task.row
        while True:
            every = [(each, folder) for folder in folders for each in folder.shelf.entries.values()]
            entries = [each for each, _ in every]
            of = {each.pack: folder for each, folder in every}
            found = to_check(entries, row.check_after, _HOUR_MS)
            if not found:
                row.check_after, row.check_due, row.checked_ms = b"", False, self.now_ms()
                return
            left = sum(each.size for each in entries if each.pack >= found[0].pack)
            self.doing = Doing("checking", sum(each.size for each in entries) - left, sum(e.size for e in entries))
            for each in found:
                self.pause()
                if not of[each.pack].shelf.check(each):
                    row.mended += 1
                    of[each.pack].mend(each.pack, writes=writes)
                row.check_after = each.pack
            if not row.check_due:
                return


class _Folder:
    """One locker on one shelf, during a visit."""

    def __init__(
        self, work: ShelfWork, task: Task, disk: LinuxShelfDisk, rows: ShelfRows, locker: bytes, folder: str
    ) -> None:
        self._work, self._task, self._rows, self._locker = work, task, rows, locker
        self._packs = task.lockers / folder / "packs"
        self._wanted: dict[bytes, Wanted] = {}
        self._files: dict[bytes, str] = {}
        for each, file in rows.wanted(locker):
            self._wanted[each.pack], self._files[each.pack] = each, file
        self.shelf = LockerShelf(disk, locker)

    @property
    def missing(self) -> int:
        """Bytes that are not on the shelf."""
        return sum(each.file_size for id, each in self._wanted.items() if id not in self.shelf.entries)

    def look(self) -> None:
        """After a plug: what is really there."""
        if not self._task.fresh:
            return
        for at, _ in enumerate(self.shelf.survey(self._wanted)):
            self._work.doing = Doing("looking", at, 256)
            self._work.pause()
        known, here = self._rows.packs(self._task.row.id), self.shelf.entries
        ours = self._wanted.keys() | here.keys()
        self._rows.here(self._task.row.id, [(id, each.size) for id, each in here.items() if id not in known])
        self._rows.gone(self._task.row.id, [id for id in known if id in ours and id not in here])

    def fill(self) -> None:
        """Papers, then what is missing, then what may go."""
        for kind, number, data in papers(self._rows, self._locker):
            self.shelf.put_paper(kind, number, data)
        self._turn()
        row = self._task.row
        lacking = line([each for id, each in self._wanted.items() if id not in self.shelf.entries])
        going = fitting(lacking, row.free)
        size, done = sum(each.file_size for each in going), 0
        for batch in batches(going):
            self._work.pause()
            self._work.doing = Doing("writing", done, size)
            done += self._put(batch)
            row.free -= sum(each.file_size for each in batch)

    def _put(self, batch: list[Wanted]) -> int:
        began = time.monotonic()
        wrote = self.shelf.put(batch, self._source, self._work.now_ms())
        took, size = time.monotonic() - began, sum(self._wanted[id].file_size for id in wrote.packs)
        self._rows.here(self._task.row.id, [(id, self._wanted[id].file_size) for id in wrote.packs])
        for id in wrote.bad:  # not whole on the box itself: nothing to copy, and no reason to wait for it
            self._wanted.pop(id, None)
            self._task.row.trouble = "source"
        row = self._task.row
        if size:
            fresh = int(size / max(took, 0.001))
            weight = min(1.0, size / _MEASURED_BYTES)
            row.rate = int(row.rate * (1 - weight) + fresh * weight) if row.rate else fresh
        return size

    def _source(self, each: Wanted) -> Iterator[bytes]:
        try:
            with (self._packs / self._files[each.pack]).open("rb", buffering=0) as file:
                while data := file.read(_STEP):
                    yield data
        except FileNotFoundError:
            raise Missing(what="pack") from None
        except OSError:
            raise Damaged(what="A pack") from None

    def _turn(self) -> None:
        """Note what the locker does without, and what it wants again; take off what was noted long ago."""
        if not self._wanted:
            return  # nobody told of this locker yet
        awake = self._rows.awake_ms()
        gone, back = without(self.shelf.entries.values(), self._wanted)
        self.shelf.note(gone, What.DROPPED, awake)
        self.shelf.note(back, What.HERE, self._work.now_ms())
        off = goes(self.shelf.entries.values(), self.shelf.off.values(), awake)
        if off:
            self.shelf.take_off(off, awake)
            self._rows.gone(self._task.row.id, [each.pack for each in off])

    def mend(self, pack: bytes, *, writes: bool) -> None:
        """A pack changed on the shelf: it no longer counts until it is written anew."""
        self._rows.gone(self._task.row.id, [pack])
        again = self._wanted.get(pack)
        if again is not None and writes:
            self._put([again])
        elif again is not None:
            self._task.row.waits += again.file_size


def papers(rows: ShelfRows, locker: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield (kind, number, bytes) of every paper of a locker that belongs on a shelf."""
    found = rows.papers(locker)
    head, capsule = rows.numbers(locker)
    try:
        if "key" in found:
            yield "key", KeyFile.parse(found["key"]).plain.revision, found["key"]
        if "custody" in found:
            yield "custody", read_custody(found["custody"]).record.not_before_ms, found["custody"]
    except (Damaged, NewerFormat, BadSeal, PeerGarbled):
        pass
    if "head" in found and head >= 0:
        yield "head", head, found["head"]
    if "capsule" in found and capsule >= 0:
        yield "capsule", capsule, found["capsule"]
