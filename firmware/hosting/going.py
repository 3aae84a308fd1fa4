"""What goes and when: shards asked away, capsules that others replace. Times are ms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from firmware.limits import (
    CAPSULE_DAYS,
    CAPSULE_MONTHS,
    CAPSULES_NEWEST,
    HOST_DELETE_DAYS,
    HOST_WAVE_SHARDS,
)

DAY: Final = 86_400_000
MONTH: Final = 30 * DAY
DELETE_MS: Final = HOST_DELETE_DAYS * DAY


def delete_date(when_ms: int, now_ms: int) -> int:
    """Return when shards go that shall go at ``when_ms``: 30 days from now at least."""
    return max(when_ms, now_ms + DELETE_MS)


def is_wave(pending: int, held: int) -> bool:
    """True when so many of a locker's shards are asked away that a person should look."""
    return pending >= HOST_WAVE_SHARDS and pending * 5 >= held


class CapsuleKept(NamedTuple):
    """A capsule on the disk; capsules sort by their arrival."""

    received_ms: int
    number: int


def capsules_going(kept: Iterable[CapsuleKept], now_ms: int) -> set[CapsuleKept]:
    """Return those that need not stay: not among the newest three, the first of no recent day or month.

    Numbers are the owner's word and decide nothing: a flood of them pushes out only what came on the same day.
    """
    ordered = sorted(kept)
    stay = set(ordered[-CAPSULES_NEWEST:])
    for span, count in ((DAY, CAPSULE_DAYS), (MONTH, CAPSULE_MONTHS)):
        first: dict[int, CapsuleKept] = {}
        for each in ordered:
            first.setdefault(each.received_ms // span, each)
        stay |= {each for at, each in first.items() if at > now_ms // span - count}
    return set(ordered) - stay
