"""What lockerd asks peerd about split keys and stolen boxes; thin: values in, values out."""

from __future__ import annotations

import base64
from contextlib import suppress

from firmware.errors import BoxError, Missing
from firmware.hosting.asking import AskedPart
from firmware.limits import HEIR_DAYS
from firmware.linux.hosted_parts import PartKept
from firmware.peer import read_card
from firmware.peer.parts import (
    TICKET_SECRET_BYTES,
    AskState,
    FriendsKey,
    PartTicket,
    ask_code,
    ask_id,
    read_part_ticket,
)
from services.api import key_types as k
from services.api.server import Call, Handler
from services.peerd.circle import Circle

_HEIR_MS = HEIR_DAYS * 86_400_000


class PartCalls:
    """Handlers over the split keys of the circle."""

    def __init__(self, circle: Circle) -> None:
        """The circle is started already."""
        self._circle, self._parts, self._rows = circle, circle.parts, circle.rows

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "at_peerd_part_boxes": self._boxes,
            "at_peerd_keys": self._keys,
            "at_peerd_key_ticket": self._ticket,
            "at_peerd_key_answer": self._answer,
            "at_peerd_key_no": self._no,
            "at_peerd_key_ask": self._ask,
            "at_peerd_key_news": self._news,
            "at_peerd_theft_places": self._theft_places,
            "at_peerd_key_theft": self._theft,
        }

    async def _boxes(self, call: Call) -> k.PartBoxes:  # noqa: ARG002
        publics = await self._parts.part_keys()
        self._rows.save()
        peers = [each for each in self._rows.view.peers.values() if each.state.value not in ("left", "leaving")]
        found = ((each, publics.get(each.key)) for each in peers)
        return k.PartBoxes(
            tuple(k.PartBox(each.key.hex(), each.label, public.hex() if public else None) for each, public in found)
        )

    async def _keys(self, call: Call | None = None) -> k.Keys:  # noqa: ARG002
        own = tuple(self._own(locker, split) for locker, split in self._parts.own().items())
        kept = tuple(self._kept(each) for each in self._circle.hosted.parts())
        stolen = self._circle.hosted.stolen_boxes().items()
        return k.Keys(own, kept, tuple(k.StolenBox(box.hex(), self._label(box), when) for box, when in stolen))

    def _own(self, locker: bytes, split: FriendsKey) -> k.OwnKey:
        holders = tuple(
            k.KeyHolder(
                each.number,
                each.box.hex() or None,
                self._label(each.box) or each.label,
                bool(each.box) and self._parts.told(locker, each.box) >= split.number,
            )
            for each in split.holders
        )
        asks = tuple(
            k.KeyAsk(about[:32].hex(), one.state, one.label, one.until_ms, one.heir, about[32:].hex(), no=one.no)
            for about, one in self._parts.news().items()
            if one.locker == locker
        )
        member = (self._rows.paper("folder", locker) or b"").decode()
        heir = split.heir.hex() or None
        return k.OwnKey(locker.hex(), member, split.number, split.k, split.made_ms, holders, heir, asks)

    def _kept(self, each: PartKept) -> k.KeptPart:
        is_heir = each.put.heir == self._circle.box
        holders = [read_card(data).box.hex() for data in each.put.holders] if is_heir else []
        return k.KeptPart(
            each.place.hex(),
            each.box.hex(),
            self._label(each.box),
            each.put.label,
            each.put.k,
            each.put.n,
            each.heard_ms,
            is_heir,
            each.heard_ms + _HEIR_MS if is_heir else 0,
            each.ticket_until_ms,
            tuple(holders),
            tuple(_shown(*ask) for ask in each.asks),
        )

    def _label(self, box: bytes) -> str:
        known = self._rows.view.peers.get(box)
        return known.label if known is not None else ""

    # What our people say

    async def _ticket(self, call: Call) -> k.KeyTicket:
        secret = self._circle.entropy.bytes(TICKET_SECRET_BYTES)
        locker, until_ms = self._circle.hosted.part_ticket(bytes.fromhex(call.args.place), secret)
        return k.KeyTicket(PartTicket(self._circle.card(), locker, secret, until_ms).text(), until_ms)

    async def _answer(self, call: Call) -> k.Keys:
        args: k.KeyAnswer = call.args
        self._circle.hosted.part_answer(bytes.fromhex(args.place), bytes.fromhex(args.ask), yes=args.yes)
        return await self._keys()

    async def _no(self, call: Call) -> k.Keys:
        self._parts.no(bytes.fromhex(call.args.locker), bytes.fromhex(call.args.ask))
        self._rows.save()
        return await self._keys()

    async def _news(self, call: Call) -> k.KeyNewsAll:  # noqa: ARG002
        found = []
        for about, one in self._parts.news().items():
            if not one.taken:
                member = (self._rows.paper("folder", one.locker) or b"").decode()
                found.append(k.KeyNews(member, one.state))
                self._parts.taken(about)
        self._rows.save()
        return k.KeyNewsAll(tuple(found))

    # Asking

    async def _ask(self, call: Call) -> k.KeyAsked:
        args: k.KeyAskOf = call.args
        public, own = bytes.fromhex(args.public), read_card(self._circle.card())
        if args.ticket is not None:
            ticket = read_part_ticket(args.ticket, 0)  # the box that gave it knows until when
            card, said = await self._parts.ask(ticket, public)
            locker, label = ticket.locker, card.label
        else:
            kept = self._heired(args.place or "")
            holder = bytes.fromhex(args.holder or "")
            said = await self._parts.ask_as_heir(kept, holder, public)
            locker, label = kept.locker, self._label(holder) or self._circle.label
        return k.KeyAsked(
            locker.hex(),
            ask_id(locker, own.box, public).hex(),
            said.label,
            label,
            said.state,
            said.until_ms,
            said.k,
            said.part.hex() if said.part else None,
            said.note.hex() if said.note else None,
        )

    def _heired(self, place: str) -> PartKept:
        for each in self._circle.hosted.parts():
            if each.place.hex() == place and each.put.heir == self._circle.box:
                return each
        raise Missing(what="key this box is the heir of")

    # Theft

    async def _theft_places(self, call: Call) -> k.TheftPlaces:
        box, found = bytes.fromhex(call.args.peer), []
        for each in self._circle.hosted.custodies_of(box):
            capsule = None
            with suppress(BoxError):
                capsule = base64.b64encode(self._circle.hosted.newest_capsule(each)).decode()
            record = each.record
            found.append(k.TheftPlace(record.locker.hex(), each.public.hex(), record.epoch, capsule))
        return k.TheftPlaces(tuple(found))

    async def _theft(self, call: Call) -> k.TheftHeard:
        args: k.KeyTheftAt = call.args
        box, hosted = bytes.fromhex(args.peer), self._circle.hosted
        if box not in self._rows.view.peers:
            raise Missing(what="household in the circle")
        if not args.stolen:
            hosted.stolen_back(box)
            self._circle.welcome_back(box)
            return k.TheftHeard(0)
        reports = [bytes.fromhex(each) for each in args.reports]
        heard = await self._parts.report(box, reports, [bytes.fromhex(each) for each in args.cards]) if reports else 0
        if not hosted.is_stolen(box):
            hosted.report_stolen(box)
            self._parts.cut_off(box)
            self._parts.tell_of_theft(box, self._label(box))
        self._rows.save()
        return k.TheftHeard(heard)


def _shown(ask: AskedPart, state: AskState, until_ms: int) -> k.KeyAsk:
    label = ""
    with suppress(BoxError):
        label = read_card(ask.card).label
    return k.KeyAsk(ask.id.hex(), state.value, label, until_ms, ask.heir, code=ask_code(ask.id), no=bool(ask.no))
