"""Requests and responses about what the box costs: what was measured, what is assumed, what follows for a year."""

from __future__ import annotations

from firmware.lean import dataclass
from services.api.decode import arg


@dataclass(frozen=True, slots=True)
class CostModel:
    """What is assumed; the owner's."""

    watts_idle: float = arg("Watts at the wall while nothing is done.", low=0, high=1000)
    watts_core: float = arg("Watts that one busy core adds.", low=0, high=1000)
    price: float = arg("What a kWh costs; 0 nobody said.", low=0, high=100)
    currency: str = arg("In what.", longest=4, pattern=r"[^\x00-\x1f\x7f]*")
    endurance_tb: float = arg("Terabytes the disk's maker vouches for; 0 unknown.", low=0, high=1_000_000)


@dataclass(frozen=True, slots=True)
class ServiceUse:
    """One service of the box since it is measured."""

    name: str = arg("lockerd, webd, peerd or supervisor.")
    cpu_seconds: float = arg("CPU time it and its children took.")
    written: int | None = arg("Bytes it gave the kernel for the disk; absent where that cannot be read.", default=None)


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured, assumed, and what follows."""

    since_ms: int = arg("Since when it is measured.")
    seconds: int = arg("Of that, how long the box was running.")
    services: tuple[ServiceUse, ...] = arg("Measured: each service.")
    written: int = arg("Measured: bytes of all of them.")
    model: CostModel = arg("Assumed.")
    kwh_year: float = arg("Estimated: the box left on for a year.")
    own_kwh_year: float = arg("Estimated: of that, what its programs' CPU time adds.")
    disk_written: int | None = arg(
        "Measured: bytes the whole disk took, everything on this machine; absent: unknown.", default=None
    )
    money_year: float | None = arg("Estimated: kWh by price; absent while nobody said the price.", default=None)
    written_year: int | None = arg(
        "Estimated: bytes of its programs in a year; absent before a day was measured.", default=None
    )
    disk_written_year: int | None = arg("Estimated: bytes of the whole disk in a year.", default=None)
    disk_years: float | None = arg("Estimated: years until the disk took what its maker vouches for.", default=None)
