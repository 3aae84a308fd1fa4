"""What lockerd asks peerd for a locker that comes back; thin: values in, values out."""

from __future__ import annotations

import base64

from firmware.backup import Pack
from firmware.backup.book import PackPlace, ShardAt
from firmware.backup.restoring import Spot
from firmware.backup.states import NO_LAY, Lay, Mark, PeerState
from firmware.errors import BadSeal, BoxError, Misused, NamesComing, NoContact, PeerGarbled
from firmware.limits import API_CHUNK_BYTES
from firmware.pack.format import Kind
from firmware.peer import Card, read_card, read_custody, read_handover
from firmware.peer.cbor import dumps
from firmware.peer.contacts import contact_cards, contact_text
from firmware.seal import Secret, SigningKey
from services.api import restore_types as z
from services.api import types as t
from services.api.server import Call, Handler
from services.peerd.circle import Circle
from services.peerd.restoring import Join, Restoring, Shown, Source


class RestoreCalls:
    """Handlers over what comes back to this box."""

    def __init__(self, circle: Circle) -> None:
        """The circle is started already."""
        self._circle, self._restoring = circle, Restoring(circle)

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "at_peerd_contact": self._contact,
            "at_peerd_restore_near": self._near,
            "restore_find": self._find,
            "restore_join": self._join,
            "restore_resume": self._resume,
            "restore_sources": self._sources,
            "restore_page": self._page,
            "restore_pack": self._pack,
            "restore_kept": self._kept,
            "restore_ended": self._ended,
        }

    async def _contact(self, call: Call) -> z.RestoreContact:  # noqa: ARG002
        self._circle.nearby.help_somebody()
        data = self._circle.card()
        card = read_card(data)
        return z.RestoreContact(contact_text([data]), card.label, card.not_after_ms)

    async def _near(self, call: Call) -> z.RestoreNear:  # noqa: ARG002
        return z.RestoreNear(
            tuple(z.RestoreBox(card.label, contact_text([data])) for card, data in self._circle.nearby.helping())
        )

    # With a kit

    async def _find(self, call: Call) -> z.KitsFound:
        args: z.KitFind = call.args
        signed = [data for each in args.contacts for data in contact_cards(each)]
        cards = [self._restoring.freshest(_card(data), data)[0] for data in (*signed, *map(bytes.fromhex, args.cards))]
        if not cards:
            cards = [card for card, _ in self._circle.nearby.helping()]
        if not cards:
            raise NoContact
        request = SigningKey.from_seed(Secret(bytes.fromhex(args.request)))
        shown = await self._restoring.find(bytes.fromhex(args.lookup), request, cards)
        return z.KitsFound(self._circle.box.hex(), tuple(_shown(each) for each in shown))

    async def _join(self, call: Call) -> z.RestoreSources:
        args: z.RestoreJoin = call.args
        locker, custody = bytes.fromhex(args.locker), bytes.fromhex(args.custody)
        handovers = [bytes.fromhex(each) for each in args.handovers]
        try:
            held = read_custody(custody)
            handed = {read_handover(each).after.record.locker for each in handovers}
        except (PeerGarbled, BadSeal):
            raise Misused(why="the custody record is not signed.") from None
        if (held.record.locker, held.record.box) != (locker, self._circle.box) or handed - {locker}:
            raise Misused(why="the custody record is for another locker or another box.")
        rows = self._circle.rows
        rows.view.add_locker(locker)
        rows.set_paper("folder", locker, args.folder.encode())
        rows.set_paper("custody", locker, custody)
        rows.set_paper("handovers", locker, dumps(list(handovers)))
        rows.view.set_custody(locker, True)
        rows.save()
        given = [(bytes.fromhex(data), label) for data, label in zip(args.cards, args.labels, strict=False)]
        fresh = [(*self._restoring.freshest(_card(data), data), label) for data, label in given]
        cards = {card.box: (card, data, label) for card, data, label in fresh if card.box != self._circle.box}
        sources = {box: _source(card, label) for box, (card, _, label) in cards.items()}
        request = SigningKey.from_seed(Secret(bytes.fromhex(args.request)))
        joined = Join(locker, bytes.fromhex(args.lookup), request, custody, sources)
        self._restoring.join(joined, [data for _, data, _ in cards.values()])
        return self._shown_sources(joined)

    async def _resume(self, call: Call) -> z.RestoreSources:
        """After a restart, without the kit: the papers are here, and friends who let this box in know it."""
        locker, rows = bytes.fromhex(call.args.locker), self._circle.rows
        custody, cards = rows.paper("custody", locker), rows.papers("card")
        if custody is None or read_custody(custody).record.box != self._circle.box:
            raise NamesComing
        there = [each for each in rows.view.peers.values() if each.state is not PeerState.LEFT and each.key in cards]
        sources = {each.key: _source(read_card(cards[each.key]), each.label) for each in there}
        joined = Join(locker, b"", None, custody, sources)
        self._restoring.join(joined, [cards[each.key] for each in there])
        return self._shown_sources(self._known(call.args.locker))

    async def _sources(self, call: Call) -> z.RestoreSources:
        joined = self._restoring.joined(bytes.fromhex(call.args.locker))
        return self._shown_sources(joined) if joined is not None else z.RestoreSources(())

    def _shown_sources(self, joined: Join) -> z.RestoreSources:
        there = self._restoring.there(joined)
        return z.RestoreSources(
            tuple(_friend(box, each, joined.wrong, there=box in there) for box, each in sorted(joined.sources.items()))
        )

    # Bytes

    async def _page(self, call: Call) -> None:
        args: z.RestorePage = call.args
        peers = [bytes.fromhex(each) for each in args.peers]
        found = await self._restoring.page(self._known(args.locker), bytes.fromhex(args.shard), args.size, peers)
        await _send(call, found)

    async def _pack(self, call: Call) -> None:
        args: z.RestoreFetch = call.args
        await _send(call, await self._restoring.pack(self._known(args.locker), place_of(args.place)))

    def _known(self, locker: str) -> Join:
        joined = self._restoring.joined(bytes.fromhex(locker))
        if joined is None:
            raise NamesComing
        return joined

    # Afterwards

    async def _kept(self, call: Call) -> t.Count:
        """Packs are here again, their shards with friends: they count as soon as friends prove what they have."""
        args: z.RestoreKept = call.args
        locker, rows, view = bytes.fromhex(args.locker), self._circle.rows, self._circle.rows.view
        joined = self._restoring.joined(locker)
        wrong = joined.wrong if joined is not None else set[Spot]()
        fresh = [place for place in map(place_of, args.packs) if place.pack not in view.packs]
        for place in fresh:
            rows.set_source(
                place.pack, f"{Kind(place.kind).word}-{place.pack.hex()}", place.digest, place.prelude
            )  # fmt: skip
            for each in place.shards:
                rows.set_shard_id(place.pack, place.k, each.index, each.shard)
            now, lay = self._circle.clock.now_ms(), self._lay(place, wrong)
            view.came_back(Pack(place.pack, locker, Kind(place.kind), place.size, place.precious, now, lay))
        view.restore_soon(locker)
        rows.save()
        self._circle.wake.set()
        return t.Count(len(fresh))

    async def _ended(self, call: Call) -> t.Nothing:
        args: z.RestoreEnd = call.args
        pages = {bytes.fromhex(each.shard): [bytes.fromhex(peer) for peer in each.peers] for each in args.pages}
        self._circle.book.inherit(bytes.fromhex(args.locker), pages)
        self._circle.rows.save()
        return t.Nothing()

    def _lay(self, place: PackPlace, wrong: set[Spot]) -> Lay:
        hosts, marks = bytearray(place.n), bytearray(place.n)
        for each in place.shards:
            peer = self._circle.rows.view.peers.get(each.peer)
            if peer is not None and each.index < place.n and (each.shard, each.peer) not in wrong:
                hosts[each.index], marks[each.index] = peer.number, Mark.HELD
        return Lay(place.k, bytes(hosts), bytes(marks)) if any(hosts) else NO_LAY


async def _send(call: Call, found: bytes) -> None:
    await call.begin(200, {"Content-Length": str(len(found))})
    for at in range(0, len(found), API_CHUNK_BYTES):
        await call.send(found[at : at + API_CHUNK_BYTES])


def place_of(place: z.RestorePack) -> PackPlace:
    """Return a pack of the book as the core has it."""
    shards = tuple(ShardAt(each.index, bytes.fromhex(each.shard), bytes.fromhex(each.peer)) for each in place.shards)
    id, prelude, digest = (bytes.fromhex(each) for each in (place.pack, place.prelude, place.digest))
    return PackPlace(id, prelude, place.kind, place.size, digest, place.precious, place.k, place.n, shards)


def _card(data: bytes) -> Card:
    try:
        return read_card(data)
    except (PeerGarbled, BadSeal):
        raise Misused(why="a friend's card is not signed.") from None


def _source(card: Card, label: str) -> Source:
    return Source(card, label or card.label)


def _told(error: BoxError | None) -> tuple[str | None, str | None]:
    return (None, None) if error is None else (error.code, str(error))


def _shown(each: Shown) -> z.KitShown:
    card, given = each.card, each.given
    if given is None:
        code, sentence = _told(each.error)
        seconds = each.error.fields.get("seconds", 0) if each.error is not None else 0
        return z.KitShown(card.box.hex(), card.label, error=code, sentence=sentence, seconds=int(seconds))
    capsule = base64.b64encode(each.capsule).decode()
    return z.KitShown(card.box.hex(), card.label, capsule, given.custody.hex(), given.heard_ms, given.now_ms)


def _friend(box: bytes, each: Source, wrong: set[Spot], *, there: bool) -> z.RestoreSource:
    code, sentence = _told(None if there else each.error)
    waits = each.until_ms if each.until_ms and not each.lets_in else None
    friend = z.RestoreFriend(
        box.hex(), each.label, there, each.shards, each.size, each.wrong, waits, code, sentence
    )  # fmt: skip
    return z.RestoreSource(friend, each.verdict, tuple(shard.hex() for shard, peer in wrong if peer == box))
