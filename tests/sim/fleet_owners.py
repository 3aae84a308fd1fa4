"""A box as an owner in the simulated fleet: the real ``CircleView`` and ``plan``, and what was cut and promised."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Final

from firmware.backup import (
    RULES,
    UNLIMITED,
    Caps,
    CircleView,
    HourWindow,
    Pack,
    PeerState,
    Rules,
    SafetyState,
    Standing,
    Way,
)
from firmware.backup.health import receipted
from firmware.backup.planning import pass_time
from firmware.backup.retention import receipted_all
from firmware.backup.states import TAKES
from firmware.pack.format import Kind
from firmware.peer import Custody, HeldCustody
from tests.sim.fleet_boxes import Box
from tests.sim.fleet_spec import DAY, HOUR, Control

LATER: Final = 600_000
"""Ms between two plans of an owner at least, as ``Rules.later_ms``: what could not be done is not tried sooner."""
AWAKE: Final = replace(RULES, step_ms=2 * DAY)
"""The product plans every few seconds and counts an hour at most. A box of the fleet that was on all the time plans
when something is due, so all of the time counts; after an outage or a jump of its clock the product's hour holds."""


class SeededEntropy:
    """The Entropy port out of a seed."""

    def __init__(self, seed: str) -> None:
        """Begin the sequence of this seed."""
        self._chance = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        return self._chance.randbytes(count)


class FleetView(CircleView):
    """The owner's view. An audit whose answer cannot depend on the leaves asks for one; so does one nobody judges."""

    def __init__(self, rules: Rules, owner: Owner) -> None:
        """An empty circle of ``owner``."""
        super().__init__(rules)
        self._owner = owner

    def leaves(self, standing: Standing) -> int:
        """Return how many leaves are asked for."""
        owner = self._owner
        if owner.control is Control.NO_AUDIT:
            return 1
        host = owner.boxes[standing.number]
        believed = (
            (pack.id, k, index)
            for pack in self.packs.values()
            for k, index, number in receipted_all(pack)
            if number == standing.number
        )
        if host.all_alike(owner.home, believed, owner.t):
            return 1
        return host.enough(super().leaves(standing), owner.t)


@dataclass
class Item:
    """One pack of a locker, as its owner would miss it."""

    id: bytes
    kind: Kind
    size: int
    precious: bool
    cut: int
    head: int
    was_safe: bool = False
    home_since: int = -1
    """Back on the box since; -1: not back after a restore yet."""


@dataclass
class Owner:
    """One locker and the box that acts for it. ``t`` is virtual time of the last thing that happened to it."""

    home: int
    size: int
    """Households in its circle, as it was invited together."""
    control: Control
    box: Box
    friends: list[int] = field(default_factory=list)
    delegates: list[int] = field(default_factory=list)
    unsure: dict[bytes, None] = field(default_factory=dict)
    proven: frozenset[tuple[int, bytes]] | None = None
    view: FleetView = field(init=False)
    items: dict[bytes, Item] = field(default_factory=dict)
    boxes: dict[int, Box] = field(default_factory=dict)
    """Peer's number in the view -> box."""
    linked: dict[bytes, None] = field(default_factory=dict)
    last_line: dict[bytes, int] = field(default_factory=dict)
    first_shard: dict[bytes, int] = field(default_factory=dict)
    head: int = 0
    epoch: int = 1
    running: bool = True
    slept: bool = True
    away: bool = False
    silent_since: int = 0
    t: int = 0
    plan_at: int = 0
    serial: int = 0
    burnt_at: int = -1
    lived_ms: int = 0
    born: int = 0
    rate: int = 1_250_000
    night_only: bool = False
    rules: tuple[Rules, Rules] = (RULES, AWAKE)
    locker: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Begin with a view nobody is in. What is never repaired need not be tried every few minutes."""
        if self.control is Control.NO_REPAIR:
            self.rules = (replace(RULES, later_ms=3 * DAY), replace(AWAKE, later_ms=3 * DAY))
        self.locker = self.home.to_bytes(16, "big")
        self.begin()

    def begin(self) -> None:
        """A new box: an empty view with the custody of the locker."""
        self.view = FleetView(self.rules[0], self)
        self.boxes, self.linked, self.slept = {}, {}, True
        self.unsure.clear()
        self.view.add_locker(self.locker)
        self.view.set_custody(self.locker, held=True)
        self.view.head_is(self.locker, self.head)
        self.view.capsule_is(self.locker, self.epoch)
        if self.night_only:
            night = HourWindow(0, 8 * 60, UNLIMITED, UNLIMITED)
            self.view.set_caps(Caps(0, UNLIMITED, (night,)))

    def custody(self, t: int) -> HeldCustody:
        """Return the record that names this box; nobody checks signatures here."""
        record = Custody(self.locker, self.epoch, self.box.key, t - DAY)
        return HeldCustody(record, bytes(32), self.epoch.to_bytes(4, "big") + self.box.key)

    def now_ms(self) -> int:
        """What the box's clock says."""
        return self.t + self.box.skew_ms

    def befriend(self, host: Box) -> None:
        """Pair with one box, of whose household the owner says the name."""
        if host.key in self.view.peers and self.view.peers[host.key].state is not PeerState.LEFT:
            return
        roof = "" if self.control is Control.SAME_HOUSEHOLD else f"home {host.home}"
        delegate = host.home in self.delegates
        peer = self.view.add_peer(host.key, self.now_ms(), household=roof, delegate=delegate)
        self.boxes[peer.number] = host
        account = host.grant(self.home)
        self.view.offered(host.key, account.quota, account.used)

    def line(self, host: Box, up: bool) -> int:
        """The line to a host came up or broke; return in how many ms the next step is due because of that."""
        if up and host.key not in self.linked:
            self.linked[host.key] = None
            first = host.key not in self.last_line
            known = first and self.control is not Control.SAME_HOUSEHOLD
            address = f"5.{host.home >> 8}.{host.home & 255}.9" if known else ""
            self.last_line[host.key] = self.t
            self.view.heard(host.key, self.now_ms(), address)
            # with nothing to bring, more than an hour: then it is done with all else at the next point of the grid
            return LATER if self._waits_for(host) else max(HOUR + 1, self._asks_in(host))
        if not up and host.key in self.linked:
            self.passes()
            del self.linked[host.key]
            self.last_line[host.key] = self.t
            self.view.gone(host.key)
        return DAY

    def passes(self) -> None:
        """Let the view count the time until now, so that nobody was silent while the line was up."""
        if self.view.now_ms == self.now_ms():
            return
        self.view.rules = self.rules[not self.slept]
        self.slept = False
        pass_time(self.view, self.now_ms())

    def host(self, key: bytes) -> Box:
        """Return the box with this key."""
        return self.boxes[self.view.peers[key].number]

    def due(self) -> int:
        """Return in how many ms of awake time the next step is due."""
        view = self.view
        if view.sweep_at >= 0:
            return 1
        wait = min(12 * HOUR if view.short or view.backlog else DAY, self._ships_in())
        if not view.settled:
            wait = 2 * HOUR
        if view.fresh:
            wait = min(wait, max(1, view.night_at_ms - view.now_ms))
        latest = view.awake_ms + wait
        for standing in view.standings.values():
            if standing.next_at >= latest:
                continue
            peer, at = view.by_number[standing.number], (standing.number, standing.locker)
            if peer.online and peer.state is not PeerState.LEFT and view.held[at] and not view.empty.get(at):
                latest = standing.next_at
        return max(1, latest - view.awake_ms)

    def _ships_in(self) -> int:
        """Return in how many ms something that stands in line for a peer who is there may ship; a day: nothing does."""
        view = self.view
        if self.control is Control.NO_REPAIR:
            return DAY  # what is late stands in line for good
        lines = [view.by_number[number] for number, line in view.queues.items() if line]
        takes = [each for each in lines if each.online and each.state in TAKES]
        waits = [max(HOUR, each.full_until - view.awake_ms) for each in takes]
        if waits and self.night_only and view.caps.rate(Way.UP, view.now_ms) == 0:
            return DAY - view.now_ms % DAY
        return min(waits, default=DAY)

    def _waits_for(self, host: Box) -> bool:
        """Whether something is to go to this box, or to nobody yet."""
        view = self.view
        peer = view.peers[host.key]
        line = view.queues.get(peer.number) and peer.state in TAKES
        return self.control is not Control.NO_REPAIR and bool(line or view.backlog or view.short)

    def _asks_in(self, host: Box) -> int:
        """Return in how many ms of awake time this box is to prove something; a day: it keeps nothing."""
        view, at = self.view, (self.view.peers[host.key].number, self.locker)
        if not view.held[at] or view.empty.get(at) or at not in view.standings:
            return DAY
        return view.standings[at].next_at - view.awake_ms - (self.now_ms() - view.now_ms)

    def check(self) -> None:
        """What must be so after every step, whatever happened; packs that did not change are as they were."""
        view = self.view
        for peer in view.by_number.values():
            assert peer.room >= 0, "room planned for a peer is counted wrongly"
        self.unsure.update(dict.fromkeys(view.changes.packs))
        if view.proven is self.proven and not view.changes.packs:
            return
        self.proven = view.proven
        view.changes.packs.clear()
        for each in list(self.unsure):
            pack = view.packs.get(each)
            if pack is None or self._checked(pack):
                del self.unsure[each]

    def _checked(self, pack: Pack) -> bool:
        """Check one pack; return whether it is SAFE, so that it need not be looked at until it changes."""
        view = self.view
        for lay in (pack.lay, pack.next):
            homes = [view.by_number[host].home for host in lay.hosts if host] if lay is not None else []
            assert len(homes) == len(set(homes)), "two shards of a pack under one roof"
        safety = view.safety(pack.id)
        if safety.state is not SafetyState.SAFE:
            return False
        if pack.id in self.items:
            self.items[pack.id].was_safe = True
        hosts = {view.by_number[number].key for _, number in receipted(pack, pack.lay.k)}
        told = sum(1 for each in hosts if each in self.first_shard)
        assert pack.lay.k <= safety.of <= told, "a badge says more than the receipts"
        return True
