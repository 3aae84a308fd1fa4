"""``CircleView``: what is known of the circle, and what happened told to it, one method for each thing that happens.

Every method is quick (a change of one pack or one peer) and works without the disk; ``firmware.linux.circle_rows``
writes down what changed. Things told about peers, lockers or packs that are no longer known are passed over: an answer
may come after its question lost its meaning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from firmware.backup import auditing, delegates, health, ladder, retention, shipping, telling
from firmware.backup.actions import (
    Action,
    Answer,
    AskDelete,
    Audit,
    AuditWhole,
    CancelDelete,
    Capsule,
    Head,
    Manifest,
    PickedShard,
    Renew,
    Reserve,
    Ship,
    Trouble,
    Vouch,
)
from firmware.backup.book import Needed
from firmware.backup.caps import Caps
from firmware.backup.facts import Facts
from firmware.backup.health import Sum
from firmware.backup.placing import network_of
from firmware.backup.states import Locker, Pack, Peer, PeerState, Safety
from firmware.pack.format import Kind


class CircleView(Facts):
    """The circle as the owner's side knows it. Keys: peers by box key, lockers and packs by id."""

    # Peers

    def add_peer(
        self, key: bytes, now_ms: int, *, label: str = "", household: str = "", place: str = "", delegate: bool = False
    ) -> Peer:
        """A box was paired (again); raises Misused when the circle has had too many. It proves what it still has."""
        peer = self.new_peer(key)
        back = peer.state is PeerState.LEFT
        peer.label, peer.household, peer.place, peer.delegate = label, household, place, delegate
        if back or not peer.since_ms:
            peer.since_ms, peer.state, peer.silent_ms = now_ms, PeerState.ACTIVE, 0
        if back:
            for standing in auditing.standings_of(self, peer):
                standing.good, standing.deep, standing.next_at = False, True, self.awake_ms
            shipping.sweep(self)
        return peer

    def set_peer(self, key: bytes, *, label: str, household: str, place: str, delegate: bool) -> None:
        """The owner changed what is said about a peer."""
        peer = self.peers.get(key)
        if peer is not None:
            moved = peer.household != household
            peer.label, peer.household, peer.place, peer.delegate = label, household, place, delegate
            self.touched(peer)
            if moved:
                self.safeties.clear()
            if delegate:
                self.relaid |= self.lockers.keys()

    def heard(self, key: bytes, now_ms: int, address: str = "") -> None:
        """Any contact: the peer is there; ``address`` without port, as far as it is known."""
        peer = self.peers.get(key)
        if peer is not None and peer.state is not PeerState.LEFT:
            if not peer.online:
                telling.line_is_back(self, key)
            peer.online, peer.seen_ms = True, now_ms
            peer.network = network_of(address) or peer.network
            self.touched(peer)
            auditing.heard(self, peer)

    def gone(self, key: bytes) -> None:
        """The line to a peer ended. What was under way with it is told by ``gave_up`` or ``refused`` as usual."""
        peer = self.peers.get(key)
        if peer is not None:
            if peer.online:  # a line may last for weeks after one greeting; until the last step it was there
                peer.seen_ms = max(peer.seen_ms, self.now_ms)
            peer.online = False
            self.touched(peer)

    def offered(self, key: bytes, quota: int, used: int) -> None:
        """What a peer gives this box, and how much of it is used, as the peer says (``offer``)."""
        peer = self.peers.get(key)
        if peer is not None:
            if quota > peer.quota:
                self.short_next, peer.full_until = 0, 0
            peer.quota, peer.used = quota, used
            self.touched(peer)

    def leaving(self, key: bytes) -> None:
        """A peer gave notice: its shards move first."""
        self._ends(key, PeerState.LEAVING)

    def left(self, key: bytes) -> None:
        """A peer is no longer in the circle; nothing it kept counts any more."""
        self._ends(key, PeerState.LEFT)

    def _ends(self, key: bytes, state: PeerState) -> None:
        peer = self.peers.get(key)
        if peer is not None and peer.state is not PeerState.LEFT:
            peer.state = state
            peer.online = peer.online and state is PeerState.LEAVING
            self.touched(peer)
            shipping.unplan(self, peer)
            shipping.sweep(self)

    # Lockers and packs

    def add_locker(self, id: bytes) -> Locker:
        """Return this box's locker with this id; a new one ships nothing until it has custody."""
        known = self.lockers.get(id)
        if known is None:
            known = self.lockers[id] = Locker(id)
            self.changes.lockers.add(id)
        return known

    def set_custody(self, id: bytes, held: bool) -> None:
        """Whether this box holds the custody record of a locker; without it nothing of the locker goes anywhere."""
        locker = self.add_locker(id)
        if locker.custody != held:
            locker.custody = held
            self.changes.lockers.add(id)
            for each in self.parked.pop(id, ()) if held else ():
                if each in self.packs:
                    shipping.line_up(self, self.packs[each])
            if held:
                shipping.sweep(self)

    def head_is(self, id: bytes, number: int) -> None:
        """Number of the newest signed head of a locker; it goes to every peer."""
        locker = self.add_locker(id)
        locker.head = max(locker.head, number)
        self.changes.lockers.add(id)

    def capsule_is(self, id: bytes, number: int) -> None:
        """Number of the newest capsule of a locker; it goes to every peer."""
        locker = self.add_locker(id)
        locker.capsule = max(locker.capsule, number)
        self.changes.lockers.add(id)

    def cut(self, id: bytes, locker: bytes, kind: Kind, size: int, *, precious: bool, now_ms: int) -> None:
        """A pack was cut (or is told again); ``size`` is that of its payload in bytes. A dropped one is taken back."""
        known = self.packs.get(id)
        if known is not None:
            if known.dropped_at >= 0:
                retention.take_back(self, known)
            elif precious and not known.precious:
                known.precious = True
                self.change(known)
                shipping.line_up(self, known)
            return
        owner = self.add_locker(locker)
        pack = Pack(id, locker, kind, size, precious, now_ms)
        self.add(pack)
        self.changes.packs.add(id)
        self.changes.gone.discard(id)
        owner.size += size
        retention.count_cut(self, owner, size)
        shipping.fresh(self, pack)

    def drop(self, id: bytes) -> None:
        """The locker does without this pack from now on; its shards are asked away when the retention rule allows."""
        pack = self.packs.get(id)
        if pack is not None and pack.dropped_at < 0:
            retention.drop(self, pack)

    def load(self, pack: Pack, away: list[tuple[int, int, int]]) -> None:
        """Take in a pack as it was written down; ``away``: shards asked away that could be asked back."""
        self.add(pack)
        if away:
            self.taken_back[pack.id] = away
        shipping.loaded(self, pack)

    def came_back(self, pack: Pack) -> None:
        """A pack is here again after a restore, laid out as its book said; a shard that lacks is made anew.

        What peers have of it counts as soon as they prove it.
        """
        self.add_locker(pack.locker).size += pack.size
        self.load(pack, [])
        self.changes.packs.add(pack.id)
        if pack.lay.k:
            shipping.line_up(self, pack)

    # What became of actions

    def shipped(self, ship: Ship) -> None:
        """The receipt of the peer was verified."""
        shipping.shipped(self, ship)

    def refused(self, ship: Ship, trouble: Trouble) -> None:
        """A shard did not get there."""
        shipping.refused(self, ship, trouble)

    def reserved(self, asked: Reserve, granted: int, quota: int, used: int) -> None:
        """The answer to a reservation."""
        shipping.reserved(self, asked, granted, quota, used)

    def audited(self, audit: Audit, answer: Answer, missing: Collection[PickedShard] = ()) -> None:
        """The answer to picked leaves, compared; ``missing``: the picks the peer says it does not keep, if it said."""
        auditing.audited(self, audit, answer, missing)

    def audited_whole(self, action: AuditWhole, index: int, peer: bytes, answer: Answer) -> None:
        """The answer of one peer about one whole shard."""
        auditing.audited_whole(self, action, index, peer, answer)

    def rehearsed(self, pack: bytes, k: int, index: int, peer: bytes, answer: Answer) -> None:
        """A rehearsal asked this peer for a whole shard that it gave a receipt for."""
        auditing.looked_at(self, pack, k, index, peer, answer)

    def told(self, action: Head | Capsule | Manifest) -> None:
        """The peer has it."""
        telling.told(self, action)

    def renewed(self, action: Renew | Vouch) -> None:
        """The peer renewed leases, or heard who lives; the next time is in a day."""

    def deleted(self, ask: AskDelete) -> None:
        """The peer set these shards to go."""
        retention.deleted(self, ask)

    def kept(self, cancel: CancelDelete) -> None:
        """The peer keeps these shards after all."""
        retention.kept(self, cancel)

    def gave_up(self, action: Action) -> None:
        """An action came to nothing, for nobody's fault; it is asked again when its time comes."""
        if isinstance(action, Ship):
            self.refused(action, Trouble.AWAY)
        elif isinstance(action, Audit):
            self.audited(action, Answer.SILENT)
        elif isinstance(action, AuditWhole):
            for index, peer in action.shards:
                self.audited_whole(action, index, peer, Answer.SILENT)
        elif isinstance(action, Head | Capsule | Manifest):
            telling.not_told(self, action)
        elif isinstance(action, Renew | Vouch):
            telling.renewed_not(self, action)
        elif isinstance(action, Reserve | AskDelete | CancelDelete):
            self._never_mind(action)

    def _never_mind(self, action: Reserve | AskDelete | CancelDelete) -> None:
        if isinstance(action, Reserve):
            self.landed(("reserve", action.locker, action.peer, 0, 0))
        elif isinstance(action, AskDelete):
            self.landed(("delete", action.locker, action.peer, 0, 0))
        else:
            retention.not_kept(self, action)

    # The book

    def keep_book(self, locker: bytes) -> None:
        """This locker has a book: its packs are safe with friends who have the page that names them. Once is enough."""
        if locker not in self.booking:
            self.booking.add(locker)
            self.unbooked |= {each.id: 0 for each in self.packs.values() if each.locker == locker}

    def booked(self, packs: Iterable[bytes], households: int) -> None:
        """So many households have the page of the book that names these packs, and a capsule that names the page."""
        enough = self.book_wants()
        for each in packs:
            if each in self.unbooked:
                self.unbooked[each] = max(self.unbooked[each], households)
                if households >= enough:
                    del self.unbooked[each]

    def book_wants(self) -> int:
        """How many households a page needs, so that some have it whichever may fail."""
        return max((lay.n - lay.k + 1 for _, lay in self.groups if lay.k), default=1)

    def tell_delegates(self, locker: bytes) -> None:
        """Delegates of this locker are to hear of it anew, though nothing moved."""
        self.relaid.add(locker)

    def found(self, pack: bytes, k: int, index: int, peer: bytes) -> None:
        """A delegate put a shard to this peer while this box was away; its receipt for us was verified."""
        delegates.found(self, pack, k, index, peer)

    # The owner

    def set_caps(self, caps: Caps) -> None:
        """New caps hold from the next step on."""
        self.caps = caps
        self.changes.times = True

    def ship_now(self, now_ms: int) -> None:
        """What waits for the night ships now; the time since the last step is left to the next one."""
        shipping.let_go(self)
        self.released_ms = max(self.released_ms, now_ms)

    def allow_deletes(self, locker: bytes, days: int = 7) -> None:
        """A person looked: for so many days (of awake time) more than a fifth of this locker may be asked away."""
        known = self.lockers.get(locker)
        if known is not None:
            known.halted = False
            known.allowed_until = self.awake_ms + days * self.rules.audit_every_ms
            self.alarmed.discard(("deletes", locker))
            self.changes.lockers.add(locker)

    def restore_soon(self, locker: bytes) -> None:
        """Before a restore everybody is audited deeply."""
        for standing in list(self.standings.values()):
            if standing.locker == locker:
                standing.deep, standing.next_at = True, min(standing.next_at, self.awake_ms)

    # Questions

    def short_until(self) -> int | None:
        """Until when (wall ms) packs wait for one more household before they are laid out anew; None: none waits."""
        if not self.graced or not any(ladder.in_grace(self, lay) for _, lay in self.groups):
            return None
        return self.now_ms + self.shrunk_at + self.rules.grace_ms - self.awake_ms

    def safety(self, pack: bytes) -> Safety:
        """The badge of one pack; an unknown one is HERE."""
        return self.safety_of((pack,))

    def safety_of(self, packs: Iterable[bytes]) -> Safety:
        """The badge of a record that needs all of these packs."""
        health.refresh(self)
        return health.safety_of(self, packs)

    def summary(self, locker: bytes | None = None) -> dict[Safety, Sum]:
        """How many packs and bytes (of one locker) have which badge; a dropped pack counts as long as it is kept."""
        health.refresh(self)
        return health.summary(self, locker)

    def must_return(self, packs: Iterable[bytes], reachable: Collection[bytes]) -> list[Needed]:
        """Who must come back so that these packs can be restored from peers alone; empty when nobody."""
        known = (each for each in packs if each in self.packs)
        return health.must_return(self, known, reachable)

    def health(self, pack: bytes) -> int:
        """Servers of happiness of one pack: shards with a receipt that have a proven household of their own."""
        known = self.packs.get(pack)
        health.refresh(self)
        return health.happiness(health.holders(self, known, known.lay.k, proven=True)) if known else 0
