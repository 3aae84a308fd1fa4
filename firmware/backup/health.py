"""How safe packs are: servers of happiness by maximum matching, the badge, and who must come back.

Source of the metric: "servers of happiness" of Tahoe-LAFS (docs/specifications/servers-of-happiness.rst): the size of
the largest matching between shards and distinct servers; here servers are households. Found by augmenting paths (Kuhn).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from firmware.backup.book import Needed
from firmware.backup.facts import Facts
from firmware.backup.ladder import full, in_grace
from firmware.backup.states import Lay, Mark, Pack, PeerState, Safety, SafetyState

NOTHING = Safety(SafetyState.HERE)
_NEVER = frozenset({PeerState.SUSPENDED, PeerState.LOST, PeerState.LEFT})


def happiness(holders: Mapping[int, Collection[str]]) -> int:
    """Return how many shards find a household of their own; ``holders``: shard -> the households that have it."""
    chosen: dict[str, int] = {}

    def settle(shard: int, seen: set[str]) -> bool:
        for home in holders[shard]:
            if home in seen:
                continue
            seen.add(home)
            if home not in chosen or settle(chosen[home], seen):
                chosen[home] = shard
                return True
        return False

    return sum(settle(shard, set()) for shard in holders)


def proven_now(facts: Facts) -> frozenset[tuple[int, bytes]]:
    """Return the (peer, locker) whose last audit is good and recent."""
    oldest = facts.awake_ms - facts.rules.recent_ms
    return frozenset(
        at
        for at, each in facts.standings.items()
        if each.good and each.good_at >= oldest and facts.by_number[each.number].state not in _NEVER
    )


def refresh(facts: Facts) -> None:
    """Work out again who is proven; what was said about packs is forgotten when that changed."""
    proven = proven_now(facts)
    if proven != facts.proven:
        facts.proven = proven
        facts.safeties.clear()


def judge(facts: Facts, lay: Lay, happy: int, *, receipted: bool) -> Safety:
    """Return the badge of a pack laid out like this of which ``happy`` shards count.

    SAFE has what the layout and the size of the circle allow; a circle that waits for one more household has one spare
    shard, and the badge says so.
    """
    if happy >= (lay.k + 1 if in_grace(facts, lay) else full(facts, lay)):
        return Safety(SafetyState.SAFE, happy - lay.k, happy)
    return Safety(SafetyState.GOING) if receipted else NOTHING


def safety(facts: Facts, pack: Pack) -> Safety:
    """Return the badge of one pack: it promises no more than households that know what its shards are."""
    found = _of_shards(facts, pack)
    return Safety(SafetyState.GOING) if is_untold(facts, pack.id, found) else found


def is_untold(facts: Facts, pack: bytes, found: Safety) -> bool:
    """Whether all households that have the book's page of this pack may be among those that may fail."""
    return found.state is SafetyState.SAFE and facts.unbooked.get(pack, found.may_fail + 1) <= found.may_fail


def _of_shards(facts: Facts, pack: Pack) -> Safety:
    """Return the badge that the shards alone would give."""
    if pack.formers:
        return _judged(facts, pack)
    at = (pack.locker, pack.lay)
    found = facts.safeties.get(at)
    if found is None:
        if len(facts.safeties) > 100_000:
            facts.safeties.clear()
        found = facts.safeties[at] = _judged(facts, pack)
    return found if found.state is not SafetyState.HERE or pack.next is None else _judged(facts, pack)


def _judged(facts: Facts, pack: Pack) -> Safety:
    lay = pack.lay
    if not lay.k:
        return NOTHING
    happy = happiness(holders(facts, pack, lay.k, proven=True))
    receipted = bool(lay.held() or pack.formers or (pack.next and pack.next.held()))
    return judge(facts, lay, happy, receipted=receipted)


def holders(facts: Facts, pack: Pack, k: int, *, proven: bool = False) -> dict[int, set[str]]:
    """Return shard -> households that gave a receipt for it, of the layouts with this ``k``."""
    found: dict[int, set[str]] = {}
    for index, number in receipted(pack, k):
        if not proven or (number, pack.locker) in facts.proven:
            found.setdefault(index, set()).add(facts.by_number[number].home)
    return found


def receipted(pack: Pack, k: int) -> list[tuple[int, int]]:
    """Return (shard, peer's number) of everything receipted in layouts with this ``k``."""
    found = [(each.shard, each.peer) for each in pack.formers if each.k == k]
    for lay in (pack.lay, pack.next):
        if lay is not None and lay.k == k:
            found += [(index, lay.hosts[index]) for index in range(lay.n) if lay.marks[index] == Mark.HELD]
    return found


def safety_of(facts: Facts, packs: Iterable[bytes]) -> Safety:
    """Return the badge of something that needs all of these packs; an unknown or dropped one is HERE at best."""
    found = [safety(facts, facts.packs[each]) if each in facts.packs else NOTHING for each in packs]
    if not found:
        return NOTHING
    states = {each.state for each in found}
    if states == {SafetyState.SAFE}:
        return min(found, key=lambda each: (each.may_fail, each.of))
    return NOTHING if states == {SafetyState.HERE} else Safety(SafetyState.GOING)


class Sum(NamedTuple):
    """Packs, and bytes, of one state."""

    packs: int = 0
    size: int = 0


def summary(facts: Facts, locker: bytes | None = None) -> dict[Safety, Sum]:
    """Return how many packs (of one locker) have which badge; costs as many steps as there are different lays."""
    found: dict[Safety, Sum] = {}
    for (owner, lay), group in facts.groups.items():
        if locker is not None and owner != locker:
            continue
        kind = facts.safeties.get((owner, lay))
        if kind is None:
            happy = happiness(_plain_holders(facts, owner, lay))
            kind = judge(facts, lay, happy, receipted=bool(lay.held())) if lay.k else NOTHING
            facts.safeties[owner, lay] = kind
        before = found.get(kind, Sum())
        found[kind] = Sum(before.packs + group.packs, before.size + group.size)
    for each in facts.unbooked:
        pack = facts.packs[each]
        if locker in (None, pack.locker):
            _move_untold(facts, pack, found)
    return found


def _move_untold(facts: Facts, pack: Pack, found: dict[Safety, Sum]) -> None:
    """Count one pack among those on their way that its shards alone would call safe."""
    alone = facts.safeties[pack.locker, pack.lay]
    if is_untold(facts, pack.id, alone):
        for kind, sign in ((alone, -1), (Safety(SafetyState.GOING), 1)):
            before = found.get(kind, Sum())
            found[kind] = Sum(before.packs + sign, before.size + sign * pack.size)
        if not found[alone].packs:
            del found[alone]


def _plain_holders(facts: Facts, locker: bytes, lay: Lay) -> dict[int, set[str]]:
    return {
        index: {facts.by_number[host].home}
        for index, (host, mark) in enumerate(zip(lay.hosts, lay.marks, strict=True))
        if mark == Mark.HELD and (host, locker) in facts.proven
    }


def must_return(facts: Facts, packs: Iterable[bytes], reachable: Collection[bytes]) -> list[Needed]:
    """Return who must come back so that every pack can be restored from peers alone, hardest demand first.

    ``reachable``: peers that are there. Nothing is returned when they are enough. A demand of 0 peers to choose from
    with a positive number wanted means that no peer can help: that pack is on this box only.
    """
    here = {facts.peers[key].number for key in reachable if key in facts.peers}
    demands: dict[Needed, None] = {}
    seen: set[tuple[Lay, Lay | None, tuple[object, ...]]] = set()
    for each in packs:
        pack = facts.packs[each]
        alike = (pack.lay, pack.next, pack.formers)
        if alike not in seen:
            seen.add(alike)
            demand = _demand(facts, pack, here)
            if demand is not None:
                demands[demand] = None
    return sorted(demands, key=lambda need: (len(need.peers) - need.wanted, -need.wanted, need.peers))


def _demand(facts: Facts, pack: Pack, here: set[int]) -> Needed | None:
    best: Needed | None = None
    for k in {pack.lay.k, pack.next.k if pack.next else pack.lay.k} - {0} or {1}:
        pairs = [each for each in receipted(pack, k) if facts.by_number[each[1]].state is not PeerState.LEFT]
        count = k - len({index for index, number in pairs if number in here})
        if count <= 0:
            return None
        away = sorted({facts.by_number[number].key for index, number in pairs if number not in here})
        need = Needed(count, tuple(away))
        if best is None or len(away) - count > len(best.peers) - best.wanted:
            best = need
    return best
