"""Versions: each box says the oldest and newest major version it speaks; both speak the newest they have in common."""

from __future__ import annotations

from firmware.errors import PeerVersion

Span = tuple[int, ...]
"""(oldest, newest)."""


def agreed(mine: Span, theirs: Span) -> int:
    """Return the version to speak; raises PeerVersion (naming theirs) when there is none in common."""
    best = min(mine[1], theirs[1])
    if best < max(mine[0], theirs[0]):
        raise PeerVersion(low=theirs[0], high=theirs[1])
    return best
