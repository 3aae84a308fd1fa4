"""Brings lockers back from friends: asks them with a kit, is let in, fetches packs from the fastest of them.

``firmware.backup.restoring`` decides what to ask of whom. Nothing of a pack is written down here: lockerd asks for one
after the other and keeps them, so whatever is killed, only what was on its way comes twice. The words never come here;
the kit's request key is in memory alone, and lockerd tells it again after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from firmware import restore_events
from firmware.backup.book import PackPlace
from firmware.backup.restoring import Ask, Gathering, Paces, Spot, lacking
from firmware.backup.states import layout_of
from firmware.errors import (
    BadShard,
    BoxError,
    CustodyMissing,
    CustodyMoved,
    CustodyWaits,
    Damaged,
    KitReplaced,
    PeerAway,
    PeerUnpaired,
    ShardMissing,
    TooFewFriends,
)
from firmware.limits import CIRCLE_ROOM_BYTES
from firmware.peer import Call, Card, Piece, Verdict, get_shard, greet
from firmware.peer.kit_asking import kit_question
from firmware.peer.messages import KitGiven
from firmware.ports import PeerLink
from firmware.seal import SigningKey
from firmware.shard import check_shard, join
from services.peerd.circle import Circle
from services.peerd.naming import say

_LOOK_SECONDS: Final = 1.0
_GREET_SECONDS: Final = 3.0
_WAITING_SECONDS: Final = 60.0
"""Between two greetings of a friend who does not let this box in yet; and of one who said until when it waits."""
_LOCKERS: Final = 4
"""Lockers asked for where a host found several for one kit."""
_IN = frozenset({Verdict.TAKEN.value, Verdict.SAME.value})


@dataclass
class Source:
    """One friend, for one locker."""

    card: Card
    label: str
    verdict: str = ""
    until_ms: int = 0
    error: BoxError | None = None
    shards: int = 0
    size: int = 0
    wrong: int = 0
    next_at: float = 0.0
    greeted: PeerLink | None = None
    """The line it was greeted on last."""

    @property
    def lets_in(self) -> bool:
        """Whether it takes this box as the one that acts for the locker."""
        return self.verdict in _IN


@dataclass
class Join:
    """One locker that comes back."""

    locker: bytes
    lookup: bytes
    request: SigningKey | None
    """None: this process never saw the kit; friends who do not know the box yet wait until lockerd has the key."""
    custody: bytes
    sources: dict[bytes, Source]
    wrong: set[Spot] = field(default_factory=set)


@dataclass(frozen=True)
class Shown:
    """What one box answered to a kit; ``error`` when it showed none."""

    card: Card
    given: KitGiven | None = None
    capsule: bytes = b""
    error: BoxError | None = None


class Restoring:
    """All lockers that come back to this box."""

    def __init__(self, circle: Circle) -> None:
        """The circle is started already."""
        self._circle = circle
        self._joins: dict[bytes, Join] = {}
        self._paces = Paces()
        self._living: set[bytes] = set()
        self._fresh: dict[bytes, tuple[Card, bytes]] = {}

    def freshest(self, card: Card, data: bytes) -> tuple[Card, bytes]:
        """Return the newest card known of a box: a kit's may be years old, a contact's is of today."""
        known = self._fresh.get(card.box)
        if known is None or card.number > known[0].number:
            known = self._fresh[card.box] = card, data
        return known

    # With a kit

    async def find(self, lookup: bytes, request: SigningKey, cards: Sequence[Card]) -> list[Shown]:
        """Ask every box of ``cards`` for the capsule of a kit, all at once."""
        others = {card.box: card for card in cards if card.box != self._circle.box}
        answers = await asyncio.gather(*(self._asked(lookup, request, card) for card in others.values()))
        return [shown for each in answers for shown in each]

    async def _asked(self, lookup: bytes, request: SigningKey, card: Card) -> list[Shown]:
        link = self._circle.link_to(card.box)
        own: PeerLink | None = None
        try:
            if link is None:
                where = self._circle.nearby.where(card)
                link = own = await self._circle.transport.dial(card.endpoint, where, card.relay)
            first = await self._show(link, lookup, request, card, 0)
            count = min(first.given.count, _LOCKERS) if first.given is not None else 1
            return [first, *[await self._show(link, lookup, request, card, at) for at in range(1, count)]]
        except BoxError as error:
            return [Shown(card, error=error)]
        finally:
            if own is not None:
                own.close()

    async def _show(self, link: PeerLink, lookup: bytes, request: SigningKey, card: Card, at: int) -> Shown:
        now = self._circle.clock.now_ms()
        asked = kit_question(lookup, request, self._circle.card(), card.endpoint, now, at=at or None)
        heard = await self._circle.talker.ask(link, Call(asked))
        return Shown(card, heard.answer, heard.body)

    # Being let in

    def join(self, joined: Join, cards: Sequence[bytes]) -> None:
        """Act for a locker from now on; its friends are this box's friends, and greeted until they let it in."""
        known = self._joins.get(joined.locker)
        if known is not None:
            for box in joined.sources.keys() & known.sources.keys():
                before = known.sources[box]
                joined.sources[box] = replace(before, shards=0, size=0, wrong=0)
            joined.wrong = known.wrong
            if joined.request is None:
                joined.lookup, joined.request = known.lookup, known.request
            if known.custody != joined.custody:
                for source in joined.sources.values():
                    source.verdict, source.next_at = "", 0.0
        self._joins[joined.locker] = joined
        for data, source in zip(cards, joined.sources.values(), strict=True):
            self._circle.adopt(source.card, data, source.label, CIRCLE_ROOM_BYTES)
        if joined.locker not in self._living:
            self._living.add(joined.locker)
            self._circle.spawn(self._live(joined.locker))

    def joined(self, locker: bytes) -> Join | None:
        """What is known of a locker that comes back; None when this process was not told."""
        return self._joins.get(locker)

    def there(self, joined: Join) -> set[bytes]:
        """Who answers and gives."""
        link_to = self._circle.link_to
        return {box for box, source in joined.sources.items() if source.lets_in and link_to(box) is not None}

    async def _live(self, locker: bytes) -> None:
        """Greet who does not let this box in yet."""
        loop = asyncio.get_running_loop()
        while locker in self._joins:
            joined = self._joins[locker]
            due = [each for each in joined.sources.values() if not each.lets_in and self._is_due(each, loop.time())]
            await asyncio.gather(*(self._greet(joined, each) for each in due))
            await asyncio.sleep(_LOOK_SECONDS)

    def _is_due(self, source: Source, now: float) -> bool:
        """Now and then, and whenever a friend came back."""
        link = self._circle.link_to(source.card.box)
        return now >= source.next_at or (link is not None and link is not source.greeted)

    async def _greet(self, joined: Join, source: Source) -> None:
        loop = asyncio.get_running_loop()
        source.greeted = link = self._circle.link_to(source.card.box)
        if link is None:
            source.error = source.error or PeerAway()
            return
        try:
            try:
                await self._shown_custody(joined, source, link)
            except PeerUnpaired:
                if joined.request is None:
                    raise
                await self._show(link, joined.lookup, joined.request, source.card, 0)
                await self._shown_custody(joined, source, link)
        except BoxError as error:
            source.error = error
            say(f"{source.card.box.hex()[:8]} does not let this box in yet: {error}")
        waits = source.verdict in (Verdict.WAITING.value, Verdict.EARLY.value)
        source.next_at = loop.time() + (_WAITING_SECONDS if waits else _GREET_SECONDS)
        if source.lets_in:
            source.error = None
            self._circle.journal.tell(restore_events.RESTORE_LET_IN, peer=source.card.box.hex()[:8])
            await self._circle.greet_again(source.card.box)

    async def _shown_custody(self, joined: Join, source: Source, link: PeerLink) -> None:
        hello = greet(self._circle.card(), (joined.custody,), source.card.box, source.card.endpoint)
        met = await self._circle.talker.talk(link, hello)
        for state in met.greeted.custody:
            if state.locker == joined.locker:
                source.verdict, source.until_ms = state.state, state.until_ms
        if source.verdict in (Verdict.WAITING.value, Verdict.EARLY.value):
            source.error = CustodyWaits()
        elif not source.lets_in:
            source.error = KitReplaced()

    # Fetching

    async def page(self, joined: Join, shard: bytes, size: int, peers: Sequence[bytes]) -> bytes:
        """Return a page of the book from any of ``peers``; raises TooFewFriends, PeerAway."""
        problem: BoxError = PeerAway()
        for peer in sorted(peers, key=lambda each: self._paces.turn(each, size)):
            if peer in self.there(joined) and (shard, peer) not in joined.wrong:
                try:
                    return bytes(await self._shard(joined, Ask(0, shard, peer, size)))
                except BoxError as error:
                    problem = error
        raise problem

    async def pack(self, joined: Join, place: PackPlace) -> bytes:
        """Return the payload of a pack: k shards side by side, others in the place of those that fail.

        Raises TooFewFriends naming who must come back, Damaged when the shards do not make what the book says.
        """
        going = Gathering(place, self._paces, joined.wrong)
        held: dict[int, bytearray] = {}
        under_way: dict[asyncio.Task[bytearray], Ask] = {}
        try:
            while not going.whole:
                there = self.there(joined)
                for ask in going.next(there, self._now()):
                    under_way[asyncio.ensure_future(self._shard(joined, ask))] = ask
                if going.hopeless(there):
                    raise self._too_few(joined, place)
                done, _ = await asyncio.wait(under_way, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._landed(going, under_way.pop(task), task, held)
        finally:
            for task, ask in under_way.items():
                task.cancel()
                going.dropped(ask)
            await asyncio.gather(*under_way, return_exceptions=True)
        layout = layout_of(place.k, place.n)
        return await self._circle.outside.worked(join, layout, place.size, place.digest, held)

    def _landed(self, going: Gathering, ask: Ask, task: asyncio.Task[bytearray], held: dict[int, bytearray]) -> None:
        try:
            held[ask.index] = task.result()
        except BoxError as error:
            say(f"{ask.peer.hex()[:8]} did not bring a piece back: {error}")
            going.failed(ask, self._now(), wrong=isinstance(error, BadShard))
        else:
            going.came(ask, self._now())

    def _now(self) -> int:
        return self._circle.clock.ticks_ns() // 1_000_000

    def _too_few(self, joined: Join, place: PackPlace) -> BoxError:
        need = lacking(place, self.there(joined), joined.wrong)
        if need is None:
            return PeerAway()  # it is there, and did not bring it just now
        labels = [joined.sources[peer].label for peer in need.peers if peer in joined.sources]
        return TooFewFriends(wanted=need.wanted, who=", ".join(labels))

    async def _shard(self, joined: Join, ask: Ask) -> bytearray:
        """Fetch one shard and check it; whoever has it not, or not rightly, is named."""
        source, room = joined.sources[ask.peer], bytearray(ask.size)

        def sink(at: int, data: bytes) -> None:
            room[at : at + len(data)] = data
            source.size += len(data)

        try:
            await self._circle.talker.may_take(ask.size)
            link = self._circle.link_to(ask.peer)
            if link is None:
                raise PeerAway
            await self._circle.talker.talk(link, get_shard(Piece(joined.locker, ask.shard, ask.size, ask.peer), sink))
            await self._circle.outside.worked(check_shard, ask.shard, room)
        except (CustodyMissing, CustodyMoved):
            source.verdict = ""
            raise
        except (ShardMissing, Damaged) as error:
            joined.wrong.add((ask.shard, ask.peer))
            source.wrong += 1
            how = "wrong" if isinstance(error, BadShard) else "missing"
            self._circle.journal.tell(restore_events.RESTORE_SHARD_WRONG, peer=ask.peer.hex()[:8], how=how)
            raise
        source.shards += 1
        return room
