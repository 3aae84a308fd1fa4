"""What is known of a circle, held so that one change costs little: packs, peers, lockers, standings, what is under way.

Nothing decides here. The floors above (ladder, placing, shipping, auditing, retention) read these facts and change them
through ``change``, which keeps the sums: who holds how many shards of which locker, how much is planned for whom, how
many packs are laid out alike. What changed is remembered for whoever writes it down.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from firmware.backup.actions import Action
from firmware.backup.caps import Caps
from firmware.backup.states import (
    NO_LAY,
    RULES,
    Former,
    Lay,
    Locker,
    Mark,
    Pack,
    Peer,
    PeerState,
    Rules,
    Safety,
    Standing,
)
from firmware.errors import Misused

NUMBERS: Final = 255
"""Peers a circle ever had whose numbers are in use; a number is one byte."""

Order = tuple[int, int, int, bytes]
"""What ships first: rank, size, time it was cut, pack."""

Flight = tuple[str, bytes, bytes, int, int]
"""Something under way: what, pack or locker, peer, k, index."""


@dataclass(slots=True)
class Changes:
    """What changed since it was last written down."""

    peers: set[int] = field(default_factory=set)
    lockers: set[bytes] = field(default_factory=set)
    packs: set[bytes] = field(default_factory=set)
    gone: set[bytes] = field(default_factory=set)
    standings: set[tuple[int, bytes]] = field(default_factory=set)
    times: bool = False


@dataclass(slots=True)
class Group:
    """Packs of one locker that are laid out alike; ``lay`` is the one object they share."""

    lay: Lay
    packs: int = 0
    size: int = 0


class Facts:
    """The state of a circle. Attributes may be read by everybody and are changed by ``firmware.backup`` alone."""

    def __init__(self, rules: Rules = RULES) -> None:
        """An empty circle."""
        self.rules = rules
        self.caps = Caps()
        self.zone_minutes = 0
        self.now_ms = 0
        self.awake_ms = 0
        self.released_ms = 0
        self.night_at_ms = 0
        self.whole_at = 0
        self.whole_next = 0
        self.shrunk_at = -1
        """Awake time since when the circle is one household too small for the layout it had; -1 it is not."""
        self.peers: dict[bytes, Peer] = {}
        self.by_number: dict[int, Peer] = {}
        self.lockers: dict[bytes, Locker] = {}
        self.packs: dict[bytes, Pack] = {}
        self.order: list[bytes] = []
        self.standings: dict[tuple[int, bytes], Standing] = {}
        self.changes = Changes()
        self._begin()

    def _begin(self) -> None:
        """What follows is worked out from the rest, and never written down."""
        self.groups: dict[tuple[bytes, Lay], Group] = {}
        self.held: Counter[tuple[int, bytes]] = Counter()
        self.dropped: dict[bytes, None] = {}
        self.with_formers: dict[bytes, None] = {}
        self.to_cancel: dict[bytes, None] = {}
        self.flights: dict[Flight, tuple[int, Action]] = {}
        self.flying: Counter[int] = Counter()
        self.granted: dict[tuple[int, bytes], int] = {}
        self.guessed: dict[tuple[int, bytes], None] = {}
        """Peers and lockers for which something was shipped since the peer said how much is used."""
        self.fresh: list[bytes] = []
        self.backlog: list[Order] = []
        self.queues: dict[int, list[tuple[Order, int, int]]] = {}
        self.short: dict[bytes, bool] = {}
        self.short_next = 0
        self.parked: dict[bytes, list[bytes]] = {}
        self.avoid: dict[bytes, frozenset[int]] = {}
        self.missed: dict[bytes, frozenset[tuple[int, int, int]]] = {}
        """(k, number of the shard, peer) that this peer said once it does not keep, though it gave a receipt."""
        self.taken_back: dict[bytes, list[tuple[int, int, int]]] = {}
        self.untold: dict[tuple[str, bytes, bytes], int] = {}
        self.latest: dict[tuple[int, bytes], bytes] = {}
        self.walks: dict[tuple[int, bytes], int] = {}
        self.empty: dict[tuple[int, bytes], int] = {}
        """Packs walked over in a row without finding one that a peer keeps and can be asked about."""
        self.doubts: list[tuple[bytes, int, int, int]] = []
        self.confirming: set[tuple[bytes, int, int, int]] = set()
        """Doubted shards that are being read whole: what that finds was a strike already."""
        self.sweep_at = -1
        self.ladder = 0
        self.ladder_at = 0
        self.settled = False
        self.graced = False
        """Whether packs of the larger circle keep their layout for now: it is one household too small, not for long."""
        self.waiting_next = 0
        self.relaid: set[bytes] = set()
        self.alarmed: set[tuple[str, bytes]] = set()
        self.proven: frozenset[tuple[int, bytes]] = frozenset()
        self.safeties: dict[tuple[bytes, Lay], Safety] = {}
        self.booking: set[bytes] = set()
        """Lockers that have a book: their packs are safe only with friends who know which shards make them."""
        self.unbooked: dict[bytes, int] = {}
        """Packs of which too few households have the page of the book and a capsule that names it, and how many."""
        self.news: list[Action] = []
        self.work = 0
        """Packs looked at, placements tried and shards picked since the beginning: what planning costs."""

    # Peers and lockers

    def new_peer(self, key: bytes) -> Peer:
        """Return the peer with this key, with the number it had or a free one; raises Misused when there is none."""
        known = self.peers.get(key)
        if known is None:
            number = next((each for each in range(1, NUMBERS + 1) if each not in self.by_number), 0)
            if not number:
                raise Misused(why="the circle has had too many peers.")
            known = self.peers[key] = self.by_number[number] = Peer(number, key)
        self.changes.peers.add(known.number)
        return known

    def standing(self, number: int, locker: bytes) -> Standing:
        """Return how a peer stands with a locker, to be changed; begins with nothing proven and nothing told."""
        self.changes.standings.add((number, locker))
        return self.standings.setdefault((number, locker), Standing(number, locker))

    def leaves(self, standing: Standing) -> int:
        """Return how many leaves the next audit of a peer asks for."""
        return self.rules.deep_leaves if standing.deep else self.rules.audit_leaves

    def touched(self, peer: Peer) -> None:
        """Remember that this peer changed."""
        self.changes.peers.add(peer.number)

    def numbers(self, *states: PeerState) -> frozenset[int]:
        """Return the numbers of the peers in these states."""
        return frozenset(each.number for each in self.by_number.values() if each.state in states)

    # Packs

    def add(self, pack: Pack) -> None:
        """Take in a pack that is not known yet, as it stands."""
        self.packs[pack.id] = pack
        if pack.locker in self.booking:
            self.unbooked[pack.id] = 0
        self.order.append(pack.id)
        lay, pack.lay = pack.lay, NO_LAY
        self._index(pack)
        self._group(pack, 1)
        self._weigh(pack, 1)
        self.change(pack, lay=lay)

    def change(
        self, pack: Pack, *, lay: Lay | None = None, formers: tuple[Former, ...] | None = None, **more: Lay | None
    ) -> None:
        """Change where the shards of a pack are (``next=`` too) and keep every sum."""
        self._weigh(pack, -1)
        if lay is not None and lay != pack.lay:
            self._group(pack, -1)
            pack.lay = lay
            self._group(pack, 1)
            self.relaid.add(pack.locker)
        if "next" in more:
            pack.next = more["next"]
        if formers is not None:
            pack.formers = formers
        self._weigh(pack, 1)
        self._index(pack)
        self.changes.packs.add(pack.id)

    def forget(self, pack: Pack) -> None:
        """The pack is no longer anywhere."""
        self._weigh(pack, -1)
        self._group(pack, -1)
        self.unbooked.pop(pack.id, None)
        for table in (self.packs, self.dropped, self.with_formers, self.short, self.avoid, self.missed, self.to_cancel):
            table.pop(pack.id, None)
        self.changes.packs.discard(pack.id)
        self.changes.gone.add(pack.id)

    def _index(self, pack: Pack) -> None:
        for table, belongs in ((self.dropped, pack.dropped_at >= 0), (self.with_formers, bool(pack.formers))):
            if belongs:
                table[pack.id] = None
            else:
                table.pop(pack.id, None)

    def _group(self, pack: Pack, sign: int) -> None:
        at = (pack.locker, pack.lay)
        group = self.groups.get(at)
        if group is None:
            group = self.groups[at] = Group(pack.lay)
        pack.lay = group.lay
        group.packs += sign
        group.size += sign * pack.size
        if not group.packs:
            del self.groups[at]

    def _weigh(self, pack: Pack, sign: int) -> None:
        for lay in (pack.lay, pack.next):
            if lay is None or not lay.k:
                continue
            size = lay.shard_size(pack.size)
            for host, mark in zip(lay.hosts, lay.marks, strict=True):
                if mark == Mark.HELD:
                    self.held[host, pack.locker] += sign
                elif mark == Mark.PLANNED:
                    self.by_number[host].room += sign * size
        for former in pack.formers:
            self.held[former.peer, pack.locker] += sign

    # Under way

    def fly(self, flight: Flight, action: Action) -> bool:
        """Remember that this is under way; False when it is already."""
        if flight in self.flights:
            return False
        self.flights[flight] = self.awake_ms, action
        return True

    def landed(self, flight: Flight) -> bool:
        """Remember that this is no longer under way; False when it was not."""
        return self.flights.pop(flight, None) is not None

    def overdue(self) -> list[Action]:
        """Return what has been under way for so long that nobody will tell its end."""
        last = self.awake_ms - self.rules.flight_ms
        return [action for began, action in self.flights.values() if began < last]
