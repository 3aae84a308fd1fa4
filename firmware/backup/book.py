"""The book: which shards make a pack and which friend's box has them, for whoever comes back with nothing.

docs/formats/book.md. A page tells of some thousand packs of one locker. It is sealed to the locker's inbox key, so that
a locked box can write it and whoever opened the key file can read it, and kept at every peer as one whole shard; the
circle part of the capsule (``firmware.peer.kits``) says where. Where two pages name one pack, the later page counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from firmware.errors import Damaged, NewerFormat, PeerGarbled
from firmware.limits import (
    BOOK_PAGE_BYTES,
    BOOK_PAGE_PACKS,
    CIRCLE_FRIENDS,
    HOST_DELETE_DAYS,
    HOST_WAVE_SHARDS,
    PEER_BODY_BYTES,
    PEER_SHARD_COUNT,
)
from firmware.peer.asked import HASH, SHARD_BYTES
from firmware.peer.cbor import dumps, loads
from firmware.peer.fields import Flag, Many, Raw, Row, Uint, key
from firmware.seal import Secret, open_from, seal_to

_INFO: Final = b"lockerbox/1/inbox"
_USE: Final = b"book"
_WHAT: Final = "A page of the book"
_LENGTH: Final = 4
_PAD: Final = 4096
_DAY_MS: Final = 86_400_000
_AT: Final = 2 + 32
"""Bytes of one shard: its number in the pack, the place of its box among the page's boxes, its id."""
_ITEMS: Final = 10 * BOOK_PAGE_PACKS + CIRCLE_FRIENDS + 16


class Needed(NamedTuple):
    """Any ``wanted`` of these peers must come back."""

    wanted: int
    peers: tuple[bytes, ...]


@dataclass(frozen=True)
class ShardAt:
    """Shard ``index`` of a pack, its id, and the box (key) that gave a receipt for it."""

    index: int
    shard: bytes
    peer: bytes


@dataclass(frozen=True)
class PackPlace:
    """One pack: any ``k`` of its shards give the payload (``size`` bytes, BLAKE3 ``digest``) back.

    The pack's file is ``prelude`` (16 bytes) and then the payload. ``kind`` is that of the prelude (1 meta, 2 preview,
    3 data: ``firmware.pack.Kind``); all shards have the length that k and ``size`` give (docs/formats/shard.md).
    """

    pack: bytes
    prelude: bytes
    kind: int
    size: int
    digest: bytes
    precious: bool
    k: int
    n: int
    shards: tuple[ShardAt, ...]


@dataclass(frozen=True)
class Page:
    """One page: its number in the book, when it was written (ms), its packs."""

    number: int
    written_ms: int
    packs: tuple[PackPlace, ...]


@dataclass(frozen=True)
class _Pack:
    pack: bytes = key(HASH)
    prelude: bytes = key(Raw(16))
    kind: int = key(Uint(255))
    size: int = key(SHARD_BYTES)
    digest: bytes = key(HASH)
    precious: bool = key(Flag())
    k: int = key(Uint(PEER_SHARD_COUNT, 1))
    n: int = key(Uint(PEER_SHARD_COUNT, 1))
    shards: bytes = key(Raw(0, PEER_SHARD_COUNT * _AT))


@dataclass(frozen=True)
class _Page:
    number: int = key(Uint())
    written_ms: int = key(Uint())
    boxes: tuple[bytes, ...] = key(Many(HASH, 255))
    packs: tuple[_Pack, ...] = key(Many(Row(_Pack), BOOK_PAGE_PACKS))


def page_bytes(page: Page) -> bytes:
    """Return a page as it stands under its seal, not padded; the same packs and times always give the same bytes."""
    boxes = sorted({each.peer for pack in page.packs for each in pack.shards})
    at = {box: number for number, box in enumerate(boxes)}
    packs = tuple(_written(each, at) for each in page.packs)
    row = Row(_Page).write(_Page(page.number, page.written_ms, tuple(boxes), packs))
    assert isinstance(row, list)
    return dumps(["book", 1, *row])


def _written(pack: PackPlace, at: dict[bytes, int]) -> _Pack:
    shards = b"".join(bytes((each.index, at[each.peer])) + each.shard for each in pack.shards)
    return _Pack(
        pack.pack, pack.prelude, pack.kind, pack.size, pack.digest, pack.precious, pack.k, pack.n, shards
    )  # fmt: skip


def read_page(data: bytes) -> Page:
    """Return the page that ``page_bytes`` wrote; raises Damaged, NewerFormat."""
    try:
        values = loads(data, _ITEMS)
        if not isinstance(values, list) or values[:1] != ["book"] or len(values) < 2:
            raise Damaged(what=_WHAT)
        if isinstance(values[1], int) and values[1] > 1:
            raise NewerFormat(what=_WHAT, found=values[1], known=1)
        found = Row(_Page).read(values[2:], "page")
        assert isinstance(found, _Page)
        return Page(found.number, found.written_ms, tuple(_pack(each, found.boxes) for each in found.packs))
    except (PeerGarbled, IndexError):
        raise Damaged(what=_WHAT) from None


def _pack(row: _Pack, boxes: tuple[bytes, ...]) -> PackPlace:
    if len(row.shards) % _AT or row.k > row.n:
        raise Damaged(what=_WHAT)
    cut = [row.shards[at : at + _AT] for at in range(0, len(row.shards), _AT)]
    shards = tuple(ShardAt(each[0], each[2:], boxes[each[1]]) for each in cut)
    if any(each.index >= row.n for each in shards):
        raise Damaged(what=_WHAT)
    return PackPlace(
        row.pack, row.prelude, row.kind, row.size, row.digest, row.precious, row.k, row.n, shards
    )  # fmt: skip


def seal_page(page: Page, public: bytes, locker: bytes) -> bytes:
    """Return a page as friends keep it: sealed to the locker's inbox key (``public``), no two calls alike.

    Raises BadSeal for bytes that are no public key, ValueError for a page no friend would take.
    """
    plain = page_bytes(page)
    plain = len(plain).to_bytes(_LENGTH) + plain
    sealed = seal_to(public, plain + bytes(-len(plain) % _PAD), _INFO + locker + _USE)
    if len(sealed) > min(BOOK_PAGE_BYTES, PEER_BODY_BYTES):
        raise ValueError("a page of the book is too long")
    return sealed


def open_page(sealed: bytes, inbox: Secret, locker: bytes) -> Page:
    """Return the page that ``seal_page`` sealed, with the inbox seed of the key file.

    Raises BadSeal, Damaged, NewerFormat.
    """
    plain = open_from(inbox, sealed, _INFO + locker + _USE, _WHAT)
    end = _LENGTH + int.from_bytes(plain[:_LENGTH])
    if end > len(plain) or any(plain[end:]):
        raise Damaged(what=_WHAT)
    return read_page(plain[_LENGTH:end])


def asked_lately(times: Iterable[int], now_ms: int) -> tuple[int, ...]:
    """Return those of ``times`` (ms) at which a page was asked away whose page is still there: hosts wait 30 days."""
    return tuple(each for each in times if now_ms - each < HOST_DELETE_DAYS * _DAY_MS)


def may_ask(pending: int, held: int) -> bool:
    """Whether one more old page may be asked away at a host that has ``held`` shards of the locker.

    So few that no host takes rewritten pages for a wave of deletes, at which a person should look; what is left waits.
    """
    return pending < max(HOST_WAVE_SHARDS * 3 // 4, held // 10)


def whole_book(pages: Iterable[Page]) -> dict[bytes, PackPlace]:
    """Return every pack of these pages by its id; where two name one pack, the page written later counts."""
    found: dict[bytes, PackPlace] = {}
    for page in sorted(pages, key=lambda each: each.written_ms):
        found |= {each.pack: each for each in page.packs}
    return found
