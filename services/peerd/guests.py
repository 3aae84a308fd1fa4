"""Boxes that friends introduced: delegates of theirs that come with a permit, hosts of theirs that are to be dialled.

Kept as papers of the circle database, held in memory for the threads that answer. A guest is no friend: it is let in to
use a permit, and dialled only while whoever introduced it is away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from firmware.errors import BadSeal, PeerBusy, PeerGarbled
from firmware.limits import PEER_INTRODUCED, PEER_INTRODUCED_DAYS
from firmware.linux.circle_rows import CircleRows
from firmware.peer import Card, Introduction, read_card
from firmware.peer.messages import Role

_PAPER: Final = "guest"
_ROOF: Final = "roof"
_DAY_MS: Final = 86_400_000
_KEY: Final = 32


class Guest(NamedTuple):
    """What ``owner`` said about a box."""

    owner: bytes
    card: Card
    data: bytes
    role: Role
    until_ms: int
    roof: int | None = None


class Guests:
    """All introductions in force. Reading is safe in any thread; changes come from the loop alone."""

    def __init__(self, rows: CircleRows) -> None:
        """Take up what is written down; what cannot be read is told again by whoever said it."""
        self._rows = rows
        self._known: dict[tuple[bytes, bytes], Guest] = {}
        roofs = {about: int.from_bytes(data) for about, data in rows.papers(_ROOF).items()}
        for about, data in rows.papers(_PAPER).items():
            found = _read(about, data)
            if found is not None:
                self._known[found.owner, found.card.box] = found._replace(roof=roofs.get(about))

    def check_room(self, owner: bytes) -> None:
        """Raise PeerBusy when a friend introduces more boxes than anybody's circle has."""
        if sum(1 for known, _ in list(self._known) if known == owner) >= PEER_INTRODUCED:
            raise PeerBusy

    def take(self, owner: bytes, said: Introduction, now_ms: int) -> None:
        """Note what ``owner`` says; NOBODY takes it back. An older card than the one known changes no address."""
        card, data = said.card, said.data
        if said.role is Role.NOBODY:
            self._drop(owner, card.box)
            return
        until_ms = min(said.until_ms, now_ms + PEER_INTRODUCED_DAYS * _DAY_MS)
        newest = self.card(card.box)
        if newest is not None and newest[0].number > card.number:
            card, data = newest
        self._keep(Guest(owner, card, data, said.role, until_ms, said.roof))

    def newer(self, card: Card, data: bytes) -> bool:
        """A card of a guest came from somebody; return whether it is newer than the one known."""
        older = [
            each
            for each in self._known.values()
            if each.card.box == card.box and each.card.endpoint == card.endpoint and each.card.number < card.number
        ]
        for each in older:
            self._keep(each._replace(card=card, data=data))
        return bool(older)

    def _keep(self, guest: Guest) -> None:
        self._known[guest.owner, guest.card.box] = guest
        value = bytes([guest.role]) + guest.until_ms.to_bytes(8) + guest.data
        self._rows.set_paper(_PAPER, guest.owner + guest.card.box, value)
        if guest.roof is not None:
            self._rows.set_paper(_ROOF, guest.owner + guest.card.box, guest.roof.to_bytes(8))
        else:
            self._rows.drop_paper(_ROOF, guest.owner + guest.card.box)

    def _drop(self, owner: bytes, box: bytes) -> None:
        self._known.pop((owner, box), None)
        for kind in (_PAPER, _ROOF):
            self._rows.drop_paper(kind, owner + box)

    def end(self, now_ms: int) -> None:
        """Forget introductions whose time is over."""
        for (owner, box), each in list(self._known.items()):
            if each.until_ms < now_ms:
                self._drop(owner, box)

    # Questions

    def is_delegate(self, owner: bytes, box: bytes) -> bool:
        """Whether ``owner`` said that ``box`` repairs for it."""
        known = self._known.get((owner, box))
        return known is not None and known.role is Role.DELEGATE

    def repairs(self, box: bytes) -> bool:
        """Whether anybody said that ``box`` repairs for it."""
        return any(each.card.box == box and each.role is Role.DELEGATE for each in list(self._known.values()))

    def of(self, owner: bytes, role: Role | None = None) -> list[Guest]:
        """Whom ``owner`` introduced (with this role)."""
        return [each for each in list(self._known.values()) if each.owner == owner and role in (None, each.role)]

    def roofs(self, owner: bytes) -> dict[bytes, int]:
        """Boxes of which ``owner`` said in which household they are; 0 is this box's."""
        return {each.card.box: each.roof for each in self.of(owner) if each.roof is not None}

    def box_of(self, endpoint: bytes) -> bytes | None:
        """The box of a guest, by the key its transport proves."""
        return next((each.card.box for each in list(self._known.values()) if each.card.endpoint == endpoint), None)

    def card(self, box: bytes) -> tuple[Card, bytes] | None:
        """The newest card of a guest, and as it is signed."""
        found = [(each.card, each.data) for each in list(self._known.values()) if each.card.box == box]
        return max(found, key=lambda each: each[0].number, default=None)

    def owners(self) -> Iterable[bytes]:
        """Everybody who introduced somebody."""
        return {owner for owner, _ in list(self._known)}

    def cards(self, boxes: Sequence[bytes]) -> list[bytes]:
        """The newest cards of these boxes, as signed."""
        return [known[1] for known in map(self.card, boxes) if known is not None]


def _read(about: bytes, data: bytes) -> Guest | None:
    try:
        return Guest(about[:_KEY], read_card(data[9:]), data[9:], Role(data[0]), int.from_bytes(data[1:9]))
    except (PeerGarbled, BadSeal, ValueError, IndexError):
        return None
