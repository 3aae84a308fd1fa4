"""The 512 bytes of ``autoboot.txt`` (docs/formats/slots.md): what the Raspberry Pi's firmware reads before anything.

One sector, overwritten in place: no truncation, no rename, nothing of the FAT changes. Every change of state changes
single digits at fixed places, so that a sector of which only some bytes arrived says the old, the new, or something
that starts the committed slot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from firmware.errors import SlotsUnclear
from firmware.update.slots import Slot

SECTOR: Final = 512
PARTITION: Final = {Slot.A: 2, Slot.B: 3}
"""Partition 1 holds autoboot.txt; 2 and 3 are the boot partitions of A and B."""
_SLOT: Final = {number: slot for slot, number in PARTITION.items()}
_TEXT: Final = """\
[all]
tryboot_a_b=1
boot_partition={first}
[tryboot]
boot_partition={second}
[all]
#good={good}
#left={left}
#bad={bad}
# Locker Box. Do not edit: docs/formats/slots.md
"""
_PATTERN: Final = re.compile(
    re.escape(_TEXT.format(first=1, second=4, good=5, left=6, bad=7))
    .replace("partition=1", "partition=([23])")
    .replace("partition=4", "partition=([23])")
    .replace("good=5", "good=([23])")
    .replace("left=6", "left=([0-9])")
    .replace("bad=7", "bad=([023])"),
    re.ASCII,
)
_MOST_LEFT: Final = 9


@dataclass(frozen=True, slots=True)
class Autoboot:
    """What the sector says. ``first`` is started; ``second`` is, once, after a restart that asks for a try.

    ``good`` is the slot that was committed last, ``left`` how many starts a try still has, ``bad`` the slot that is
    being written (None: none). The firmware reads ``first`` and ``second``, the rest is ours.
    """

    first: Slot
    second: Slot
    good: Slot
    left: int = 0
    bad: Slot | None = None

    def to_bytes(self) -> bytes:
        """Return the sector."""
        assert 0 <= self.left <= _MOST_LEFT
        text = _TEXT.format(
            first=PARTITION[self.first],
            second=PARTITION[self.second],
            good=PARTITION[self.good],
            left=self.left,
            bad=PARTITION[self.bad] if self.bad else 0,
        )
        return text.encode().ljust(SECTOR - 1) + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Autoboot:
        """Read the sector; raises SlotsUnclear for anything this module did not write."""
        found = _PATTERN.match(data.decode("ascii", "replace"))
        if found is None or len(data) != SECTOR or data[found.end() :].strip(b" ") != b"\n":
            raise SlotsUnclear(why="autoboot.txt is not as the box left it.")
        first, second, good, left, bad = (int(each) for each in found.groups())
        return cls(_SLOT[first], _SLOT[second], _SLOT[good], left, _SLOT.get(bad))


def places() -> dict[str, int]:
    """Where in the sector each digit stands, for those who read it without this module (the initrd does)."""
    text = _TEXT.format(first="F", second="S", good="G", left="L", bad="B")
    return {
        "first": text.index("=F") + 1,
        "second": text.index("=S") + 1,
        "good": text.index("=G") + 1,
        "left": text.index("=L") + 1,
        "bad": text.index("=B") + 1,
    }
