"""Contacts as text: where friends' boxes are (``lbh1...``), for a box that comes back with a kit and knows nobody.

A contact is base32 (lower case, no padding; a QR code may carry capitals) of CBOR ``[card, ...]`` followed by the first
4 bytes of its BLAKE3. Nothing in it is secret: a friend's box shows what it keeps only to whoever has the kit.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

from blake3 import blake3

from firmware.errors import BadSeal, BoxError, ContactMistyped, NewerFormat, PeerGarbled
from firmware.limits import CONTACT_CARDS, CONTACT_CHARS
from firmware.peer.cbor import dumps, loads
from firmware.peer.invitations import PREFIX as INVITATION
from firmware.peer.invitations import read_ticket
from firmware.peer.messages import SIGNED
from firmware.peer.signed import Card, read_card

PREFIX: Final = "lbh"
_CONTACT: Final = re.compile(r"lbh(\d)([a-z2-7]+)$")
_CHECK_BYTES: Final = 4


def contact_text(cards: Sequence[bytes]) -> str:
    """Return the text for these cards, as signed; raises ValueError for none or too many."""
    if not 0 < len(cards) <= CONTACT_CARDS:
        raise ValueError("a contact names a few boxes")
    payload = dumps(list(cards))
    whole = payload + blake3(payload).digest()[:_CHECK_BYTES]
    return f"{PREFIX}1" + base64.b32encode(whole).decode().rstrip("=").lower()


def read_contact(text: str) -> tuple[Card, ...]:
    """Return the cards in ``text``, read; raises as ``contact_cards``."""
    return tuple(read_card(each) for each in contact_cards(text))


def contact_cards(text: str) -> tuple[bytes, ...]:
    """Return the cards in ``text`` as they were signed: alone, broken over lines, or behind the # of a link.

    An invitation to become friends names a box too. Raises ContactMistyped, NewerFormat.
    """
    letters = "".join(text[: CONTACT_CHARS + 1].lower().split())
    found = _CONTACT.search(letters)
    if found is None and f"{INVITATION}1" in letters:
        return _invited(text)
    if found is None or len(text) > CONTACT_CHARS:
        raise ContactMistyped(why="it has no part that begins with lbh1")
    version, body = found.groups()
    if version != "1":
        raise NewerFormat(what="This code", found=version, known=1)
    try:
        cards = loads(_payload(body))
        if not isinstance(cards, list) or not 0 < len(cards) <= CONTACT_CARDS:
            raise ContactMistyped(why="it names no box")
        signed = tuple(SIGNED.read(each, "card") for each in cards)
        for each in signed:
            read_card(each)
    except (PeerGarbled, BadSeal):
        raise ContactMistyped(why="it does not hold what it should") from None
    return signed


def _payload(letters: str) -> bytes:
    try:
        whole = base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
    except binascii.Error:
        raise ContactMistyped(why="letters at its end are missing") from None
    payload, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
    if blake3(payload).digest()[:_CHECK_BYTES] != check:
        raise ContactMistyped(why="a letter of it is missing or another one")
    return payload


def _invited(text: str) -> tuple[bytes, ...]:
    """The secret and the end of an invitation do not matter here."""
    try:
        return (read_ticket(text, 0).card_data,)
    except BoxError:
        raise ContactMistyped(why="the invitation in it is not whole") from None
