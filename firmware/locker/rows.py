"""Rows the catalog keeps, as values, and the Catalog port. The SQL lives in firmware.linux.catalog."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from firmware.model import Facts as FileFacts
from firmware.model import Page, Preview, Record, RecordState, Version
from firmware.model.finding import Facets, Filter, GridItem

CATALOG = "the catalog"
"""What Damaged names when the catalog cannot be read: it is made again from the packs."""


class PackState(enum.IntEnum):
    """Life of a pack file."""

    OPEN = 1
    CUT = 2
    RECOVERED = 3
    DROPPED = 4


class Pending(enum.IntEnum):
    """What the reader still owes a record."""

    NOTHING = 0
    FACTS = 1
    PREVIEWS = 2


@dataclass(slots=True)
class PackRow:
    """One pack the locker knows."""

    no: int
    id: bytes
    kind: int
    suite: int
    epoch: int
    salt: bytes
    state: PackState
    frames: int = 0
    size: int = 0
    digest: bytes = b""


class Place(NamedTuple):
    """Where one chunk lies: pack number, frame, file offset, sealed length, offset and length in the payload."""

    pack: int
    frame: int
    at: int
    sealed_len: int
    offset: int
    length: int


class LinkRow(NamedTuple):
    """Where one link of the chain lies."""

    seq: int
    pack: int
    frame: int
    at: int
    sealed_len: int


class PutRow(NamedTuple):
    """A new version ready for the catalog. ``rid`` None = a new record."""

    id: bytes
    version: int
    name: bytes
    size: int
    mtime_ns: int
    stored_ms: int
    mime: str
    chunks: bytes
    depth: int
    digest: str
    text: str | None
    pending: Pending
    seq: int
    day: int
    """The calendar day it belongs to (firmware.model.days)."""
    kind: int
    """Its kind by number (firmware.model.kinds)."""


@dataclass(frozen=True, slots=True)
class Content:
    """The chunks of one version."""

    size: int
    chunks: bytes
    depth: int


@dataclass(frozen=True, slots=True)
class Inside:
    """One live or hidden record below a folder, in the order of names; ``row`` orders records of one name."""

    row: int
    id: bytes
    name: bytes
    size: int
    mime: str
    mtime_ns: int
    stored_ms: int
    version: int
    state: RecordState


class Outgoing(NamedTuple):
    """The newest version of one record as whoever copies many needs it; times in ns."""

    id: bytes
    name: bytes
    mtime_ns: int
    size: int
    mime: str
    content: Content


@dataclass(frozen=True, slots=True)
class UploadRow:
    """One upload: the first ``kept`` bytes are chunks, the ``tail_size`` behind them one more chunk, the tail."""

    id: bytes
    made_ms: int
    name: bytes
    size: int
    mtime_ns: int
    mime: str | None
    collide: str
    state: str
    kept: int
    tail: bytes
    tail_size: int
    expires_ms: int
    record: bytes
    """The record it became; empty while it is open."""

    @property
    def offset(self) -> int:
        """How many bytes are durable."""
        return self.kept + self.tail_size


class Catalog(Protocol):
    """Lists, finds and remembers. Every write belongs to the transaction that ``commit`` ends."""

    def meta(self, key: str) -> str | None: ...
    def set_meta(self, key: str, value: str) -> None: ...
    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...
    def check(self) -> list[str]: ...
    def shrink(self) -> None: ...

    def packs(self, state: PackState | None = None) -> list[PackRow]: ...
    def save_pack(self, row: PackRow) -> None: ...
    def add_chunks(self, rows: Iterable[tuple[bytes, Place]]) -> None: ...
    def has_chunk(self, chunk: bytes) -> bool: ...
    def may_be_named(self, name: bytes) -> bool: ...
    def place(self, chunk: bytes) -> Place | None: ...
    def placed(self, chunks: Sequence[bytes]) -> dict[bytes, Place]: ...
    def extent(self, pack: int) -> tuple[int, int]: ...
    def places(self) -> Iterator[tuple[bytes, Place]]: ...
    def drop_chunks(self, chunks: Iterable[bytes]) -> None: ...
    def add_link(self, row: LinkRow) -> None: ...
    def link(self, seq: int) -> LinkRow | None: ...
    def links(self) -> Iterator[LinkRow]: ...

    def add_records(self, rows: Sequence[PutRow]) -> None: ...
    def add_version(self, row: PutRow) -> None: ...
    def set_facts(
        self, id: bytes, facts: FileFacts, day: int | None, pending: Pending, seq: int, text: str | None
    ) -> None: ...
    def set_notes(self, id: bytes, tags: Sequence[str], note: str, text: str | None) -> None: ...
    def set_trouble(self, id: bytes, trouble: str | None) -> None: ...
    def set_previews(self, rows: Iterable[tuple[bytes, int, str, bytes, int]]) -> None: ...
    def set_state(self, ids: Iterable[bytes], state: RecordState, deleted_ms: int | None) -> int: ...
    def set_name(self, id: bytes, name: bytes, text: str | None) -> None: ...
    def forget(self, ids: Iterable[bytes]) -> None: ...
    def trim(self, id: bytes, versions: Iterable[int]) -> None: ...

    def record(self, id: bytes) -> Record | None: ...
    def named(self, name: bytes) -> list[tuple[bytes, int, int, bytes, int]]: ...
    def outgoing(self, ids: Sequence[bytes]) -> dict[bytes, Outgoing]: ...
    def live_ids(self, folder: str | None) -> Iterator[bytes]: ...
    def inside(self, prefix: bytes, after: tuple[bytes, int], limit: int) -> list[Inside]: ...
    def text_seq(self, id: bytes) -> int | None: ...
    def content(self, id: bytes, version: int | None) -> Content | None: ...
    def versions(self, id: bytes) -> list[Version]: ...
    def page(self, only: Filter, *, state: RecordState, cursor: str | None, limit: int, order: str) -> Page: ...
    def find(self, match: str, only: Filter, *, cursor: str | None, limit: int) -> Page: ...
    def facets(self, match: str | None, only: Filter) -> Facets: ...
    def tags(self) -> list[tuple[str, int]]: ...
    def days(self, only: Filter) -> list[tuple[int, int]]: ...
    def day_items(self, only: Filter, *, cursor: str | None, limit: int) -> tuple[list[GridItem], str | None]: ...
    def sized(self, sizes: Sequence[int]) -> list[tuple[str, int, int]]: ...
    def terms(self, start: str, limit: int) -> list[tuple[str, int]]: ...
    def pending(self, kind: Pending, limit: int) -> list[Record]: ...
    def pending_counts(self) -> dict[str, int]: ...
    def preview(self, id: bytes, edge: int) -> tuple[int, str, bytes] | None: ...
    def contents(self) -> Iterator[tuple[bytes, Content]]: ...
    def preview_chunks(self) -> Iterator[tuple[bytes, bytes]]: ...
    def binned_before(self, time_ms: int) -> list[bytes]: ...
    def stats(self) -> dict[str, int]: ...

    def upload(self, id: bytes) -> UploadRow | None: ...
    def uploads(self, now_ms: int, limit: int) -> list[UploadRow]: ...
    def open_uploads(self) -> int: ...
    def save_upload(self, row: UploadRow) -> None: ...
    def add_upload_part(self, id: bytes, at: int, chunks: bytes) -> None: ...
    def upload_chunks(self, id: bytes) -> bytes: ...
    def upload_ids(self) -> Iterator[bytes]: ...
    def drop_upload(self, id: bytes) -> None: ...
    def drop_expired_uploads(self, now_ms: int) -> None: ...


__all__ = [
    "CATALOG",
    "Catalog",
    "Content",
    "Inside",
    "LinkRow",
    "Outgoing",
    "PackRow",
    "PackState",
    "Pending",
    "Place",
    "Preview",
    "PutRow",
    "UploadRow",
]
