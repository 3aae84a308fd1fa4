"""Requests and responses about many records at once: days, facets, tags, resumable uploads, what changes meanwhile.

The same rules as in ``services.api.types``; a day is ``YYYY-MM-DD`` in the box's zone, or in the zone of the camera
where the file names none.
"""

from __future__ import annotations

from firmware import limits
from firmware.lean import dataclass
from firmware.model import MAX_NAME_BYTES, Collide
from services.api.decode import arg
from services.api.types import DAY, ID, KINDS, TAG, RecordInfo

_FAR = 1 << 62


@dataclass(frozen=True, slots=True)
class Annotate:
    """Tags and a note for records."""

    ids: tuple[str, ...] = arg("Record ids.", pattern=ID, longest=1000)
    add_tags: tuple[str, ...] = arg("Tags to add.", default=(), pattern=TAG, longest=limits.TAGS_PER_RECORD)
    remove_tags: tuple[str, ...] = arg("Tags to take away.", default=(), pattern=TAG, longest=limits.TAGS_PER_RECORD)
    note: str | None = arg("The note, “” for none; left out: as it was.", default=None, longest=limits.NOTE_CHARS)


@dataclass(frozen=True, slots=True)
class TagCount:
    """One tag."""

    tag: str = arg("The tag.")
    count: int = arg("Live records that carry it.", low=0)


@dataclass(frozen=True, slots=True)
class Tags:
    """Every tag in use."""

    tags: tuple[TagCount, ...] = arg("By name.")


@dataclass(frozen=True, slots=True)
class FacetArgs:
    """Which records to count: the words and filters of a search."""

    q: str = arg("Words; none: all records.", default="", longest=512)
    kinds: str | None = arg("Only these kinds, with commas between them.", default=None, pattern=KINDS)
    from_day: str | None = arg("Not before this day.", default=None, pattern=DAY)
    to_day: str | None = arg("Not after this day.", default=None, pattern=DAY)
    tag: str | None = arg("Only with this tag.", default=None, pattern=TAG)
    folder: str | None = arg("Only what lies in this folder.", default=None, longest=MAX_NAME_BYTES, raw=True)


@dataclass(frozen=True, slots=True)
class Facets:
    """How what was found divides."""

    kinds: dict[str, int] = arg("Kind to records.")
    years: dict[str, int] = arg("Year to records.")
    tags: tuple[TagCount, ...] = arg("The most used tags, at most 12.")
    total: int = arg("All of them.", low=0)


@dataclass(frozen=True, slots=True)
class DaysArgs:
    """Which records to count by day."""

    kinds: str | None = arg("Only these kinds, with commas between them.", default=None, pattern=KINDS)


@dataclass(frozen=True, slots=True)
class DayCount:
    """One day that has records."""

    day: str = arg("YYYY-MM-DD.", pattern=DAY)
    count: int = arg("Records.", low=1)


@dataclass(frozen=True, slots=True)
class Days:
    """Every day that has records."""

    days: tuple[DayCount, ...] = arg("Newest first.")


@dataclass(frozen=True, slots=True)
class DayItemsArgs:
    """Which records to lay out in a grid."""

    kinds: str | None = arg("Only these kinds, with commas between them.", default=None, pattern=KINDS)
    from_day: str | None = arg("Not before this day.", default=None, pattern=DAY)
    to_day: str | None = arg("Not after this day.", default=None, pattern=DAY)
    cursor: str | None = arg("“next” of the page before.", default=None, longest=128)
    limit: int = arg("Items in one answer.", default=500, low=1, high=limits.GRID_ITEMS)


@dataclass(frozen=True, slots=True)
class DayItem:
    """What a grid needs to know about one record."""

    id: str = arg("The record's id.", pattern=ID)
    day: str = arg("The day it belongs to.", pattern=DAY)
    when_ms: int = arg("The moment inside that day.")
    kind: str = arg("Its kind.")
    has_preview: bool = arg("Whether there are previews.")
    width: int | None = arg("Pixels.", default=None)
    height: int | None = arg("Pixels.", default=None)
    duration_ms: int | None = arg("Length of audio or video.", default=None)


@dataclass(frozen=True, slots=True)
class DayItems:
    """Part of the grid."""

    items: tuple[DayItem, ...] = arg("Newest first.")
    next: str | None = arg("Cursor of what follows; absent at the end.", default=None)


@dataclass(frozen=True, slots=True)
class FileHash:
    """A file on a phone."""

    size: int = arg("Bytes.", low=0, high=_FAR)
    sha256: str = arg("64 hex digits.", pattern="[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class KnownArgs:
    """Files a client is about to send."""

    files: tuple[FileHash, ...] = arg("What it has.", longest=limits.KNOWN_FILES)


@dataclass(frozen=True, slots=True)
class Known:
    """Which of the files are here already."""

    known: tuple[str | None, ...] = arg("A record id or null for each file, in order.")


@dataclass(frozen=True, slots=True)
class UploadNew:
    """A file that will come in one or many pieces."""

    name: str = arg("Path and name inside the locker.", shortest=1, longest=MAX_NAME_BYTES, raw=True)
    size: int = arg("Bytes.", low=0, high=_FAR)
    mtime_ns: int = arg("When the file was last changed (ns since 1970).", default=0, low=-_FAR, high=_FAR)
    mime: str | None = arg("Its media type, when known.", default=None, longest=127, pattern=r"[\x20-\x7e]*")
    collide: Collide = arg("What to do when the name is taken by other bytes.", default=Collide.BESIDE)


@dataclass(frozen=True, slots=True)
class UploadId:
    """Names one upload."""

    id: str = arg("The upload's id.", pattern=ID)


@dataclass(frozen=True, slots=True)
class UploadPatch:
    """The next bytes of an upload stand in the body."""

    id: str = arg("The upload's id.", pattern=ID)
    offset: int = arg("Where they begin: “offset” of the upload.", low=0, high=_FAR)


@dataclass(frozen=True, slots=True)
class UploadState:
    """One upload and how much of it is durable."""

    id: str = arg("The upload's id.", pattern=ID)
    name: str = arg("Path and name inside the locker.", raw=True)
    size: int = arg("Bytes in all.", low=0)
    offset: int = arg("Durable bytes; the next ones begin here.", low=0)
    expires_ms: int = arg("When it is forgotten unless it goes on.")
    state: str = arg("open, stored, or same when the locker had exactly this.", pattern="open|stored|same")
    record: RecordInfo | None = arg("What it became.", default=None)


@dataclass(frozen=True, slots=True)
class Uploads:
    """Uploads that are not finished."""

    uploads: tuple[UploadState, ...] = arg("Begun last first.")
