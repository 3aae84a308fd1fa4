"""Shelves: disks with a second copy. Notices when one comes or goes, and has it tended in a thread of its own.

A disk may hang or go at any time, so nothing here waits for one on the loop. Decides nothing about packs
(``firmware.shelf``); knows no key, so it works while every locker is locked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from firmware import events
from firmware.errors import BoxError, Conflict, Full, Missing, ShelfNoDisk, ShelfOwnDisk, ShelfTaken
from firmware.limits import SHELF_MOST
from firmware.linux.clock import SystemClock, SystemEntropy
from firmware.linux.journal import Journal
from firmware.linux.shelf_disk import LinuxShelfDisk, is_empty, opened
from firmware.linux.shelf_mounts import mount_of, tops
from firmware.linux.shelf_rows import ShelfRow, ShelfRows
from firmware.shelf import FOLDER, MARK, Mark, make, read_mark
from services.peerd.naming import say
from services.peerd.shelf_work import Doing, ShelfWork, Stopped, Task

_LOOK_SECONDS: Final = 5.0
_SAME_SECONDS: Final = 3600.0
_AGAIN_SECONDS: Final = 600.0
_ID_BYTES: Final = 16
T = TypeVar("T")


Visited = Callable[[ShelfRow, LinuxShelfDisk, ShelfRows], None]


class Present:
    """A shelf that is plugged in: where, and when it was tended last."""

    def __init__(self, at: Path, device: int) -> None:
        """``device``: of its file system, so that another disk at the same place is noticed."""
        self.at, self.device = at, device
        self.fresh, self.tended, self.again = True, 0.0, 0.0


class Shelving:
    """All shelves of this box. ``live`` runs until cancelled; everything but ``close`` is for the loop's thread."""

    def __init__(self, folder: Path, lockers: Path, box: bytes, journal: Journal) -> None:
        """``folder`` holds the circle's databases, ``lockers`` the lockers (read only); ``box`` is this box's key."""
        self._folder, self._lockers, self._box, self._journal = folder, lockers, box, journal
        self._clock = SystemClock()
        self.rows = ShelfRows(folder)
        self._thread = ThreadPoolExecutor(1, "shelf")
        self._looks = ThreadPoolExecutor(2, "shelf-look")
        self._ends = False
        self._dropped: set[bytes] = set()
        self._busy: bytes | None = None
        self._tending: dict[bytes, asyncio.Task[None]] = {}
        self._missed: set[bytes] = set()
        self._work = ShelfWork(folder, self._clock.now_ms, self._goes_on)
        self.present: dict[bytes, Present] = {}
        self._news = asyncio.Event()
        self.carried: Visited = lambda _row, _disk, _rows: None
        """Called in the shelves' thread at every visit."""

    def close(self) -> None:
        """Stop after the pack under way; a disk that hangs is left to the end of the process."""
        self._ends = True
        for task in list(self._tending.values()):
            task.cancel()
        for each in (self._thread, self._looks):
            each.shutdown(wait=False, cancel_futures=True)
        self.rows.close()

    def _goes_on(self) -> bool:
        return not self._ends and self._busy not in self._dropped

    def wake(self) -> None:
        """Something was cut, or the owner asked: look now."""
        self._news.set()

    def doing(self, id: bytes) -> Doing:
        """What is under way on this shelf."""
        return self._work.doing if self._busy == id else Doing()

    # The owner

    async def add(self, at: Path, label: str, *, same_disk: bool) -> ShelfRow:
        """Make a shelf of a disk (nothing on it changes but one new folder), or take ours up again.

        Raises ShelfTaken for the shelf of another box or a folder that is not ours, ShelfNoDisk where none is mounted,
        ShelfOwnDisk, Conflict beyond the bound, what the disk raises.
        """
        known = self.rows.shelves()
        disk = None if same_disk else mount_of(at)
        if not same_disk and disk is None:
            raise ShelfNoDisk(where=str(at))
        mark = await self.run(lambda: self._mark(at, same_disk=same_disk))
        found = next((each for each in known if each.id == mark.id), None)
        if found is None and len(known) >= SHELF_MOST:
            raise Conflict(why=f"this box has {SHELF_MOST} shelves already.")
        row = found or ShelfRow(mark.id, label, str(at), same_disk, self._clock.now_ms())
        row.label, row.at, row.same_disk = label or row.label, str(at), same_disk
        row.seen_ms, row.kind = self._clock.now_ms(), disk.kind if disk is not None else ""
        self.rows.put(row)
        self._dropped.discard(row.id)
        self.wake()
        return row

    def _mark(self, at: Path, *, same_disk: bool) -> Mark:
        if not same_disk and at.stat().st_dev == self._lockers.stat().st_dev:
            raise ShelfOwnDisk
        with opened(at, away_from=self._lockers, same_disk=same_disk, make=True) as disk:
            mark = read_mark(disk)
            if mark is None:
                if not is_empty(disk):
                    raise ShelfTaken
                mark = Mark(SystemEntropy().bytes(_ID_BYTES), self._box, self._clock.now_ms())
                make(disk, mark)
            if mark.box != self._box:
                raise ShelfTaken
            return mark

    def drop(self, id: bytes) -> ShelfRow:
        """Forget a shelf; what is on the disk stays as it is. Raises Missing."""
        row = self.named(id)
        self._dropped.add(id)
        self.present.pop(id, None)
        self.rows.drop(id)
        return row

    def named(self, id: bytes) -> ShelfRow:
        """Return a shelf; raises Missing."""
        for each in self.rows.shelves():
            if each.id == id:
                return each
        raise Missing(what="shelf")

    def now(self, id: bytes | None, *, check: bool) -> None:
        """Tend (all) shelves that are there now; with ``check`` read everything back."""
        for each in self.rows.shelves():
            if id in (None, each.id):
                if check:
                    each.check_due, each.check_after = True, b""
                    self.rows.put(each)
                if each.id in self.present:
                    self.present[each.id].tended = self.present[each.id].again = 0.0
        self.wake()

    def shelves_of(self, groups: Sequence[Sequence[bytes]]) -> list[tuple[str | None, int]]:
        """Return for each group of packs what the shelf that has all of them is called, and when it was seen."""
        shelves = {each.id: each for each in self.rows.shelves()}
        found = [self.rows.holding(each) if shelves else None for each in groups]
        return [(None, 0) if id is None else (shelves[id].label, shelves[id].seen_ms) for id in found]

    # Coming and going

    async def live(self) -> None:
        """Look for shelves, and tend those that are there."""
        while True:
            shelves = self.rows.shelves()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _LOOK_SECONDS if shelves else None)
            woken = self._news.is_set()
            self._news.clear()
            for each in self.rows.shelves():
                await self._meet(each, woken=woken)

    async def _meet(self, row: ShelfRow, *, woken: bool) -> None:
        there = await self.run(lambda: self._find(row))
        if there is None:
            if self.present.pop(row.id, None) is not None:
                self._journal.tell(events.SHELF_WENT, shelf=row.id.hex()[:8])
            return
        known = self.present.get(row.id)
        if known is None or (known.at, known.device) != there:
            known = self.present[row.id] = Present(*there)
            self._journal.tell(events.SHELF_CAME, shelf=row.id.hex()[:8])
        if row.id in self._tending:
            if woken:
                self._missed.add(row.id)
            return
        now = asyncio.get_running_loop().time()
        due = known.fresh or row.check_due or now - known.tended >= _SAME_SECONDS
        if now >= known.again and (woken or due):
            tending = asyncio.create_task(self._tend(row, known, check=due and not known.fresh))
            self._tending[row.id] = tending
            tending.add_done_callback(lambda _: self._over(row.id))

    def _over(self, id: bytes) -> None:
        """A visit ended; what happened meanwhile is looked at now."""
        self._tending.pop(id, None)
        if id in self._missed:
            self._missed.discard(id)
            self.wake()

    def _find(self, row: ShelfRow) -> tuple[Path, int] | None:
        """Where a shelf is now: where it was, or wherever a disk that can be unplugged is mounted."""
        known = self.present.get(row.id)
        if known is not None and _stands(known.at, known.device):
            return known.at, known.device
        for at in [Path(row.at)] if row.same_disk else tops(iter([Path(row.at)])):
            if not (at / FOLDER / MARK).exists():
                continue
            with (
                contextlib.suppress(BoxError, OSError),
                opened(at, away_from=self._lockers, same_disk=row.same_disk) as disk,
            ):
                mark = read_mark(disk)
                if mark is not None and (mark.id, mark.box) == (row.id, self._box):
                    return at, at.stat().st_dev
        return None

    async def _tend(self, row: ShelfRow, known: Present, *, check: bool) -> None:
        loop = asyncio.get_running_loop()
        task = Task(row, known.at, self._box, self._lockers, known.fresh, check)
        row.at = str(known.at)
        before, asked = row.mended, row.check_due
        try:
            await loop.run_in_executor(self._thread, lambda: self._visit(task))
            known.fresh, known.tended, known.again = False, loop.time(), 0.0
        except Stopped:
            return
        except (BoxError, OSError) as error:
            say(f"the shelf {row.id.hex()[:8]}: {error}")
            row.trouble = "full" if isinstance(error, Full) else "faulty"
            known.fresh, known.again = True, loop.time() + _AGAIN_SECONDS
            if not await self.run(lambda: _stands(known.at, known.device)):
                row.trouble, known.again = "", 0.0  # it was pulled: nothing is wrong with it
        if row.mended > before:
            self._journal.tell(events.SHELF_MENDED, shelf=row.id.hex()[:8], count=row.mended - before)
        if row.id not in self._dropped:
            self._keep(row, asked=asked)

    def _keep(self, row: ShelfRow, *, asked: bool) -> None:
        """Write down what a visit found, beside what the owner said meanwhile."""
        said = self.named(row.id)
        row.label = said.label
        if said.check_due and not asked:
            row.check_due, row.check_after = True, b""
        self.rows.put(row)

    def _visit(self, task: Task) -> None:
        """In the shelves' thread: one shelf after the other."""
        self._busy = task.row.id
        try:
            self._work.visit(task, self.carried)
        finally:
            self._busy = None

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work`` beside what is done on a shelf, which may take hours; disks never keep the loop waiting."""
        return await asyncio.get_running_loop().run_in_executor(self._looks, work)


def _stands(at: Path, device: int) -> bool:
    """Whether the same disk is still mounted there; asks memory, not the disk."""
    try:
        return at.stat().st_dev == device and (at / FOLDER / MARK).exists()
    except OSError:
        return False
