"""What a shelf needs next, what may be taken off it, what is read back when: decisions over values, no bytes here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from firmware.limits import MIB, SHELF_BATCH_BYTES, SHELF_BATCH_PACKS, SHELF_CHECK_DAYS, SHELF_KEEP_DAYS, SHELF_PERCENT
from firmware.pack.format import PRELUDE_BYTES, Kind
from firmware.shelf.format import Entry, What

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
MARGIN_BYTES: Final = 8 * MIB
"""Left free on a shelf, for lists, papers and what a file system needs for itself."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cut pack that belongs on a shelf. ``size`` is that of its payload, behind the prelude."""

    pack: bytes
    kind: Kind
    size: int
    digest: bytes
    precious: bool = False

    @property
    def file_size(self) -> int:
        """Bytes of the whole file."""
        return self.size + PRELUDE_BYTES


def line(wanted: Iterable[Wanted]) -> list[Wanted]:
    """Return packs in the order in which they are written: without meta packs nothing of the rest can be used."""
    return sorted(wanted, key=lambda each: (each.kind, not each.precious, each.size, each.pack))


def batches(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Yield what is made durable together: few syncs for many small packs, little lost by a pulled plug."""
    batch: list[Wanted] = []
    size = 0
    for each in wanted:
        if batch and (size + each.file_size > SHELF_BATCH_BYTES or len(batch) >= SHELF_BATCH_PACKS):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each.file_size
    if batch:
        yield batch


def fitting(wanted: Sequence[Wanted], free: int) -> list[Wanted]:
    """Return the beginning of the line that ``free`` bytes hold; what is urgent is in front."""
    left, found = free - MARGIN_BYTES, []
    for each in wanted:
        left -= each.file_size
        if left < 0:
            break
        found.append(each)
    return found


def without(entries: Iterable[Entry], wanted: Iterable[bytes]) -> tuple[list[Entry], list[Entry]]:
    """Return what the locker does without from now on, and what it wants again after all."""
    live = set(wanted)
    gone = [each for each in entries if each.what is What.HERE and each.pack not in live]
    back = [each for each in entries if each.what is What.DROPPED and each.pack in live]
    return gone, back


def goes(entries: Iterable[Entry], off: Iterable[Entry], awake_ms: int) -> list[Entry]:
    """Return the packs to be taken off now, oldest first.

    ``entries`` are the packs that are here, ``off`` the records of those taken off already. What was dropped by a later
    awake time than now comes from a box that lost its count: it waits on.
    """
    month = awake_ms - SHELF_KEEP_DAYS * DAY
    here = list(entries)
    lately = sum(each.size for each in off if month < each.time <= awake_ms)
    allowed = (sum(each.size for each in here) + lately) * SHELF_PERCENT // 100 - lately
    due = sorted((each for each in here if each.what is What.DROPPED and each.time <= month), key=lambda e: e.time)
    found = []
    for each in due:
        allowed -= each.size
        if allowed < 0:
            break
        found.append(each)
    return found


def to_check(entries: Sequence[Entry], after: bytes, passed_ms: int) -> list[Entry]:
    """Return the next packs of the background round, in the order of their ids, behind ``after``.

    So many that ``passed_ms`` of being plugged in, again and again, read everything in 28 days; at least one.
    """
    bytes_due = sum(each.size for each in entries) * passed_ms // (SHELF_CHECK_DAYS * DAY)
    found: list[Entry] = []
    for each in sorted((e for e in entries if e.pack > after), key=lambda e: e.pack):
        if found and bytes_due <= 0:
            break
        found.append(each)
        bytes_due -= each.size
    return found
