"""What can be written into a chain: one frozen value per entry type, numbered as in docs/formats/chain.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import ClassVar

import cbor2

from firmware.errors import Damaged


@dataclass(frozen=True, slots=True)
class Genesis:
    """The first entry of every chain."""

    type: ClassVar[int] = 0
    locker_id: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Put:
    """A version of a record. ``chunks``: 32-byte ids end to end; ``depth`` 1 = each is itself a list of ids.

    ``text``: None (nothing known), True (the only chunk is the text) or the first part of the text.
    """

    type: ClassVar[int] = 1
    rid: bytes
    version: int
    name: bytes
    size: int
    mtime_ns: int
    stored_ms: int
    mime: str
    chunks: bytes
    depth: int
    text: str | bool | None


@dataclass(frozen=True, slots=True)
class FactsFound:
    """What the reader found out about one version; ``facts`` holds the known fields of model.Facts."""

    type: ClassVar[int] = 2
    rid: bytes
    version: int
    facts: dict[str, str | int | bool]
    trouble: str | None


@dataclass(frozen=True, slots=True)
class PreviewMade:
    """A small picture of one version, kept as a chunk in a preview pack."""

    type: ClassVar[int] = 3
    rid: bytes
    version: int
    edge: int
    mime: str
    chunk: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Records go into the bin."""

    type: ClassVar[int] = 4
    rids: list[bytes]
    time_ms: int


@dataclass(frozen=True, slots=True)
class Undelete:
    """Records come back from the bin exactly as they were."""

    type: ClassVar[int] = 5
    rids: list[bytes]


@dataclass(frozen=True, slots=True)
class Forget:
    """Records leave the bin; nothing refers to their chunks any more."""

    type: ClassVar[int] = 6
    rids: list[bytes]
    time_ms: int


@dataclass(frozen=True, slots=True)
class Rename:
    """A record gets another name."""

    type: ClassVar[int] = 7
    rid: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A pack was begun. The salt stands here again, so that a damaged header costs nothing."""

    type: ClassVar[int] = 8
    pack: bytes
    kind: int
    suite: int
    epoch: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A pack is closed for ever; ``digest`` covers all shipped bytes, padding included."""

    type: ClassVar[int] = 9
    pack: bytes
    frames: int
    size: int
    digest: bytes
    recovered: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    """A pack's survivors live elsewhere; its file may be removed."""

    type: ClassVar[int] = 10
    pack: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All cut packs of one moment: ``root`` = BLAKE3 over their sorted digests."""

    type: ClassVar[int] = 11
    number: int
    packs: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Epoch:
    """Packs begun from here on use this epoch key."""

    type: ClassVar[int] = 12
    number: int


@dataclass(frozen=True, slots=True)
class Trim:
    """Old versions of a record are given up by the retention rule."""

    type: ClassVar[int] = 13
    rid: bytes
    versions: list[int]


@dataclass(frozen=True, slots=True)
class Noted:
    """What a member wrote about a record: all tags and the whole note; a later one replaces an earlier one."""

    type: ClassVar[int] = 14
    rid: bytes
    tags: list[str]
    note: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An entry type of a newer minor version: kept, counted, skipped."""

    number: int


Entry = (
    Genesis | Put | FactsFound | PreviewMade | Delete | Undelete | Forget | Rename | Opened | Cut | Dropped | Snapshot
    | Epoch | Trim | Noted | Unknown
)  # fmt: skip


def _lister(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    if len(names) == 1:
        return lambda entry: (getattr(entry, names[0]),)
    return attrgetter(*names)


_TYPES = {
    kind.type: (kind, len(fields(kind)))
    for kind in (
        Genesis, Put, FactsFound, PreviewMade, Delete, Undelete, Forget, Rename, Opened, Cut, Dropped, Snapshot,
        Epoch, Trim, Noted,
    )
}  # fmt: skip
_LISTED = {kind: _lister(tuple(field.name for field in fields(kind))) for kind, _ in _TYPES.values()}


def encode_entry(entry: Entry) -> bytes:
    """Return the CBOR bytes of an entry."""
    assert not isinstance(entry, Unknown)
    return cbor2.dumps([entry.type, *_LISTED[type(entry)](entry)])


def decode_entry(data: bytes) -> Entry:
    """Read an entry; raises Damaged when a known type has the wrong shape."""
    try:
        items = cbor2.loads(data)
        number = items[0]
    except (cbor2.CBORDecodeError, TypeError, IndexError, KeyError):
        raise Damaged(what="an entry of the chain") from None
    known = _TYPES.get(number)
    if known is None:
        return Unknown(number)
    kind, count = known
    if len(items) != count + 1:
        raise Damaged(what="an entry of the chain")
    entry: Entry = kind(*items[1:])
    return entry
