"""Keys split among friends, as far as this box talks about them: parts given out, asking, saying no.

docs/formats/friends-key.md. What is kept for others, and when it is given, is decided and written down where their
shards are (``firmware.linux.hosted_parts``); here are the words that go between boxes, until they were heard.
"""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final

from firmware.backup import PeerState
from firmware.errors import BadSeal, BoxError, LinkLost, Missing, PeerAway, PeerGarbled
from firmware.hosting.asking import AskedPart
from firmware.linux.circle_rows import CircleRows
from firmware.linux.hosted_parts import PartKept
from firmware.peer import Call, Caller, Card, read_card
from firmware.peer.cbor import dumps, loads
from firmware.peer.fields import Flag, Raw, Row, Text, Uint, key, read_part, write_part
from firmware.peer.messages import Notice, PartAsk, PartAsked, PartKey, PartKeyed, PartPut, PartSay, Stolen
from firmware.peer.parts import (
    AskState,
    FriendsKey,
    PartTicket,
    ask_id,
    ask_proof,
    check_part_key,
    part_info,
    read_friends_key,
    signed_part_key,
)
from firmware.ports import PeerLink
from firmware.seal import Secret, SigningKey, open_from, public_key, seal_to
from services.peerd.naming import say

OWN_PARTS: Final = "friends-key"
"""Paper: how the key of a locker of ours is split, as lockerd told."""
_TOLD, _SAY, _NEWS, _KEY = "part-told", "part-say", "key-news", "part-key"
_NEWS_MS: Final = 40 * 86_400_000
"""What was said about an ask is shown so long."""
_HASH: Final = 32
_ASKS_OF_ONE: Final = 16
"""Asks one friend's box is believed at a time; guards the database against a hostile one."""


@dataclass(frozen=True)
class News:
    """What a friend's box said about an ask for the key of a locker of this box."""

    locker: bytes = key(Raw(16))
    state: str = key(Text(16))
    label: str = key(Text(63))
    until_ms: int = key(Uint())
    heard_ms: int = key(Uint())
    heir: bool = key(Flag())
    taken: bool = key(Flag())
    """lockerd told the members."""
    no: bool = key(Flag())
    """Somebody here said no."""


class Parts:
    """What the circle does about split keys. Everything but what ``Sealing`` does runs on the loop."""

    def __init__(self, circle: Any) -> None:
        """``circle`` is started already: its rows, links and hosted folder are used."""
        self._circle = circle
        self._rows: CircleRows = circle.rows
        self._busy: set[bytes] = set()

    # -------- as owner: giving parts out

    def set_own(self, locker: bytes, data: bytes) -> None:
        """lockerd tells how a key is split now; raises PeerGarbled. Friends hear of it when they are there."""
        read_friends_key(data)
        if self._rows.paper(OWN_PARTS, locker) != data:
            self._rows.set_paper(OWN_PARTS, locker, data)

    def own(self) -> dict[bytes, FriendsKey]:
        """Every split key of a locker of this box."""
        found = {}
        for locker, data in self._rows.papers(OWN_PARTS).items():
            with contextlib.suppress(PeerGarbled):
                found[locker] = read_friends_key(data)
        return found

    def number(self, locker: bytes) -> int:
        """The number of the split key that lockerd told; 0 none."""
        split = self.own().get(locker)
        return split.number if split is not None else 0

    def told(self, locker: bytes, box: bytes) -> int:
        """The number of the split key a friend's box has kept; 0 none."""
        return int.from_bytes(self._rows.paper(_TOLD, locker + box) or b"")

    async def part_keys(self) -> dict[bytes, bytes]:
        """What parts can be sealed to, by box: asked of friends that are there, remembered of the others."""
        for box in [each.key for each in self._rows.view.peers.values() if each.state is not PeerState.LEFT]:
            link = self._circle.link_to(box)
            if link is None or self._rows.paper(_KEY, box) is not None:
                continue
            with contextlib.suppress(BoxError):
                heard: PartKeyed = (await self._circle.talker.ask(link, Call(PartKey()))).answer
                self._rows.set_paper(_KEY, box, check_part_key(heard, box))
        return self._rows.papers(_KEY)

    def step(self) -> None:
        """Whatever waits for a friend that is there now is said, one friend at a time."""
        for box in {*self._wanting(), *(about[_HASH:] for about in self._rows.papers(_SAY))} - self._busy:
            link = self._circle.link_to(box)
            if link is not None:
                self._busy.add(box)
                self._circle.spawn(self._talk(box, link))

    def _wanting(self) -> set[bytes]:
        """Friends whose part, or the end of it, they do not know of."""
        own, lockers = self.own(), self._rows.view.lockers
        found = {about[16:] for about in self._rows.papers(_TOLD) if self._orders(about[:16], about[16:], own)}
        for locker, split in own.items():
            if locker in lockers and lockers[locker].custody:
                found |= {box for box in split.boxes if self.told(locker, box) < split.number}
        return found

    def _orders(self, locker: bytes, box: bytes, own: dict[bytes, FriendsKey]) -> list[PartPut]:
        split = own.get(locker)
        if split is None or self.told(locker, box) >= split.number:
            return []
        holder = next((each for each in split.holders if each.box == box), None)
        if holder is None:
            return [split.taken_back(locker)]
        cards = (self._rows.paper("card", each) for each in split.boxes)
        return [split.put_for(locker, holder, tuple(each for each in cards if each is not None))]

    async def _talk(self, box: bytes, link: PeerLink) -> None:
        try:
            own = self.own()
            for locker in own:
                for put in self._orders(locker, box, own):
                    await self._circle.talker.ask(link, Call(put))
                    if put.part is None:
                        self._rows.drop_paper(_TOLD, locker + box)
                    else:
                        self._rows.set_paper(_TOLD, locker + box, put.number.to_bytes(8))
            for about, data in self._rows.papers(_SAY).items():
                if about[_HASH:] == box:
                    await self._circle.talker.ask(link, Call(_said(data)))
                    if self._rows.paper(_SAY, about) == data:  # else there is a newer word already
                        self._rows.drop_paper(_SAY, about)
            self._rows.save()
            self._circle.wake.set()
        except BoxError as error:
            say(f"{box.hex()[:8]} was not told of a split key: {error}")
        finally:
            self._busy.discard(box)

    # -------- what is said about asks

    def _tell(self, boxes: Iterable[bytes], what: PartSay) -> None:
        """Each of these friends hears it when it is there; the newest word about an ask counts."""
        known = self._rows.view.peers
        for box in boxes:
            if box in known and known[box].state is not PeerState.LEFT:
                self._rows.set_paper(_SAY, what.ask + box, dumps(write_part(what)))
        self._circle.wake.set()

    def asked_here(self, owner: bytes, put: PartPut, ask: AskedPart, state: AskState, until_ms: int) -> None:
        """An ask for a part kept here got on: our people, the box it is about, and who has other parts hear it."""
        now = self._circle.clock.now_ms()
        self._rows.add_notice(now, owner, f"key-{state.value}", _label(ask))
        said = PartSay(put.locker, ask.id, state.value, _label(ask), until_ms, int(ask.heir))
        self._tell([owner, *put.kin], said)

    def said(self, box: bytes, what: PartSay) -> None:
        """A friend's box tells of an ask."""
        now = self._circle.clock.now_ms()
        if what.locker not in self._rows.view.lockers:
            if what.state != AskState.CONFIRM:
                self._rows.add_notice(now, box, f"key-{what.state}", what.label)
            return
        before = self._news(what.ask + box)
        if before is None and sum(about[_HASH:] == box for about in self._rows.papers(_NEWS)) >= _ASKS_OF_ONE:
            return
        news = News(
            what.locker,
            what.state,
            what.label,
            what.until_ms,
            now,
            bool(what.heir),
            taken=False,
            no=bool(before and before.no),
        )
        self._rows.set_paper(_NEWS, what.ask + box, _bytes(news))
        self._rows.add_notice(now, box, f"key-{what.state}", what.label)
        if news.no and what.state != AskState.NO:
            self._say_no(what.ask, what.locker)

    def no(self, locker: bytes, ask: bytes) -> None:
        """A member of this household says no to an ask for a key of this box; raises Missing."""
        found = [about for about in self._rows.papers(_NEWS) if about[:_HASH] == ask]
        if not found:
            raise Missing(what="ask for a key")
        for about in found:
            news = self._news(about)
            if news is not None and news.locker == locker:
                fresh = News(
                    locker, news.state, news.label, news.until_ms, news.heard_ms, news.heir, news.taken, no=True
                )
                self._rows.set_paper(_NEWS, about, _bytes(fresh))
        self._say_no(ask, locker)

    def _say_no(self, ask: bytes, locker: bytes) -> None:
        split = self.own().get(locker)
        boxes = split.boxes if split is not None else ()
        told_by = tuple(about[_HASH:] for about in self._rows.papers(_NEWS) if about[:_HASH] == ask)
        self._tell({*boxes, *told_by}, PartSay(locker, ask, AskState.NO.value, self._circle.label, 0, 0))

    def news(self) -> dict[bytes, News]:
        """What was said about keys of this box, by ask and box; what is old is forgotten."""
        now, found = self._circle.clock.now_ms(), {}
        for about in self._rows.papers(_NEWS):
            news = self._news(about)
            if news is None or now - news.heard_ms > _NEWS_MS:
                self._rows.drop_paper(_NEWS, about)
            else:
                found[about] = news
        return found

    def taken(self, about: bytes) -> None:
        """The members were told of this."""
        news = self._news(about)
        if news is not None:
            fresh = News(
                news.locker, news.state, news.label, news.until_ms, news.heard_ms, news.heir, taken=True, no=news.no
            )
            self._rows.set_paper(_NEWS, about, _bytes(fresh))

    def _news(self, about: bytes) -> News | None:
        data = self._rows.paper(_NEWS, about)
        with contextlib.suppress(PeerGarbled):
            found = Row(News).read(loads(data), "news") if data is not None else None
            return found if isinstance(found, News) else None
        return None

    # -------- as asker

    async def ask(self, ticket: PartTicket, public: bytes) -> tuple[Card, PartAsked]:
        """Ask the friend's box that gave the ticket; raises PeerAway, PartRefused and its like."""
        card, own = read_card(ticket.card), read_card(self._circle.card())
        proof = ask_proof(ticket.secret, ask_id(ticket.locker, own.box, public))
        return card, await self._asked(card, PartAsk(ticket.locker, self._circle.card(), public, proof))

    async def ask_as_heir(self, kept: PartKept, holder: bytes, public: bytes) -> PartAsked:
        """As the heir a key names, ask one of those who have a part, or this box itself; raises what ``ask`` does."""
        request = PartAsk(kept.locker, self._circle.card(), public)
        if holder == self._circle.box:
            own = read_card(request.card)
            caller = Caller(own.endpoint, own.box)
            now = self._circle.clock.now_ms()
            answer: PartAsked = self._circle.hosted.part_ask(caller, request, own, now)
            return answer
        for data in kept.put.holders:
            with contextlib.suppress(PeerGarbled, BadSeal):
                card = read_card(data)
                if card.box == holder:
                    return await self._asked(card, request)
        raise Missing(what="friend with a part")

    async def _asked(self, card: Card, request: PartAsk) -> PartAsked:
        async with self._line(card) as link:
            answer: PartAsked = (await self._circle.talker.ask(link, Call(request))).answer
            return answer

    @contextlib.asynccontextmanager
    async def _line(self, card: Card) -> Any:
        """A link to a box that may know nothing of this one: the one there is, or one for this question."""
        known = self._circle.link_to(card.box)
        if known is not None:
            yield known
            return
        link = await self._circle.transport.dial(card.endpoint, card.addresses, card.relay)
        try:
            yield link
        finally:
            link.close()

    # -------- stolen

    async def report(self, box: bytes, reports: Iterable[bytes], cards: Iterable[bytes]) -> int:
        """Carry signed reports to friends of ours and to the boxes of these cards; return how many heard one."""
        known = {read_card(data).box: read_card(data) for data in (*self._rows.papers("card").values(), *cards)}
        for each in (self._circle.box, box):
            known.pop(each, None)
        heard = 0
        for card in known.values():
            for data in reports:
                try:
                    async with self._line(card) as link:
                        await self._circle.talker.ask(link, Call(Stolen(data)))
                    heard += 1
                except (PeerAway, LinkLost):
                    break
                except BoxError:
                    continue
        return heard

    def tell_of_theft(self, box: bytes, label: str) -> None:
        """Our friend said so to our face: who keeps parts of the same keys hears of it, and can ask her as well."""
        kin = {each for kept in self._circle.hosted.parts() if kept.box == box for each in kept.put.kin}
        for each in kin:
            link = self._circle.link_to(each)
            if link is not None:
                now = self._circle.clock.now_ms()
                self._circle.spawn(_quietly(self._circle.talker.ask(link, Call(Notice("stolen", now, label)))))

    def cut_off(self, box: bytes) -> None:
        """A reported box is not dialled any more; what it asks is refused where it is answered."""
        card = self._rows.paper("card", box)
        if card is not None:
            self._circle.links.drop(read_card(card).endpoint)
        self._rows.add_notice(self._circle.clock.now_ms(), box, "stolen", "")


class Sealing:
    """This box's own KEM key, for parts that are given to it; safe in any thread."""

    def __init__(self, seed: Secret, box_key: SigningKey) -> None:
        """``seed`` is the KEM seed, ``box_key`` signs its public half."""
        self._seed, self._box = seed, box_key
        self.told = signed_part_key(public_key(self._seed), box_key)

    def again(self, ask: bytes, public: bytes, put: PartPut) -> bytes:
        """Return the part of ``put`` sealed to whoever asked; raises BadSeal for one that is not for this box."""
        assert put.part is not None, "what was taken back is not given"
        words = open_from(self._seed, put.part, part_info(put.locker, self._box.public), "The part of a key")
        return seal_to(public, words, part_info(put.locker, ask))


def _said(data: bytes) -> PartSay:
    value = loads(data)
    assert isinstance(value, dict), "written by _tell"
    return read_part(PartSay, value)


def _bytes(news: News) -> bytes:
    return dumps(Row(News).write(news))


def _label(ask: AskedPart) -> str:
    with contextlib.suppress(PeerGarbled, BadSeal):
        return read_card(ask.card).label
    return ""


async def _quietly(work: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(BoxError):
        await work
