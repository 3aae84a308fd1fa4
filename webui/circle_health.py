"""What is true about a circle, in the order in which a person asks: is everybody there, what may fail, what to do.

Pure: facts of ``services.api`` and the time go in, keys of sentences and their fields come out.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from services.api.circle_types import Circle, PeerInfo, PeerIs, Reach

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
PATIENCE_MS: Final = _DAY_MS
"""A box that was heard within a day needs nobody: routers restart, people travel."""
_GONE: Final = (PeerIs.LEFT, PeerIs.LOST)
_COUNTED: Final = (PeerIs.ACTIVE, PeerIs.PROBATION)
"""Peers whose shards count for what the box calls safe; the others it has left out of its counting already."""
_FULL: Final = "full"


class Level(enum.StrEnum):
    """Three levels only, and the quiet one of things that are under way."""

    SAFE = "safe"
    QUIET = "quiet"
    NEED = "need"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one friend's box is: the key of its line and the moment that line speaks of (0: none)."""

    level: Level
    key: str
    when_ms: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """One sentence and its reason (keys with fields), and who has to come back before all could be had without us."""

    level: Level
    touch: tuple[str, dict[str, int | str]]
    reason: tuple[str, dict[str, int | str]]
    back: tuple[PeerInfo, ...] = ()
    back_count: int = 0
    full_bytes: int = 0
    lacks_kit: bool = False
    moved: bool = False
    """Another box acts for a locker of this one."""
    held_bytes: int = 0
    """What friends keep though a locker does without it, until a person says that it may go."""
    peers: tuple[PeerInfo, ...] = field(default=())


def in_circle(found: Circle) -> tuple[PeerInfo, ...]:
    """Return the friends' boxes that are in the circle."""
    return tuple(each for each in found.peers if each.state is not PeerIs.LEFT)


def is_there(peer: PeerInfo) -> bool:
    """Whether it can be talked to now."""
    return peer.reach in (Reach.HOME, Reach.DIRECT, Reach.RELAY)


def standing(peer: PeerInfo, now_ms: int) -> Standing:
    """Return what the line of one friend's box says."""
    if peer.state is PeerIs.LEFT:
        return Standing(Level.GONE, "left")
    if peer.state is PeerIs.LEAVING or peer.leaves_ms:
        return Standing(Level.NEED, "leaves", peer.leaves_ms or 0)
    if peer.reach is Reach.REFUSED:
        return Standing(Level.NEED, "refused")
    if not is_there(peer):
        return _away(peer, now_ms)
    if peer.state is PeerIs.PROBATION or peer.state is PeerIs.SUSPENDED or peer.strikes:
        return Standing(Level.NEED if peer.strikes else Level.QUIET, "wrong" if peer.strikes else "returning")
    if peer.audited_ms:
        return Standing(Level.SAFE, "proved", peer.audited_ms)
    return Standing(Level.SAFE, "new")


def _away(peer: PeerInfo, now_ms: int) -> Standing:
    if peer.state is PeerIs.LOST:
        return Standing(Level.NEED, "lost", peer.seen_ms)
    if not peer.seen_ms:
        is_late = now_ms - peer.since_ms > PATIENCE_MS
        return Standing(Level.NEED if is_late else Level.QUIET, "unheard")
    ago = now_ms - peer.seen_ms
    level = Level.NEED if ago > PATIENCE_MS or peer.state is PeerIs.SUSPENDED else Level.QUIET
    return Standing(level, "away" if ago < _HOUR_MS else "dark", peer.seen_ms)


def needy_first(peers: Sequence[PeerInfo], now_ms: int) -> list[tuple[PeerInfo, Standing]]:
    """Return the friends with their lines: who needs a look first, who left last."""
    found = [(each, standing(each, now_ms)) for each in peers]
    return sorted(found, key=lambda pair: {Level.NEED: 0, Level.GONE: 2}.get(pair[1].level, 1))


def health(found: Circle, now_ms: int) -> Health:
    """Judge a circle that has at least one friend."""
    peers = in_circle(found)
    there = sum(is_there(each) for each in peers)
    back = tuple(each for each in peers if each.state in _COUNTED and not is_there(each))
    safe = sum(each.safe_bytes for each in found.lockers)
    may_fail = min((each.may_fail for each in found.lockers if each.safe_bytes), default=0)
    short = max(0, len(_homes(back)) - may_fail) if safe else 0
    moved = any(each.moved_ms is not None for each in found.lockers)
    lacks_kit = not all(each.custody or each.moved_ms is not None for each in found.lockers)
    full = next((each.amount for each in found.notices if each.kind == _FULL and not each.peer), 0)
    full = full if found.waits_bytes else 0
    held = sum(each.held_bytes for each in found.lockers)
    lines = [standing(each, now_ms) for each in peers]
    needs = any(each.level is Level.NEED for each in lines) or lacks_kit or moved or full or held
    level = Level.NEED if needs else Level.SAFE if there == len(peers) else Level.QUIET
    return Health(
        level,
        _touch(peers, there),
        _reason(found, safe, may_fail - len(_homes(back)), away=len(back), short=short),
        back if short else (),
        short,
        full,
        lacks_kit,
        moved,
        held,
        peers,
    )


def _homes(peers: Sequence[PeerInfo]) -> set[str]:
    """Return the households of these boxes: two boxes of one household fail together."""
    return {each.household or each.peer for each in peers}


def _touch(peers: Sequence[PeerInfo], there: int) -> tuple[str, dict[str, int | str]]:
    name: dict[str, int | str] = {"name": peers[0].label} if len(peers) == 1 else {}
    if there == len(peers):
        return "all", name or {"all": len(peers)}
    if there == 0:
        return "none", name
    return "some", {"some": there, "all": len(peers)}


def _reason(found: Circle, safe: int, spare: int, *, away: int, short: int) -> tuple[str, dict[str, int | str]]:
    if found.lockers and all(each.moved_ms is not None for each in found.lockers):
        return "moved", {}
    if short:
        return "short", {}
    if found.paused and found.waits_bytes:
        return "paused", {"bytes": found.waits_bytes}
    if not safe:
        return ("going", {"bytes": found.waits_bytes}) if found.waits_bytes else ("nothing", {})
    if found.waits_bytes:
        return "more-going", {"bytes": found.waits_bytes}
    if spare <= 0:
        return "copy" if not away else "last", {}
    return ("spare-more" if away else "spare"), {"count": spare}
