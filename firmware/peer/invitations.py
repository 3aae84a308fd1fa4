"""Invitations as text: tickets (``lbx1...``, as QR code or behind the # of a link) and six words.

A ticket is base32 (lower case, no padding; a QR code may carry capitals) of CBOR ``[card, secret 16, expires_ms]``
followed by the first 4 bytes of its BLAKE3, so that a letter lost on the way is noticed before anybody is called.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import StrEnum
from typing import Final

from blake3 import blake3

from firmware.errors import BadSeal, InvitationExpired, InvitationMistyped, NewerFormat, PeerGarbled
from firmware.lean import dataclass
from firmware.limits import PAIR_TICKET_CHARS
from firmware.peer.cbor import dumps, loads
from firmware.peer.fields import Raw, Uint
from firmware.peer.messages import SIGNED
from firmware.peer.signed import Card, read_card
from firmware.seal import Secret

PREFIX: Final = "lbx"
TICKET_SECRET_BYTES: Final = 16
_TICKET: Final = re.compile(r"lbx(\d)([a-z2-7]+)$")
_HINT: Final = b"lockerbox invitation hint 1\n"
_CHECK_BYTES: Final = 4


class Way(StrEnum):
    """How an invitation travels."""

    TICKET = "ticket"
    WORDS = "words"


@dataclass(frozen=True)
class Ticket:
    """What a ticket says: the inviter's card, the secret, until when."""

    card: Card
    card_data: bytes
    secret: Secret
    expires_ms: int


def ticket_text(card: bytes, secret: Secret, expires_ms: int) -> str:
    """Return the text of a ticket; ``secret`` has 16 bytes."""
    payload = dumps([card, secret.reveal(), expires_ms])
    whole = payload + blake3(payload).digest()[:_CHECK_BYTES]
    return f"{PREFIX}1" + base64.b32encode(whole).decode().rstrip("=").lower()


def read_ticket(text: str, now_ms: int) -> Ticket:
    """Return the ticket in ``text``: alone, broken over lines, or behind the # of a link.

    Raises InvitationMistyped, InvitationExpired, or NewerFormat for a ticket of a later version.
    """
    found = _TICKET.search("".join(text[:PAIR_TICKET_CHARS].lower().split()))
    if found is None or len(text) > PAIR_TICKET_CHARS:
        raise InvitationMistyped(why="it has no part that begins with lbx1")
    version, letters = found.groups()
    if version != "1":
        raise NewerFormat(what="This invitation", found=version, known=1)
    try:
        whole = base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
    except binascii.Error:
        raise InvitationMistyped(why="letters at its end are missing") from None
    if base64.b32encode(whole).decode().rstrip("=").lower() != letters:
        raise InvitationMistyped(why="its last letter is another one")
    payload, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
    if blake3(payload).digest()[:_CHECK_BYTES] != check:
        raise InvitationMistyped(why="a letter of it is missing or another one")
    ticket = _ticket(payload)
    if now_ms > ticket.expires_ms:
        raise InvitationExpired
    return ticket


def _ticket(payload: bytes) -> Ticket:
    try:
        match loads(payload):
            case [card, secret, expires]:
                data = SIGNED.read(card, "card")
                kept = Secret(Raw(TICKET_SECRET_BYTES).read(secret, "secret"))
                return Ticket(read_card(data), data, kept, Uint().read(expires, "expires"))
            case _:
                raise InvitationMistyped(why="it does not hold what it should")
    except (PeerGarbled, BadSeal):
        raise InvitationMistyped(why="it does not hold what it should") from None


def hint(secret: Secret) -> bytes:
    """Return 8 bytes that tell the inviter which ticket is meant; they say nothing about its 128-bit secret."""
    return blake3(_HINT + secret.reveal()).digest()[:8]
