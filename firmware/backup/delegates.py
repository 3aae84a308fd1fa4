"""Looking after somebody's locker while its owner is away: which hosts are lost, which pieces are gone, what to do.

``Care`` is what a delegate knows of one locker beside the manifest; it decides without clock, socket or disk. Time is
awake time of the delegate (ms), counted only while other hosts were reached, so that whoever sits alone behind a broken
line accuses nobody. ``found`` is the owner's end: what was repaired is where it is now, and not sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from firmware.backup.chance import Chance
from firmware.backup.delegating import Around, Rebuilding, delegate_work, new_hosts, taken_roofs
from firmware.backup.facts import Facts
from firmware.backup.health import receipted
from firmware.backup.shipping import lay_of, line_up, put_mark, take_over
from firmware.backup.states import DAY, RULES, Former, Lay, Mark, PeerState, Rules
from firmware.peer import ManifestPack
from firmware.peer.messages import Placed
from firmware.shard import LEAF_BYTES

PROVED_LEAVES = 16
"""Leaves a delegate asks of a host in a day: 256 KiB of traffic; it has no pack to compare a short answer with."""


@dataclass(slots=True)
class HostSeen:
    """How a host stands with a delegate."""

    silent_ms: int = 0
    asked_at: int = -1
    """Awake time when it was asked to prove something; -1 never."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Ask ``host`` for leaf ``leaf`` of this shard, which is ``size`` bytes long."""

    host: bytes
    shard: bytes
    size: int
    leaf: int


class Care:
    """One locker of somebody else."""

    def __init__(self, me: bytes, rules: Rules = RULES) -> None:
        """Nobody is known yet; ``me`` is this box, which keeps shards too and is always there."""
        self._me, self.rules = me, rules
        self.hosts: dict[bytes, HostSeen] = {}
        self.gone: set[tuple[bytes, bytes]] = set()
        """(shard, host): the host says that it is missing, or could not prove it."""
        self.placed: dict[bytes, set[bytes]] = {}
        """Shard -> hosts that have it now and are not in the manifest."""
        self.roofs: dict[bytes, int] = {}
        """Box -> household, as far as the owner said."""

    def know(self, hosts: Iterable[bytes]) -> None:
        """These boxes keep shards of the locker, or repair for it."""
        for each in hosts:
            self.hosts.setdefault(each, HostSeen())

    def pass_time(self, passed: int, there: Collection[bytes], silent: Mapping[bytes, int]) -> None:
        """``passed`` ms went by. ``silent``: for friends of our own, how long they have been silent anyway."""
        others = [each for each in self.hosts if each != self._me]
        anybody = any(each in there for each in others)
        for key in others:
            seen = self.hosts[key]
            if key in there:
                seen.silent_ms = 0
            elif anybody:
                seen.silent_ms = max(seen.silent_ms + passed, silent.get(key, 0))

    def lost(self, long: bool = False) -> frozenset[bytes]:
        """Hosts that were silent too long; ``long``: so long that everything they kept is made again."""
        least = self.rules.silent_ms + (self.rules.lost_ms if long else 0)
        return frozenset(key for key, seen in self.hosts.items() if seen.silent_ms >= least)

    def missing(self, shard: bytes, host: bytes) -> None:
        """This host does not have this shard, or not rightly."""
        self.gone.add((shard, host))
        self.placed.get(shard, set()).discard(host)

    def place(self, shard: bytes, host: bytes) -> None:
        """This host has this shard now."""
        self.gone.discard((shard, host))
        self.placed.setdefault(shard, set()).add(host)
        self.know((host,))

    def now(self, pack: ManifestPack) -> ManifestPack:
        """Return where the shards of a pack are, as far as is known here."""
        hosts = [self._hosts(each) for each in pack.shards]
        if pack.k == 1:  # every shard is the same bytes: a household counts once
            lost = self.lost()
            one = sorted({host for each in hosts for host in each}, key=lambda host: (host in lost, host))
            hosts = [tuple(one[at : at + 1]) for at in range(len(pack.shards))]
        shards = tuple(Placed(each.shard, at) for each, at in zip(pack.shards, hosts, strict=True))
        return replace(pack, shards=shards)

    def _hosts(self, placed: Placed) -> tuple[bytes, ...]:
        more = self.placed.get(placed.shard, ())
        found = dict.fromkeys((*placed.hosts, *sorted(more)))
        return tuple(each for each in found if (placed.shard, each) not in self.gone)

    def lacking(self, packs: Iterable[ManifestPack]) -> dict[bytes, int]:
        """Shards nobody has who is not lost, with their sizes."""
        lost = self.lost()
        return {
            each.shard: Lay(pack.k, b"", b"").shard_size(pack.size)
            for pack in packs
            for each in self.now(pack).shards
            if all(host in lost for host in each.hosts)
        }

    def work(
        self, packs: Sequence[ManifestPack], delegates: Collection[bytes], room: Sequence[bytes], owner_silent_ms: int
    ) -> list[Rebuilding]:
        """Return what this box should make again, most endangered first; ``room``: hosts that are there, best first."""
        found: dict[bytes, Rebuilding] = {}
        current, room = [self.now(each) for each in packs], self._trusted(room)
        for long in (False, True):
            lost = self.lost(long)
            waited = max([0, *(self.hosts[key].silent_ms - self.rules.silent_ms for key in lost)])
            waited = min(waited, owner_silent_ms - self.rules.delegate_silent_ms)
            around = Around(self._me, delegates, lost, room, owner_silent_ms, long, waited, self.roofs, self.gone)
            for each in delegate_work(current, around, self.rules):
                found.setdefault(each.pack.digest, each)
        return list(found.values())

    def _trusted(self, room: Sequence[bytes]) -> list[bytes]:
        """Those last that lost most of what they should have, however much room they say they have."""
        lost = Counter(host for _, host in self.gone)
        return sorted(room, key=lambda each: lost[each])

    def others(self, pack: ManifestPack, index: int, room: Sequence[bytes]) -> list[bytes]:
        """Return who may have this shard if its host does not take it: households with none of the pack."""
        around = Around(self._me, (), self.lost(), self._trusted(room), 0, roofs=self.roofs, gone=self.gone)
        return new_hosts(pack, index, taken_roofs(self.now(pack), around), around)

    def proofs(
        self, packs: Sequence[ManifestPack], there: Collection[bytes], awake_ms: int, chance: Chance
    ) -> list[Proof]:
        """Return what hosts are asked to prove now: some leaves of each, once a day."""
        chosen: dict[bytes, list[tuple[bytes, int]]] = {
            key: []
            for key, seen in self.hosts.items()
            if key in there and key != self._me and not 0 <= awake_ms - seen.asked_at < DAY * (seen.asked_at >= 0)
        }
        seen_shards = dict.fromkeys(chosen, 0)
        for pack in packs if chosen else ():
            size = Lay(pack.k, b"", b"").shard_size(pack.size)
            for shard in self.now(pack).shards:
                for host in [each for each in dict.fromkeys(shard.hosts) if each in chosen]:
                    seen_shards[host] += 1  # a sample of fixed size from a stream (Vitter's R)
                    sample = chosen[host]
                    if len(sample) < PROVED_LEAVES:
                        sample.append((shard.shard, size))
                    elif (at := chance.below(seen_shards[host])) < PROVED_LEAVES:
                        sample[at] = (shard.shard, size)
        for host in chosen:
            self.hosts[host].asked_at = awake_ms
        return [
            Proof(host, shard, size, chance.below(-(-size // LEAF_BYTES)))
            for host, sample in chosen.items()
            for shard, size in sample
        ]


# The owner's end


def found(facts: Facts, pack_id: bytes, k: int, index: int, key: bytes) -> None:
    """A delegate put a shard to this peer while this box was away, and the peer gave us its receipt for it."""
    pack, peer = facts.packs.get(pack_id), facts.peers.get(key)
    if pack is None or peer is None or pack.dropped_at >= 0 or (index, peer.number) in receipted(pack, k):
        return
    lay = lay_of(pack, k)
    if k == 1 and lay is not None:  # every shard is the same bytes: it takes the place of one that is not there
        index = next((at for at in range(lay.n) if not _well_kept(facts, lay, at)), index)
    facts.latest[peer.number, pack.locker] = pack.id
    standing = facts.standing(peer.number, pack.locker)
    if standing.good_at < 0:
        standing.next_at = min(standing.next_at, facts.awake_ms)
    if lay is None or index >= lay.n or _well_kept(facts, lay, index) or peer.home in _roofs(facts, lay, index):
        facts.change(pack, formers=(*pack.formers, Former(k, index, peer.number)))
        return
    old = lay.hosts[index]
    if lay.marks[index] == Mark.HELD and facts.by_number[old].state is not PeerState.LEFT:
        facts.change(pack, formers=(*pack.formers, Former(k, index, old)))
    for other in range(lay.n):
        if other != index and lay.hosts[other] == peer.number and lay.marks[other] == Mark.PLANNED:
            put_mark(facts, pack, lay, other, 0, Mark.NONE)
    put_mark(facts, pack, lay_of(pack, k) or lay, index, peer.number, Mark.HELD)
    take_over(facts, pack)
    line_up(facts, pack)


def _roofs(facts: Facts, lay: Lay, index: int) -> set[str]:
    """Households that have another shard of this layout: a second one there does not count as a place for it."""
    held = (host for at, host in enumerate(lay.hosts) if at != index and lay.marks[at] == Mark.HELD)
    return {facts.by_number[host].home for host in held}


def _well_kept(facts: Facts, lay: Lay, index: int) -> bool:
    """Whether the peer that should have this shard is there and has it: then the other one is one too many."""
    host = facts.by_number.get(lay.hosts[index])
    held = lay.marks[index] == Mark.HELD and host is not None
    return held and host is not None and host.online and host.state in (PeerState.ACTIVE, PeerState.PROBATION)
