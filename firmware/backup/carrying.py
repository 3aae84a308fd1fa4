"""What a disk should carry to one peer: every shard that is to go there, also those nobody would place tonight."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from firmware.backup import ladder
from firmware.backup.actions import Ship
from firmware.backup.facts import Facts
from firmware.backup.placing import fill
from firmware.backup.shipping import let_go, queue
from firmware.backup.states import Mark, Pack

AT_A_TIME = 500
"""Packs looked at before whoever asks may do something else."""


def place_all(facts: Facts) -> Iterator[None]:
    """Give households to everything that waits, as far as there is room; yields now and then."""
    let_go(facts)
    looked = 0
    while facts.backlog:
        pack = facts.packs.get(heapq.heappop(facts.backlog)[3])
        looked += 1
        if not looked % AT_A_TIME:
            yield
        if pack is None or pack.dropped_at >= 0:
            continue
        urgency = ladder.rank(facts, pack)
        locker = facts.lockers.get(pack.locker)
        if urgency is None or locker is None or not locker.custody:
            continue
        before = set(_planned(pack))
        if not fill(facts, pack):
            facts.short[pack.id] = ladder.households(facts) >= (pack.next or pack.lay).n
        for k, index, _ in sorted(set(_planned(pack)) - before):
            queue(facts, pack, ladder.order(pack, urgency), k, index)


def meant_for(facts: Facts, key: bytes) -> list[Ship]:
    """Return every shard that is to go to the peer with this key and has no receipt, what is urgent first."""
    peer = facts.peers.get(key)
    if peer is None:
        return []
    found = []
    for pack in facts.packs.values():
        for k, index, number in _planned(pack):
            if number == peer.number and pack.dropped_at < 0:
                lay = pack.lay if pack.lay.k == k else pack.next
                assert lay is not None
                ship = Ship(pack.locker, pack.id, k, lay.n, index, key, lay.shard_size(pack.size))
                found.append((not pack.precious, pack.kind, pack.size, ship))
    return [each[3] for each in sorted(found, key=lambda each: each[:3])]


def _planned(pack: Pack) -> list[tuple[int, int, int]]:
    """(k, index, peer) of every shard that is to go out."""
    return [
        (lay.k, index, lay.hosts[index])
        for lay in (pack.lay, pack.next)
        if lay is not None
        for index, mark in enumerate(lay.marks)
        if mark == Mark.PLANNED
    ]
