"""Repair without the owner: which delegate makes which shard again, decided by each of them alone from the manifest.

No delegate asks another one. All of them weigh every pack by the same hash (highest random weight, Thaler and
Ravishankar 1998) and rebuild those they weigh heaviest for among the delegates that are there, so two seldom do the
same work, and if they do, only a shard too many results. Each day the work is not done, the next one may do it too.
Who saw a proof fail makes that shard again itself: the others may believe for months that it is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from blake3 import blake3

from firmware.backup.states import DAY, RULES, Rules
from firmware.peer import ManifestPack


@dataclass(frozen=True, slots=True)
class Around:
    """What a delegate knows: itself, other delegates, hosts that count as lost, who has room (best first)."""

    me: bytes
    delegates: Collection[bytes]
    lost: Collection[bytes]
    room: Sequence[bytes]
    owner_silent_ms: int
    lost_long: bool = False
    """The lost hosts are lost for more than a week; else only packs with at most k + 1 shards left are made whole."""
    waited_ms: int = 0
    """How long somebody should have done it already."""
    roofs: Mapping[bytes, int] = field(default_factory=dict)
    """Boxes -> households, as the owner numbers them; a box nobody told of has one of its own."""
    gone: Collection[tuple[bytes, bytes]] = ()
    """(shard, host): this host had this shard and lost it; it does not get it again."""

    def roof(self, host: bytes) -> bytes | int:
        """Return what tells the household of a host from others."""
        return self.roofs.get(host, host)


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """Fetch any k shards of this pack, make these shards again, put each to its new host: (index, host)."""

    pack: ManifestPack
    wanted: tuple[tuple[int, bytes], ...]


def delegate_work(packs: Iterable[ManifestPack], around: Around, rules: Rules = RULES) -> list[Rebuilding]:
    """Return what this delegate should rebuild, most endangered first; nothing while the owner is heard."""
    if around.owner_silent_ms < rules.delegate_silent_ms:
        return []
    found: list[tuple[int, bool, int, Rebuilding]] = []
    seen = {shard for shard, _ in around.gone}
    for pack in packs:
        alive = [any(host not in around.lost for host in shard.hosts) for shard in pack.shards]
        spare = sum(alive) - pack.k
        gone = any(not shard.hosts for shard in pack.shards)  # missing or wrong, or the owner did not come to it
        if all(alive) or spare < 0 or not (around.lost_long or spare <= 1 or gone):
            continue
        # nobody but this box may know of a proof that failed here
        if not any(not each.hosts and each.shard in seen for each in pack.shards) and not _ours(pack.digest, around):
            continue
        wanted = _to_new_roofs(pack, alive, around)
        if not wanted and pack.k > 1 and (around.lost_long or spare == 0):
            wanted = _doubled(pack, alive, around)
        if wanted:
            found.append((spare, not pack.precious, pack.size, Rebuilding(pack, wanted)))
    return [each[3] for each in sorted(found, key=lambda each: (*each[:3], each[3].pack.digest))]


def chosen(digest: bytes, around: Around) -> bytes:
    """Return the delegate that cares for the pack with this digest."""
    there = {*around.delegates, around.me} - set(around.lost)
    return max(there or {around.me}, key=lambda key: blake3(digest + key).digest())


def _ours(digest: bytes, around: Around) -> bool:
    """Whether this delegate is the one, or one of the next ones after the first did nothing for days."""
    if chosen(digest, around) == around.me:
        return True
    there = {*around.delegates, around.me} - set(around.lost)
    heavy = sorted(there, key=lambda key: blake3(digest + key).digest(), reverse=True)
    return around.me in heavy[: 1 + around.waited_ms // DAY]


def new_hosts(pack: ManifestPack, index: int, taken: Collection[bytes | int], around: Around) -> list[bytes]:
    """Return who may have this shard, best first: boxes under roofs that are not ``taken``."""
    shard = pack.shards[index].shard
    return [each for each in around.room if around.roof(each) not in taken and (shard, each) not in around.gone]


def taken_roofs(pack: ManifestPack, around: Around) -> list[bytes | int]:
    """Return the household of every shard that somebody has who is not lost."""
    return [around.roof(each) for shard in pack.shards for each in shard.hosts if each not in around.lost]


def _to_new_roofs(pack: ManifestPack, alive: Sequence[bool], around: Around) -> tuple[tuple[int, bytes], ...]:
    """Give each lost shard a household that has none of this pack, as long as there are such."""
    taken, found = set(taken_roofs(pack, around)), list[tuple[int, bytes]]()
    for index in [index for index, there in enumerate(alive) if not there]:
        for host in new_hosts(pack, index, taken, around)[:1]:
            taken.add(around.roof(host))
            found.append((index, host))
    return tuple(found)


def _doubled(pack: ManifestPack, alive: Sequence[bool], around: Around) -> tuple[tuple[int, bytes], ...]:
    """Give each lost shard a household that has fewest, where all of them have: better two under one roof than none.

    The owner makes it again under a roof of its own when it is back (``delegates.found``).
    """
    count = Counter(taken_roofs(pack, around))
    found: list[tuple[int, bytes]] = []
    for index in [index for index, there in enumerate(alive) if not there]:
        hosts = new_hosts(pack, index, (), around)
        if hosts:
            host = min(hosts, key=lambda each: count[around.roof(each)])
            count[around.roof(host)] += 1
            found.append((index, host))
    return tuple(found)
