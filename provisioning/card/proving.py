"""Whether a card keeps what it is given up to its end: marks all over the part that will be the data partition.

Cards that were made to lie say 64 GB and have 8. What is written beyond is thrown away, or lands on what lies at the
same place of an earlier round ("wrap around"): photos that were acknowledged are gone, and nothing says so. How such
cards behave is described with f3probe (https://fight-flash-fraud.readthedocs.io).

Pure but for the ``Disk`` it is given.
"""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

STEP: Final = 2 << 30
"""Marks lie this far apart, or a multiple that is a power of two on cards beyond ``MARKS_MAX`` steps."""
MARK_BYTES: Final = 512 << 10
"""Of each mark; all of them together are more than the memory of a card's own processor could hold back."""
MARKS_MAX: Final = 128
LEAST_BYTES: Final = 1 << 30
"""Room for the data partition without which a box does not start (``SizeMinBytes`` of image/root/usr/lib/repart.d)."""


class Disk(Protocol):
    """A whole disk, read and written past every cache of this machine. Offsets and sizes are multiples of 4096."""

    def write(self, at: int, data: bytes) -> None:
        """Write, and return when the disk says that it is kept; raises OSError."""
        ...

    def read(self, at: int, size: int) -> bytes:
        """Read; raises OSError."""
        ...


def places(begin: int, size: int) -> tuple[int, ...]:
    """Return where marks go on a disk of ``size`` bytes of which everything below ``begin`` is in use.

    They are all the same distance, a power of two, from each other, and the first is less than that from the beginning:
    on a disk that starts anew at any power of two (from ``STEP`` on), a mark lands where another mark is, never on what
    is in use. Where ``begin`` is beyond the first ``STEP`` no such places are left, and there are none.
    """
    first = -(-begin // MARK_BYTES) * MARK_BYTES
    if first + MARK_BYTES > STEP:
        return ()
    step = STEP
    while (size - first) // step >= MARKS_MAX:
        step *= 2
    return tuple(at for at in range(first, size - MARK_BYTES + 1, step))


def kept(disk: Disk, marks: tuple[int, ...], nonce: bytes) -> int | None:
    """Write all ``marks`` and read them back; return where the first one lies that is not there, None when all are.

    ``nonce``: some bytes drawn anew, so that what an earlier look left behind proves nothing. From the end to the
    beginning: what a card really has is written last. A disk that refuses to write or to read a mark does not keep it.
    """
    refused = set()
    for at in reversed(marks):
        try:
            disk.write(at, mark(at, nonce))
        except OSError:
            refused.add(at)
    for at in marks:
        try:
            is_there = at not in refused and disk.read(at, MARK_BYTES) == mark(at, nonce)
        except OSError:
            is_there = False
        if not is_there:
            return at
    return None


def mark(at: int, nonce: bytes) -> bytes:
    """What is written at a place: a word that no other place has, over and over."""
    word = hashlib.blake2b(nonce + at.to_bytes(8, "big")).digest()
    return word * (MARK_BYTES // len(word))
