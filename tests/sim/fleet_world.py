"""A fleet of boxes under one virtual clock: what happens, when, and to whom; everything else reacts.

Nothing ticks. Events stand in a heap by time; an owner plans when something is due or happened. All chance comes out of
the seed, so a fleet can be played again, and ``trace`` is a hash of all that happened in order.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count

from blake3 import blake3

from firmware.backup import PeerState
from firmware.errors import LeaseRuns
from firmware.pack.format import Kind
from tests.sim.fleet_boxes import Box
from tests.sim.fleet_carrying import Carrying, may_end
from tests.sim.fleet_delegates import Charge
from tests.sim.fleet_happenings import Happenings
from tests.sim.fleet_owners import LATER, Item, Owner, SeededEntropy
from tests.sim.fleet_people import Home, furnished, people
from tests.sim.fleet_returning import Returning
from tests.sim.fleet_spec import (
    DAY,
    DROPPED,
    DROPS_A_YEAR,
    HOUR,
    PACK_SIZES,
    PACKS,
    PACKS_A_YEAR,
    START,
    YEAR,
    Conduct,
    Spec,
)
from tests.sim.fleet_tally import Tally, rung

_GRID = 8 * HOUR
"""Owners plan at most so often when nothing happened, so that what is due together is done together."""


class World:
    """One fleet of one seed."""

    def __init__(self, spec: Spec) -> None:
        """Everybody moves in, is paired, and cuts first packs in the first days."""
        self.spec, self.t, self.end = spec, START, START + spec.days * DAY
        self.tally = Tally()
        self.entropy = SeededEntropy(f"fleet {spec.seed}")
        self.chance = random.Random(f"life {spec.seed}")
        self.carrying = Carrying(self, self.tally)
        self.charges: dict[tuple[int, int], Charge] = {}
        self.homes: list[Home] = people(spec)
        self.owners: dict[int, Owner] = {}
        self.served: dict[int, dict[int, Owner]] = {}
        """Box -> owners who have it as a peer."""
        self.walls: list[frozenset[int]] = []
        self._heap: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._order = count()
        self._boxes = count(1)
        self._hash = blake3()
        self._caught: set[tuple[int, int]] = set()
        self.happenings, self.returning = Happenings(self), Returning(self)
        self._move_in()

    # Time

    def at(self, t: int, what: Callable[..., None], *about: object) -> None:
        """Let something happen at ``t``."""
        heapq.heappush(self._heap, (t, next(self._order), what, about))

    def run(self, *, until_lost: bool = False) -> Tally:
        """Play it to its end; ``until_lost``: or until a circle of four or more lost something."""
        while self._heap and self._heap[0][0] < self.end and not (until_lost and self.tally.all_lost):
            self.t, _, what, about = heapq.heappop(self._heap)
            self.tally.events += 1
            what(*about)
        self._finish()
        return self.tally

    @property
    def trace(self) -> str:
        """Hash of everything that happened."""
        return self._hash.hexdigest(16)

    def note(self, what: bytes, *numbers: int) -> None:
        """Put what happened into the trace."""
        self._hash.update(b"%b %d %b\n" % (what, self.t, b" ".join(b"%d" % each for each in numbers)))

    # People

    def _move_in(self) -> None:
        for home in self.homes:
            home.boxes = [self._device(home) for _ in range(home.many)]
            if home.conduct is Conduct.HONEST:
                owner = Owner(home.number, home.size, self.spec.control, home.boxes[0], list(home.friends))
                owner.born = owner.t = START
                owner.silent_since = START
                if self.spec.has("slow"):
                    owner.rate = 60_000 if self.chance.random() < 0.1 else owner.rate
                    owner.night_only = self.chance.random() < 0.1
                    owner.begin()
                self.owners[home.number] = owner
                self.tally.owners[rung(owner.size)] += 1
        self.happenings.begin()
        for owner in self.owners.values():
            self._begin(owner)

    def _begin(self, owner: Owner) -> None:
        for friend in owner.friends:
            self.pair(owner, self.homes[friend])
        for _ in range(PACKS):
            self.at(START + int(self.chance.random() * 2 * DAY), self._cut, owner)
        for rate, what in ((PACKS_A_YEAR, self._cut_on), (DROPS_A_YEAR, self._drop_on)):
            self.at(START + self.after(rate), what, owner)
        self.soon(owner)

    def _device(self, home: Home) -> Box:
        box = furnished(home, next(self._boxes), self.spec, self.chance)
        self.tally.boxes += 1
        self.tally.honest_boxes += home.conduct is Conduct.HONEST
        self.served[box.number] = {}
        self.happenings.of_box(box)
        return box

    def new_boxes(self, home: Home) -> None:
        """A household that lost everything has new boxes."""
        home.boxes = [self._device(home) for _ in range(home.many)]

    def pair(self, owner: Owner, home: Home) -> None:
        """An owner pairs with every box of a household."""
        for box in home.boxes:
            if box.alive:
                owner.befriend(box)
                self.served[box.number][owner.home] = owner
                self.link(owner, box)

    def after(self, rate: float) -> int:
        """Return how long until something that happens so often a year happens next."""
        return int(self.chance.expovariate(rate) * YEAR) + 1

    # Lines

    def is_line(self, one: Box, other: Box) -> bool:
        """Whether these two boxes reach each other."""
        if not (one.up and other.up and one.alive and other.alive):
            return False
        return all((one.region in wall) == (other.region in wall) for wall in self.walls)

    def link(self, owner: Owner, host: Box) -> None:
        """The line between an owner and a host may have come or gone."""
        owner.t = self.t
        wait = owner.line(host, owner.running and self.is_line(owner.box, host))
        if wait < DAY:
            self.soon(owner, self._on_grid(owner, wait))

    def turned(self, box: Box) -> None:
        """A box came up or went down."""
        for owner in list(self.served[box.number].values()):
            self.link(owner, box)
        mine = self.owners.get(box.home)
        if mine is not None and mine.box is box:
            mine.t = self.t
            for host in list(mine.boxes.values()):
                self.link(mine, host)
            if box.up and mine.running:
                mine.slept = True
                self.soon(mine)

    # Planning

    def soon(self, owner: Owner, wait: int = 1000) -> None:
        """Plan for an owner in a moment, or sooner if that is planned already."""
        if self.t < owner.plan_at <= self.t + wait:
            return
        owner.plan_at = self.t + wait
        self.at(owner.plan_at, self._plan, owner)

    def _plan(self, owner: Owner) -> None:
        if owner.plan_at != self.t or not owner.running or not owner.box.up:
            return
        owner.t = self.t
        self.carrying.step(owner)
        owner.silent_since = self.t
        self.tally.checks += 1
        owner.check()
        self.soon(owner, max(LATER, self._on_grid(owner, owner.due())))

    def _on_grid(self, owner: Owner, wait: int) -> int:
        """Return the wait to the owner's next point of the grid; what is due within the hour is not put off."""
        if wait <= HOUR:
            return wait
        phase = owner.home * 997_000 % _GRID
        return -(-(self.t + wait - phase) // _GRID) * _GRID + phase - self.t

    # What owners do

    def _cut(self, owner: Owner) -> None:
        if not owner.running or not owner.box.up:
            return
        owner.t = self.t
        owner.serial += 1
        pack = owner.home.to_bytes(4, "big") + owner.serial.to_bytes(4, "big") + bytes(21) + b"\1\0\0"
        kind = Kind(1 + self.chance.randrange(3))
        size, precious = self.chance.choice(PACK_SIZES), self.chance.random() < 0.3
        owner.head += 1
        owner.items[pack] = Item(pack, kind, size, precious, self.t, owner.head, home_since=self.t)
        owner.view.cut(pack, owner.locker, kind, size, precious=precious, now_ms=owner.now_ms())
        owner.view.head_is(owner.locker, owner.head)
        self.soon(owner, HOUR)

    def _cut_on(self, owner: Owner) -> None:
        self._cut(owner)
        self.at(self.t + self.after(PACKS_A_YEAR), self._cut_on, owner)

    def _drop_on(self, owner: Owner) -> None:
        """A pack is no longer wanted."""
        self.at(self.t + self.after(DROPS_A_YEAR), self._drop_on, owner)
        known = [each for each in owner.items.values() if each.home_since >= 0]
        if self.spec.has("drops") and known and owner.running and owner.box.up:
            owner.t = self.t
            item = self.chance.choice(known)
            owner.head += 1
            owner.view.head_is(owner.locker, owner.head)
            owner.view.drop(item.id)
            del owner.items[item.id]

    # What hosts do

    def tidy(self, host: Box) -> None:
        """What was asked away goes, when the host's own clocks say so."""
        if not host.alive or not host.up:
            if host.alive:
                self.at(self.t + DAY, self.tidy, host)
            return
        waited = host.tidy(self.t)
        if waited >= 0:
            self.tally.soonest_delete_days = min(self.tally.soonest_delete_days, waited)
            assert waited >= 25, "a host let shards go before their time"
        if host.going:
            self.at(self.t + DAY, self.tidy, host)

    # What is found out

    def caught(self, owner: Owner, host: Box) -> None:
        """A dropper gave a wrong answer."""
        if host.part == DROPPED[0] and (owner.home, host.number) not in self._caught:
            self._caught.add((owner.home, host.number))
            self.tally.rounds.append(self._exposed(owner, host))

    def _exposed(self, owner: Owner, host: Box) -> int:
        """Rounds (days begun) since the host dropped anything of this owner's, who has been there all the time."""
        since = max(host.turns_at, owner.first_shard[host.key], owner.born)
        return max(1, -(-(self.t - since) // DAY))

    def ends(self, owner: Owner, host: Box) -> None:
        """This pair is no more: a dropper that was not found in time counts all the same."""
        pair = (owner.home, host.number)
        if owner.away or host.part != DROPPED[0] or host.key not in owner.first_shard or host.turns_at >= self.t:
            return
        if pair not in self._caught and host.key in owner.linked and host.kept.get(owner.home):
            rounds = self._exposed(owner, host)
            self.tally.unfound += rounds <= 8
            if rounds > 8:
                self.tally.rounds.append(rounds)

    def evicted(self, owner: Owner, host: Box) -> None:
        """An owner lost its faith in a host; in two or three weeks somebody else takes the place."""
        self.tally.liars_evicted += host.conduct is not Conduct.HONEST
        self.at(self.t + (14 + owner.home % 8) * DAY, self._replace, owner, host.home)

    def _replace(self, owner: Owner, gone: int) -> None:
        if not owner.running or gone not in owner.friends:
            return
        others = [home for home in self.homes if home.number not in owner.friends and home.number != owner.home]
        home = self.chance.choice([each for each in others if not each.burnt] or self.homes)
        owner.friends[owner.friends.index(gone)] = home.number
        for box in [each for each in owner.boxes.values() if each.home == gone]:
            self.ends(owner, box)
            self.part(owner, box)
        self.pair(owner, home)
        self.soon(owner)

    def part(self, owner: Owner, box: Box) -> None:
        """An owner takes a box out of the circle."""
        self.served[box.number].pop(owner.home, None)
        peer = owner.view.peers.get(box.key)
        if peer is not None and peer.state is not PeerState.LEFT:
            owner.t = self.t
            owner.line(box, up=False)
            owner.view.left(box.key)

    def _finish(self) -> None:
        for owner in self.owners.values():
            owner.t = self.t
            for host in list(owner.boxes.values()):
                self.ends(owner, host)
                try:
                    self.tally.leases_ended += may_end(host, owner, self.t)
                except LeaseRuns:
                    pass
            self.live(owner)
            states = [owner.view.packs[each].lay for each in sorted(owner.items) if each in owner.view.packs]
            self.note(repr(states).encode(), owner.home, owner.head, owner.view.awake_ms)

    def live(self, owner: Owner) -> None:
        """Count the time an owner's box has lived."""
        if owner.burnt_at < 0:
            self.tally.lived_ms[rung(owner.size)] += self.t - owner.born
            owner.born = self.t
