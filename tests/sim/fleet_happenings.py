"""What happens to a simulated fleet: fires, outages, floods, partitions, clocks that jump, rot, full disks, Sybils."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from firmware.shard import LEAF_BYTES
from tests.sim.fleet_boxes import Box
from tests.sim.fleet_people import Home
from tests.sim.fleet_spec import (
    DAY,
    FULL_A_YEAR,
    HOUR,
    JUMPS_A_YEAR,
    OUTAGE_MS,
    PARTITIONS_A_YEAR,
    REGIONS,
    ROT_A_YEAR,
    START,
    YEAR,
    Conduct,
)

if TYPE_CHECKING:
    from tests.sim.fleet_world import World


class Happenings:
    """Draws what happens when; every kind has a chance of its own, so that leaving one out moves no other."""

    def __init__(self, world: World) -> None:
        """Nothing happens yet."""
        self._world, self._spec = world, world.spec
        self._chance: dict[str, random.Random] = {}

    def _of(self, kind: str) -> random.Random:
        if kind not in self._chance:
            self._chance[kind] = random.Random(f"{kind} {self._spec.seed}")
        return self._chance[kind]

    def _after(self, kind: str, rate: float) -> int:
        return self._world.t + int(self._of(kind).expovariate(rate) * YEAR) + 1

    def begin(self) -> None:
        """Plan what happens to all."""
        world, spec = self._world, self._spec
        for home in world.homes:
            if spec.has("loss") and spec.loss > 0:
                world.at(self._after("loss", spec.loss), self._burn_on, home)
        for kind, when, what in (
            ("region", 0.55, self._flood),
            ("batch", 0.4, self._bad_batch),
            ("sybils", 0.3, self._sybils),
        ):
            if spec.has(kind):
                world.at(START + int(spec.days * when) * DAY, what)
        if spec.has("partitions"):
            world.at(self._after("partitions", PARTITIONS_A_YEAR), self._wall)
        if spec.has("away"):
            self._holidays()

    def of_box(self, box: Box) -> None:
        """Plan what happens to one box."""
        world, spec = self._world, self._spec
        if spec.has("outages") and spec.uptime < 1:
            world.at(self._outage(), self._down, box)
        for kind, rate, what in (
            ("jumps", JUMPS_A_YEAR, self._jump),
            ("rot", ROT_A_YEAR, self._rot),
            ("full", FULL_A_YEAR, self._full),
        ):
            if spec.has(kind):
                world.at(self._after(kind, rate), what, box)

    # Outages

    def _outage(self) -> int:
        up = OUTAGE_MS * self._spec.uptime / (1 - self._spec.uptime)
        return self._world.t + int(self._of("outages").expovariate(1) * up) + 1

    def _down(self, box: Box) -> None:
        if not box.alive:
            return
        if not box.off:
            box.up = False
            self._world.turned(box)
        self._world.at(self._world.t + int(self._of("outages").expovariate(1) * OUTAGE_MS) + 1, self._up, box)

    def _up(self, box: Box) -> None:
        if not box.alive:
            return
        if not box.off and not box.up:
            box.up = True
            box.boot()
            self._world.turned(box)
        self._world.at(self._outage(), self._down, box)

    # Loss

    def _burn_on(self, home: Home) -> None:
        self._world.at(self._after("loss", self._spec.loss), self._burn_on, home)
        owner = self._world.owners.get(home.number)
        if owner is None or not owner.away:
            self._world.returning.burn(home)

    def _flood(self) -> None:
        """One region loses everything at once: 5 % of the boxes."""
        region, left = self._of("region").randrange(REGIONS), round(self._spec.boxes * 0.05)
        near = sorted(self._world.homes, key=lambda home: ((home.region - region) % REGIONS, home.number))
        for home in near:
            owner = self._world.owners.get(home.number)
            if left >= home.many and (owner is None or not owner.away):
                left -= home.many
                self._world.returning.burn(home)

    def _bad_batch(self) -> None:
        """5 % of the disks, of one make, lose a fifth of their shards; another 5 % of boxes lose power for days."""
        boxes = [box for home in self._world.homes for box in home.boxes if box.alive]
        chance = self._of("batch")
        for box in chance.sample(boxes, len(boxes) // 20):
            box.damaged = True
            shards = [each for kept in box.kept.values() for each in kept]
            for shard in chance.sample(shards, len(shards) // 5):
                box.lose(shard)
        for box in chance.sample(boxes, len(boxes) // 20):
            if box.alive and box.up:
                box.up = False
                self._world.turned(box)
                self._world.at(self._world.t + 2 * DAY, self._up_again, box)

    def _up_again(self, box: Box) -> None:
        if box.alive and not box.up and not box.off:
            box.up = True
            box.boot()
            self._world.turned(box)

    # Partitions

    def _wall(self) -> None:
        chance = self._of("partitions")
        wall = frozenset(chance.sample(range(REGIONS), chance.randrange(1, 8)))
        self._world.walls.append(wall)
        self._relink()
        self._world.at(self._world.t + int((0.2 + 4 * chance.random()) * DAY), self._unwall, wall)
        self._world.at(self._after("partitions", PARTITIONS_A_YEAR), self._wall)

    def _unwall(self, wall: frozenset[int]) -> None:
        self._world.walls.remove(wall)
        self._relink()

    def _relink(self) -> None:
        for owner in self._world.owners.values():
            for host in list(owner.boxes.values()):
                self._world.link(owner, host)

    # Clocks and disks

    def _jump(self, box: Box) -> None:
        """A clock is wrong, by an hour or by more than a year, either way, for up to three days."""
        if not box.alive:
            return
        chance = self._of("jumps")
        by = chance.choice((-400 * DAY, -2 * HOUR, HOUR, 40 * DAY, 400 * DAY))
        self._skew(box, by)
        self._world.at(self._world.t + int(chance.random() * 3 * DAY), self._skew, box, -by)
        self._world.at(self._after("jumps", JUMPS_A_YEAR), self._jump, box)

    def _skew(self, box: Box, by: int) -> None:
        box.skew_ms += by
        box.now_ms(self._world.t)
        owner = self._world.owners.get(box.home)
        if owner is not None and owner.box is box:
            owner.slept = owner.slept or by > 0

    def _rot(self, box: Box) -> None:
        if not box.alive:
            return
        chance = self._of("rot")
        shards = [(shard, size) for kept in box.kept.values() for shard, size in kept.items()]
        if shards:
            shard, size = chance.choice(shards)
            box.rot[shard] = chance.randrange(-(-size // LEAF_BYTES))
        self._world.at(self._after("rot", ROT_A_YEAR), self._rot, box)

    def _full(self, box: Box) -> None:
        """The household fills its own disk; a month later it has a larger one."""
        if box.alive:
            box.disk_free, before = 0, box.disk_free
            self._world.at(self._world.t + 30 * DAY, self._roomy, box, before)

    def _roomy(self, box: Box, free: int) -> None:
        box.disk_free = free

    # Sybils

    def _sybils(self) -> None:
        """One person is six friends of a tenth of the owners, each on a line of its own; in a month all are gone."""
        chance, world = self._of("sybils"), self._world
        first = len(world.homes)
        for at in range(6):
            home = Home(first + at, chance.randrange(REGIONS), 0, conduct=Conduct.GARBAGE, flavour="boast")
            home.turns_at = world.t + 30 * DAY
            world.homes.append(home)
            world.new_boxes(home)
        owners = [each for each in world.owners.values() if each.running and not each.away]
        for owner in chance.sample(owners, len(owners) // 10):
            for home in world.homes[first:]:
                owner.friends.append(home.number)
                world.pair(owner, home)
        for home in world.homes[first:]:
            world.at(home.turns_at + DAY, self._vanish, home)

    def _vanish(self, home: Home) -> None:
        for box in home.boxes:
            box.up, box.alive = False, False
            self._world.turned(box)

    # Away

    def _holidays(self) -> None:
        """Some owners of circles of four and more are away for months; three friends look after each."""
        spec, world, chance = self._spec, self._world, self._of("away")
        fit = [each for each in world.owners.values() if each.size >= 4 and world.homes[each.home].many == 1]
        for owner in chance.sample(fit, min(spec.away, len(fit))):
            owner.delegates = chance.sample(owner.friends, 3)
            begins = START + int((0.1 + 0.3 * chance.random()) * spec.days) * DAY
            days = min(spec.away_days, spec.days // 2)
            world.at(begins, world.returning.goes_away, owner, days)
