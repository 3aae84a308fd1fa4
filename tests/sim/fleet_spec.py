"""What a simulated fleet is like: sizes, rates, what happens to it; a ``Spec`` is all it takes to play it again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from firmware.limits import MIB

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
YEAR: Final = 365 * DAY
START: Final = 1_780_000_000_000


class Control(StrEnum):
    """What is taken away from a fleet to see whether the figures notice."""

    NONE = "none"
    NO_AUDIT = "no_audit"
    """Nobody proves anything, neither to owners nor to delegates: who gave a receipt is believed for good."""
    NO_REPAIR = "no_repair"
    """What was lost is never made again."""
    SAME_HOUSEHOLD = "same_household"
    """Nothing tells which boxes are under one roof, no words and no address, so shards of one pack meet there."""


class Conduct(StrEnum):
    """How a box treats what others gave it. All but the first are the adversaries, 5 % of the boxes each."""

    HONEST = "honest"
    DROPS = "drops"
    """Keeps receipts and throws away 1, 5, 50 or 100 % of the leaves."""
    HEADS = "heads"
    """Keeps every shard and tells old heads, or forged ones."""
    GARBAGE = "garbage"
    """Answers everything, with other bytes."""
    SLOW = "slow"
    """Sends a KiB a second, or boasts of room and keeps only what came last."""


LIARS: Final = (Conduct.DROPS, Conduct.HEADS, Conduct.GARBAGE, Conduct.SLOW)
DROPPED: Final = (0.01, 0.05, 0.5, 1.0)

HAPPENINGS: Final = (
    "loss",
    "outages",
    "region",
    "batch",
    "partitions",
    "jumps",
    "rot",
    "full",
    "away",
    "sybils",
    "slow",
    "liars",
    "drops",
)
"""What may be left out of a fleet, so that a failing seed can be made small."""

REGIONS: Final = 20
BIG_EVERY, BIG_BOXES = 20, 4
"""One of so many boxes starts a household of four boxes: the relative with a rack, friend of many."""

CIRCLES: Final = (1, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 7, 7, 8, 9, 14)
"""Households in a circle, as often as they stand here."""

PACKS, PACKS_A_YEAR, DROPS_A_YEAR = 8, 10, 4
"""Packs of a locker in the beginning, cut in a year, and dropped in a year."""
PACK_SIZES: Final = (MIB // 4, MIB, 4 * MIB, 4 * MIB, 16 * MIB)

OUTAGE_MS: Final = 12 * HOUR
"""Mean length of an outage."""
ROT_A_YEAR, JUMPS_A_YEAR, FULL_A_YEAR, PARTITIONS_A_YEAR = 0.5, 0.3, 0.1, 8.0
"""A year and box: rotten leaves, clocks that jump, disks that fill up; partitions are of the whole fleet."""

SETTLED_MS: Final = 7 * DAY
"""An object so old counts as lost when it cannot be had back, whatever its badge said; any that was SAFE once does."""
WAIT_DAYS: Final = 60
"""So long a restore waits for friends who are away before an object counts as lost."""


@dataclass(frozen=True)
class Spec:
    """One fleet. Fractions are of boxes; days are of virtual time."""

    seed: int = 1
    boxes: int = 200
    days: int = 365
    loss: float = 0.35
    uptime: float = 0.95
    adversaries: float = 0.2
    restore_days: int = 14
    away: int = 6
    away_days: int = 180
    control: Control = Control.NONE
    without: tuple[str, ...] = ()

    def has(self, happening: str) -> bool:
        """Whether this happens here."""
        assert happening in HAPPENINGS
        return happening not in self.without

    def written(self) -> str:
        """Return it as one line; ``read`` gives it back."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Spec:
        """Return the fleet ``written`` wrote down."""
        values = json.loads(line)
        return cls(**values | {"control": Control(values["control"]), "without": tuple(values["without"])})
