"""Friends who repair for an owner who is away: the real ``Care`` over the manifest the owner left with them."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.backup import Care, Mark, Rebuilding
from firmware.backup.chance import Chance
from firmware.peer import ManifestPack
from firmware.peer.messages import Placed
from tests.sim.fleet_boxes import Box
from tests.sim.fleet_owners import AWAKE, Owner, SeededEntropy
from tests.sim.fleet_restoring import shard_name, shard_of
from tests.sim.fleet_spec import DAY, Conduct, Control


@dataclass
class Charge:
    """One locker in the care of one box."""

    box: Box
    owner: Owner
    packs: list[ManifestPack]
    care: Care = field(init=False)
    chance: Chance = field(init=False)
    made: list[tuple[bytes, int, int, Box]] = field(default_factory=list)
    """Pack, k, number of the shard, and where it is now."""
    round_at: int = -1
    awake_ms: int = 0

    def __post_init__(self) -> None:
        """Begin to care."""
        self.care = Care(self.box.key, AWAKE)
        self.chance = Chance(SeededEntropy(f"care {self.box.number} {self.owner.home}"))

    def round(self, hosts: dict[bytes, Box], t: int) -> int:
        """Look after the locker once; ``hosts`` are those with a line to this box, itself too. Return shards made."""
        passed = min(DAY, t - self.round_at) if self.round_at >= 0 else 0
        self.round_at, self.awake_ms = t, self.awake_ms + passed
        if self.box.lies(t):
            return 0
        named = dict.fromkeys(host for pack in self.packs for shard in pack.shards for host in shard.hosts)
        self.care.know(named)
        if self.owner.control is not Control.SAME_HOUSEHOLD:
            self.care.roofs = {each.key: each.home for each in self.owner.boxes.values()}
        self.care.pass_time(passed, set(hosts), {})
        asked = set(hosts) if self.owner.control is not Control.NO_AUDIT else set()
        for proof in self.care.proofs(self.packs, asked, self.awake_ms, self.chance):
            pack = next(each.digest for each in self.packs if each.digest[:30] == proof.shard[:30])
            index = self._index(pack, proof.shard)
            shard = shard_of(proof.shard, index, pack)
            host = hosts[proof.host]
            if not host.shows_leaf(shard, proof.leaf, t):
                self.care.missing(proof.shard, proof.host)
        return self._repair(hosts, t)

    def _index(self, pack: bytes, name: bytes) -> int:
        found = next(each for each in self.packs if each.digest == pack)
        return next(index for index, each in enumerate(found.shards) if each.shard == name)

    def _repair(self, hosts: dict[bytes, Box], t: int) -> int:
        for name in self.care.lacking(self.packs):
            pack = next(each for each in self.packs if each.digest[:30] == name[:30])
            for host in hosts.values():
                kept = host.kept.get(self.owner.home, {})
                found = any(shard_name(*shard) == name for shard in kept if shard[0] == pack.digest)
                if found and (name, host.key) not in self.care.gone:
                    self.care.place(name, host.key)
        room = sorted(hosts.values(), key=lambda host: (-host.grant(self.owner.home).left, host.number))
        delegates = [each.key for each in self.owner.boxes.values() if each.home in self.owner.delegates]
        silent = t - self.owner.silent_since
        made = 0
        for job in self.care.work(self.packs, delegates, [host.key for host in room], silent):
            made += self._make(job, hosts, t)
        return made

    def _make(self, job: Rebuilding, hosts: dict[bytes, Box], t: int) -> int:
        """Fetch any k shards, make the wanted ones again, put each to its host."""
        pack = job.pack.digest
        sound: set[int] = set()
        for index, each in enumerate(job.pack.shards):
            for key in each.hosts:
                if key in hosts and hosts[key].gives((pack, job.pack.k, index), t):
                    sound.add(0 if job.pack.k == 1 else index)
        made = 0
        for index, key in job.wanted if len(sound) >= job.pack.k else ():
            item = self.owner.items.get(pack)
            size = -(-job.pack.size // (job.pack.k * 64)) * 64
            if item is not None and hosts[key].take((pack, job.pack.k, index), size, t) is None:
                self.care.place(job.pack.shards[index].shard, key)
                self.made.append((pack, job.pack.k, index, hosts[key]))
                made += 1
        return made


def manifest(owner: Owner) -> list[ManifestPack]:
    """Return what the owner tells a delegate of its packs."""
    out = []
    for pack in owner.view.packs.values():
        if pack.dropped_at >= 0 or not pack.lay.k:
            continue
        shards = tuple(
            Placed(
                shard_name(pack.id, pack.lay.k, index),
                (owner.view.by_number[host].key,) if host and pack.lay.marks[index] == Mark.HELD else (),
            )
            for index, host in enumerate(pack.lay.hosts)
        )
        out.append(ManifestPack(pack.id, pack.size, pack.precious, pack.lay.k, shards))
    return out


def is_willing(box: Box) -> bool:
    """Whether this box repairs for others at all."""
    return box.conduct not in (Conduct.DROPS, Conduct.GARBAGE)
