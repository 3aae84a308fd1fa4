"""Who loses a box and comes back with the kit, and who is away: what can be had back is counted here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from firmware.backup import CircleView, PeerState
from firmware.backup.book import PackPlace, ShardAt
from tests.sim.fleet_boxes import Box
from tests.sim.fleet_delegates import is_willing
from tests.sim.fleet_owners import Item, Owner
from tests.sim.fleet_people import Home
from tests.sim.fleet_restoring import Fetched, book, fetch, loaded, newest_head, shard_name
from tests.sim.fleet_spec import DAY, HOUR, SETTLED_MS, WAIT_DAYS, Control
from tests.sim.fleet_tally import rung

if TYPE_CHECKING:
    from tests.sim.fleet_world import World

Places = dict[bytes, tuple[PackPlace, ...]]
"""Pack -> where its shards are, in each of its layouts."""


class Returning:
    """Fires, new boxes, restores; departures and homecomings."""

    def __init__(self, world: World) -> None:
        """Nobody is gone yet."""
        self._world = world

    # Loss

    def burn(self, home: Home) -> None:
        """Every box of a household is gone at once; in two weeks it has new ones."""
        world = self._world
        if home.burnt or not any(each.alive for each in home.boxes):
            return
        home.burnt = True
        world.note(b"burnt", home.number)
        owner = world.owners.get(home.number)
        for box in home.boxes:
            for other in list(world.served[box.number].values()):
                world.ends(other, box)
            box.alive = box.up = False
            world.tally.boxes_lost += 1
            world.turned(box)
        if owner is not None:
            world.live(owner)
            owner.running, owner.burnt_at = False, world.t
        world.at(world.t + world.spec.restore_days * DAY, self._comes_back, home)

    def _comes_back(self, home: Home) -> None:
        world = self._world
        old_boxes = home.boxes
        home.burnt = False
        world.new_boxes(home)
        for other in world.owners.values():
            if home.number in other.friends and other.running and not other.away:
                for box in old_boxes:
                    world.part(other, box)
                world.pair(other, home)
                world.soon(other)
        owner = world.owners.get(home.number)
        if owner is not None:
            self._restores(owner, home)

    def _restores(self, owner: Owner, home: Home) -> None:
        """A new box, the same locker: the circle is asked, everything comes back that can."""
        world = self._world
        old, peers = owner.view, list(owner.boxes.values())
        places = book(old)
        owner.box, owner.epoch, owner.t = home.boxes[0], owner.epoch + 1, world.t
        owner.running, owner.burnt_at, owner.born = True, -1, world.t
        owner.begin()
        for host in peers:
            world.served[host.number].pop(owner.home, None)
            if old.peers[host.key].state is not PeerState.LEFT:
                self._meets(owner, host)
        for item in owner.items.values():
            item.home_since = -1
        head = newest_head(owner, self._reachable(owner))
        told = max((host.heads[owner.home][0] for host in peers if owner.home in host.heads), default=-1)
        world.tally.older_heads += 0 <= head < told
        world.tally.restores[rung(owner.size)] += 1
        waiting = {each: places.get(each, ()) for each in owner.items}
        world.tally.objects[rung(owner.size)] += len(waiting)
        self._more(owner, old, waiting, world.t + WAIT_DAYS * DAY)
        owner.view.restore_soon(owner.locker)
        world.soon(owner, HOUR)

    def _meets(self, owner: Owner, host: Box) -> None:
        """A new box calls a friend of the old one; friends who lost theirs meanwhile are met with their new boxes."""
        world = self._world
        if host.alive:
            owner.befriend(host)
            world.served[host.number][owner.home] = owner
            world.link(owner, host)
        elif host.home in owner.friends and not world.homes[host.home].burnt:
            world.pair(owner, world.homes[host.home])

    def _reachable(self, owner: Owner) -> dict[bytes, Box]:
        """Boxes that answer within the days a restore takes: an outage of hours keeps nobody waiting."""
        walls, here = self._world.walls, owner.box.region
        near = [each for each in owner.boxes.values() if all((each.region in wall) == (here in wall) for wall in walls)]
        return {each.key: each for each in near if each.alive and not each.off}

    def _more(self, owner: Owner, old: CircleView, waiting: Places, until: int) -> None:
        """Fetch what can be had now; the rest is tried again every day for two months, then it is lost."""
        world = self._world
        if owner.view is old or not owner.running:
            return
        owner.t = world.t
        found: Fetched = fetch(waiting, self._reachable(owner), world.t)
        world.tally.restore_needed += found.needed
        world.tally.restore_came += found.came
        for pack in found.packs:
            del waiting[pack]
            if pack in owner.items:
                owner.items[pack].home_since = world.t
                loaded(owner, old, pack)
        for pack in [each for each in waiting if each not in owner.items]:
            del waiting[pack]
        hopeless = [each for each in waiting if not waiting[each]]
        if waiting and world.t < until and len(hopeless) < len(waiting):
            world.at(world.t + DAY, self._more, owner, old, waiting, until)
        elif waiting:
            self._lost(owner, [owner.items.pop(each) for each in waiting])
        world.soon(owner, HOUR)

    def _lost(self, owner: Owner, items: list[Item]) -> None:
        world, size = self._world, rung(owner.size)
        gone = [each for each in items if each.was_safe or self._since(owner, each) >= SETTLED_MS]
        world.tally.too_young += len(items) - len(gone)
        world.tally.objects[size] -= len(items) - len(gone)
        world.tally.lost[size] += len(gone)
        world.tally.losers[size] += bool(gone)
        for each in gone:
            world.note(b"lost " + each.id, owner.home)

    def _since(self, owner: Owner, item: Item) -> int:
        """How long the pack had been there when the box was last heard."""
        return owner.silent_since - item.cut

    # Away

    def goes_away(self, owner: Owner, days: int) -> None:
        """The box is switched off for months."""
        world = self._world
        if not owner.running or world.homes[owner.home].burnt:
            world.at(world.t + 20 * DAY, self.goes_away, owner, days)
            return
        owner.away = owner.box.off = True
        owner.box.up = False
        owner.silent_since = world.t
        world.note(b"away", owner.home)
        world.turned(owner.box)
        world.live(owner)
        for host in owner.boxes.values():
            if host.home in owner.delegates and is_willing(host):
                world.at(world.t + DAY, self._care, host, owner)
        world.at(world.t + days * DAY, self._returns, owner)

    def _care(self, host: Box, owner: Owner) -> None:
        """A delegate's daily round."""
        world = self._world
        charge = world.charges.get((host.number, owner.home))
        if not owner.away or not host.alive or charge is None or owner.control is Control.NO_REPAIR:
            return
        world.at(world.t + DAY, self._care, host, owner)
        if host.up:
            hosts = {each.key: each for each in owner.boxes.values() if each is host or world.is_line(host, each)}
            world.tally.delegates_made += charge.round(hosts, world.t)

    def _returns(self, owner: Owner) -> None:
        """Home again. What the friends could have given back without the box is what counts."""
        world = self._world
        places = self._with_repairs(owner)
        there = {host.key: host for host in owner.boxes.values() if host.alive and not host.off}
        found = set(fetch(places, there, world.t).packs)
        world.tally.away_owners += 1
        world.tally.away_objects += len(places)
        lost = [each for each in places if each not in found]
        world.tally.away_lost += len(lost)
        for each in lost:
            world.note(b"away lost " + each, owner.home)
        owner.away = owner.box.off = False
        owner.box.up = True
        owner.box.boot()
        owner.born = world.t
        world.turned(owner.box)
        for number, home in list(world.charges):
            if home == owner.home:
                for pack, k, index, at in world.charges[number, home].made:
                    owner.first_shard.setdefault(at.key, world.t)
                    owner.view.found(pack, k, index, at.key)
        for friend in owner.friends:
            world.pair(owner, world.homes[friend])
        world.soon(owner, HOUR)

    def _with_repairs(self, owner: Owner) -> Places:
        """What the book and the delegates together say of where shards are."""
        places = book(owner.view)
        for (_, home), charge in self._world.charges.items():
            for pack, k, index, at in charge.made if home == owner.home else ():
                more = ShardAt(index, shard_name(pack, k, index), at.key)
                places[pack] = tuple(
                    replace(each, shards=(*each.shards, more)) if each.k == k else each for each in places.get(pack, ())
                )
        old = [each.id for each in owner.items.values() if each.was_safe or self._since(owner, each) >= SETTLED_MS]
        return {each: places.get(each, ()) for each in old}
