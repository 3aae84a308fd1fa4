"""Which household gets which shard: one of a pack each, spread over networks and places, most free space first."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from firmware.backup.facts import Facts
from firmware.backup.ladder import goal, lost_slots
from firmware.backup.states import TAKES, Former, Lay, Mark, Pack, Peer, PeerState
from firmware.pack.format import Kind

_COARSE: Final = 1 << 26
"""Differences of free space below 64 MiB do not decide."""

_GOOD: Final = frozenset({PeerState.ACTIVE, PeerState.PROBATION})


def network_of(address: str) -> str:
    """Return the network an address is in, ``192.0.2.0/24`` or ``2001:db8:1::/48``; empty for anything else.

    Home networks and loopback count as nothing: two boxes at 192.168.1.x need not be neighbours.
    """
    try:
        found = ip_address(address.rpartition("%")[0] or address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_private or found.is_link_local or found.is_loopback:
        return ""
    return str(ip_network((found, 24 if isinstance(found, IPv4Address) else 48), strict=False))


def fill(facts: Facts, pack: Pack) -> bool:
    """Choose households for what ``pack`` lacks; return whether it has all of them now."""
    wanted = goal(facts, pack)
    if wanted is None:
        return False
    if not wanted.anew:
        if pack.next is not None:
            _give_up_next(facts, pack)
        lay = pack.lay if pack.lay.k else Lay(wanted.k, b"", b"")
        lay, formers, whole = _filled(facts, pack, lay, wanted.n)
        facts.change(pack, lay=lay, formers=formers)
        return whole
    if pack.next is not None and pack.next.k != wanted.k:
        _give_up_next(facts, pack)
    lay, formers, whole = _filled(facts, pack, pack.next or Lay(wanted.k, b"", b""), wanted.n)
    facts.change(pack, next=lay, formers=formers)
    return whole


def _give_up_next(facts: Facts, pack: Pack) -> None:
    """The circle changed again: what was receipted of the new layout is no longer wanted."""
    assert pack.next is not None
    facts.change(pack, next=None, formers=pack.formers + formers_of(pack.next))


def formers_of(lay: Lay) -> tuple[Former, ...]:
    """Return every receipted shard of ``lay`` as one that is not wanted any more."""
    return tuple(Former(lay.k, index, lay.hosts[index]) for index in range(lay.n) if lay.marks[index] == Mark.HELD)


def _filled(facts: Facts, pack: Pack, lay: Lay, wanted: int) -> tuple[Lay, tuple[Former, ...], bool]:
    lay = lay.grown(wanted)
    formers = pack.formers
    lost = lost_slots(facts, lay)
    there = sum(1 for index, host in enumerate(lay.hosts) if host and index not in lost)
    holes = [index for index in range(lay.n) if not lay.hosts[index]] + sorted(lost)
    for index in holes:
        if there >= wanted:
            break
        back = _back(facts, lay, formers, index)
        if back is not None:
            formers = _left_behind(facts, lay, tuple(each for each in formers if each != back), index)
            lay = lay.put(index, back.peer, Mark.HELD)
        else:
            peer = choose(facts, pack, lay, formers, index)
            if peer is None:
                continue
            formers = _left_behind(facts, lay, formers, index)
            lay = lay.put(index, peer.number, Mark.PLANNED)
            peer.room += lay.shard_size(pack.size)  # until ``change`` counts it: the next choice must know
        there += 1
    for index in range(lay.n):
        if lay.marks[index] == Mark.PLANNED and lay.hosts[index] != _before(pack, lay, index):
            facts.by_number[lay.hosts[index]].room -= lay.shard_size(pack.size)
    return lay, formers, there >= wanted


def _before(pack: Pack, lay: Lay, index: int) -> int:
    """The peer this shard was planned for before; 0 nobody."""
    for each in (pack.lay, pack.next):
        if each is not None and each.k == lay.k and index < each.n and each.marks[index] == Mark.PLANNED:
            return each.hosts[index]
    return 0


def _back(facts: Facts, lay: Lay, formers: tuple[Former, ...], index: int) -> Former | None:
    """A peer that had this very shard, and came back."""
    for each in formers:
        if each.k == lay.k and each.shard == index and facts.by_number[each.peer].state in _GOOD:
            home = facts.by_number[each.peer].home
            if all(not host or facts.by_number[host].home != home for host in lay.hosts):
                return each
    return None


def _left_behind(facts: Facts, lay: Lay, formers: tuple[Former, ...], index: int) -> tuple[Former, ...]:
    host = lay.hosts[index]
    if lay.marks[index] != Mark.HELD or facts.by_number[host].state is PeerState.LEFT:
        return formers
    return (*formers, Former(lay.k, index, host))


def choose(facts: Facts, pack: Pack, lay: Lay, formers: Collection[Former], index: int) -> Peer | None:
    """Return the peer to give shard ``index`` of ``lay`` to; None when no other household has room."""
    facts.work += 1
    size = lay.shard_size(pack.size)
    others = [facts.by_number[host] for at, host in enumerate(lay.hosts) if host and at != index]
    taken = {each.home for each in others}
    taken |= {facts.by_number[each.peer].home for each in formers if each.k == lay.k}
    if lay.hosts[index] and not is_gone(facts.by_number[lay.hosts[index]]):
        taken.add(facts.by_number[lay.hosts[index]].home)
    networks = {each.network for each in others} - {""}
    places = {each.place for each in others} - {""}
    wrong = facts.avoid.get(pack.id, frozenset())
    best: tuple[tuple[int, ...], Peer] | None = None
    for peer in facts.by_number.values():
        if not takes(facts, peer, pack, size) or peer.home in taken:
            continue
        stale = peer.silent_ms >= facts.rules.stale_ms
        near = 2 * (peer.network in networks) + (peer.place in places)
        weight = (peer.number in wrong, stale, near, -(peer.free // _COARSE), peer.number)
        if best is None or weight < best[0]:
            best = weight, peer
    return best[1] if best else None


def is_gone(peer: Peer) -> bool:
    """Whether the box is no more, so that another box of its household may take its place: it burnt, or it left."""
    return peer.state is PeerState.LEFT or (peer.state is PeerState.LOST and not peer.strikes)


def takes(facts: Facts, peer: Peer, pack: Pack, size: int) -> bool:
    """Whether ``peer`` takes ``size`` bytes of this pack now, by its state, its quota and what it said last."""
    if peer.state not in TAKES or peer.full_until > facts.awake_ms:
        return False
    spared = 0 if pack.precious or pack.kind is Kind.META else peer.quota * facts.rules.keep_free_percent // 100
    return peer.free - spared >= size
