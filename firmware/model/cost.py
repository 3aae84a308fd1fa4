"""What a box costs in a year, from what was measured and a stated model of power. Only values; nothing is rounded here.

Power is taken as idle watts plus a constant for every busy core, the linear model of Fan, Weber and Barroso (*Power
Provisioning for a Warehouse-sized Computer*, 2007). The figures a box begins with are those of a Raspberry Pi 4B at the
wall: 1.6 W idle, 5.0 W with four busy cores (github.com/geerlingguy/sbc-reviews, issue 4). Endurance begins with what
makers of 250 GB SSDs vouch for: 150 TB written (Samsung 870 EVO). The owner sets what holds for her box.
"""

from __future__ import annotations

from typing import Final

from firmware.lean import dataclass

YEAR_SECONDS: Final = 365.25 * 86_400
ENOUGH_SECONDS: Final = 86_400
"""Measured for less, nothing is said about bytes in a year: one busy hour says nothing about the rest."""
_TB: Final = 1e12


@dataclass(frozen=True, slots=True)
class CostModel:
    """What is assumed: watts, the price of a kWh (0: nobody said), terabytes the disk is vouched for (0: unknown)."""

    watts_idle: float = 1.6
    watts_core: float = 0.85
    price: float = 0.0
    currency: str = "€"
    endurance_tb: float = 150.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What was counted in ``seconds``: CPU time and bytes of the box's programs, bytes of the whole disk if known."""

    seconds: float
    cpu_seconds: float
    written: int
    disk_written: int | None


@dataclass(frozen=True, slots=True)
class CostYear:
    """A year of it. ``kwh`` is the whole box left on, ``own_kwh`` what its programs' CPU time adds to an idle one."""

    kwh: float
    own_kwh: float
    money: float | None
    written: int | None
    disk_written: int | None
    disk_years: float | None


def year_of(measured: Measured, model: CostModel) -> CostYear:
    """Return the year; what cannot be said yet, or was never told, is None."""
    busy = measured.cpu_seconds / measured.seconds if measured.seconds else 0.0
    hours = YEAR_SECONDS / 3600
    own = model.watts_core * busy * hours / 1000
    kwh = model.watts_idle * hours / 1000 + own
    enough = measured.seconds >= ENOUGH_SECONDS
    scale = YEAR_SECONDS / measured.seconds if enough else 0.0
    written = round(measured.written * scale) if enough else None
    disk = round(measured.disk_written * scale) if enough and measured.disk_written is not None else None
    most = max(written or 0, disk or 0)
    return CostYear(
        kwh,
        own,
        kwh * model.price if model.price else None,
        written,
        disk,
        model.endurance_tb * _TB / most if most and model.endurance_tb else None,
    )
