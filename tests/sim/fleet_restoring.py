"""A household that comes back with its words: capsules, custody and the real planner of restores.

The book says which shards make a pack and who gave a receipt for them, as of the last hour of the old box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware.backup import CircleView, Pack
from firmware.backup.book import PackPlace, ShardAt
from firmware.backup.health import receipted
from firmware.backup.restoring import Gathering, Paces, in_order
from firmware.backup.shipping import line_up
from firmware.backup.states import Lay, Mark
from firmware.hosting import judge
from firmware.peer import Verdict
from tests.sim.fleet_boxes import DRIP_BYTES, Box, Shard
from tests.sim.fleet_owners import Owner
from tests.sim.fleet_spec import Conduct

_LINE: Final = 1_250
"""Bytes a ms of a box that does not drip."""


def shard_name(pack: bytes, k: int, index: int) -> bytes:
    """Return what stands for a shard's id: the copies of a whole pack are all the same."""
    return pack[:30] + bytes((k, 0 if k == 1 else index))


def shard_of(name: bytes, index: int, pack: bytes) -> Shard:
    """Return the shard with this name."""
    return pack, name[30], index


def book(view: CircleView) -> dict[bytes, tuple[PackPlace, ...]]:
    """Return where the shards of every pack are, the layout that counts first."""
    found: dict[bytes, tuple[PackPlace, ...]] = {}
    for pack in view.packs.values():
        if pack.dropped_at < 0:
            ks = [pack.lay.k, *([pack.next.k] if pack.next else []), *(each.k for each in pack.formers)]
            places = [_place(view, pack, k) for k in dict.fromkeys(ks) if k]
            found[pack.id] = tuple(each for each in places if each.shards)
    return found


def _place(view: CircleView, pack: Pack, k: int) -> PackPlace:
    shards = tuple(
        ShardAt(index, shard_name(pack.id, k, index), view.by_number[number].key)
        for index, number in receipted(pack, k)
    )
    n = max([pack.lay.n, *(each.index + 1 for each in shards)])
    return PackPlace(pack.id, bytes(16), pack.kind, pack.size, pack.id, pack.precious, k, n, shards)


@dataclass
class Fetched:
    """What a round of a restore brought."""

    packs: list[bytes]
    needed: int = 0
    """Bytes of the k shards of these packs."""
    came: int = 0
    """Bytes that came, the useless ones too."""
    took_ms: int = 0


def fetch(places: dict[bytes, tuple[PackPlace, ...]], there: dict[bytes, Box], t: int) -> Fetched:
    """Fetch what can be had of the boxes that are there, in the order of the product's planner."""
    paces, wrong, out = Paces(), set[tuple[bytes, bytes]](), Fetched([])
    for first in in_order(each[0] for each in places.values() if each):
        for place in places[first.pack]:
            going = Gathering(place, paces, wrong)
            if _gather(going, there, wrong, out, t):
                out.packs.append(place.pack)
                out.needed += place.k * Lay(place.k, b"", b"").shard_size(place.size)
                break
    return out


def _gather(going: Gathering, there: dict[bytes, Box], wrong: set[tuple[bytes, bytes]], out: Fetched, t: int) -> bool:
    """Ask until the pack is whole or nobody is left to ask; the slowest of the k says how long it took."""
    now = out.took_ms
    while asks := going.next(there, now):
        began = out.took_ms
        for ask in asks:
            box = there[ask.peer]
            drips = box.conduct is Conduct.SLOW and box.flavour == "drip"
            now = max(now, began + 1 + (ask.size * 1000 // DRIP_BYTES if drips else ask.size // _LINE))
            if box.gives(shard_of(ask.shard, ask.index, going.pack.pack), t):
                going.came(ask, now)
                out.came += ask.size
            else:
                sent = box.sends(shard_of(ask.shard, ask.index, going.pack.pack), t)
                going.failed(ask, now, wrong=sent)
                wrong.add((ask.shard, ask.peer))
                out.came += ask.size * sent
        out.took_ms = now
    return going.whole


def newest_head(owner: Owner, there: dict[bytes, Box]) -> int:
    """Return the newest head any of them shows that is no forgery; -1 when nobody has a capsule."""
    heads = [box.heads[owner.home][0] for box in there.values() if owner.home in box.heads]
    return max(heads, default=-1)


def takes_over(owner: Owner, host: Box, t: int, old: Owner | None = None) -> bool:
    """Show the host the custody record of the new box, which was not heard for two weeks; may it place shards?"""
    held = (old or owner).custody(t)
    heard = host.alive_ms.get(owner.home, 0)
    return judge(held.record, None, owner.custody(t), heard, host.now_ms(t)).verdict in (Verdict.TAKEN, Verdict.SAME)


def loaded(owner: Owner, old: CircleView, pack: bytes) -> None:
    """Take a pack that is back into the new view, with what the book says of its shards."""
    was = old.packs[pack]
    lay = was.lay
    for index in range(lay.n):
        known = owner.view.peers.get(old.by_number[lay.hosts[index]].key) if lay.hosts[index] else None
        held = known is not None and lay.marks[index] == Mark.HELD
        lay = lay.put(index, known.number if known is not None and held else 0, Mark.HELD if held else Mark.NONE)
    owner.view.load(Pack(pack, owner.locker, was.kind, was.size, was.precious, was.cut_ms, lay), [])
    line_up(owner.view, owner.view.packs[pack])
    for index, number in enumerate(lay.hosts):
        if number:
            owner.view.standing(number, owner.locker)
            owner.view.latest[number, owner.locker] = pack
            owner.first_shard.setdefault(owner.view.by_number[number].key, owner.t)
            assert lay.marks[index] == Mark.HELD
