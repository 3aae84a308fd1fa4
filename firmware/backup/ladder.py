"""Which layout a pack should have, what it lacks, and how urgent that is.

The rungs are those of docs/formats/shard.md. Growing inside a rung keeps every shard; another k lays the pack out anew
beside the old layout. A circle that shrinks keeps its layout as long as that is as good as what the smaller circle
would get, so that one lost household costs one shard a pack and not a new layout. When it is one household short of
that and every pack still has a spare shard, it waits ``Rules.grace_ms`` for somebody to take the place.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from firmware.backup.facts import Facts, Order
from firmware.backup.states import IN_CIRCLE, Lay, Mark, Pack, Peer, PeerState
from firmware.shard import LAYOUTS, Layout, layout_for

URGENT: Final = 0
"""Rank of packs that lost all their spare shards; 1 is precious, 2 and more the kinds, RELAY and more new layouts."""
PRECIOUS: Final = 1
KINDS: Final = 1
RELAY: Final = 10

_DEAD: Final = frozenset({PeerState.LOST, PeerState.LEFT, PeerState.LEAVING})
_WEAK: Final = _DEAD | {PeerState.SUSPENDED}


class Goal(NamedTuple):
    """A pack should have ``n`` shards placed of the layout with ``k``; ``anew`` beside the one it has."""

    k: int
    n: int
    anew: bool = False


def households(facts: Facts) -> int:
    """Return how many other households keep shards for this box: members of the circle that give room."""
    return len({each.home for each in facts.by_number.values() if each.state in IN_CIRCLE and each.quota > 0})


def goal(facts: Facts, pack: Pack) -> Goal | None:
    """Return what ``pack`` should have; None when there is nobody to have it."""
    target = layout_for(facts.ladder, precious=pack.precious)
    lay = pack.lay
    if target is None:
        return None
    if lay.k in (0, target.k):
        return Goal(target.k, target.n)
    if pack.next is not None and pack.next.k == target.k:
        return Goal(target.k, target.n, anew=True)
    if facts.settled and (target.k > lay.k or _worse(lay, facts.ladder, target)) and not in_grace(facts, lay):
        return Goal(target.k, target.n, anew=True)
    return Goal(lay.k, lay.n)


def _worse(lay: Lay, count: int, target: Layout) -> bool:
    """Whether so few households leave the old layout fewer spare shards than the layout of the smaller circle has."""
    return min(lay.n, count) - lay.k < target.spare


def one_short(count: int) -> bool:
    """Whether so few households leave one spare shard to a layout whose ``k`` is more than that of their own."""
    target = layout_for(count)
    return target is not None and any(each.k == count - 1 and each.k > target.k for each in LAYOUTS)


def in_grace(facts: Facts, lay: Lay) -> bool:
    """Whether packs laid out like this wait for one more household."""
    return facts.graced and lay.k == facts.ladder - 1


def full(facts: Facts, lay: Lay) -> int:
    """Return how many shards of ``lay`` must count so that nothing is missing: k + 2, or all the circle can have."""
    return min(lay.k + 2, most(facts, lay))


def most(facts: Facts, lay: Lay) -> int:
    """Return how many shards of ``lay`` the circle can have, as large as it is."""
    target = layout_for(facts.ladder, precious=True)
    return min(lay.n, target.n) if target is not None and target.k == lay.k else lay.n


def kept(facts: Facts, lay: Lay) -> int:
    """Return how many shards of ``lay`` have a receipt of a household that does not count as lost."""
    lost = lost_slots(facts, lay)
    return sum(1 for index, mark in enumerate(lay.marks) if mark == Mark.HELD and index not in lost)


def lost_slots(facts: Facts, lay: Lay) -> frozenset[int]:
    """Return which shards of ``lay`` have to be made again elsewhere, if anybody has room.

    Those of peers that are lost, left or leaving; those of suspended ones too once no more than k + 1 others are there;
    planned ones whose peer takes no shards now.
    """
    peers = [facts.by_number[host] if host else None for host in lay.hosts]
    there = sum(1 for each in peers if each is not None and each.state not in _WEAK)
    gone = _WEAK if there <= lay.k + 1 else _DEAD
    return frozenset(
        index
        for index, (peer, mark) in enumerate(zip(peers, lay.marks, strict=True))
        if peer is not None and (peer.state in gone or (mark == Mark.PLANNED and _is_idle(facts, peer)))
    )


def _is_idle(facts: Facts, peer: Peer) -> bool:
    """Whether what is only planned for this peer had better go to another one."""
    return peer.state is not PeerState.ACTIVE or peer.silent_ms >= facts.rules.stale_ms


def rank(facts: Facts, pack: Pack) -> int | None:
    """Return how urgent it is to give this pack what it lacks, smallest first; None when it lacks nothing."""
    if pack.dropped_at >= 0:
        return None
    usual = PRECIOUS if pack.precious else KINDS + pack.kind
    wanted = goal(facts, pack)
    if wanted is None:
        return None if pack.lay.k else usual
    if wanted.anew and pack.next is not None and pack.next.k == wanted.k and _placed(facts, pack.next) >= wanted.n:
        return None
    there = _placed(facts, pack.lay)
    if wanted.anew and there >= min(pack.lay.k + 2, pack.lay.n):
        return RELAY + pack.kind
    if not wanted.anew and there >= wanted.n:
        return None
    if pack.lay.held() > 0 and there <= pack.lay.k:
        return URGENT
    return usual


def _placed(facts: Facts, lay: Lay) -> int:
    """How many shards are at, or planned for, households that do not count as lost."""
    lost = lost_slots(facts, lay)
    return sum(1 for index, host in enumerate(lay.hosts) if host and index not in lost)


def order(pack: Pack, urgency: int) -> Order:
    """Return where a pack stands in the line: urgency, then small before large, then old before new."""
    return urgency, pack.size, pack.cut_ms, pack.id
