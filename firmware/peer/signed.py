"""What boxes and lockers sign: cards, custody records, permits, receipts; and heads of chains as peers see them.

Each signature is over ``<context line>\\n`` || payload, with a context of its own, so that no signature passes for
another. What is pinned, and when, is decided by whoever keeps these; nothing here remembers anything.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, TypeVar

from blake3 import blake3

from firmware.errors import BadSeal, PeerGarbled, PermitWrong
from firmware.lean import dataclass
from firmware.limits import PEER_ADDRESS_CHARS, PEER_ADDRESSES, PEER_LABEL_BYTES, PEER_SIGNED_BYTES
from firmware.peer.asked import HASH, ID, SHARD_BYTES
from firmware.peer.cbor import Value, dumps, loads
from firmware.peer.fields import Kind, Many, Raw, Row, Text, Uint, key, plain
from firmware.peer.remembering import Head
from firmware.seal import SigningKey, verify_signature

CARD: Final = b"lockerbox card v1\n"
CUSTODY: Final = b"lockerbox custody v1\n"
HANDOVER: Final = b"lockerbox handover v1\n"
PERMIT: Final = b"lockerbox permit v1\n"
RECEIPT: Final = b"lockerbox receipt v1\n"
REPORT: Final = b"lockerbox stolen v1\n"
LINK: Final = b"lockerbox link v1\n"
"""Contexts; the last one is the chain's own (docs/formats/chain.md)."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Absent:
    """null, or a value of the kind."""

    of: Kind

    @property
    def cddl(self) -> str:
        """``kind / null``."""
        return f"{self.of.cddl} / null"

    def read(self, value: Value, name: str) -> object:
        """Return None or the value."""
        return None if value is None else self.of.read(value, name)

    def write(self, value: Any) -> Value:
        """Null, or what the kind writes."""
        return None if value is None else self.of.write(value)


@dataclass(frozen=True)
class Card:
    """Who a box is and where it can be reached, signed by its box key; a higher ``number`` replaces the addresses."""

    endpoint: bytes = key(HASH)
    box: bytes = key(HASH)
    label: str = key(Text(PEER_LABEL_BYTES))
    not_after_ms: int = key(Uint())
    addresses: tuple[str, ...] = key(Many(Text(PEER_ADDRESS_CHARS, 1), PEER_ADDRESSES))
    relay: str | None = key(Absent(Text(PEER_SIGNED_BYTES // 8, 1)))
    number: int = key(Uint())

    def signed(self, box_key: SigningKey) -> bytes:
        """Return the bytes other boxes keep; raises ValueError when the key is not the card's."""
        return _sign("card", CARD, self, box_key, self.box)


def read_card(data: bytes) -> Card:
    """Return the card; raises PeerGarbled or BadSeal. Whether its box is the pinned one is the caller's question."""
    payload, signature = _opened(data, 2)
    card = _row("card", Card, payload)
    verify_signature(card.box, signature, CARD + payload)
    return card


@dataclass(frozen=True)
class Custody:
    """The one box that acts for a locker, signed by the custody key; the highest ``epoch`` counts."""

    locker: bytes = key(ID)
    epoch: int = key(Uint(0xFFFF_FFFF, 1))
    box: bytes = key(HASH)
    not_before_ms: int = key(Uint())

    def signed(self, custody_key: SigningKey) -> bytes:
        """Return payload, custody key and signature as one piece."""
        payload = _payload("custody", self)
        return dumps([payload, custody_key.public, custody_key.sign(CUSTODY + payload)])


@dataclass(frozen=True)
class HeldCustody:
    """A verified custody record with the key that signed it: a locker is its id *and* this key, so nobody squats."""

    record: Custody
    public: bytes
    data: bytes


def read_custody(data: bytes) -> HeldCustody:
    """Return the record, verified against the key that comes with it; raises PeerGarbled or BadSeal."""
    payload, public, signature = _opened(data, 3)
    verify_signature(public, signature, CUSTODY + payload)
    return HeldCustody(_row("custody", Custody, payload), public, data)


@dataclass(frozen=True)
class Handover:
    """From now on the key of another kit has custody: its first ``record``, countersigned by the key before."""

    record: bytes = key(Raw(1, 256))

    def signed(self, before: SigningKey) -> bytes:
        """Return payload, the key before and its signature as one piece."""
        payload = _payload("handover", self)
        return dumps([payload, before.public, before.sign(HANDOVER + payload)])


@dataclass(frozen=True)
class HeldHandover:
    """A verified handover: custody went from the key ``before`` to that of ``after``."""

    before: bytes
    after: HeldCustody
    data: bytes


def read_handover(data: bytes) -> HeldHandover:
    """Return the handover, both signatures verified; raises PeerGarbled or BadSeal."""
    payload, before, signature = _opened(data, 3)
    verify_signature(before, signature, HANDOVER + payload)
    return HeldHandover(before, read_custody(_row("handover", Handover, payload).record), data)


@dataclass(frozen=True)
class Report:
    """The box was stolen: by whoever has the kit of a locker on it, which ``epoch`` of custody was in force there."""

    locker: bytes = key(ID)
    box: bytes = key(HASH)
    epoch: int = key(Uint(0xFFFF_FFFF, 1))
    time_ms: int = key(Uint())

    def signed(self, custody_key: SigningKey) -> bytes:
        """Return payload, custody key and signature as one piece."""
        payload = _payload("stolen", self)
        return dumps([payload, custody_key.public, custody_key.sign(REPORT + payload)])


@dataclass(frozen=True)
class HeldReport:
    """A verified report, with the custody key that signed it."""

    locker: bytes
    box: bytes
    public: bytes
    data: bytes


def read_report(data: bytes) -> HeldReport:
    """Return the report, verified against the key that comes with it; raises PeerGarbled or BadSeal."""
    payload, public, signature = _opened(data, 3)
    verify_signature(public, signature, REPORT + payload)
    report = _row("stolen", Report, payload)
    return HeldReport(report.locker, report.box, public, data)


class Verdict(StrEnum):
    """What becomes of a custody record that is shown."""

    TAKEN = "taken"
    SAME = "same"
    WAITING = "waiting"
    OLDER = "older"
    FORKED = "forked"
    EARLY = "early"


def custody_verdict(held: Custody | None, shown: Custody, now_ms: int, free_ms: int) -> tuple[Verdict, int]:
    """Decide about ``shown`` where ``held`` is known under the same locker and custody key; return (what, until when).

    ``free_ms``: from when on a new epoch may take over; the caller sets it (72 hours after it was first shown while
    the old box was heard within a day, 0 once that box agreed or when it is silent).
    """
    if held is None or (shown.epoch > held.epoch and shown.box == held.box):
        free_ms = 0
    elif shown.epoch == held.epoch:
        return (Verdict.SAME, 0) if shown == held else (Verdict.FORKED, 0)
    elif shown.epoch < held.epoch:
        return Verdict.OLDER, 0
    if now_ms < shown.not_before_ms:
        return Verdict.EARLY, shown.not_before_ms
    return (Verdict.WAITING, free_ms) if now_ms < free_ms else (Verdict.TAKEN, 0)


MAY_READ, MAY_PLACE = 1, 2
"""Rights of a permit: ask about, fetch and audit shards; reserve room and put them."""


@dataclass(frozen=True)
class Permit:
    """Lets another box repair a locker: signed by the box that acts for the locker, valid for one custody epoch.

    What it may put down are the ``count`` shards of the list with this root (``ShardList``), nothing else.
    """

    locker: bytes = key(ID)
    epoch: int = key(Uint(0xFFFF_FFFF, 1))
    delegate: bytes = key(HASH)
    rights: int = key(Uint(3, 1))
    not_after_ms: int = key(Uint())
    count: int = key(Uint(0xFFFF_FFFF))
    listed: bytes = key(HASH)

    def signed(self, box_key: SigningKey) -> bytes:
        """Return the bytes a delegate shows."""
        return _sign("permit", PERMIT, self, box_key)


def check_permit(data: bytes, custody: Custody, delegate: bytes, right: int, now_ms: int) -> Permit:
    """Return the permit if it lets ``delegate`` do ``right`` for the locker of ``custody`` now; raises PermitWrong."""
    try:
        payload, signature = _opened(data, 2)
        permit = _row("permit", Permit, payload)
        verify_signature(custody.box, signature, PERMIT + payload)
    except (PeerGarbled, BadSeal):
        raise PermitWrong(why="the owner's box did not sign it") from None
    if (permit.locker, permit.epoch, permit.delegate) != (custody.locker, custody.epoch, delegate):
        raise PermitWrong(why="it is for another locker, another time or another box")
    if not permit.rights & right:
        raise PermitWrong(why="it does not allow this")
    if now_ms > permit.not_after_ms:
        raise PermitWrong(why="it has expired")
    return permit


@dataclass(frozen=True)
class Receipt:
    """A host's word that a whole shard, checked against its id, is on its disk (fsync), signed by its box key."""

    locker: bytes = key(ID)
    shard: bytes = key(HASH)
    size: int = key(SHARD_BYTES)
    owner: bytes = key(HASH)
    host: bytes = key(HASH)
    received_ms: int = key(Uint())

    def signed(self, box_key: SigningKey) -> bytes:
        """Return the bytes the owner keeps; raises ValueError when the key is not the host's."""
        return _sign("receipt", RECEIPT, self, box_key, self.host)


def read_receipt(data: bytes) -> Receipt:
    """Return the receipt, verified against the host it names; raises PeerGarbled or BadSeal."""
    payload, signature = _opened(data, 2)
    receipt = _row("receipt", Receipt, payload)
    verify_signature(receipt.host, signature, RECEIPT + payload)
    return receipt


@dataclass(frozen=True)
class HeadValues:
    """What a link's header says (docs/formats/chain.md)."""

    seq: int = key(Uint(least=1))
    previous: bytes = key(HASH)
    time_ms: int = key(Uint())
    root: bytes = key(HASH)
    count: int = key(Uint())


def read_head(head: Head) -> HeadValues:
    """Return what the header of a head says, after verifying its signature; raises PeerGarbled or BadSeal."""
    verify_signature(head.public, head.signature, LINK + head.header)
    found = loads(head.header)
    if not isinstance(found, list) or not found or found[0] != 1:
        raise PeerGarbled(why="the head is of another format")
    values = Row(HeadValues).read(found[1:], "head")
    assert isinstance(values, HeadValues)
    return values


class HeadOrder(StrEnum):
    """How a head that is shown stands to the one a host knows."""

    NEWER = "newer"
    SAME = "same"
    OLDER = "older"
    FORKED = "forked"


def head_order(known: Head | None, shown: Head) -> HeadOrder:
    """Compare two verified heads: forked means the same number or direct successor, but another history."""
    if known is None:
        return HeadOrder.NEWER
    before, after = read_head(known), read_head(shown)
    if known.public != shown.public:
        return HeadOrder.FORKED
    if after.seq == before.seq:
        return HeadOrder.SAME if known.header == shown.header else HeadOrder.FORKED
    if after.seq < before.seq:
        return HeadOrder.OLDER
    if after.seq == before.seq + 1 and after.previous != blake3(known.header + known.signature).digest():
        return HeadOrder.FORKED
    return HeadOrder.NEWER


def plain_label(text: str) -> str:
    """Return ``text`` as a card may carry it: without characters that hide or reorder others, at most 63 bytes."""
    kept = "".join(letter for letter in text if plain(letter)).strip()
    return kept.encode()[:PEER_LABEL_BYTES].decode(errors="ignore").strip()


def _payload(name: str, value: Any) -> bytes:
    row = Row(type(value))
    written = row.write(value)
    assert isinstance(written, list)
    try:
        row.read(written, name)
    except PeerGarbled as error:
        raise ValueError(str(error)) from error
    return dumps([name, 1, *written])


def _sign(name: str, context: bytes, value: Any, by: SigningKey, must_be: bytes | None = None) -> bytes:
    if must_be is not None and by.public != must_be:
        raise ValueError(f"a {name} is signed by the box it names")
    payload = _payload(name, value)
    return dumps([payload, by.sign(context + payload)])


def _opened(data: bytes, parts: int) -> list[bytes]:
    """The byte strings of a signed piece: payload, then keys and signature."""
    found = loads(data) if len(data) <= PEER_SIGNED_BYTES else None
    if not isinstance(found, list) or len(found) != parts:
        raise PeerGarbled(why="a signed piece is not one")
    pieces = [each for each in found if isinstance(each, bytes)]
    if len(pieces) != parts or len(pieces[-1]) != 64 or (parts == 3 and len(pieces[1]) != 32):
        raise PeerGarbled(why="a signed piece is not one")
    return pieces


def _row(name: str, of: type[_T], payload: bytes) -> _T:
    found = loads(payload)
    if not isinstance(found, list) or found[:1] != [name]:
        raise PeerGarbled(why=f"this is not a {name}")
    if found[1:2] != [1]:
        raise PeerGarbled(why=f"this {name} is of a newer format")
    values = Row(of).read(found[2:], name)
    assert isinstance(values, of)
    return values
