"""What lockerd asks peerd about shelves; thin: values in, values out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from firmware.errors import BoxError
from firmware.linux.shelf_disk import opened
from firmware.linux.shelf_mounts import Mounted, mounted
from firmware.linux.shelf_rows import ShelfRow
from firmware.shelf import CARRY, Mark, read_mark
from services.api import shelf_types as w
from services.api.server import Call, Handler
from services.peerd.circle import Circle

_SLOW: Final = 4 << 20
"""Bytes a second below which a shelf is called slow: half a terabyte would take more than a day."""
_TROUBLES: Final = {
    "full": w.ShelfIs.FULL, "read-only": w.ShelfIs.READ_ONLY, "faulty": w.ShelfIs.FAULTY, "source": w.ShelfIs.SOURCE,
}  # fmt: skip


class ShelfCalls:
    """Handlers over the shelves of the circle."""

    def __init__(self, circle: Circle) -> None:
        """The circle is started already."""
        self._circle, self._shelving = circle, circle.shelving

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "at_peerd_shelves": self._show,
            "at_peerd_shelf_add": self._add,
            "at_peerd_shelf_drop": self._drop,
            "at_peerd_shelf_now": self._now,
            "at_peerd_shelf_carry": self._carry,
            "at_peerd_shelf_take": self._take,
        }

    async def _show(self, call: Call | None = None) -> w.Shelves:  # noqa: ARG002
        rows = self._shelving.rows.shelves()
        disks = await self._shelving.run(self._disks)
        return w.Shelves(tuple(self._shelf(each) for each in rows), disks, self._needs())

    def _needs(self) -> int:
        return sum(each.size for each in self._circle.rows.view.packs.values() if each.dropped_at < 0)

    def _shelf(self, row: ShelfRow) -> w.Shelf:
        count, size = self._shelving.rows.kept(row.id)
        doing, there = self._shelving.doing(row.id), row.id in self._shelving.present
        return w.Shelf(
            row.id.hex(),
            row.label,
            self._state(row, doing.what, there=there, kept=size),
            there,
            row.at,
            size,
            count,
            row.waits,
            row.total,
            row.free,
            row.seen_ms,
            row.whole_ms,
            row.checked_ms,
            row.mended,
            doing.done,
            doing.of,
            row.rate,
            0 < row.rate < _SLOW,
            row.kind in ("vfat", "msdos"),
            tuple(self._circle.carrying.carried(row.id)),
        )

    def _state(self, row: ShelfRow, doing: str, *, there: bool, kept: int) -> w.ShelfIs:
        if not there:
            return w.ShelfIs.AWAY
        if doing:
            return w.ShelfIs(doing)
        if row.trouble == "full" and row.total and row.total < kept + row.waits:
            return w.ShelfIs.SMALL
        if row.trouble:
            return _TROUBLES[row.trouble]
        return w.ShelfIs.WAITING if row.waits or not row.whole_ms else w.ShelfIs.WHOLE

    def _disks(self) -> tuple[w.MountedDisk, ...]:
        """In the shelves' thread: reading a mark may take as long as the disk likes."""
        found = []
        for each in mounted():
            mark, carries = self._mark(each.at)
            if each.removable and (mark is None or mark.box != self._circle.box or carries):
                found.append(self._disk(each, mark, carries=carries))
        return tuple(found)

    def _mark(self, at: Path) -> tuple[Mark | None, bool]:
        try:
            with opened(at, away_from=self._circle.lockers_folder) as disk:
                mark = read_mark(disk)
                ours = f"{CARRY}/{self._circle.box.hex()}"
                return mark, mark is not None and mark.box != self._circle.box and "list" in disk.names(ours)
        except (BoxError, OSError):
            return None, False

    def _disk(self, each: Mounted, mark: Mark | None, *, carries: bool) -> w.MountedDisk:
        other = w.DiskIs.CARRIES if carries else w.DiskIs.OTHER
        state = w.DiskIs.FREE if mark is None else other
        peer = self._circle.rows.view.peers.get(mark.box) if mark is not None else None
        label = peer.label if peer is not None else ""
        return w.MountedDisk(str(each.at), state, each.kind, each.total, each.free, each.read_only, label)

    async def _add(self, call: Call) -> w.Shelf:
        args: w.ShelfAdd = call.args
        return self._shelf(await self._shelving.add(Path(args.at), args.label, same_disk=args.same_disk))

    async def _drop(self, call: Call) -> w.Shelf:
        id = bytes.fromhex(call.args.id)
        shown = self._shelf(self._shelving.named(id))
        self._shelving.drop(id)
        return shown

    async def _now(self, call: Call) -> w.Shelves:
        args: w.ShelfNow = call.args
        self._shelving.now(None if args.id is None else bytes.fromhex(args.id), check=args.check)
        return await self._show()

    async def _carry(self, call: Call) -> w.Shelf:
        args: w.ShelfCarry = call.args
        row = self._shelving.named(bytes.fromhex(args.id))
        self._circle.carrying.load(row, bytes.fromhex(args.peer))
        return self._shelf(row)

    async def _take(self, call: Call) -> w.ShelfTaken:
        return await self._circle.carrying.take(Path(call.args.at))
