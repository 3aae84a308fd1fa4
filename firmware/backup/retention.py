"""What is asked away, and what must wait: dropped packs, shards that are no longer wanted, sudden change.

A thief with a member's session can drop and rewrite everything. Nothing of yesterday goes for it: a dropped pack waits
here, its peer must know a head that does without it, at most a fifth of a locker is asked away in 30 days without a
person, and the hosts wait 30 days more by their own clocks. New data that finds no room waits; it never pushes out old.
All waiting is counted in awake time, so a clock that jumps shortens nothing.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from firmware.backup.actions import Action, Alarm, AlarmKind, AskDelete, CancelDelete, OldShard
from firmware.backup.facts import Facts
from firmware.backup.health import safety
from firmware.backup.ladder import full
from firmware.backup.shipping import line_up
from firmware.backup.states import DAY, Former, Locker, Mark, Pack, Peer, PeerState, SafetyState
from firmware.limits import PEER_SHARDS_ASKED

LOOKED_A_STEP: Final = 500
"""Dropped packs, and packs with shards that are not wanted, looked at in one step."""

AT_ONCE: Final = min(PEER_SHARDS_ASKED, 500)


def deletes(facts: Facts) -> list[Action]:
    """Return what may be asked away now, one request for each peer and locker."""
    wanted: dict[tuple[bytes, bytes], list[OldShard]] = {}
    for pack in _turns(facts, facts.dropped):
        if _may_go(facts, pack):
            _collect(facts, wanted, pack, receipted_all(pack))
    for pack in _turns(facts, facts.with_formers):
        if pack.dropped_at >= 0 or not _hears(facts, pack):
            continue
        if _whole_without(facts, pack) and safety(facts, pack).state is SafetyState.SAFE:
            _collect(facts, wanted, pack, _not_wanted(facts, pack))
    out: list[Action] = []
    for (locker, key), shards in wanted.items():
        ask = AskDelete(locker, key, tuple(shards[:AT_ONCE]))
        if facts.fly(("delete", locker, key, 0, 0), ask):
            out.append(ask)
    return out


def _not_wanted(facts: Facts, pack: Pack) -> list[tuple[int, int, int]]:
    """Shards that may go beside the pack's own layout; a suspended peer comes back by proving what it still keeps."""
    by = facts.by_number
    return [(each.k, each.shard, each.peer) for each in pack.formers if by[each.peer].state is not PeerState.SUSPENDED]


def _hears(facts: Facts, pack: Pack) -> bool:
    """Whether anybody who has a shard that is not wanted can be told so now."""
    peers = (facts.by_number[each.peer] for each in pack.formers)
    return any(each.online or each.state is PeerState.LEFT for each in peers)


def _turns(facts: Facts, table: dict[bytes, None]) -> list[Pack]:
    """The next packs of a table; they go to its end, so that every one has its turn."""
    chosen = list(islice(table, LOOKED_A_STEP))
    for each in chosen:
        del table[each]
        table[each] = None
    facts.work += len(chosen)
    return [facts.packs[each] for each in chosen]


def receipted_all(pack: Pack) -> list[tuple[int, int, int]]:
    """Return (k, shard, peer's number) of every receipted shard of a pack."""
    found = [(each.k, each.shard, each.peer) for each in pack.formers]
    for lay in (pack.lay, pack.next):
        if lay is not None:
            found += [(lay.k, at, lay.hosts[at]) for at in range(lay.n) if lay.marks[at] == Mark.HELD]
    return found


def _collect(
    facts: Facts, wanted: dict[tuple[bytes, bytes], list[OldShard]], pack: Pack, shards: list[tuple[int, int, int]]
) -> None:
    for k, index, number in shards:
        peer = facts.by_number[number]
        if peer.state is PeerState.LEFT:
            _gone(facts, pack, k, index, peer)
        elif peer.online and ("delete", pack.locker, peer.key, 0, 0) not in facts.flights and _knows(facts, pack, peer):
            wanted.setdefault((pack.locker, peer.key), []).append(OldShard(pack.id, k, index))


def _knows(facts: Facts, pack: Pack, peer: Peer) -> bool:
    """Whether this peer was given a head that does without the pack: a restorer who asks it needs nothing that goes."""
    standing = facts.standings.get((peer.number, pack.locker))
    return pack.dropped_at < 0 or (standing is not None and standing.head >= pack.dropped_head)


def _whole_without(facts: Facts, pack: Pack) -> bool:
    """Whether the pack's own layout is whole, so that the others are not needed."""
    good = [
        at
        for at in range(pack.lay.n)
        if pack.lay.marks[at] == Mark.HELD and (pack.lay.hosts[at], pack.locker) in facts.proven
    ]
    return len(good) >= full(facts, pack.lay) and pack.next is None


def _may_go(facts: Facts, pack: Pack) -> bool:
    """Whether the retention rule lets a dropped pack go; counts it the first time it does."""
    if pack.asked_at >= 0:
        return True
    if facts.awake_ms - pack.dropped_at < facts.rules.drop_wait_ms:
        return False
    locker = facts.lockers.get(pack.locker)
    if locker is None:
        return False
    if not receipted_all(pack):
        facts.forget(pack)
        return False
    if not _in_bounds(facts, locker, pack) and facts.awake_ms >= locker.allowed_until:
        return False
    day = facts.awake_ms // DAY
    locker.asked[day] = locker.asked.get(day, 0) + pack.size
    locker.waiting -= pack.size
    pack.asked_at = facts.awake_ms
    facts.changes.packs.add(pack.id)
    facts.changes.lockers.add(locker.id)
    return True


def _in_bounds(facts: Facts, locker: Locker, pack: Pack) -> bool:
    """Whether at most a fifth goes within the window: of what is older than it, so that garbage buys no deletes."""
    _forget_days(facts, locker.asked)
    _forget_days(facts, locker.cut)
    asked = sum(locker.asked.values())
    whole = locker.size + locker.waiting + asked
    old = max(0, whole - sum(locker.cut.values()))
    if (asked + locker.waiting) * 100 > whole * facts.rules.delete_percent:
        _wait_for_person(facts, locker)
    return not locker.halted and (asked + pack.size) * 100 <= old * facts.rules.delete_percent


def _wait_for_person(facts: Facts, locker: Locker) -> None:
    """From now on nothing of this locker is asked away until a person says yes, however long that takes."""
    locker.halted = True
    facts.changes.lockers.add(locker.id)
    at = (AlarmKind.DELETES.value, locker.id)
    if at not in facts.alarmed:
        facts.alarmed.add(at)
        facts.news.append(Alarm(AlarmKind.DELETES, locker.waiting, locker=locker.id))


def _forget_days(facts: Facts, days: dict[int, int]) -> None:
    for day in [each for each in days if each <= facts.awake_ms // DAY - facts.rules.delete_days]:
        del days[day]


def deleted(facts: Facts, ask: AskDelete) -> None:
    """A peer set these shards to go: they no longer count. A pack without any is forgotten."""
    facts.landed(("delete", ask.locker, ask.peer, 0, 0))
    peer = facts.peers.get(ask.peer)
    for old in ask.shards if peer is not None else ():
        pack = facts.packs.get(old.pack)
        if pack is not None and peer is not None:
            _gone(facts, pack, old.k, old.index, peer)


def _gone(facts: Facts, pack: Pack, k: int, index: int, peer: Peer) -> None:
    was = Former(k, index, peer.number)
    if was in pack.formers:
        facts.change(pack, formers=tuple(each for each in pack.formers if each != was))
    elif pack.lay.k == k and index < pack.lay.n and pack.lay.hosts[index] == peer.number:
        if pack.dropped_at < 0:
            facts.to_cancel[pack.id] = None  # it was taken back while the request was under way
            facts.taken_back.setdefault(pack.id, []).append((k, index, peer.number))
            return
        facts.change(pack, lay=pack.lay.put(index, 0, Mark.NONE))
        facts.taken_back.setdefault(pack.id, []).append((k, index, peer.number))
    if pack.dropped_at >= 0 and not receipted_all(pack):
        facts.taken_back.pop(pack.id, None)
        facts.forget(pack)


def drop(facts: Facts, pack: Pack) -> None:
    """The locker does without this pack from its newest head on."""
    locker = facts.lockers[pack.locker]
    pack.dropped_at, pack.dropped_head, pack.asked_at = facts.awake_ms, locker.head, -1
    locker.size -= pack.size
    locker.waiting += pack.size
    facts.changes.lockers.add(locker.id)
    held = tuple(Former(*each) for each in receipted_all(pack) if each[0] != pack.lay.k)
    kept = bytes(mark if mark == Mark.HELD else 0 for mark in pack.lay.marks)
    hosts = bytes(host if mark else 0 for host, mark in zip(pack.lay.hosts, kept, strict=True))
    same = tuple(each for each in pack.formers if each.k == pack.lay.k)
    facts.change(pack, lay=pack.lay._replace(hosts=hosts, marks=kept), next=None, formers=same + held)
    if not receipted_all(pack):
        locker.waiting -= pack.size
        facts.forget(pack)


def take_back(facts: Facts, pack: Pack) -> None:
    """The locker has this pack after all: what was asked away is asked back, what is missing stands in the line."""
    locker = facts.lockers[pack.locker]
    if pack.asked_at < 0:
        locker.waiting -= pack.size
    locker.size += pack.size
    pack.dropped_at = pack.asked_at = pack.dropped_head = -1
    facts.changes.lockers.add(locker.id)
    facts.change(pack)
    if facts.taken_back.get(pack.id):
        facts.to_cancel[pack.id] = None
    line_up(facts, pack)


def cancels(facts: Facts) -> list[Action]:
    """Return the requests to keep what was asked away and is wanted after all."""
    out: list[Action] = []
    for pack in _turns(facts, facts.to_cancel):
        asked = facts.taken_back.pop(pack.id, [])
        there = [each for each in asked if facts.by_number[each[2]].online]
        for k, index, number in there:
            key = facts.by_number[number].key
            cancel = CancelDelete(pack.locker, key, (OldShard(pack.id, k, index),))
            if facts.fly(("cancel", pack.id, key, k, index), cancel):
                out.append(cancel)
        away = [each for each in asked if each not in there and facts.by_number[each[2]].state is not PeerState.LEFT]
        if away:
            facts.taken_back[pack.id] = away
        else:
            del facts.to_cancel[pack.id]
    return out


def kept(facts: Facts, cancel: CancelDelete) -> None:
    """A peer keeps these shards after all: they count again where nobody else has taken their place."""
    peer = facts.peers.get(cancel.peer)
    for old in cancel.shards:
        facts.landed(("cancel", old.pack, cancel.peer, old.k, old.index))
        pack = facts.packs.get(old.pack)
        if pack is None or peer is None or (old.k, old.index, peer.number) in receipted_all(pack):
            continue
        lay = pack.lay
        homes = {facts.by_number[host].home for host in lay.hosts if host}
        if lay.k == old.k and old.index < lay.n and not lay.hosts[old.index] and peer.home not in homes:
            facts.change(pack, lay=lay.put(old.index, peer.number, Mark.HELD))
        else:
            facts.change(pack, formers=(*pack.formers, Former(old.k, old.index, peer.number)))


def not_kept(facts: Facts, cancel: CancelDelete) -> None:
    """A request to keep shards came to nothing; it is made again. What is gone by then is made again from the pack."""
    peer = facts.peers.get(cancel.peer)
    for old in cancel.shards:
        facts.landed(("cancel", old.pack, cancel.peer, old.k, old.index))
        if peer is not None and old.pack in facts.packs:
            facts.taken_back.setdefault(old.pack, []).append((old.k, old.index, peer.number))
            facts.to_cancel[old.pack] = None


def count_cut(facts: Facts, locker: Locker, size: int) -> None:
    """Count what a locker wrote today; far more than usual is told once a day."""
    day = facts.awake_ms // DAY
    _forget_days(facts, locker.cut)
    locker.cut[day] = locker.cut.get(day, 0) + size
    facts.changes.lockers.add(locker.id)
    before = locker.size + locker.waiting - locker.cut[day]
    at = (AlarmKind.CHANGE.value, locker.id)
    if before < facts.rules.change_least:
        return  # a locker that is just being filled
    if locker.cut[day] >= max(facts.rules.change_least, before * facts.rules.change_percent // 100):
        if at not in facts.alarmed:
            facts.alarmed.add(at)
            facts.news.append(Alarm(AlarmKind.CHANGE, locker.cut[day], locker=locker.id))
    else:
        facts.alarmed.discard(at)
