"""Capsules: what a friend's box must keep so that the 24 words are enough to begin again (docs/formats/capsule.md)."""

from __future__ import annotations

from typing import Final

from blake3 import blake3

from firmware.errors import BadSeal, Damaged, NewerFormat, PeerGarbled
from firmware.lean import dataclass
from firmware.limits import CAPSULE_KEY_BYTES, PEER_CAPSULE_BYTES, PEER_HANDOVERS
from firmware.peer.asked import HASH, ID
from firmware.peer.cbor import dumps, loads
from firmware.peer.fields import Many, Raw, Row, Uint, key
from firmware.peer.remembering import Head
from firmware.peer.signed import Absent, read_head
from firmware.seal import KitUse, SigningKey, kit_key, verify_signature
from firmware.seal.kdf import same_bytes

MAGIC: Final = b"LBCAP\r\n\x1a"
_FORMAT: Final = 1
_BEGIN: Final = len(MAGIC) + 2 + 4
_SIGNATURE: Final = 64
_LENGTH: Final = 4
_SIGNED: Final = b"lockerbox capsule v1\n"
_CARD: Final = b"lockerbox root card v1\n"
_WHAT: Final = "The capsule"


@dataclass(frozen=True)
class RootCard:
    """Whose locker it is, as the kit vouches for it."""

    identity: bytes = key(HASH)
    head: bytes = key(HASH)
    custody: bytes = key(HASH)
    locker: bytes = key(ID)
    number: int = key(Uint())


@dataclass(frozen=True)
class KitCard:
    """What a kit leaves behind: how it is found, whose signature asks, the root card and the kit's word for it."""

    lookup: bytes = key(HASH)
    request: bytes = key(HASH)
    card: bytes = key(Raw(1, 256))
    mac: bytes = key(HASH)

    @classmethod
    def made(cls, words: str, identity: bytes, head: bytes, locker: bytes, number: int) -> KitCard:
        """The card of a new kit; ``identity`` and ``head`` are public keys, ``number`` counts the locker's kits."""
        custody = SigningKey.from_seed(kit_key(words, KitUse.CUSTODY)).public
        root = Row(RootCard).write(RootCard(identity, head, custody, locker, number))
        assert isinstance(root, list)
        card = dumps(["root card", 1, *root])
        return cls(kit_key(words, KitUse.LOOKUP).reveal(), request_key(words).public, card, _mac(words, card))

    def to_bytes(self) -> bytes:
        """As it is kept."""
        return dumps(Row(KitCard).write(self))

    @classmethod
    def parse(cls, data: bytes) -> KitCard:
        """Raises PeerGarbled."""
        found = Row(KitCard).read(loads(data), "kit")
        assert isinstance(found, KitCard)
        return found

    def custody(self) -> bytes:
        """Return the custody key the card names; who has no words must check it elsewhere. Empty: it is no card."""
        try:
            return self._root().custody
        except PeerGarbled:
            return b""

    def root(self, words: str) -> RootCard:
        """Return what the words vouch for; raises BadSeal for other words, PeerGarbled."""
        if not same_bytes(self.mac, _mac(words, self.card)):
            raise BadSeal(what=_WHAT)
        return self._root()

    def _root(self) -> RootCard:
        found = loads(self.card)
        if not isinstance(found, list) or found[:2] != ["root card", 1]:
            raise PeerGarbled(why="this is not a root card")
        card = Row(RootCard).read(found[2:], "root card")
        assert isinstance(card, RootCard)
        return card


def request_key(words: str) -> SigningKey:
    """The key by which whoever has the words asks for the capsule."""
    return SigningKey.from_seed(kit_key(words, KitUse.REQUEST))


def _mac(words: str, card: bytes) -> bytes:
    return blake3(_CARD + card, key=kit_key(words, KitUse.CARD).reveal()).digest()


@dataclass(frozen=True)
class Filling:
    """What a capsule holds."""

    number: int = key(Uint())
    locker: bytes = key(ID)
    kit: KitCard = key(Row(KitCard))
    key_file: bytes = key(Raw(1, CAPSULE_KEY_BYTES))
    head: Head | None = key(Absent(Row(Head)))
    custody: bytes = key(Raw(1, 256))
    handovers: tuple[bytes, ...] = key(Many(Raw(1, 512), PEER_HANDOVERS))

    def sealed(self, by: SigningKey) -> bytes:
        """Return the capsule, 64 KiB, still without a circle part; raises ValueError when it does not fit.

        ``by`` is the head key.
        """
        values = Row(Filling).write(self)
        assert isinstance(values, list)
        body = dumps(["capsule", 1, *values])
        begin = MAGIC + _FORMAT.to_bytes(2) + len(body).to_bytes(4) + body
        return joined(Parts(begin + by.sign(_SIGNED + begin), b"", b""))


@dataclass(frozen=True)
class Parts:
    """A capsule cut apart: the first part with its signature, the circle part (empty: none) and its signature."""

    kit: bytes
    circle: bytes
    circle_signature: bytes


def parts_of(data: bytes) -> Parts:
    """Cut a capsule apart; raises Damaged, NewerFormat. What follows the two parts are zeros."""
    if len(data) != PEER_CAPSULE_BYTES or data[: len(MAGIC)] != MAGIC:
        raise Damaged(what=_WHAT)
    found = int.from_bytes(data[8:10])
    if found > _FORMAT:
        raise NewerFormat(what=_WHAT, found=found, known=_FORMAT)
    middle = _BEGIN + int.from_bytes(data[10:_BEGIN]) + _SIGNATURE
    begin = middle + _LENGTH
    length = int.from_bytes(data[middle:begin])
    end = begin + length + _SIGNATURE if length else begin
    if end > PEER_CAPSULE_BYTES or any(data[end:]):
        raise Damaged(what=_WHAT)
    return Parts(data[:middle], data[begin : begin + length], data[begin + length : end])


def joined(parts: Parts) -> bytes:
    """Return the capsule of these parts; raises ValueError when they do not fit."""
    whole = parts.kit + len(parts.circle).to_bytes(_LENGTH) + parts.circle + parts.circle_signature
    if len(whole) > PEER_CAPSULE_BYTES:
        raise ValueError("the key file is too long for a capsule")
    return whole + bytes(PEER_CAPSULE_BYTES - len(whole))


def circle_room(parts: Parts) -> int:
    """Return how long the circle part may be at most, its signature not counted."""
    return PEER_CAPSULE_BYTES - len(parts.kit) - _LENGTH - _SIGNATURE


def read_capsule(data: bytes) -> Filling:
    """Return what is in the first part of a capsule, its signature not checked; raises Damaged, NewerFormat."""
    kit = parts_of(data).kit
    try:
        values = loads(kit[_BEGIN:-_SIGNATURE])
        named = isinstance(values, list) and values[:2] == ["capsule", 1]
        filling = Row(Filling).read(values[2:], "capsule") if named and isinstance(values, list) else None
    except PeerGarbled:
        raise Damaged(what=_WHAT) from None
    if not isinstance(filling, Filling):
        raise Damaged(what=_WHAT)
    return filling


def open_capsule(data: bytes, words: str) -> tuple[Filling, RootCard]:
    """Return a capsule of this kit, everything the words can vouch for checked; raises BadSeal, Damaged, NewerFormat.

    What is left to the caller: that the key file is of the same locker, identity and head key, and opens.
    """
    filling = read_capsule(data)
    try:
        root = filling.kit.root(words)
        kit = parts_of(data).kit
        verify_signature(root.head, kit[-_SIGNATURE:], _SIGNED + kit[:-_SIGNATURE])
        if filling.head is not None:
            read_head(filling.head)
    except PeerGarbled:
        raise Damaged(what=_WHAT) from None
    if filling.locker != root.locker or (filling.head is not None and filling.head.public != root.head):
        raise BadSeal(what=_WHAT)
    return filling, root
