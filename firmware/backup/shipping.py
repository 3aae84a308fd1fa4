"""The line of packs: which may ship tonight, who gets them, and which shards go out now within caps and quotas.

New packs wait in ``fresh`` for the night (or ship at once when precious or asked for), then stand in ``backlog`` by
urgency, kind and size. A pack that is at the front gets its households, and its shards join one queue for each peer.
A step looks at a bounded number of packs; a change of the circle starts a sweep over all of them in pieces.
"""

from __future__ import annotations

import heapq
from typing import Final

from firmware.backup import ladder
from firmware.backup.actions import Action, Alarm, AlarmKind, Reserve, Ship, Trouble
from firmware.backup.caps import MINUTES_A_DAY, Way
from firmware.backup.chance import Chance
from firmware.backup.facts import Facts, Flight, Order
from firmware.backup.health import receipted
from firmware.backup.placing import fill, formers_of, is_gone
from firmware.backup.states import DAY, MINUTE, TAKES, Former, Lay, Mark, Pack, Peer, PeerState
from firmware.shard import layout_for

QUEUE: Final = 16
"""Shards chosen ahead for a peer that is there; few, so that what is urgent does not wait behind them."""

PLACED_A_STEP: Final = 100
SWEPT_A_STEP: Final = 2000
TRIED_A_STEP: Final = 500
"""Packs that get households, are looked over after a change of the circle, or are tried again, in one step."""


def fresh(facts: Facts, pack: Pack) -> None:
    """A pack that was just cut, or loaded, takes its place: waiting for the night, or in the line."""
    if pack.precious or pack.lay.k or pack.cut_ms <= facts.released_ms:
        line_up(facts, pack)
    else:
        facts.fresh.append(pack.id)


def line_up(facts: Facts, pack: Pack) -> None:
    """Put a pack into the line if it lacks anything."""
    facts.work += 1
    urgency = ladder.rank(facts, pack)
    if urgency is None:
        return
    if not _parked(facts, pack):
        heapq.heappush(facts.backlog, ladder.order(pack, urgency))


def _parked(facts: Facts, pack: Pack) -> bool:
    """Put a pack aside whose locker this box has no custody of: nothing of it goes anywhere."""
    locker = facts.lockers.get(pack.locker)
    if locker is not None and locker.custody:
        return False
    facts.parked.setdefault(pack.locker, []).append(pack.id)
    return True


def release(facts: Facts, chance: Chance) -> None:
    """Let what was cut until now ship, once the night of the owner's clock with its jitter has come."""
    if not 0 < facts.night_at_ms < facts.now_ms + 2 * DAY:  # never, or by a clock that was ahead and was put right
        facts.night_at_ms = _next_night(facts, chance)
    if facts.now_ms < facts.night_at_ms:
        return
    facts.night_at_ms = _next_night(facts, chance)
    let_go(facts)


def let_go(facts: Facts) -> None:
    """Everything that waits for the night may ship now."""
    facts.released_ms = facts.now_ms
    facts.changes.times = True
    waiting, facts.fresh = facts.fresh, []
    for each in waiting:
        if each in facts.packs:
            line_up(facts, facts.packs[each])


def _next_night(facts: Facts, chance: Chance) -> int:
    minute = (facts.now_ms // MINUTE + facts.zone_minutes) % MINUTES_A_DAY
    midnight = facts.now_ms - facts.now_ms % MINUTE - minute * MINUTE
    facts.changes.times = True
    jitter = chance.below(facts.rules.night_jitter_minutes * MINUTE + 1)
    return midnight + DAY + facts.rules.night_minute * MINUTE + jitter


# The circle changed


def check_ladder(facts: Facts) -> None:
    """Look all packs over when other layouts are due, and again when they have been due long enough to lay out anew."""
    before, now = facts.ladder, ladder.households(facts)
    if now != before:
        facts.ladder = now
        facts.short_next = 0
        facts.shrunk_at = -1 if before else facts.shrunk_at  # else it was just read from the disk
        facts.safeties.clear()
        if any(layout_for(now, precious=each) != layout_for(before, precious=each) for each in (False, True)):
            facts.ladder_at, facts.settled = facts.awake_ms, False
            sweep(facts)
    elif not facts.settled and facts.awake_ms - facts.ladder_at >= facts.rules.settle_ms:
        facts.settled = True
        sweep(facts)
    _check_grace(facts)


def _check_grace(facts: Facts) -> None:
    """A circle that is one household short waits for another one; once it waited long enough, all packs are seen to."""
    if ladder.one_short(facts.ladder) != (facts.shrunk_at >= 0):
        facts.shrunk_at = -1 if facts.shrunk_at >= 0 else facts.awake_ms
        facts.changes.times = True
    graced = facts.shrunk_at >= 0 and facts.awake_ms - facts.shrunk_at < facts.rules.grace_ms
    if graced != facts.graced:
        facts.graced = graced
        facts.safeties.clear()
        sweep(facts)


def sweep(facts: Facts) -> None:
    """Look every pack over, from the beginning, in the coming steps."""
    facts.sweep_at = 0


def sweep_on(facts: Facts) -> None:
    """Look over the next packs of a sweep."""
    if facts.sweep_at < 0:
        return
    end = facts.sweep_at + SWEPT_A_STEP
    seen: dict[tuple[bool, int, Lay, Lay | None], int | None] = {}
    for each in facts.order[facts.sweep_at : end]:
        pack = facts.packs.get(each)
        if pack is None or not pack.lay.k or pack.dropped_at >= 0:
            continue  # what was dropped says nothing of those laid out like it
        take_over(facts, pack)  # a circle that shrank may have all of it that it can have
        alike = (pack.precious, pack.kind, pack.lay, pack.next)
        if alike not in seen:
            seen[alike] = ladder.rank(facts, pack)
        facts.work += 1
        if seen[alike] is not None:
            line_up(facts, pack)
    facts.sweep_at = end if end < len(facts.order) else -1


def retry(facts: Facts) -> None:
    """Try again, now and then, the packs for which no household was found."""
    if not facts.short or facts.awake_ms < facts.short_next:
        return
    taking = {each.home for each in facts.by_number.values() if each.state in TAKES}
    homes = {number: each.home for number, each in facts.by_number.items() if not is_gone(each)}
    alike: dict[bytes, bool] = {}
    for each in list(facts.short)[:TRIED_A_STEP]:
        by_room, pack = facts.short.pop(each), facts.packs.get(each)
        hosts = (pack.next or pack.lay).hosts if pack is not None else b""
        if hosts not in alike:
            # a household takes shards and has none of these: then room is all that was wanting
            alike[hosts] = not taking.issubset(map(homes.get, hosts))
        if pack is not None and alike[hosts]:
            line_up(facts, pack)
        elif pack is not None:
            facts.short[each] = by_room  # whoever comes, or comes back, starts a sweep
    facts.short_next = facts.awake_ms + facts.rules.later_ms


# Households for packs


def place(facts: Facts) -> None:
    """Give households to the packs at the front of the line, as long as peers that are there have little to do."""
    tries = PLACED_A_STEP
    while facts.backlog and tries and _hungry(facts):
        pack = facts.packs.get(heapq.heappop(facts.backlog)[3])
        if pack is None or pack.dropped_at >= 0:
            continue
        facts.work += 1
        urgency = ladder.rank(facts, pack)
        if urgency is None or _parked(facts, pack):
            continue
        tries -= 1
        before = _planned(pack)
        if not fill(facts, pack):
            facts.short[pack.id] = ladder.households(facts) >= (pack.next or pack.lay).n
        for k, index, _ in sorted(_planned(pack) - before):
            queue(facts, pack, ladder.order(pack, urgency), k, index)


def _hungry(facts: Facts) -> bool:
    if facts.backlog[0][0] <= ladder.PRECIOUS:
        return True
    ready = [each for each in facts.by_number.values() if each.online and each.state in TAKES]
    return any(len(facts.queues.get(each.number, ())) < QUEUE for each in ready)


def _planned(pack: Pack) -> set[tuple[int, int, int]]:
    """(k, index, peer) of every shard that is to go out."""
    return {
        (lay.k, index, lay.hosts[index])
        for lay in (pack.lay, pack.next)
        if lay is not None
        for index, mark in enumerate(lay.marks)
        if mark == Mark.PLANNED
    }


def loaded(facts: Facts, pack: Pack) -> None:
    """A pack that was written down takes its place: what was planned is in the queues again."""
    if pack.dropped_at >= 0:
        return
    if not pack.lay.k:
        fresh(facts, pack)
        return
    urgency = ladder.PRECIOUS if pack.precious else ladder.KINDS + pack.kind
    for k, index, _ in sorted(_planned(pack)):
        queue(facts, pack, ladder.order(pack, urgency), k, index)


def queue(facts: Facts, pack: Pack, at: Order, k: int, index: int) -> None:
    """Put a planned shard into the queue of its peer."""
    lay = lay_of(pack, k)
    assert lay is not None
    heapq.heappush(facts.queues.setdefault(lay.hosts[index], []), (at, k, index))


def lay_of(pack: Pack, k: int) -> Lay | None:
    """Return the lay of a pack with this ``k``."""
    if pack.lay.k == k:
        return pack.lay
    return pack.next if pack.next is not None and pack.next.k == k else None


def unplan(facts: Facts, peer: Peer) -> None:
    """Everything planned for ``peer`` and not under way goes back into the line, for others who have room."""
    for (_, _, _, pack_id), k, index in facts.queues.pop(peer.number, []):
        pack = facts.packs.get(pack_id)
        lay = lay_of(pack, k) if pack else None
        if pack is None or lay is None or not _stands(facts, pack, lay, index, peer):
            continue
        put_mark(facts, pack, lay, index, 0, Mark.NONE)
        line_up(facts, pack)


def put_mark(facts: Facts, pack: Pack, lay: Lay, index: int, number: int, mark: Mark) -> None:
    """Change one shard of ``lay``, which is the pack's lay or its next one."""
    new = lay.put(index, number, mark)
    if lay.k == pack.lay.k:
        facts.change(pack, lay=new)
    else:
        facts.change(pack, next=new)


# Shards on their way


def ships(facts: Facts) -> list[Action]:
    """Return the shards that go out now, and the room asked for first; nothing while the owner's caps say pause."""
    if facts.caps.rate(Way.UP, facts.now_ms, facts.zone_minutes) == 0:
        return []
    out: list[Action] = []
    ready = [each for each in facts.by_number.values() if each.online and _may_ship(facts, each)]
    while ready and sum(facts.flying.values()) < facts.rules.flights_all:
        front = min(ready, key=lambda each: facts.queues[each.number][0] if facts.queues.get(each.number) else _LAST)
        action = _next_of(facts, front)
        if action is not None:
            out.append(action)
        if not isinstance(action, Ship) or facts.flying[front.number] >= facts.rules.flights:
            ready.remove(front)
    return out


_LAST: Final = ((1 << 30, 0, 0, b""), 0, 0)


def _may_ship(facts: Facts, peer: Peer) -> bool:
    return (
        peer.state in TAKES
        and peer.full_until <= facts.awake_ms
        and bool(facts.queues.get(peer.number))
        and facts.flying[peer.number] < facts.rules.flights
    )


def _next_of(facts: Facts, peer: Peer) -> Action | None:
    line = facts.queues.get(peer.number, [])
    while line:
        (urgency, _, _, pack_id), k, index = line[0]
        pack = facts.packs.get(pack_id)
        lay = lay_of(pack, k) if pack else None
        if pack is None or lay is None or not _stands(facts, pack, lay, index, peer):
            heapq.heappop(line)
            continue
        size = lay.shard_size(pack.size)
        if facts.granted.get((peer.number, pack.locker), 0) < size:
            room = max(size, min(facts.rules.reserve_bytes, peer.room))
            ask = Reserve(pack.locker, peer.key, room)
            return ask if facts.fly(("reserve", pack.locker, peer.key, 0, 0), ask) else None
        heapq.heappop(line)
        ship = Ship(pack.locker, pack.id, k, lay.n, index, peer.key, size, urgency == ladder.URGENT or lay.held() > 0)
        if not facts.fly(_flight(pack.id, peer, k, index), ship):
            continue
        facts.granted[peer.number, pack.locker] -= size
        facts.flying[peer.number] += 1
        return ship
    return None


def _stands(facts: Facts, pack: Pack, lay: Lay, index: int, peer: Peer) -> bool:
    """Whether this shard is still to go to this peer."""
    locker = facts.lockers.get(pack.locker)
    return (
        pack.dropped_at < 0
        and index < lay.n
        and lay.hosts[index] == peer.number
        and lay.marks[index] == Mark.PLANNED
        and locker is not None
        and locker.custody
    )


def _flight(pack: bytes, peer: Peer, k: int, index: int) -> Flight:
    return "ship", pack, peer.key, k, index


def landed(facts: Facts, ship: Ship) -> Peer | None:
    """End one flight; returns its peer."""
    peer = facts.peers.get(ship.peer)
    if peer is not None and facts.landed(_flight(ship.pack, peer, ship.k, ship.index)):
        facts.flying[peer.number] -= 1
    return peer


def shipped(facts: Facts, ship: Ship) -> None:
    """The peer gave its receipt."""
    peer, pack = landed(facts, ship), facts.packs.get(ship.pack)
    if peer is None or pack is None:
        return
    peer.used += ship.size  # a guess: parts that were there count twice until the peer says how much is used
    facts.guessed[peer.number, pack.locker] = None
    facts.touched(peer)
    standing = facts.standing(peer.number, pack.locker)
    facts.latest[peer.number, pack.locker] = pack.id
    if standing.good_at < 0:
        standing.next_at = min(standing.next_at, facts.awake_ms)
    if (ship.index, peer.number) in receipted(pack, ship.k):
        return
    lay = lay_of(pack, ship.k)
    if lay is None or ship.index >= lay.n or lay.hosts[ship.index] != peer.number or pack.dropped_at >= 0:
        facts.change(pack, formers=(*pack.formers, Former(ship.k, ship.index, peer.number)))
        return
    put_mark(facts, pack, lay, ship.index, peer.number, Mark.HELD)
    take_over(facts, pack)


def take_over(facts: Facts, pack: Pack) -> None:
    """The new layout takes the place of the old one once all that the circle can have of it has receipts."""
    new = pack.next
    if new is None or ladder.kept(facts, new) < ladder.most(facts, new):
        return
    old = formers_of(pack.lay)
    facts.change(pack, next=None)
    facts.change(pack, lay=new, formers=pack.formers + old)


def refused(facts: Facts, ship: Ship, trouble: Trouble) -> None:
    """A shard did not get there: it stands in the line again, for this peer or another one."""
    peer, pack = landed(facts, ship), facts.packs.get(ship.pack)
    if peer is None:
        return
    facts.granted.pop((peer.number, ship.locker), None)
    lay = lay_of(pack, ship.k) if pack is not None else None
    if pack is not None and lay is not None and _stands(facts, pack, lay, ship.index, peer):
        if trouble is Trouble.OURS:
            put_mark(facts, pack, lay, ship.index, 0, Mark.NONE)
            facts.short[pack.id] = True
        else:
            urgency = ladder.rank(facts, pack)
            at = ladder.order(pack, ladder.RELAY if urgency is None else urgency)
            queue(facts, pack, at, ship.k, ship.index)
    says_no(facts, peer, trouble)


def says_no(facts: Facts, peer: Peer, trouble: Trouble) -> None:
    """A peer is full, or refuses: leave it alone for a while, and let others have what was planned for it."""
    if trouble in (Trouble.FULL, Trouble.REFUSED):
        peer.full_until = facts.awake_ms + facts.rules.later_ms
        facts.touched(peer)
        unplan(facts, peer)


def reserved(facts: Facts, asked: Reserve, granted: int, quota: int, used: int) -> None:
    """A peer set room aside; less than one shard means that it is full."""
    peer = facts.peers.get(asked.peer)
    if peer is None:
        return
    facts.landed(("reserve", asked.locker, asked.peer, 0, 0))
    peer.quota, peer.used = quota, used
    facts.touched(peer)
    if not asked.room:
        facts.granted.pop((peer.number, asked.locker), None)
        return
    facts.granted[peer.number, asked.locker] = granted
    line = facts.queues.get(peer.number)
    pack = facts.packs.get(line[0][0][3]) if line else None
    lay = lay_of(pack, line[0][1]) if pack is not None and line else None
    if pack is not None and lay is not None and pack.locker == asked.locker and granted < lay.shard_size(pack.size):
        says_no(facts, peer, Trouble.FULL)


def gives_back(facts: Facts) -> list[Action]:
    """Where nothing is under way any more: give back the room that is left, and hear how much is used."""
    out: list[Action] = []
    for number, locker in list(facts.guessed):
        peer = facts.by_number[number]
        if peer.state is PeerState.LEFT:
            del facts.guessed[number, locker]
        elif peer.online and not facts.flying[number] and not facts.queues.get(number):
            ask = Reserve(locker, peer.key, 0)
            if facts.fly(("reserve", locker, peer.key, 0, 0), ask):
                del facts.guessed[number, locker]
                out.append(ask)
    return out


def waiting(facts: Facts) -> list[Action]:
    """Tell, once, that new data waits for room, or that there are too few households; forget it when that is over."""
    if facts.awake_ms < facts.waiting_next:
        return []
    facts.waiting_next = facts.awake_ms + facts.rules.later_ms
    sizes = [facts.packs[each].size for each, by_room in facts.short.items() if by_room and each in facts.packs]
    few = len(facts.short) - len(sizes)
    out: list[Action] = []
    for kind, amount in ((AlarmKind.FULL, sum(sizes)), (AlarmKind.TOO_FEW, few)):
        at = (kind.value, b"")
        if not amount and not facts.backlog:
            facts.alarmed.discard(at)
        elif amount and at not in facts.alarmed:
            facts.alarmed.add(at)
            out.append(Alarm(kind, amount))
    return out
