"""What a locker is given: its disk, its catalog, time and randomness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from firmware.events import Event
from firmware.locker.rows import Catalog
from firmware.model.days import Zone, greenwich
from firmware.ports import Clock, Disk, Entropy, Lane, at_once
from firmware.seal import Secret, Suite


class Tell(Protocol):
    """Where a locker says what happened (firmware.linux.journal on a box)."""

    def __call__(self, event: Event, **values: str | int) -> None:
        """Tell one event; never blocks, never raises."""
        ...


def tell_nobody(event: Event, **values: str | int) -> None:
    """Keep it to oneself."""


@dataclass(frozen=True, slots=True)
class Home:
    """The world of one locker. ``open_catalog(key, readonly)`` raises Damaged when a rebuild is needed.

    ``member`` names the locker in events. ``lane`` seals segments, beside the writer where the machine can.
    ``catch_up`` False is a negative control of the crash simulator: it trusts the catalog alone.
    """

    disk: Disk
    open_catalog: Callable[[Secret, bool], Catalog]
    remove_catalog: Callable[[], None]
    clock: Clock
    entropy: Entropy
    suite: Suite
    catch_up: bool = True
    member: str = ""
    tell: Tell = tell_nobody
    zone: Zone = greenwich
    """Where the box stands: decides to which day a moment belongs."""
    lane: Lane = at_once
