"""The circle of this box while peerd lives: transport, links, what is kept for others, what is shipped to them.

What should happen comes from ``firmware.backup.plan`` and ``firmware.hosting``; this is the one place that brings them
together with sockets, threads and time. Everything runs in one loop; disks and arithmetic are in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from firmware import events
from firmware.backup import (
    Action,
    Alarm,
    AskDelete,
    Audit,
    AuditWhole,
    CancelDelete,
    Capsule,
    Head,
    Manifest,
    PeerState,
    Renew,
    Reserve,
    Ship,
    Vouch,
    Way,
    plan,
)
from firmware.errors import BoxError, LinkLost, Misused
from firmware.hosting import HostLimits
from firmware.limits import CIRCLE_ROOM_BYTES, PEER_ANSWER_SECONDS, PEER_LOCKERS
from firmware.linux.circle_rows import CircleRows
from firmware.linux.clock import SystemClock, SystemEntropy, system_zone
from firmware.linux.hosted import HostedShards
from firmware.linux.iroh_transport import IrohTransport, Relay
from firmware.linux.journal import Journal
from firmware.linux.neighbours import Neighbour, Neighbours
from firmware.linux.peer_links import PeerLinks
from firmware.peer import Call, Card, Invitations, OwnBox, greet, plain_label, read_card
from firmware.peer import messages as m
from firmware.peer.pairing import Met
from firmware.ports import PeerLink, Standing
from services.peerd.auditing import Auditing
from services.peerd.carrying import Carrying
from services.peerd.greeting import greeted
from services.peerd.guests import Guests
from services.peerd.identity import Identity, next_card, own_box
from services.peerd.moving import Moving
from services.peerd.naming import say
from services.peerd.nearby import Nearby
from services.peerd.pairing import Pairing, Target
from services.peerd.restorers import Restorers
from services.peerd.serving import Serving
from services.peerd.shelving import Shelving
from services.peerd.shipping import Outside, Shipping
from services.peerd.talking import Flow, Talker
from services.peerd.welcoming import Welcoming, shown_out

_STEP_SECONDS: Final = 2.0
"""Between two planning steps when nothing happens."""
_STALE: Final = 1
_MEETING_SECONDS: Final = 10.0
_TIDY_SECONDS: Final = 3600.0
_WORKERS: Final = 4
_MINUTE_MS: Final = 60_000
_LEAVE_MS: Final = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: this service's own folder, the seed, the lockers (read only)."""

    state: Path
    seed: Path
    lockers: Path


class Circle(Welcoming):
    """Everything peerd does with other boxes."""

    def __init__(self, places: Places, label: str, neighbours: Neighbours) -> None:
        """Open what is written down; raises Damaged, NewerFormat, AlreadyRunning. ``start`` opens the sockets."""
        self.clock, self.entropy, self.journal = SystemClock(), SystemEntropy(), Journal("peerd")
        self.identity = Identity.of(places.seed)
        self.box = self.identity.key.public
        self._neighbours, self._places = neighbours, places
        self.nearby = Nearby(neighbours, self.box)
        for each in (places.state / "circle", places.state / "hosted"):
            each.mkdir(mode=0o700, exist_ok=True)
        self.rows = CircleRows(places.state / "circle" / "circle.db")
        self._label = (self.rows.paper("label", self.box) or b"").decode() or label
        self.guests = Guests(self.rows)
        self.restorers, self.moving = Restorers(), Moving(self.rows, self.box, self.clock, self.journal)
        limits = HostLimits(self.total())
        self.hosted = HostedShards(places.state / "hosted", self.clock, limits, self, self.journal.tell)
        self._workers = ThreadPoolExecutor(_WORKERS, "peerd")
        self._flow = Flow(self.clock, lambda: (self.rows.view.caps, self.rows.view.zone_minutes))
        self.talker = Talker(self._flow, self._workers)
        self._cards: dict[bytes, Card] = {}
        self._boxes: dict[bytes, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.wake = asyncio.Event()

    # Opening and closing

    async def start(self, hosts: Sequence[str], ports: Sequence[int], relays: Sequence[Relay] = ()) -> None:
        """Open the sockets at the first of ``ports`` that is free, and take up every peer again; raises OSError."""
        self._loop = asyncio.get_running_loop()
        kept = int.from_bytes(self.rows.paper("port", self.box) or b"")
        transport = await self._bound(hosts, [kept, *ports] if kept and 0 in ports else ports, relays)
        self.transport = transport
        self.rows.set_paper("port", self.box, transport.port.to_bytes(2))
        self.invitations = Invitations(transport.key, self.entropy.bytes)
        self.pairing = Pairing(self.invitations, transport, self.talker, self, self.clock, self.entropy)
        self.links = PeerLinks(transport, self._where, self.entropy, changed=self._changed)
        self.outside = Outside(self.rows, self.talker, self._workers, self._places.lockers, self.box, self.link_to)
        self._shipping, self._auditing = Shipping(self.outside), Auditing(self.outside, self.hosted, self.journal.tell)
        self.shelving = Shelving(self._places.state / "circle", self._places.lockers, self.box, self.journal)
        self.carrying = Carrying(self)
        serving = Serving(
            self.hosted,
            self.own,
            self.invitations,
            who=self._who,
            met=self.pairing.settle,
            clock=self.clock,
            flow=self._flow,
            workers=self._workers,
        )
        for data in self.rows.papers("card").values():
            self._know(read_card(data))
        self._help(self.outside, self._places.state / "circle", self.wake.set)
        self._write_book(self.outside, self._places.state / "circle" / "book")
        self.rows.save()
        self.spawn(transport.serve(self._judge, serving.answer, self._arrived))
        self.spawn(self._plan())
        self.spawn(self._tidy())
        self.spawn(self.shelving.live())

    async def _bound(self, hosts: Sequence[str], ports: Sequence[int], relays: Sequence[Relay]) -> IrohTransport:
        seed = self.identity.transport.reveal()
        for each in ports[:-1]:
            with contextlib.suppress(OSError):
                return await IrohTransport.bind(seed, each, hosts=hosts, relays=relays, journal=self.journal)
        return await IrohTransport.bind(seed, ports[-1], hosts=hosts, relays=relays, journal=self.journal)

    async def close(self) -> None:
        """Tell the peers, write down what is known, give everything back."""
        if hasattr(self, "transport"):
            await self.pairing.close()
            await self.links.close()
            await self.transport.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if hasattr(self, "shelving"):
            self.shelving.close()
        self._workers.shutdown(cancel_futures=True)
        with contextlib.suppress(BoxError):
            self.rows.save()
        self.rows.close()
        self.hosted.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` beside everything else until it ends or peerd does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Who is who

    def _know(self, card: Card) -> None:
        """A pinned box, with its newest card."""
        peer = self.rows.view.peers.get(card.box)
        if peer is None or peer.state is PeerState.LEFT:
            return
        self._cards[card.box] = card
        self._boxes[card.endpoint] = card.box
        self.spawn(self._keep(card.endpoint))

    async def _keep(self, endpoint: bytes) -> None:
        """Keep a link from now on; the one over which the boxes just met is not cut off by it."""
        for link in self.transport.links:
            if link.peer == endpoint and link.standing in (Standing.INVITED, Standing.STRANGER):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(link.ended(), _MEETING_SECONDS)
        if endpoint in self._boxes and not self.hosted.is_stolen(self._boxes[endpoint]):
            self.links.keep(endpoint)

    def _where(self, endpoint: bytes) -> tuple[Sequence[str], str | None]:
        card = self._card(self._who(endpoint).box or b"")
        near = self._neighbours.addresses_of(endpoint)
        return (*near, *(card.addresses if card else ())), card.relay if card else None

    def link_to(self, box: bytes) -> PeerLink | None:
        """The live link to a peer, None while it is away."""
        card = self._card(box)
        return self.links.to(card.endpoint) if card is not None else None

    def _card(self, box: bytes) -> Card | None:
        guest = self.guests.card(box)
        return self._cards.get(box) or (guest[0] if guest is not None else None)

    def refused(self, box: bytes) -> bool:
        """Whether a peer answered and did not take us."""
        card = self._cards.get(box)
        return card is not None and self.links.refused(card.endpoint)

    def card(self) -> bytes:
        """Our card as it is now; a new one is written down before it is shown."""
        before = self.rows.paper("own-card", self.box)
        addresses, relay = self.transport.addresses(), self.transport.home_relay()
        now = self.clock.now_ms()
        made = next_card(before, self.identity, self.transport.key, self._label, addresses, relay, now)
        if made != before:
            self.rows.set_paper("own-card", self.box, made)
            self.rows.save()
        return made

    @property
    def label(self) -> str:
        """What friends are told this box is called."""
        return plain_label(self._label)

    def be_called(self, label: str | None) -> None:
        """From the next card on friends are told this name; None or nothing leaves the one they know."""
        if label and label != self._label:
            self._label = label
            self.rows.set_paper("label", self.box, label.encode())
            self.rows.save()

    @property
    def hosted_folder(self) -> Path:
        """Where shards of others lie."""
        return self._places.state / "hosted"

    @property
    def lockers_folder(self) -> Path:
        """Where the lockers' packs lie; read only."""
        return self._places.lockers

    def pinned(self, endpoint: bytes, box: bytes) -> bool:
        """Whether the box with this key is in the circle, with this endpoint."""
        return self._boxes.get(endpoint) == box

    def soon(self, what: Callable[[], None]) -> None:
        """From any thread: do ``what`` on the loop."""
        self._soon(what)

    def paused(self) -> bool:
        """Whether the caps say that nothing goes out now."""
        view = self.rows.view
        return view.caps.rate(Way.UP, self.clock.now_ms(), view.zone_minutes) == 0

    def is_near(self, endpoint: bytes, address: str) -> bool:
        """Whether a peer is talked to over the home network."""
        return address in self._neighbours.addresses_of(endpoint)

    def own(self) -> OwnBox:
        """This box, for answering."""
        return own_box(self.identity, self.transport.key, self.card())

    def inviting(self) -> list[Target]:
        """Boxes near us that invite by words."""
        return [(each.key, each.addresses, None) for each in self._neighbours.inviting() if each.key is not None]

    def pin(self, met: Met, gets: int | None) -> None:
        """Both owners said yes; durable when it returns."""
        box = met.card.box
        if box == self.box:
            raise Misused(why="a box is no friend of itself.")
        known = self.rows.view.peers.get(box)
        label = known.label if known is not None and known.label else met.card.label
        self.rows.view.add_peer(box, self.clock.now_ms(), label=label)
        self.rows.set_paper("card", box, met.card_data)
        self.rows.drop_paper("leaves", box)
        self.rows.save()
        self.hosted.came_back(box)
        self.hosted.grant(box, CIRCLE_ROOM_BYTES if gets is None else gets)
        self._know(met.card)
        self.journal.tell(events.PEER_PAIRED, peer=box.hex()[:8])
        self.wake.set()

    def noticed(self, neighbour: Neighbour) -> None:
        """A box was heard at home; a friend that is away is dialled at once."""
        for card in self._cards.values():
            if neighbour.has(card.endpoint) and self.link_to(card.box) is None:
                self.links.hurry(card.endpoint)

    # What peers say (called in threads)

    def met(self, box: bytes, card: Card, data: bytes, now_ms: int) -> None:  # noqa: ARG002 an ear
        """A newer card replaces the old one."""
        self._soon(lambda: self._took(card, data))

    def offered(self, box: bytes, quota: int, used: int, now_ms: int) -> None:  # noqa: ARG002 an ear
        """What a peer gives us."""
        self._soon(lambda: self.rows.view.offered(box, quota, used))

    def told(self, box: bytes, notice: m.Notice, now_ms: int) -> None:
        """A peer says something for the owner."""
        self._soon(lambda: self._noted(box, notice, now_ms))

    def _soon(self, what: Callable[[], None]) -> None:
        def run() -> None:
            what()
            self.wake.set()

        self._loop.call_soon_threadsafe(run)

    def _took(self, card: Card, data: bytes) -> None:
        old = self._cards.get(card.box)
        if old is not None and card.number > old.number and card.endpoint == old.endpoint:
            self._cards[card.box] = card
            self.rows.set_paper("card", card.box, data)

    def _noted(self, box: bytes, notice: m.Notice, now_ms: int) -> None:
        if notice.kind != m.NoticeKind.MOVED or notice.text:
            self.rows.add_notice(now_ms, box, plain_label(notice.kind), notice.text)
        if notice.kind == m.NoticeKind.MOVED:  # it knows more of who acts for a locker of ours than it may say here
            self.spawn(self._greet(box))
        if notice.kind == m.NoticeKind.LEAVING:
            self.rows.view.leaving(box)
            self.rows.set_paper("leaves", box, notice.time_ms.to_bytes(8))

    # Links

    def moved(self) -> None:
        """The addresses of this box may be others: dial who is away, tell the others where we are."""
        self.links.hurry()
        self.spawn(self.greet_again())

    def _arrived(self, link: PeerLink) -> None:
        """A peer dialled: whoever does may have lost the links it had, so they are asked whether they live."""
        for old in self.transport.links:
            if old.peer == link.peer and old is not link and link.standing is Standing.PINNED:
                self.spawn(_proved(old))
        self.links.arrived(link)
        if link.standing is Standing.STRANGER:
            self.spawn(shown_out(link))

    def _changed(self, endpoint: bytes, there: bool) -> None:
        box = self._boxes.get(endpoint)
        if box is None:
            self.wake.set()
            return
        if there:
            self.spawn(self._greet(box))
        else:
            self.rows.view.gone(box)
            self.wake.set()

    async def _greet(self, box: bytes) -> None:
        """Say who we are and for which lockers we act, and how much room there is both ways."""
        failed = partial(self.not_greeted, box)
        hello = partial(self._hello, box)
        await greeted(lambda: self.link_to(box) if box in self._cards else None, hello, failed, self.entropy)

    async def _hello(self, box: bytes, link: PeerLink) -> None:
        custody = tuple(self.rows.papers("custody").values())
        handovers = self.rows.pieces("handovers")[-PEER_LOCKERS:]
        hello = greet(self.card(), custody, box, self._cards[box].endpoint, handovers)
        met = await self.talker.talk(link, hello)
        given = next((each for each in self.hosted.peers() if each.box == box), None)
        offer = m.Offer(given.quota if given else 0, given.used if given else 0)
        heard = await self.talker.ask(link, Call(offer))
        path = link.path()
        self._took(met.card, met.greeted.card)
        self.rows.view.heard(box, self.clock.now_ms(), path.address.rpartition(":")[0] if path else "")
        self.rows.view.offered(box, heard.answer.quota, heard.answer.used)
        self._met_again(box, self.rows.paper("card", box) or met.greeted.card)
        await self.heard_newer(box, met.greeted.newer or ())
        self.wake.set()

    async def greet_again(self, box: bytes | None = None) -> None:
        """Say hello again to everybody who is there (or to one): custody or room changed. Waits for nobody for ever."""
        said = [self._greet(each) for each in ([box] if box is not None else list(self._cards))]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*said), PEER_ANSWER_SECONDS)

    # What there is to do

    async def _plan(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STEP_SECONDS):  # wait_for may swallow the end when woken just then
                    await self.wake.wait()
            self.wake.clear()
            now = self.clock.now_ms()
            view = self.rows.view
            view.zone_minutes = system_zone(now) // _MINUTE_MS
            for action in plan(view, now, self.entropy):
                if isinstance(action, Alarm):
                    self.rows.add_notice(now, action.peer, action.kind.value, str(action.amount))
                    about = (action.peer or action.locker).hex()[:8]
                    self.journal.tell(events.CIRCLE_ALARM, kind=action.kind.value, amount=action.amount, peer=about)
                else:
                    self.spawn(self._carry_out(action))
            self._help_on()
            self._save()

    def _save(self) -> None:
        try:
            self.rows.save()
        except BoxError as error:
            say(f"what was learnt cannot be written down: {error}")

    async def _carry_out(self, action: Action) -> None:
        work: dict[type[Any], Callable[[Any], Coroutine[Any, Any, None]]] = {
            Ship: self._shipping.ship,
            Reserve: self._shipping.reserve,
            Audit: self._auditing.audit,
            AuditWhole: self._auditing.whole,
            Renew: self._auditing.renew,
            Vouch: self._auditing.vouch,
            Head: self._auditing.head,
            Capsule: self._auditing.capsule,
            Manifest: self.delegates.manifest,
            AskDelete: self._auditing.ask_delete,
            CancelDelete: self._auditing.cancel_delete,
        }
        carry = work.get(type(action))
        try:
            if carry is None:
                self.rows.view.gave_up(action)
            else:
                await carry(action)
        except (BoxError, OSError) as error:
            say(f"{type(action).__name__} came to nothing: {error}")
            self.rows.view.gave_up(action)  # what is asked again at once would come to nothing again at once
        else:
            self.wake.set()

    async def _tidy(self) -> None:
        while True:
            await asyncio.get_running_loop().run_in_executor(self._workers, self.hosted.tidy)
            now = self.clock.now_ms()
            for box, until in self.rows.papers("leaves").items():
                if int.from_bytes(until) < now:
                    self._let_go(box)
            self.guests.end(now)
            self.repairers_changed()
            await asyncio.sleep(_TIDY_SECONDS)

    # The owner

    async def leave(self, box: bytes) -> None:
        """End the exchange with a peer in 30 days; it is told now if it is there."""
        now = self.clock.now_ms()
        until = now + _LEAVE_MS
        link = self.link_to(box)
        if link is not None:
            with contextlib.suppress(BoxError):
                await self.talker.ask(link, Call(m.Notice(m.NoticeKind.LEAVING.value, until, "")))
        self.rows.view.leaving(box)
        self.rows.set_paper("leaves", box, until.to_bytes(8))
        self.rows.save()
        self.hosted.left(box)
        self.journal.tell(events.PEER_LEAVES, peer=box.hex()[:8])
        self.wake.set()

    def _let_go(self, box: bytes) -> None:
        self.rows.view.left(box)
        self._part(box)
        card = self._cards.pop(box, None)
        if card is not None:
            self._boxes.pop(card.endpoint, None)
            self.links.drop(card.endpoint)
        self.rows.drop_paper("card", box)
        self.rows.drop_paper("leaves", box)

    def total(self) -> int | None:
        """Room for all friends together; None: what the disk has."""
        found = self.rows.paper("total", b"")
        return int.from_bytes(found) if found is not None else None

    def set_total(self, total: int | None) -> None:
        """Set it, durably at the next save."""
        if total is None:
            self.rows.drop_paper("total", b"")
        else:
            self.rows.set_paper("total", b"", total.to_bytes(8))
        self.hosted.set_limits(HostLimits(total))


async def _proved(link: PeerLink) -> None:
    """Close a link behind which nobody is any more; what was under way on it is begun again sooner."""
    try:
        await link.ping()
    except LinkLost:
        link.close(_STALE)
