"""Audits: what is asked of whom and when, and what an answer means.

Judged in windows with grace: a peer that says nothing is away, not lying. Only a wrong answer is a strike, or losing a
shard again that was lost and brought anew; at most one a window. The first strike is probation, the second suspension;
a suspended peer comes back by proving itself several times in a row. The figures (64, 459 leaves, 1/28 a day) stand in
``Rules``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from firmware.backup.actions import Action, Alarm, AlarmKind, Answer, Audit, AuditWhole, PickedShard
from firmware.backup.chance import Chance
from firmware.backup.facts import Facts
from firmware.backup.health import receipted
from firmware.backup.shipping import lay_of, line_up, put_mark, sweep
from firmware.backup.states import DAY, MINUTE, Former, Lay, Mark, Pack, Peer, PeerState, Standing, layout_of
from firmware.shard import LEAF_BYTES

TRIES: Final = 8
"""Random packs looked at for one leaf before walking on to the next one the peer keeps."""

WALK: Final = 500
"""Packs walked over at most in one audit; the next one goes on from there."""

IN_VAIN: Final = 24
"""So many draws in a row that brought no new leaf end an audit: the peer keeps hardly more leaves than were drawn."""

AUDITS_A_STEP: Final = 2
"""Of those that are due the others come with the next steps, a moment later."""

WHOLE_AT_ONCE: Final = 4

DOUBLED: Final = 5
"""How often the time between two audits of a proven liar is doubled; more than a day it never is."""

_Kept = tuple[Lay, Pack, int, int]
"""Layout, pack, number and leaves of a shard that a peer keeps."""

_ASKED: Final = frozenset(PeerState) - {PeerState.LEFT}


def audits(facts: Facts, chance: Chance) -> list[Action]:
    """Return the audits that are due now: one for each peer that is there, of one locker each."""
    out: list[Action] = []
    awake_ms = facts.awake_ms
    due = [each for each in facts.standings.values() if each.next_at <= awake_ms]
    unclear = _unclear(facts) if due else set()
    for standing in due:
        peer = facts.by_number[standing.number]
        holds = facts.held[standing.number, standing.locker]
        if not peer.online or peer.number in unclear or peer.state not in _ASKED or holds <= 0:
            continue
        locker = facts.lockers.get(standing.locker)
        flight = ("audit", standing.locker, peer.key, 0, 0)
        if locker is None or not locker.custody or flight in facts.flights:
            continue
        picks = _picks(facts, chance, standing, facts.leaves(standing))
        at = standing.number, standing.locker
        facts.empty[at] = 0 if picks else facts.empty.get(at, 0) + WALK
        if not picks:
            standing.next_at = facts.awake_ms + facts.rules.later_ms
        else:
            audit = Audit(standing.locker, peer.key, chance.nonce(), picks, standing.deep)
            facts.fly(flight, audit)
            out.append(audit)
        if len(out) >= AUDITS_A_STEP:
            break
    return out


def _unclear(facts: Facts) -> set[int]:
    """Peers of whom single shards are doubted: until these were read whole, one rotten leaf would be wrong twice."""
    return {each[3] for each in (*facts.doubts, *facts.confirming)}


def _picks(facts: Facts, chance: Chance, standing: Standing, count: int) -> tuple[PickedShard, ...]:
    """Leaves drawn anew each time: packs at random, in every second draw large ones sooner, then a leaf.

    No leaf counts twice: where a peer keeps a few small packs and a large one, draws would else be spent on leaves that
    were drawn already, and a peer that loses one leaf in a hundred would stay unfound for longer than it may.
    """
    chosen: dict[tuple[bytes, int, int], set[int]] = {}
    drawing = _Drawing(facts, chance, standing)
    turn = in_vain = 0
    left = count
    while left and in_vain < IN_VAIN:
        found = drawing.pack(by_size=turn % 2 == 1 or turn >= count)
        if found is None:
            break
        turn += 1
        lay, pack, index, size = found
        leaves, leaf = chosen.setdefault((pack.id, lay.k, index), set()), chance.below(size)
        if leaf in leaves:
            in_vain += 1
        else:
            leaves.add(leaf)
            left, in_vain = left - 1, 0
    return tuple(
        PickedShard(pack, k, _n(facts.packs[pack], k, index), index, tuple(sorted(leaves)))
        for (pack, k, index), leaves in sorted(chosen.items())
    )


class _Drawing:
    """Draws packs a peer keeps for one audit; what was looked up for one leaf is known for the others."""

    def __init__(self, facts: Facts, chance: Chance, standing: Standing) -> None:
        self._facts, self._chance, self._standing = facts, chance, standing
        self._looked: dict[bytes, _Kept | None] = {}
        self._walked = 0

    def pack(self, *, by_size: bool) -> _Kept | None:
        """Draw one, ``by_size`` large ones sooner; None when a long walk met none."""
        order, size, below, looked = self._facts.order, len(self._facts.order), self._chance.below, self._looked
        found = None
        for _ in range(TRIES):
            pack_id = order[below(size)]
            found = looked[pack_id] if pack_id in looked else self._look(pack_id)
            if found and (not by_size or below(1024) < found[3] + 64):
                return found
        return found or self._met()

    def _met(self) -> _Kept | None:
        """Walk on to the next pack the peer keeps."""
        facts, at = self._facts, (self._standing.number, self._standing.locker)
        size = len(facts.order)
        for _ in range(min(WALK - self._walked, size)):
            self._walked += 1
            facts.walks[at] = (facts.walks.get(at, 0) + 1) % size
            found = self._look(facts.order[facts.walks[at]])
            if found is not None:
                return found
        return _kept(facts, facts.latest.get(at, b""), self._standing)

    def _look(self, pack_id: bytes) -> _Kept | None:
        if pack_id not in self._looked:
            self._looked[pack_id] = _kept(self._facts, pack_id, self._standing)
        return self._looked[pack_id]


def _n(pack: Pack, k: int, index: int) -> int:
    lay = lay_of(pack, k)
    return lay.n if lay is not None else layout_of(k, index + 1).n


def _kept(facts: Facts, pack_id: bytes, standing: Standing) -> _Kept | None:
    """What a peer keeps of a pack, if it can be asked about: the file of a dropped one is gone here."""
    facts.work += 1
    pack = facts.packs.get(pack_id)
    if pack is None or pack.locker != standing.locker or pack.dropped_at >= 0:
        return None
    for lay in (pack.lay, pack.next):
        index = lay.hosts.find(standing.number) if lay is not None else -1
        if lay is not None and index >= 0 and lay.marks[index] == Mark.HELD:
            return _with_leaves(lay, pack, index)
    for former in pack.formers:
        if former.peer == standing.number:
            return _with_leaves(lay_of(pack, former.k) or Lay(former.k, b"", b""), pack, former.shard)
    return None


def _with_leaves(lay: Lay, pack: Pack, index: int) -> _Kept:
    return lay, pack, index, -(-lay.shard_size(pack.size) // LEAF_BYTES)


# Whole shards


def wholes(facts: Facts, chance: Chance) -> list[Action]:
    """Return the packs whose shards are read whole now: doubted ones first, then the next of the round."""
    out: list[Action] = []
    running = sum(1 for flight in facts.flights if flight[0] == "whole")
    while facts.doubts and running + len(out) < 2 * WHOLE_AT_ONCE:
        pack_id, k, index, number = facts.doubts.pop()
        pack = facts.packs.get(pack_id)
        if pack is not None and (index, number) in receipted(pack, k) and facts.by_number[number].online:
            asked = _whole(facts, chance, pack, k, [(index, number)])
            facts.confirming |= {(pack_id, k, index, number)} if asked else set()
            out += asked
    while facts.order and facts.whole_next <= facts.awake_ms and running + len(out) < WHOLE_AT_ONCE:
        facts.whole_next = max(facts.whole_next, facts.awake_ms - DAY)  # a box that slept catches up one day at most
        facts.whole_next += max(1, facts.rules.whole_days * DAY // len(facts.order))
        facts.whole_at = (facts.whole_at + 1) % len(facts.order)
        facts.changes.times = True
        facts.work += 1
        pack = facts.packs.get(facts.order[facts.whole_at])
        if pack is not None and pack.dropped_at < 0 and pack.lay.k:
            there = [each for each in receipted(pack, pack.lay.k) if facts.by_number[each[1]].online]
            out += _whole(facts, chance, pack, pack.lay.k, there)
    return out


def _whole(facts: Facts, chance: Chance, pack: Pack, k: int, shards: list[tuple[int, int]]) -> list[Action]:
    locker = facts.lockers.get(pack.locker)
    asked = [
        (index, facts.by_number[number].key)
        for index, number in shards
        if ("whole", pack.id, facts.by_number[number].key, k, index) not in facts.flights
    ]
    if not asked or locker is None or not locker.custody:
        return []
    n = max(_n(pack, k, 0), max(index for index, _ in asked) + 1)
    action = AuditWhole(pack.locker, pack.id, k, n, tuple(asked), chance.nonce())
    for index, key in asked:
        facts.fly(("whole", pack.id, key, k, index), action)
    return [action]


# What answers mean


def audited(facts: Facts, audit: Audit, answer: Answer, missing: Collection[PickedShard] = ()) -> None:
    """Judge the answer to picked leaves; ``missing``: those the peer said it does not keep."""
    facts.landed(("audit", audit.locker, audit.peer, 0, 0))
    peer = facts.peers.get(audit.peer)
    if peer is None:
        return
    standing = facts.standing(peer.number, audit.locker)
    if answer is Answer.GOOD:
        _good(facts, peer, standing, deep=audit.deep)
    elif answer is Answer.SILENT:
        standing.next_at = facts.awake_ms + facts.rules.later_ms
    else:
        _suspect(facts, standing)
        gone = missing if answer is Answer.MISSING else ()
        for pick in gone:
            lose(facts, pick.pack, pick.k, pick.index, peer)
        if not gone:
            facts.doubts += [(pick.pack, pick.k, pick.index, peer.number) for pick in audit.picks]
        again = [_missed_again(facts, pick.pack, pick.k, pick.index, peer) for pick in gone]
        if answer is Answer.WRONG or any(again):
            _strike(facts, peer)


def _missed_again(facts: Facts, pack: bytes, k: int, index: int, peer: Peer) -> bool:
    """Remember that a peer lost a shard; True when it lost this very shard before: its receipts are worth nothing."""
    known, this = facts.missed.get(pack, frozenset()), (k, index, peer.number)
    facts.missed[pack] = known | {this}
    return this in known


def audited_whole(facts: Facts, action: AuditWhole, index: int, key: bytes, answer: Answer) -> None:
    """Judge the answer of one peer about one whole shard; a wrong or missing one is made again elsewhere."""
    if facts.landed(("whole", action.pack, key, action.k, index)):
        looked_at(facts, action.pack, action.k, index, key, answer)


def looked_at(facts: Facts, pack_id: bytes, k: int, index: int, key: bytes, answer: Answer) -> None:
    """Judge what one peer gave for one whole shard; a wrong or missing one is made again elsewhere."""
    peer, pack = facts.peers.get(key), facts.packs.get(pack_id)
    at = pack_id, k, index, peer.number if peer is not None else 0
    known = at in facts.confirming
    facts.confirming.discard(at)
    if peer is None or pack is None or answer in (Answer.GOOD, Answer.SILENT):
        return
    _suspect(facts, facts.standing(peer.number, pack.locker))
    if answer is Answer.WRONG:
        facts.avoid[pack_id] = facts.avoid.get(pack_id, frozenset()) | {peer.number}
    lost_again = answer is Answer.MISSING and _missed_again(facts, pack_id, k, index, peer)
    if lost_again or (answer is Answer.WRONG and not known):
        _strike(facts, peer)
    lose(facts, pack_id, k, index, peer)


def _good(facts: Facts, peer: Peer, standing: Standing, *, deep: bool) -> None:
    if standing.deep and not deep:
        standing.next_at = facts.awake_ms  # asked before the suspicion arose: says nothing about it
        return
    standing.good, standing.good_at, standing.good_ms = True, facts.awake_ms, facts.now_ms
    standing.next_at = facts.awake_ms + facts.rules.audit_every_ms
    standing.deep = False
    facts.touched(peer)
    if deep:
        peer.proofs += 1
    if peer.state in (PeerState.SUSPENDED, PeerState.LOST):
        standing.deep = True
        standing.next_at = facts.awake_ms + facts.rules.audit_again_ms
        if peer.proofs >= facts.rules.proofs_return:
            peer.state, peer.probation_at, peer.suspended_at = PeerState.PROBATION, facts.awake_ms, -1
            sweep(facts)


def _suspect(facts: Facts, standing: Standing) -> None:
    """Ask deeply in an hour; who goes on answering wrong is asked half as often each time, down to once a day."""
    standing.good = False
    standing.deep = True
    again = max(0, facts.by_number[standing.number].strikes - facts.rules.strikes_suspend)
    standing.next_at = facts.awake_ms + min(
        facts.rules.audit_again_ms << min(again, DOUBLED), facts.rules.audit_every_ms
    )
    facts.changes.standings.add((standing.number, standing.locker))


def _strike(facts: Facts, peer: Peer) -> None:
    """Count a wrong answer, at most one a window, and draw the consequence."""
    facts.touched(peer)
    peer.proofs = 0
    if peer.strikes and facts.awake_ms - peer.strike_at < facts.rules.audit_again_ms:
        return
    peer.strikes += 1
    peer.strike_at = facts.awake_ms
    facts.news.append(Alarm(AlarmKind.WRONG, peer.strikes, peer.key))
    if peer.state in (PeerState.LOST, PeerState.LEFT, PeerState.LEAVING, PeerState.SUSPENDED):
        return
    if peer.strikes >= facts.rules.strikes_suspend:
        suspend(facts, peer)
    else:
        peer.state, peer.probation_at = PeerState.PROBATION, facts.awake_ms
    sweep(facts)


def lose(facts: Facts, pack_id: bytes, k: int, index: int, peer: Peer) -> None:
    """A shard is not, or not rightly, where the receipt says: it no longer counts, and is made again."""
    pack = facts.packs.get(pack_id)
    if pack is None:
        return
    formers = tuple(each for each in pack.formers if each != Former(k, index, peer.number))
    if formers != pack.formers:
        facts.change(pack, formers=formers)
    lay = lay_of(pack, k)
    if lay is not None and index < lay.n and lay.hosts[index] == peer.number and lay.marks[index] == Mark.HELD:
        put_mark(facts, pack, lay, index, 0, Mark.NONE)
        line_up(facts, pack)


# Silence, suspension, coming back


def suspend(facts: Facts, peer: Peer) -> None:
    """From now on the peer does not count for Safety and gets nothing new."""
    peer.state, peer.suspended_at, peer.proofs = PeerState.SUSPENDED, facts.awake_ms, 0
    facts.touched(peer)
    facts.news.append(Alarm(AlarmKind.SUSPENDED, peer.strikes, peer.key))
    sweep(facts)


def heard(facts: Facts, peer: Peer) -> None:
    """A peer that was only silent is welcome back at once; it proves first what it still has."""
    peer.silent_ms = 0
    if peer.state in (PeerState.SUSPENDED, PeerState.LOST) and peer.strikes < facts.rules.strikes_suspend:
        peer.state = PeerState.PROBATION if peer.strikes else PeerState.ACTIVE
        peer.suspended_at = -1
        for standing in standings_of(facts, peer):
            _suspect(facts, standing)
            standing.next_at = facts.awake_ms
        sweep(facts)


def standings_of(facts: Facts, peer: Peer) -> Iterator[Standing]:
    """How a peer stands with every locker."""
    return (each for each in list(facts.standings.values()) if each.number == peer.number)


def pass_time(facts: Facts, passed: int) -> None:
    """Let ``passed`` ms of awake time go by for every peer: silence counts only while somebody else was heard."""
    anybody = any(each.online for each in facts.by_number.values())
    for peer in facts.by_number.values():
        if peer.online:
            peer.silent_ms = 0
            if peer.state is PeerState.ACTIVE and not peer.strikes:
                continue  # so it is nearly always
        elif anybody and peer.state is not PeerState.LEFT:
            before = peer.silent_ms
            peer.silent_ms += passed
            if before // (10 * MINUTE) != peer.silent_ms // (10 * MINUTE):
                facts.touched(peer)
            if before < facts.rules.stale_ms <= peer.silent_ms:
                sweep(facts)
        _turn(facts, peer)


def doubt_old(facts: Facts) -> None:
    """Proofs from before a long sleep of this box count no more: peers are asked again before a badge says safe."""
    recent = facts.rules.recent_ms
    for standing in facts.standings.values():
        slept = facts.now_ms - standing.good_ms - (facts.awake_ms - standing.good_at)
        if standing.good and slept > recent:
            standing.good, standing.next_at = False, min(standing.next_at, facts.awake_ms)
            facts.changes.standings.add((standing.number, standing.locker))


def _proved(facts: Facts, peer: Peer) -> bool:
    """Whether a deep audit was answered well since the last strike; who keeps nothing has nothing to prove."""
    kept = (at for at, count in facts.held.items() if count and at[0] == peer.number)
    return peer.proofs > 0 or all(facts.empty.get(at, 0) >= len(facts.order) > 0 for at in kept)


def _turn(facts: Facts, peer: Peer) -> None:
    rules, now = facts.rules, facts.awake_ms
    if peer.state is PeerState.ACTIVE and not peer.strikes and peer.silent_ms < rules.silent_ms:
        return
    if peer.strikes and now - peer.strike_at >= rules.strike_forget_ms and peer.state is not PeerState.SUSPENDED:
        peer.strikes = 0
        facts.touched(peer)
    if peer.state in (PeerState.ACTIVE, PeerState.PROBATION) and peer.silent_ms >= rules.silent_ms:
        suspend(facts, peer)
    elif peer.state is PeerState.PROBATION and now - peer.probation_at >= rules.probation_ms and _proved(facts, peer):
        peer.state = PeerState.ACTIVE
        facts.touched(peer)
        sweep(facts)
    elif peer.state is PeerState.SUSPENDED and now - peer.suspended_at >= rules.lost_ms:
        peer.state = PeerState.LOST
        facts.touched(peer)
        facts.news.append(Alarm(AlarmKind.LOST, peer.strikes, peer.key))
        sweep(facts)
