"""How long a locker is kept for a household that says nothing, and how that may end. Times are ms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware.errors import LeaseRuns
from firmware.limits import HOST_AWAY_DAYS, HOST_LEASE_DAYS, HOST_LEAVE_DAYS, HOST_NOTICE_DAYS

DAY: Final = 86_400_000
LEASE_MS: Final = (HOST_LEASE_DAYS + HOST_NOTICE_DAYS) * DAY
"""From the last sign of life to the earliest end."""


class EndingKind(StrEnum):
    """Why a locker's shards are going to go."""

    SILENT = "silent"
    """The owner of this box gave notice after 13 months of silence; a sign of life takes it back."""
    LEFT = "left"
    """The household left the circle."""


@dataclass(frozen=True)
class Ending:
    """A locker's shards may go at ``when_ms``, when this box has lived ``lived_ms`` (see ``Patience``)."""

    kind: EndingKind
    when_ms: int
    lived_ms: int


def lease_until(alive_ms: int) -> int:
    """Return until when a locker is kept without another word."""
    return alive_ms + LEASE_MS


def away_since(alive_ms: int, now_ms: int) -> int | None:
    """Return since when a locker's household is away: the last sign of life, None while that is recent."""
    return alive_ms if now_ms - alive_ms > HOST_AWAY_DAYS * DAY else None


def ending_after_notice(alive_ms: int, now_ms: int, lived_ms: int) -> Ending:
    """The owner of this box gives notice to a silent locker; raises LeaseRuns while it may be only on holiday."""
    if now_ms < alive_ms + HOST_LEASE_DAYS * DAY:
        raise LeaseRuns(days=-(-(alive_ms + HOST_LEASE_DAYS * DAY - now_ms) // DAY))
    return Ending(EndingKind.SILENT, now_ms + HOST_NOTICE_DAYS * DAY, lived_ms + HOST_NOTICE_DAYS * DAY)


def ending_after_leaving(now_ms: int, lived_ms: int) -> Ending:
    """The household left the circle."""
    return Ending(EndingKind.LEFT, now_ms + HOST_LEAVE_DAYS * DAY, lived_ms + HOST_LEAVE_DAYS * DAY)


def check_end(ending: Ending | None, alive_ms: int, now_ms: int, lived_ms: int) -> None:
    """Raise LeaseRuns unless a locker may go now."""
    if ending is None:
        left = max(DAY, lease_until(alive_ms) - now_ms)
    else:
        left = max(ending.when_ms - now_ms, ending.lived_ms - lived_ms)
    if left > 0:
        raise LeaseRuns(days=-(-left // DAY))


def ending_after_contact(ending: Ending | None) -> Ending | None:
    """A sign of life takes a notice back; whoever left has left."""
    return None if ending is not None and ending.kind is EndingKind.SILENT else ending
