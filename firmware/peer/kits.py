"""The circle part of a capsule: who the friends are and where the book is, for whoever comes back with 24 words.

docs/formats/capsule.md has the layout. Written by the box (peerd) alone at any time, even while every locker is locked:
it is sealed to the *inbox* key of the locker, whose public half stands in the key file, and signed by the box key that
the capsule's custody record names. Whoever opens the key file by any way in (words, friends) has the inbox seed and so
reads it; a new kit changes nothing here.

    filling, root = open_capsule(data, words)          # firmware.peer.capsules: everything the words vouch for
    secrets = ...                                      # firmware.seal: open the key file in filling.key_file
    part = open_circle(data, filling, secrets.inbox_seed)   # None: nothing was ever written
    part.friends, part.pages, part.head
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from firmware.errors import BadSeal, Damaged, NewerFormat, PeerGarbled
from firmware.lean import dataclass
from firmware.limits import CIRCLE_FRIENDS, CIRCLE_PAGES, PEER_CAPSULE_BYTES, PEER_LABEL_BYTES
from firmware.peer.asked import HASH, SHARD_BYTES, SIGNED
from firmware.peer.capsules import Filling, Parts, circle_room, joined, parts_of
from firmware.peer.cbor import Value, dumps, loads
from firmware.peer.fields import Many, Raw, Row, Text, Uint, key, kinds
from firmware.peer.signed import read_card, read_custody
from firmware.seal import Secret, SigningKey, open_from, seal_to, verify_signature

_SIGNED: Final = b"lockerbox circle v1\n"
_INFO: Final = b"lockerbox/1/inbox"
_USE: Final = b"circle"
_WHAT: Final = "The circle in the capsule"
_LENGTH: Final = 4
_PAD: Final = 1024

_SPLIT: Final = Raw(0, PEER_CAPSULE_BYTES)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Friend:
    """One friend's box: its newest card as it signed it, and what our owner calls it (``""``: the card's own label)."""

    card: bytes = key(SIGNED)
    label: str = key(Text(PEER_LABEL_BYTES))

    @property
    def box(self) -> bytes:
        """The key of the box; raises PeerGarbled or BadSeal for a card that is none."""
        return read_card(self.card).box


@dataclass(frozen=True)
class PageAt:
    """A page of the book: it is kept as an ordinary shard of the locker, whole, at each of ``peers`` (box keys)."""

    shard: bytes
    size: int
    peers: tuple[bytes, ...]


@dataclass(frozen=True)
class CirclePart:
    """What a box wrote last about its circle. ``head`` is the highest head number it knew (0: none), times are ms.

    ``number`` is the box's clock in ms, always more than the one before. ``box`` is the key of the box that wrote it.
    ``split``: how the key is split among friends (docs/formats/friends-key.md), empty: it is not, or had no room.
    """

    number: int
    written_ms: int
    friends: tuple[Friend, ...]
    pages: tuple[PageAt, ...]
    head: int = 0
    box: bytes = b""
    split: bytes = b""


@dataclass(frozen=True)
class _Page:
    shard: bytes = key(HASH)
    size: int = key(SHARD_BYTES)
    peers: bytes = key(Raw(0, CIRCLE_FRIENDS))


@dataclass(frozen=True)
class _Plain:
    number: int = key(Uint())
    written_ms: int = key(Uint())
    head: int = key(Uint())
    friends: tuple[Friend, ...] = key(Many(Row(Friend), CIRCLE_FRIENDS))
    pages: tuple[_Page, ...] = key(Many(Row(_Page), CIRCLE_PAGES))


@dataclass(frozen=True)
class _Sealed:
    number: int = key(Uint())
    box: bytes = key(HASH)
    sealed: bytes = key(Raw(1, PEER_CAPSULE_BYTES))


def with_circle(capsule: bytes, part: CirclePart, public: bytes, locker: bytes, by: SigningKey) -> bytes:
    """Return ``capsule`` with this circle part, as before 64 KiB; raises Damaged.

    ``public`` is the locker's inbox key (``plain.inbox`` of the key file), ``by`` the box key. Friends who do not fit
    are left out, the last ones first; pages never name them. Before any of them ``split`` is.
    """
    parts = parts_of(capsule)
    room = circle_room(parts)
    if part.split:
        body = _sealed(part, public, locker, by) if len(part.friends) <= CIRCLE_FRIENDS else b""
        if 0 < len(body) <= room:
            return joined(Parts(parts.kit, body, by.sign(_SIGNED + locker + body)))
        part = replace(part, split=b"")
    for friends in range(min(len(part.friends), CIRCLE_FRIENDS), -1, -1):
        body = _sealed(replace(part, friends=part.friends[:friends]), public, locker, by)
        if len(body) <= room:
            return joined(Parts(parts.kit, body, by.sign(_SIGNED + locker + body)))
    raise ValueError("the book has too many pages for a capsule")


def _sealed(part: CirclePart, public: bytes, locker: bytes, by: SigningKey) -> bytes:
    at = {each.box: number for number, each in enumerate(part.friends)}
    pages = tuple(
        _Page(each.shard, each.size, bytes(at[box] for box in each.peers if box in at)) for each in part.pages
    )
    row = Row(_Plain).write(_Plain(part.number, part.written_ms, part.head, part.friends, pages))
    assert isinstance(row, list)
    plain = dumps([*row, *([part.split] if part.split else [])])
    plain = len(plain).to_bytes(_LENGTH) + plain
    sealed = seal_to(public, plain + bytes(-len(plain) % _PAD), _info(locker, part.number))
    body = Row(_Sealed).write(_Sealed(part.number, by.public, sealed))
    assert isinstance(body, list)
    return dumps(["circle", 1, *body])


def _info(locker: bytes, number: int) -> bytes:
    return _INFO + locker + _USE + number.to_bytes(8)


def circle_number(capsule: bytes) -> int:
    """Return the number of the circle part, which is not checked in any way; 0 where there is none. Raises Damaged."""
    circle = parts_of(capsule).circle
    return _outer(circle).number if circle else 0


def open_circle(capsule: bytes, filling: Filling, inbox: Secret) -> CirclePart | None:
    """Return the circle part of a capsule whose first part was checked, None where there is none.

    Raises BadSeal when the box that had custody did not sign it, or the seal is not for this locker; Damaged,
    NewerFormat.
    """
    parts = parts_of(capsule)
    if not parts.circle:
        return None
    outer = _outer(parts.circle)
    try:
        box = read_custody(filling.custody).record.box
        verify_signature(box, parts.circle_signature, _SIGNED + filling.locker + parts.circle)
        if outer.box != box:
            raise BadSeal(what=_WHAT)
        plain = open_from(inbox, outer.sealed, _info(filling.locker, outer.number), _WHAT)
        values = _unpadded(plain)
        split = values.pop() if len(values) > len(kinds(_Plain)) else b""
        return replace(_read(_row(_Plain, values), outer), split=_SPLIT.read(split, "split"))
    except (PeerGarbled, IndexError):
        raise Damaged(what=_WHAT) from None


def _unpadded(plain: bytes) -> list[Value]:
    end = _LENGTH + int.from_bytes(plain[:_LENGTH])
    values = loads(plain[_LENGTH:end])
    if end > len(plain) or any(plain[end:]) or not isinstance(values, list):
        raise PeerGarbled(why="the circle part is not padded with zeros")
    return values


def _outer(circle: bytes) -> _Sealed:
    try:
        values = loads(circle)
        if not isinstance(values, list) or values[:1] != ["circle"] or len(values) < 2:
            raise Damaged(what=_WHAT)
        if isinstance(values[1], int) and values[1] > 1:
            raise NewerFormat(what=_WHAT, found=values[1], known=1)
        return _row(_Sealed, values[2:])
    except PeerGarbled:
        raise Damaged(what=_WHAT) from None


def _row(of: type[_T], values: list[Value]) -> _T:
    found = Row(of).read(values, "circle")
    assert isinstance(found, of)
    return found


def _read(part: _Plain, outer: _Sealed) -> CirclePart:
    if part.number != outer.number:
        raise Damaged(what=_WHAT)
    boxes = [each.box for each in part.friends]
    pages = tuple(PageAt(each.shard, each.size, tuple(boxes[at] for at in each.peers)) for each in part.pages)
    return CirclePart(part.number, part.written_ms, part.friends, pages, part.head, outer.box)
