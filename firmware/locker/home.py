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


class Away(Protocol):
    """Which packs are still with friends while a restore is under way; may be asked from any thread."""

    def has(self, pack: bytes) -> bool:
        """Whether the pack of this id is not here yet, and is to come."""
        ...

    def want(self, pack: bytes) -> None:
        """Somebody reads what is in it: it comes before the others."""
        ...

    def hides(self, pack: bytes) -> bool:
        """Whether nobody outside is to hear of it as a pack that lies here, yet."""
        ...


class NothingAway:
    """The Away of a locker that has all its packs."""

    def has(self, pack: bytes) -> bool:  # noqa: ARG002 the same for all packs
        """No."""
        return False

    def want(self, pack: bytes) -> None:
        """Nothing is missed."""

    def hides(self, pack: bytes) -> bool:  # noqa: ARG002 as above
        """No."""
        return False


NOTHING_AWAY = NothingAway()


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A signed head that friends know; after a restore the chain goes on behind it, even where links before it are
    lost."""

    seq: int
    hash: bytes


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
    away: Away = NOTHING_AWAY
    known_head: KnownHead | None = None
