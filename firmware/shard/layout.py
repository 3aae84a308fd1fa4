"""Which layouts there are and how long their shards become (docs/formats/shard.md). Knows sizes, no bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from firmware.errors import Misused
from firmware.limits import PACK_BYTES

Buffer: TypeAlias = bytes | bytearray | memoryview
"""What bytes come in as; a memoryview spares a copy."""

ALIGN_BYTES = 64
"""Shards are a multiple of this long: one line of a processor's cache, so that no two rows of the coder share one."""

_RUNGS = ((1, 1), (1, 2), (2, 3), (2, 4), (4, 6), (4, 8), (8, 14))


@dataclass(frozen=True, slots=True, order=True)
class Layout:
    """``n`` shards of which any ``k`` give the pack back; numbers 0 to k-1 are data, k to n-1 parity.

    Shards of two layouts with the same ``k`` are equal as far as both have them.
    """

    k: int
    n: int

    def __post_init__(self) -> None:
        """Raise Misused unless format 1 has this layout."""
        if (self.k, self.n) not in _RUNGS:
            raise Misused(why=f"there is no layout {self.k}/{self.n}.")

    def __str__(self) -> str:
        """Return it as people write it: ``4/6``."""
        return f"{self.k}/{self.n}"

    @property
    def spare(self) -> int:
        """How many shards may be lost before the pack is."""
        return self.n - self.k

    def shard_size(self, size: int) -> int:
        """Return how many bytes a shard of a payload of ``size`` bytes has; raises Misused for a size no pack has."""
        if not 0 < size <= PACK_BYTES:
            raise Misused(why=f"no pack has {size} bytes.")
        return -(-size // (self.k * ALIGN_BYTES)) * ALIGN_BYTES

    def check_number(self, number: int) -> None:
        """Raise Misused unless there is a shard of this ``number``."""
        if not 0 <= number < self.n:
            raise Misused(why=f"layout {self} has no shard {number}.")


LAYOUTS = tuple(Layout(k, n) for k, n in _RUNGS)
"""Every layout of format 1, smallest circle first."""

_LARGEST = 14
"""More households than these change nothing."""


def _ladder(*, precious: bool) -> tuple[Layout | None, ...]:
    """Return what so many households get, by their number."""
    small = (None, Layout(1, 1), Layout(1, 2), Layout(2, 3), Layout(2, 4), Layout(2, 4), Layout(4, 6), Layout(4, 6))
    return (*small, *((Layout(4, 8) if precious else Layout(4, 6)) for _ in range(8, _LARGEST)), Layout(8, 14))


_PRECIOUS, _OTHERS = _ladder(precious=True), _ladder(precious=False)


def layout_for(peers: int, *, precious: bool = False) -> Layout | None:
    """Return the layout for so many other households that keep shards; None when there is nobody yet."""
    return (_PRECIOUS if precious else _OTHERS)[max(0, min(peers, _LARGEST))]
