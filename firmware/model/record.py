"""What a locker keeps about one item of a life, and what its operations answer."""

from __future__ import annotations

import enum

from firmware.lean import dataclass
from firmware.model.name import SafeName


class RecordState(enum.IntEnum):
    """Where a record stands in its life."""

    LIVE = 1
    BIN = 2
    """Deleted by its owner, exactly recoverable until the bin is emptied."""
    HIDDEN = 3
    """The box's own note about a folder (see firmware.locker.folders); no list, search or bin shows it."""


class Collide(enum.StrEnum):
    """What a put does when a live record of the same name has other content."""

    VERSION = "version"
    """The name is the identity (a folder kept in step): the new content becomes the next version."""
    BESIDE = "beside"
    """Names repeat by accident (two phones, one IMG_0001.JPG): both are kept."""


class PutState(enum.StrEnum):
    """How a put ended."""

    STORED = "stored"
    SAME = "same"
    """Same name, same bytes as the newest version: nothing was written."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the reader found out about one file; every field may be unknown (None).

    ``taken_ms``: when it happened (ms since 1970, UTC unless ``taken_local``, i.e. the file names no zone).
    ``lat_e7``/``lon_e7``: integer degrees * 10^7. ``duration_ms`` for audio and video. ``place``: the words
    for the place that stand in the file (city, region, country). ``text`` is the plain
    text to search, at most limits.TEXT_INDEX_BYTES of UTF-8.
    """

    mime: str | None = None
    taken_ms: int | None = None
    taken_local: bool = False
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    lat_e7: int | None = None
    lon_e7: int | None = None
    title: str | None = None
    place: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """One small picture of a record. ``edge`` is its longer side in pixels; ``data`` a JPEG or WebP."""

    edge: int
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Analysis:
    """One answer of the reader: facts, previews, or the reason there are none (``trouble``, a code)."""

    facts: Facts | None = None
    previews: tuple[Preview, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record as lists and searches answer it. ``id`` is 32 lower-case hex digits."""

    id: str
    name: SafeName
    size: int
    mime: str
    when_ms: int
    """The day it belongs to: taken_ms when known, else mtime."""
    mtime_ns: int
    stored_ms: int
    version: int
    state: RecordState
    deleted_ms: int | None
    facts: Facts
    has_preview: bool
    tags: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a record, newest first in histories."""

    number: int
    size: int
    mtime_ns: int
    stored_ms: int
    digest: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of records; ``next`` is an opaque cursor or None at the end; ``total`` counts all matches if known."""

    records: tuple[Record, ...]
    next: str | None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of one put; true only after the commit that names it has returned."""

    id: str
    name: SafeName
    state: PutState
    version: int
    size: int
    new_bytes: int
    """Bytes of chunks this put added before compression (0 when everything was known)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One damage ``verify`` found. ``where`` names file and offset; ``records`` who is touched (ids, first 100)."""

    code: str
    where: str
    sentence: str
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The outcome of a whole verify: what was counted and every problem found."""

    packs: int
    frames: int
    chunks: int
    records: int
    bytes_read: int
    links: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """True when nothing at all is damaged."""
        return not self.problems
