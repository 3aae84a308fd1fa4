"""Values of the operations on the box itself: new versions, restart, reset (see ``services.api.routes``)."""

from __future__ import annotations

import enum

from firmware.lean import dataclass
from services.api.decode import arg

CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"


class UpdateStep(enum.Enum):
    """How far the box is with a new version."""

    NONE = "none"
    FETCHING = "fetching"
    WAITING = "waiting"
    WRITING = "writing"
    TRYING = "trying"


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence in one language."""

    language: str = arg("two or three letters")
    text: str = arg("the sentence")


@dataclass(frozen=True, slots=True)
class UpdateOffer:
    """A version this box may take."""

    version: str = arg("three numbers")
    bytes: int = arg("size of what is fetched")
    urgent: bool = arg("whether it should not wait")
    notes: tuple[Said, ...] = arg("what is new")
    risk: tuple[Said, ...] = arg("what was at risk until now")


@dataclass(frozen=True, slots=True)
class UpdateReturned:
    """A version the box came back from."""

    version: str = arg("three numbers")
    why: str = arg("unhealthy, silent or older")
    check: str = arg("the check it missed, or nothing")


@dataclass(frozen=True, slots=True)
class Update:
    """What runs, what is new, when the box takes it."""

    version: str = arg("what runs")
    board: str = arg("what this box is")
    supported_until: str = arg("until when this box gets new versions, at least")
    step: UpdateStep = arg("how far it is")
    automatic: bool = arg("whether the box takes new versions by itself")
    begins: str = arg("first hour of the night in which it does, as 02:00")
    ends: str = arg("its end")
    asked_ms: int = arg("when somebody last heard what is new; 0: never")
    refused: str = arg("code of why the newest offer was refused, or nothing")
    offer: UpdateOffer | None = arg("what the box may take", default=None)
    returned: UpdateReturned | None = arg("what it came back from", default=None)


@dataclass(frozen=True, slots=True)
class UpdateSet:
    """When the box takes new versions."""

    automatic: bool = arg("by itself at night, or only when asked")
    begins: str = arg("first hour, as 02:00", pattern=CLOCK)
    ends: str = arg("end, as 05:00", pattern=CLOCK)


@dataclass(frozen=True, slots=True)
class Power:
    """Restart, or switch off."""

    off: bool = arg("switch off instead of starting again")


@dataclass(frozen=True, slots=True)
class Reset:
    """Begin a reset; the box restarts and does it before anything else."""

    step: int = arg("1 network, 2 household, 3 settings, 4 everything", low=1, high=4)
    box: str = arg("the name of the box, typed", longest=63)


@dataclass(frozen=True, slots=True)
class GuestCaps:
    """What guest work may use of the machine at most."""

    cpu_percent: int = arg("of all processors together", low=0, high=100)
    memory_mib: int = arg("memory", low=0, high=65536)
    tasks: int = arg("processes and threads", low=0, high=4096)
