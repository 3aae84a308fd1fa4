"""What a drive had taken when the current went: written again out of a log of every write and every flush.

QEMU's ``blklogwrites`` keeps the log (Documentation/admin-guide/device-mapper/log-writes.rst of Linux has its format).
What was written before the last flush is there. Of what came after it, a drive with a cache of its own may have kept
anything: each write is kept, lost or torn at its sectors by itself. A write that ended while a flush was under way
counts as flushed.
"""

from __future__ import annotations

import os
import random
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECTOR: Final = 512
MAGIC: Final = 0x6A736677736872
_SUPER: Final = struct.Struct("<QQQI")
_ENTRY: Final = struct.Struct("<QQQQ")
_FLUSH, _DISCARD = 1, 4


@dataclass(frozen=True, slots=True)
class Write:
    """One entry; ``at`` is its place in the log, ``data`` that of its bytes (0: a flush, or room given back)."""

    at: int
    start: int
    size: int
    data: int
    flush: bool


def entries(log: Path) -> list[Write]:
    """Read a log that is no longer written; an entry that lacks its end is left out. Raises ValueError."""
    found, end = [], log.stat().st_size
    if not end:
        return []
    with log.open("rb") as file:
        magic, version, _flushed, sector = _SUPER.unpack(file.read(_SUPER.size))
        if (magic, version, sector) != (MAGIC, 1, SECTOR):
            raise ValueError("this is no log of writes")
        at = SECTOR
        while at + SECTOR <= end:
            file.seek(at)
            head = file.read(_ENTRY.size)
            if not any(head):
                break
            start, sectors, flags, _length = _ENTRY.unpack(head)
            body = 0 if flags & _DISCARD else sectors * SECTOR
            if at + SECTOR + body > end:
                break
            found.append(Write(at, start * SECTOR, body, at + SECTOR if body else 0, bool(flags & _FLUSH)))
            at += SECTOR + body
    return found


def last_flush(written: list[Write], before: int) -> int:
    """Return how many of the first ``before`` entries are certainly on the medium."""
    return next((at + 1 for at in range(before - 1, -1, -1) if written[at].flush), 0)


def data_begins(card: Path) -> int:
    """Return where the data partition begins, in bytes; raises ValueError when there is none."""
    with card.open("rb") as file:
        file.seek(SECTOR)
        head = file.read(SECTOR)
        table, count, size = struct.unpack_from("<QII", head, 72)
        file.seek(table * SECTOR)
        found = file.read(count * size)
    for at in range(0, len(found), size):
        if found[at + 56 : at + size].decode("utf-16-le").rstrip("\0") == "data":
            return int(struct.unpack_from("<Q", found, at + 32)[0]) * SECTOR
    raise ValueError("this card has no data partition")


class Rewriter:
    """A card that follows a log: ``sure`` entries of it are on the card, in their order."""

    def __init__(self, card: Path, log: Path) -> None:
        """``card``: a copy of what the card was when the log began; changed by ``advance``."""
        self.card, self._log, self.written, self._sure = card, log, entries(log), 0

    def cut_after(self, at: int) -> int:
        """Return how many entries had begun when the log had ``at`` bytes."""
        return sum(each.at < at for each in self.written)

    def advance(self, cut: int) -> int:
        """Bring the card to the last flush before ``cut`` entries (never back); return what came after it."""
        sure = last_flush(self.written, cut)
        self._write(self.card, [(each, range(each.size // SECTOR)) for each in self.written[self._sure : sure]])
        self._sure = max(self._sure, sure)
        return cut - self._sure

    def tear(self, card: Path, cut: int, dice: random.Random) -> None:
        """Write into ``card`` (a copy of ours) what else of the first ``cut`` entries the drive happened to keep."""
        kept = []
        for each in self.written[self._sure : cut]:
            sectors: range | list[int] = range(each.size // SECTOR)
            fate = dice.choice(("kept", "lost", "torn"))
            if fate == "torn":
                sectors = [sector for sector in sectors if dice.random() < 0.5]
            if fate != "lost":
                kept.append((each, sectors))
        self._write(card, kept)

    def _write(self, card: Path, what: list[tuple[Write, range | list[int]]]) -> None:
        log, out = os.open(self._log, os.O_RDONLY), os.open(card, os.O_WRONLY)
        try:
            for each, sectors in what:
                data = os.pread(log, each.size, each.data) if each.size else b""
                if len(sectors) * SECTOR == each.size:
                    os.pwrite(out, data, each.start)
                    continue
                for sector in sectors:
                    piece = data[sector * SECTOR : (sector + 1) * SECTOR]
                    os.pwrite(out, piece, each.start + sector * SECTOR)
        finally:
            os.close(log)
            os.close(out)
