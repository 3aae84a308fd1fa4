"""Parts of friends' keys that are kept here, who asks for them, and boxes reported stolen (friends-key.md, hosted.md).

Everything said here is on the disk first. What is decided is decided in ``firmware.hosting.asking``.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from firmware import events
from firmware.errors import BoxError, CustodyMissing, Missing, PartRefused, PeerBusy
from firmware.hosting import agreed
from firmware.hosting.asking import (
    AskedPart,
    admitted,
    asked_by_friend,
    asked_by_heir,
    begun,
    changed,
    found,
    read_asks,
    refused,
    state_of,
    write_asks,
)
from firmware.limits import PART_TICKET_SECONDS, PART_TRIES
from firmware.linux.hosted_files import is_hex
from firmware.linux.hosted_keeping import HostedKeeping
from firmware.linux.hosted_places import Place, capsule_file
from firmware.peer import Authority, Caller, Card, HeldCustody
from firmware.peer.cbor import dumps, loads
from firmware.peer.fields import read_part, write_part
from firmware.peer.parts import AskState, PartAsk, PartAsked, PartKeyed, PartPut, PartSay, ask_id, ask_proof
from firmware.peer.signed import HeldReport
from firmware.seal import same_bytes

_PART, _ASKS, _TICKET, _STOLEN = "part", "part-asks", "part-ticket", "stolen"
_HOUR_MS: Final = 3_600_000
_FRIEND, _HOUSEHOLD = "friend", "household"


@dataclass(frozen=True)
class PartKept:
    """A part kept here for a friend, and who asks for it with how far that is."""

    place: bytes
    locker: bytes
    box: bytes
    put: PartPut
    heard_ms: int
    asks: tuple[tuple[AskedPart, AskState, int], ...]
    ticket_until_ms: int


class HostedParts(HostedKeeping):
    """``firmware.peer.host.PartHost``, and what the owner of this box may ask and say."""

    _wrong_ms: tuple[int, ...] = ()
    _given: frozenset[bytes] = frozenset()
    """Asks whose part was given since this process began: told once."""

    # What peers ask

    def keeps_parts(self) -> bool:
        """Whether anything is kept here that a stranger may ask about."""
        return bool(self._places)

    def part_key(self) -> PartKeyed:
        """What parts for this box are sealed to; raises PeerOlder where there is no service behind it."""
        return self._ears.part_key()

    def part_put(self, authority: Authority, put: PartPut) -> None:
        """Keep a part in place of an older one; without one in it, forget it with everything that waits for it."""
        with self._lock:
            place = self._place(authority)
            known = self._part(place)
            if known is not None and known.number >= put.number:
                return
            if put.part is None:
                for name in (_PART, _ASKS, _TICKET):
                    self._disk.remove(f"{place.name.hex()}/{name}")
                return
            if known is not None and (known.n, known.k, known.part) != (put.n, put.k, put.part):
                self._disk.remove(f"{place.name.hex()}/{_ASKS}")  # they asked for a part that opens nothing any more
            self._files.keep(f"{place.name.hex()}/{_PART}", dumps(write_part(put)))

    def part_ask(self, caller: Caller, ask: PartAsk, card: Card, now_ms: int) -> PartAsked:  # noqa: ARG002 a port
        """Say how far an ask is, and give the part when it is open; raises PartRefused, PartEarly, PeerBusy."""
        now_ms = self._now(now_ms)
        id = ask_id(ask.locker, card.box, ask.public)
        with self._lock:
            for place in self._of_locker.get(ask.locker, []):
                put = self._part(place)
                if put is not None and put.part is not None:
                    return self._told(place, put, self._known_or_new(place, put, ask, card, id, now_ms), now_ms)
            self._wrong(now_ms)
            raise PartRefused

    def _known_or_new(
        self, place: Place, put: PartPut, ask: PartAsk, card: Card, id: bytes, now_ms: int
    ) -> AskedPart:  # fmt: skip
        asks = self._asks(place)
        for each in asks:
            if each.id == id:
                return each
        if put.heir == card.box and ask.proof is None:
            lived = self._patience.lived_ms
            one = asked_by_heir(id, ask.card, ask.public, place.alive_ms, now_ms, lived)
        else:
            self._check_ticket(place, ask, id, now_ms)
            one = asked_by_friend(id, ask.card, ask.public, place.alive_ms, now_ms)
        self._keep_asks(place, admitted(asks, one))
        self._disk.remove(f"{place.name.hex()}/{_TICKET}")  # a ticket is good once
        self._say(events.PART_ASKED, peer=place.box.hex()[:8])
        self._news(place, put, one, now_ms)
        return one

    def _check_ticket(self, place: Place, ask: PartAsk, id: bytes, now_ms: int) -> None:
        ticket = self._ticket(place)
        wanted = ask_proof(ticket[0], id) if ticket and ticket[1] > now_ms else b""
        if not wanted or not same_bytes(ask.proof or b"", wanted):
            self._wrong(now_ms)
            self._ears.part_tried(place.box, now_ms)
            raise PartRefused

    def _wrong(self, now_ms: int) -> None:
        """Somebody asks who was given nothing: told, and after a few times an hour not even looked at."""
        tries = [each for each in self._wrong_ms if each > now_ms - _HOUR_MS]
        if len(tries) >= PART_TRIES:
            raise PeerBusy
        self._wrong_ms = (*tries, now_ms)
        self._say(events.PART_REFUSED, count=len(self._wrong_ms))

    def _told(self, place: Place, put: PartPut, ask: AskedPart, now_ms: int) -> PartAsked:
        state, until_ms = state_of(ask, place.alive_ms, now_ms, self._patience.lived_ms)
        part = note = None
        if state is AskState.OPEN and put.part is not None:
            part, note = self._ears.part_for(ask.id, ask.public, put), put.note
            if ask.id not in self._given:
                self._given = self._given | {ask.id}
                self._say(events.PART_GIVEN, peer=place.box.hex()[:8])
                self._news(place, put, ask, now_ms)
        return PartAsked(state.value, until_ms, now_ms, put.k, put.n, put.label, part, note)

    def part_say(self, caller: Caller, said: PartSay, now_ms: int) -> None:
        """The box a key is about says no; anybody in the circle tells of an ask."""
        now_ms = self._now(now_ms)
        assert caller.box is not None, "only peers are heard"
        with self._lock:
            self._heard(caller.box, now_ms)
            for place in self._of_locker.get(said.locker, []):
                if place.box == caller.box and said.state == AskState.NO:
                    self._refuse(place, said.ask, _HOUSEHOLD, now_ms)
        self._ears.part_said(caller.box, said, now_ms)

    def stolen(self, report: HeldReport, now_ms: int) -> None:
        """From now on this box key is nobody here; raises CustodyMissing where the signer has no say about it."""
        now_ms = self._now(now_ms)
        with self._lock:
            place = self._place_of(report.locker, report.public)
            if place is None or place.held.public != report.public or place.box != report.box:
                raise CustodyMissing
            self._report(report.box, report.data, now_ms)
        self._ears.reported(report.box, report.data, now_ms)

    def is_stolen(self, box: bytes) -> bool:
        """Whether somebody who may say so reported this box."""
        return box in self._reports()

    # What the owner of this box asks and says

    def parts(self) -> list[PartKept]:
        """Every part kept here."""
        now_ms = self._now()
        with self._lock:
            return [each for each in (self._shown(one, now_ms) for one in self._places.values()) if each]

    def _shown(self, place: Place, now_ms: int) -> PartKept | None:
        put = self._part(place)
        if put is None:
            return None
        lived, ticket = self._patience.lived_ms, self._ticket(place)
        asks = tuple((each, *state_of(each, place.alive_ms, now_ms, lived)) for each in self._asks(place))
        until = ticket[1] if ticket and ticket[1] > now_ms else 0
        return PartKept(place.name, place.held.record.locker, place.box, put, place.alive_ms, asks, until)

    def part_ticket(self, name: bytes, secret: bytes) -> tuple[bytes, int]:
        """The friend stands before us: whoever shows this secret of 16 bytes may ask; return (locker, until when)."""
        now_ms = self._now()
        with self._lock:
            place = self._kept(name)
            until_ms = now_ms + PART_TICKET_SECONDS * 1000
            self._files.keep(f"{name.hex()}/{_TICKET}", dumps([secret, until_ms]))
            return place.held.record.locker, until_ms

    def part_answer(self, name: bytes, id: bytes, *, yes: bool) -> None:
        """The digits are the same: the wait begins. Or no, which is for ever. Raises PartRefused, Missing."""
        now_ms = self._now()
        with self._lock:
            place = self._kept(name)
            one = found(self._asks(place), id)
            if not yes:
                self._refuse(place, id, _FRIEND, now_ms)
            elif not one.ends_ms and not one.no:
                one = begun(one, now_ms, self._patience.lived_ms)
                self._save_clock()
                self._keep_asks(place, changed(self._asks(place), one))
                self._news(place, self._part(place), one, now_ms)

    def report_stolen(self, box: bytes) -> None:
        """Our friend said so to our face."""
        now_ms = self._now()
        with self._lock:
            self._report(box, b"", now_ms)

    def stolen_back(self, box: bytes) -> None:
        """The box is in the right hands again."""
        with self._lock:
            if self.is_stolen(box):
                self._disk.remove(f"{_STOLEN}/{box.hex()}")
                self._stolen = None

    def custodies_of(self, box: bytes) -> list[HeldCustody]:
        """The records in force that name this box."""
        with self._lock:
            return [place.held for place in self._of_box(box)]

    def newest_capsule(self, held: HeldCustody) -> bytes:
        """The capsule of a locker kept here that came last; raises Missing."""
        with self._lock:
            place = self._place_of(held.record.locker, held.public)
            if place is None or not place.capsules:
                raise Missing(what="capsule")
            return self._files.data(place, capsule_file(place.capsules[-1]))

    def stolen_boxes(self) -> dict[bytes, int]:
        """Boxes that were reported, with when."""
        return dict(self._reports())

    # On the disk

    def _refuse(self, place: Place, id: bytes, by: str, now_ms: int) -> None:
        asks = self._asks(place)
        after = refused(asks, id, by)
        if after != asks:
            self._keep_asks(place, after)
            self._say(events.PART_SAID_NO, peer=place.box.hex()[:8])
            self._news(place, self._part(place), found(after, id), now_ms)

    def _report(self, box: bytes, data: bytes, now_ms: int) -> None:
        """Durable; deletes that the thief may have asked for are taken back."""
        if self.is_stolen(box):
            return
        (self._folder / _STOLEN).mkdir(mode=0o700, exist_ok=True)
        self._files.keep(f"{_STOLEN}/{box.hex()}", dumps([data, now_ms]))
        self._stolen = None
        for place in self._of_box(box):
            for ask in list(place.asks.values()):
                self._stay(place, self._rows.asked(place.row, ask.number))
            if place.waiting is not None:  # whoever comes back need not wait for a thief's yes
                place.waiting = agreed(place.waiting)
                self._files.keep_waiting(place)
        self._say(events.BOX_REPORTED, peer=box.hex()[:8])

    _stolen: dict[bytes, int] | None = None

    def _reports(self) -> dict[bytes, int]:
        known = self._stolen
        if known is None:
            known = {}
            names = self._disk.names(_STOLEN) if (self._folder / _STOLEN).is_dir() else []
            for name in names:
                if is_hex(name, 32):
                    known[bytes.fromhex(name)] = self._reported_ms(name)
            self._stolen = known
        return known

    def _reported_ms(self, name: str) -> int:
        with suppress(BoxError):
            match loads(self._disk.read(f"{_STOLEN}/{name}", 0, 4096)):
                case [bytes(), int(when)]:
                    return when
                case _:
                    pass
        return 0

    def _kept(self, name: bytes) -> Place:
        place = self._places.get(name)
        if place is None or self._part(place) is None:
            raise Missing(what="part of a key")
        return place

    def _part(self, place: Place) -> PartPut | None:
        try:
            value = loads(self._files.data(place, _PART))
            return read_part(PartPut, value) if isinstance(value, dict) else None
        except BoxError:
            return None

    def _asks(self, place: Place) -> tuple[AskedPart, ...]:
        try:
            return read_asks(self._files.data(place, _ASKS))
        except BoxError:
            return ()

    def _keep_asks(self, place: Place, asks: tuple[AskedPart, ...]) -> None:
        self._files.keep(f"{place.name.hex()}/{_ASKS}", write_asks(asks))

    def _ticket(self, place: Place) -> tuple[bytes, int] | None:
        try:
            match loads(self._files.data(place, _TICKET)):
                case [bytes(secret), int(until)]:
                    return secret, until
                case _:
                    return None
        except BoxError:
            return None

    def _news(self, place: Place, put: PartPut | None, ask: AskedPart, now_ms: int) -> None:
        if put is not None:
            state, until_ms = state_of(ask, place.alive_ms, now_ms, self._patience.lived_ms)
            self._ears.part_asked(place.box, put, ask, state, until_ms)
