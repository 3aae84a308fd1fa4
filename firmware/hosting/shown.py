"""What the owner of a box is shown of the shards she keeps for others. Only values."""

from __future__ import annotations

from dataclasses import dataclass

from firmware.hosting.leases import Ending


@dataclass(frozen=True)
class HostedPeer:
    """A household: what it may use and uses here (bytes), what it gives us, when it was heard (ms, 0 never)."""

    box: bytes
    quota: int
    used: int
    reserved: int
    their_quota: int
    our_use: int
    heard_ms: int
    lockers: int


@dataclass(frozen=True)
class HostedLocker:
    """A locker kept here. ``place`` names it among calls; ``away_ms``: silent since then, None while it is not."""

    place: bytes
    locker: bytes
    box: bytes
    epoch: int
    shards: int
    used: int
    alive_ms: int
    away_ms: int | None
    ending: Ending | None
    pending: int
    """Shards asked away."""
    waiting_ms: int | None
    """Another box wants to take over, from then on; None: none does."""
    wave: bool


@dataclass(frozen=True)
class PendingDelete:
    """``count`` shards asked away together; they go at ``effective_ms`` at the earliest."""

    place: bytes
    locker: bytes
    box: bytes
    asked_ms: int
    effective_ms: int
    count: int


@dataclass(frozen=True)
class Tidied:
    """What a round of tidying removed: shards that were due, parts nobody went on with, and the bytes of both."""

    shards: int = 0
    parts: int = 0
    size: int = 0
