"""Messages about a key split among friends: keeping a part, asking for it, saying no; and a box reported stolen.

docs/formats/friends-key.md. A part travels sealed to whoever may read it, on its way there and on its way back; the
boxes in between see neither it nor the note. What a stranger may ask is marked; the rest is for peers.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import StrEnum
from typing import Final

from blake3 import blake3

from firmware.errors import NewerFormat, PeerGarbled, TicketExpired, TicketMistyped
from firmware.lean import dataclass
from firmware.limits import FRIENDS_LEAST, FRIENDS_MOST, PAIR_TICKET_CHARS, PEER_LABEL_BYTES
from firmware.peer.asked import HASH, ID, SIGNED, Done, Request
from firmware.peer.cbor import dumps, loads
from firmware.peer.fields import Many, Raw, Row, Text, Uint, key
from firmware.seal import SigningKey, verify_signature

PUBLIC: Final = Raw(1216)
"""A KEM public key, docs/formats/key-file.md."""
SEALED: Final = Raw(1, 2048)
LABEL: Final = Text(PEER_LABEL_BYTES)
COUNT: Final = Uint(FRIENDS_MOST, FRIENDS_LEAST)
STATE: Final = Text(16, 1)

_KEY: Final = b"lockerbox part key v1\n"
_ASK: Final = b"lockerbox part ask 1\n"
_CODE: Final = b"lockerbox part code 1\n"
_TICKET: Final = b"lockerbox part ticket 1\n"
_DIGITS: Final = 1_000_000


class AskState(StrEnum):
    """How far an ask for a part is, at the friend's box that was asked."""

    CONFIRM = "confirm"
    """The friend has to compare six digits first."""
    WAITING = "waiting"
    """Everybody was told, and may say no until a time."""
    OPEN = "open"
    """Nobody did: the part is given."""
    NO = "no"
    """Somebody did."""


@dataclass(frozen=True)
class PartKeyed:
    """The KEM public key of this box, and its box key's signature over ``lockerbox part key v1\\n`` and that."""

    public: bytes = key(PUBLIC)
    signature: bytes = key(Raw(64))


@dataclass(frozen=True)
class PartKey(Request[PartKeyed]):
    """What shall a part for you be sealed to?"""

    OP, ANSWER = "part_key", PartKeyed


@dataclass(frozen=True)
class PartPut(Request[Done]):
    """Keep this part for me; a higher ``number`` replaces what is kept, no ``part`` takes it back.

    ``heir``: the box that may ask after a long silence. ``kin``: the boxes that have the other parts. ``holders``:
    their cards, for the heir alone.
    """

    OP, ANSWER = "part_put", Done
    locker: bytes = key(ID)
    number: int = key(Uint())
    k: int = key(COUNT)
    n: int = key(COUNT)
    label: str = key(LABEL)
    note: bytes = key(SEALED)
    kin: tuple[bytes, ...] = key(Many(HASH, FRIENDS_MOST))
    holders: tuple[bytes, ...] = key(Many(SIGNED, FRIENDS_MOST))
    part: bytes | None = key(SEALED, optional=True)
    heir: bytes | None = key(HASH, optional=True)


@dataclass(frozen=True)
class PartAsked:
    """How far it is; ``part`` and ``note`` once it is open, the part sealed to the key that came with the ask."""

    state: str = key(STATE)
    until_ms: int = key(Uint())
    now_ms: int = key(Uint())
    k: int = key(COUNT)
    n: int = key(COUNT)
    label: str = key(LABEL)
    part: bytes | None = key(SEALED, optional=True)
    note: bytes | None = key(SEALED, optional=True)


@dataclass(frozen=True)
class PartAsk(Request[PartAsked]):
    """A stranger may ask: give me the part of this locker. The same ask again tells how far it is.

    ``proof`` shows that the friend gave a ticket; the box of the heir needs none.
    """

    OP, ANSWER = "part_ask", PartAsked
    locker: bytes = key(ID)
    card: bytes = key(SIGNED)
    public: bytes = key(PUBLIC)
    proof: bytes | None = key(HASH, optional=True)


@dataclass(frozen=True)
class PartSay(Request[Done]):
    """About an ask: a box that keeps a part tells others of it, the box it is about says no."""

    OP, ANSWER = "part_say", Done
    locker: bytes = key(ID)
    ask: bytes = key(HASH)
    state: str = key(STATE)
    label: str = key(LABEL)
    until_ms: int = key(Uint())
    heir: int = key(Uint(1))


@dataclass(frozen=True)
class Stolen(Request[Done]):
    """A stranger may bring it: the box named was stolen, signed by the custody key of a locker on it."""

    OP, ANSWER = "stolen", Done
    report: bytes = key(SIGNED)


def signed_part_key(public: bytes, box_key: SigningKey) -> PartKeyed:
    """Return the answer to ``part_key``."""
    return PartKeyed(public, box_key.sign(_KEY + public))


def check_part_key(told: PartKeyed, box: bytes) -> bytes:
    """Return the KEM public key that the box with this key signed; raises BadSeal."""
    verify_signature(box, told.signature, _KEY + told.public)
    return told.public


def ask_id(locker: bytes, box: bytes, public: bytes) -> bytes:
    """Return 32 bytes that name one ask: this locker, by this box, to be answered to this key."""
    return blake3(_ASK + locker + box + public).digest()


def ask_code(ask: bytes) -> str:
    """Return the six digits both ends show, so that a friend gives the part to the box in front of her friend."""
    return f"{int.from_bytes(blake3(_CODE + ask).digest()[:8], 'big') % _DIGITS:06}"


def ask_proof(secret: bytes, ask: bytes) -> bytes:
    """Return the proof that whoever asks was given the ticket with this 16-byte secret."""
    return blake3(ask, key=blake3(_TICKET + secret).digest()).digest()


def part_info(locker: bytes, reader: bytes) -> bytes:
    """Return what binds a sealed part: its locker, and who reads it (a box key, or the id of an ask)."""
    return b"lockerbox/1/friends-part" + locker + reader


def note_info(locker: bytes) -> bytes:
    """Return what binds the note to its locker."""
    return b"lockerbox/1/friends-note" + locker


# What the owner's box knows of a split key


@dataclass(frozen=True)
class Holder:
    """Who has part ``number`` (from 1): a friend's box with the part sealed to it, or paper (no box, nothing here)."""

    number: int = key(Uint(FRIENDS_MOST, 1))
    box: bytes = key(Raw(0, 32))
    label: str = key(LABEL)
    part: bytes = key(Raw(0, 2048))


@dataclass(frozen=True)
class FriendsKey:
    """A split key as its owner's box keeps it (``lockers/<id>/friends``); nothing in it opens anything.

    ``number`` grows with every change. ``public`` is the key of the keyslot, ``note`` the kit's words sealed to it. No
    holders: the parts were taken back. ``heir``: the box that may ask after a long silence, or nothing.
    """

    number: int = key(Uint())
    made_ms: int = key(Uint())
    k: int = key(COUNT)
    label: str = key(LABEL)
    public: bytes = key(PUBLIC)
    note: bytes = key(SEALED)
    heir: bytes = key(Raw(0, 32))
    holders: tuple[Holder, ...] = key(Many(Row(Holder), FRIENDS_MOST))

    @property
    def n(self) -> int:
        """How many parts there are."""
        return max(FRIENDS_LEAST, len(self.holders))

    @property
    def boxes(self) -> tuple[bytes, ...]:
        """The boxes that have a part."""
        return tuple(each.box for each in self.holders if each.box)

    def put_for(self, locker: bytes, holder: Holder, cards: tuple[bytes, ...]) -> PartPut:
        """Return what that holder's box is given; ``cards`` are those of all holders, told to the heir alone."""
        kin = tuple(each for each in self.boxes if each != holder.box)
        told = cards if holder.box == self.heir else ()
        heir = self.heir or None
        return PartPut(
            locker, self.number, self.k, self.n, self.label, self.note, kin, told, part=holder.part, heir=heir
        )

    def taken_back(self, locker: bytes) -> PartPut:
        """Return what a box is told that shall have no part any more."""
        return PartPut(locker, self.number, self.k, self.n, self.label, self.note, (), ())

    def to_bytes(self) -> bytes:
        """As it is kept."""
        row = Row(FriendsKey).write(self)
        assert isinstance(row, list)
        return dumps(["friends key", 1, *row])


def read_friends_key(data: bytes) -> FriendsKey:
    """Return what ``to_bytes`` wrote; raises PeerGarbled."""
    found = loads(data)
    if not isinstance(found, list) or found[:2] != ["friends key", 1]:
        raise PeerGarbled(why="this is no friends' key, or one of a newer format")
    made = Row(FriendsKey).read(found[2:], "friends key")
    assert isinstance(made, FriendsKey)
    return made


# Tickets

TICKET_SECRET_BYTES: Final = 16
_TICKET_TEXT: Final = re.compile(r"lbk(\d)([a-z2-7]+)$")


@dataclass(frozen=True)
class PartTicket:
    """A friend's word that whoever has it may ask her box: its card, which locker, a secret, until when."""

    card: bytes = key(SIGNED)
    locker: bytes = key(ID)
    secret: bytes = key(Raw(TICKET_SECRET_BYTES))
    until_ms: int = key(Uint())

    def text(self) -> str:
        """``lbk1`` and base32 of the CBOR array with the first 4 bytes of its BLAKE3."""
        payload = dumps(Row(PartTicket).write(self))
        whole = payload + blake3(payload).digest()[:4]
        return "lbk1" + base64.b32encode(whole).decode().rstrip("=").lower()


def read_part_ticket(text: str, now_ms: int) -> PartTicket:
    """Return the ticket in ``text``: alone, broken over lines, or behind the # of a link.

    Raises TicketMistyped, TicketExpired, or NewerFormat for a ticket of a later version.
    """
    found = _TICKET_TEXT.search("".join(text[:PAIR_TICKET_CHARS].lower().split()))
    if found is None:
        raise TicketMistyped(why="it has no part that begins with lbk1")
    version, letters = found.groups()
    if version != "1":
        raise NewerFormat(what="This ticket", found=version, known=1)
    try:
        whole = base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
        payload, check = whole[:-4], whole[-4:]
        if blake3(payload).digest()[:4] != check:
            raise TicketMistyped(why="a letter of it is missing or another one")
        ticket = Row(PartTicket).read(loads(payload), "ticket")
    except (binascii.Error, PeerGarbled):
        raise TicketMistyped(why="it does not hold what it should") from None
    assert isinstance(ticket, PartTicket)
    if now_ms > ticket.until_ms:
        raise TicketExpired
    return ticket
