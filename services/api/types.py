"""Requests and responses of lockerd's two kinds of sockets: frozen values, decoded strictly, one word per thing.

Every field carries its sentence and its bounds; ``services.api.openapi`` turns them into schemas. Times are
milliseconds since 1970 UTC when the name ends in ``_ms``. A file's name is text in which bytes that are not UTF-8
travel as surrogate escapes (``\\udc80`` .. ``\\udcff`` in JSON), so that it comes back exactly.
"""

from __future__ import annotations

import enum

from firmware import limits
from firmware.lean import dataclass
from firmware.model import MAX_NAME_BYTES, Collide, RecordState
from services.api.decode import arg

ID = "[0-9a-f]{32}"
MEMBER = "[0-9a-f]{16}"
DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
KINDS = "[a-z]{1,16}(,[a-z]{1,16}){0,15}"
TAG = r"[^\x00-\x1f\x7f,]{1,64}"
_LONGEST_PASSPHRASE = 1024
_NO_CONTROL = r"[^\x00-\x1f\x7f]*"


class Role(enum.StrEnum):
    """What a member may do in the household."""

    OWNER = "owner"
    ADULT = "adult"
    CHILD = "child"
    INSTALLER = "installer"


class Rights(enum.StrEnum):
    """What a session may call: everything, what a guardian needs, or only what moves files."""

    ALL = "all"
    WARD = "ward"
    FILES = "files"


class Order(enum.StrEnum):
    """How a listing is sorted."""

    WHEN = "when"
    NAME = "name"


class Previews(enum.StrEnum):
    """When the worker makes previews."""

    IDLE = "idle"
    OFF = "off"


# ---------------------------------------------------------------- main socket


@dataclass(frozen=True, slots=True)
class Nothing:
    """A request without fields, and the answer of operations that only succeed."""


class ComingBack(enum.StrEnum):
    """Whether a locker comes back from friends (a restore that is under way)."""

    NO = "no"
    GOES_ON = "goes-on"
    """Packs come, also while it is closed."""
    WAITS = "waits"
    """What is left needs its member: names, or the end. It goes on once she opens it."""


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """One member as the lock page lists her."""

    id: str = arg("The member's id.", pattern=MEMBER)
    name: str = arg("The name she chose.")
    role: Role = arg("What she may do.")
    open: bool = arg("Whether her locker is open right now.")
    coming_back: ComingBack = arg("Whether her locker comes back from friends.", default=ComingBack.NO)


@dataclass(frozen=True, slots=True)
class Status:
    """What anybody on the socket may know."""

    ready: bool = arg("Always true once the box answers.")
    claimed: bool = arg("Whether a household owns this box.")
    host: str = arg("The box's host name, e.g. locker-ab12.")
    household: str | None = arg("The household's name.", default=None)
    members: tuple[MemberInfo, ...] = arg("Everybody with a locker here.", default=())
    version: str = arg("The version of the software.", default="0")


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """A claim code to be checked before anything else is asked."""

    code: str = arg("The code on the label; dashes, spaces and case do not matter.", longest=64)


@dataclass(frozen=True, slots=True)
class Claim:
    """Take ownership: names the household and makes its first member, an owner."""

    code: str = arg("The code on the label.", longest=64)
    household: str = arg("What the household calls itself.", shortest=1, longest=80, pattern=_NO_CONTROL)
    name: str = arg("The first member's name.", shortest=1, longest=80, pattern=_NO_CONTROL)
    passphrase: str = arg("Her passphrase, at least 50 bits by zxcvbn.", longest=_LONGEST_PASSPHRASE)
    device: str = arg("Where the session is used, shown in the list of sessions.", default="", longest=80)


@dataclass(frozen=True, slots=True)
class NewMember:
    """A member just made. The 24 words are shown this once and kept nowhere."""

    member: str = arg("The new member's id.", pattern=MEMBER)
    words: str = arg("The recovery kit: 24 words.")
    token: str | None = arg("A session of hers (only when she claimed the box herself).", default=None)


@dataclass(frozen=True, slots=True)
class AddMember:
    """A further member of the household."""

    name: str = arg("Her name.", shortest=1, longest=80, pattern=_NO_CONTROL)
    passphrase: str = arg("Her passphrase, at least 50 bits by zxcvbn.", longest=_LONGEST_PASSPHRASE)
    role: Role = arg("What she may do.", default=Role.ADULT)
    guardian: str | None = arg("Of a child: who may open this locker too (id or name).", default=None, longest=80)
    guardian_until: str | None = arg("The day on which that ends.", default=None, pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Open:
    """Open a locker with its passphrase."""

    member: str = arg("The member's id or name.", shortest=1, longest=80)
    passphrase: str = arg("Her passphrase.", longest=_LONGEST_PASSPHRASE)
    device: str = arg("Where the session is used, shown in the list of sessions.", default="", longest=80)


@dataclass(frozen=True, slots=True)
class Recover:
    """Open a locker with the 24 words and give it a new passphrase."""

    member: str = arg("The member's id or name.", shortest=1, longest=80)
    words: str = arg("The 24 words.", longest=1024)
    passphrase: str = arg("The new passphrase.", longest=_LONGEST_PASSPHRASE)
    device: str = arg("Where the session is used.", default="", longest=80)


@dataclass(frozen=True, slots=True)
class Opened:
    """A live session."""

    member: str = arg("Whose locker is open.", pattern=MEMBER)
    token: str = arg("Send it as “Authorization: Bearer …” with every call.")


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One live session; its token is known only to the one it was given to."""

    id: str = arg("Names the session in lists.", pattern=MEMBER)
    member: str = arg("Whose it is.", pattern=MEMBER)
    name: str = arg("The member's name.")
    role: Role = arg("What she may do.")
    device: str = arg("Where it is used.")
    started_ms: int = arg("When it began.")
    seen_ms: int = arg("When it was last used (to the minute).")
    current: bool = arg("Whether it is the session that asked.")
    rights: Rights = arg("What it may call.", default=Rights.ALL)
    guardian: str | None = arg("The guardian's name, when she opened it.", default=None)
    stepped_up: bool = arg("Whether its member proved herself in the last 15 minutes.", default=False)


@dataclass(frozen=True, slots=True)
class Sessions:
    """All live sessions of one member."""

    sessions: tuple[SessionInfo, ...] = arg("Newest first.")


@dataclass(frozen=True, slots=True)
class SessionId:
    """Names one session."""

    session: str = arg("The session's id.", pattern=MEMBER)


@dataclass(frozen=True, slots=True)
class Passwd:
    """Replace the passphrase."""

    passphrase: str = arg("The present one.", longest=_LONGEST_PASSPHRASE)
    new: str = arg("The new one.", longest=_LONGEST_PASSPHRASE)


@dataclass(frozen=True, slots=True)
class Kit:
    """A fresh recovery kit; the old one opens nothing any more."""

    words: str = arg("24 words, shown this once.")


@dataclass(frozen=True, slots=True)
class DropSlot:
    """Close one way into the locker for good."""

    kind: str = arg("Which one.", pattern="passphrase|kit|friends|passkey|member")


@dataclass(frozen=True, slots=True)
class Slots:
    """The ways into a locker."""

    kinds: tuple[str, ...] = arg("passphrase, kit, …; one word per keyslot.")


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase the box offers."""

    passphrase: str = arg("Five words.")


# ---------------------------------------------------------------- locker socket


@dataclass(frozen=True, slots=True)
class PutArgs:
    """What is known about one upload before its first byte."""

    name: str = arg("Path and name inside the locker.", shortest=1, longest=MAX_NAME_BYTES, raw=True)
    mtime_ns: int = arg("When the file was last changed (ns since 1970).", default=0, low=-(1 << 62), high=1 << 62)
    size: int | None = arg("Its size in bytes, when known.", default=None, low=0, high=1 << 62)
    mime: str | None = arg("Its media type, when known.", default=None, longest=127, pattern=r"[\x20-\x7e]*")
    collide: Collide = arg("What to do when the name is taken by other bytes.", default=Collide.VERSION)


@dataclass(frozen=True, slots=True)
class BulkArgs:
    """How a bulk put treats names that are taken."""

    collide: Collide = arg("What to do when a name is taken by other bytes.", default=Collide.VERSION)


@dataclass(frozen=True, slots=True)
class Stored:
    """One durable upload."""

    id: str = arg("The record's id.", pattern=ID)
    name: str = arg("The name it got (“beside” may have changed it).", raw=True)
    state: str = arg("stored, or same when the newest version already had these bytes.", pattern="stored|same")
    version: int = arg("The version this is.", low=1)
    size: int = arg("Bytes.", low=0)


@dataclass(frozen=True, slots=True)
class ListArgs:
    """Which records to list."""

    folder: str | None = arg("Only what lies in this folder.", default=None, longest=MAX_NAME_BYTES, raw=True)
    kinds: str | None = arg("Only these kinds, with commas between them.", default=None, pattern=KINDS)
    from_day: str | None = arg("Not before this day.", default=None, pattern=DAY)
    to_day: str | None = arg("Not after this day.", default=None, pattern=DAY)
    tag: str | None = arg("Only with this tag.", default=None, pattern=TAG)
    state: RecordState = arg("live, or bin for what was deleted.", default=RecordState.LIVE)
    cursor: str | None = arg("“next” of the page before.", default=None, longest=8192)
    limit: int = arg("Records in one answer.", default=100, low=1, high=limits.PAGE_RECORDS)
    order: Order = arg("Newest first, or by name.", default=Order.WHEN)


@dataclass(frozen=True, slots=True)
class SearchArgs:
    """What to look for: all words must match, the last one may be a beginning; without words a filter decides."""

    q: str = arg("Words.", default="", longest=512)
    folder: str | None = arg("Only what lies in this folder.", default=None, longest=MAX_NAME_BYTES, raw=True)
    kinds: str | None = arg("Only these kinds, with commas between them.", default=None, pattern=KINDS)
    from_day: str | None = arg("Not before this day.", default=None, pattern=DAY)
    to_day: str | None = arg("Not after this day.", default=None, pattern=DAY)
    tag: str | None = arg("Only with this tag.", default=None, pattern=TAG)
    cursor: str | None = arg("“next” of the page before.", default=None, longest=8192)
    limit: int = arg("Records in one answer.", default=50, low=1, high=limits.PAGE_RECORDS)


@dataclass(frozen=True, slots=True)
class FactsInfo:
    """What the reader found out about a file."""

    mime: str | None = arg("Media type by content.", default=None)
    taken_ms: int | None = arg("When it happened.", default=None)
    taken_local: bool = arg("True when the file names no time zone.", default=False)
    width: int | None = arg("Pixels.", default=None)
    height: int | None = arg("Pixels.", default=None)
    duration_ms: int | None = arg("Length of audio or video.", default=None)
    lat_e7: int | None = arg("Latitude, degrees * 10^7.", default=None)
    lon_e7: int | None = arg("Longitude, degrees * 10^7.", default=None)
    title: str | None = arg("The title inside the file.", default=None)


@dataclass(frozen=True, slots=True)
class RecordInfo:
    """One record."""

    id: str = arg("32 hex digits.", pattern=ID)
    name: str = arg("Path and name.", raw=True)
    size: int = arg("Bytes.", low=0)
    mime: str = arg("Media type.")
    when_ms: int = arg("The day it belongs to.")
    mtime_ns: int = arg("When the file was last changed.")
    stored_ms: int = arg("When the box took it in.")
    version: int = arg("The newest version's number.", low=1)
    state: RecordState = arg("live or bin.")
    facts: FactsInfo = arg("What the reader found out.")
    has_preview: bool = arg("Whether there are previews.")
    kind: str = arg("photo, video, audio, document, text, archive or other.")
    deleted_ms: int | None = arg("When it was deleted.", default=None)
    tags: tuple[str, ...] = arg("Words its member gave it.", default=())
    note: str = arg("What its member wrote about it.", default="")
    place: str | None = arg("The words for the place that stand in the file.", default=None)


@dataclass(frozen=True, slots=True)
class Records:
    """One page of records."""

    records: tuple[RecordInfo, ...] = arg("In the order asked for.")
    next: str | None = arg("Cursor of the next page; absent at the end.", default=None)
    total: int | None = arg("How many match in all, when known.", default=None)


@dataclass(frozen=True, slots=True)
class RecordId:
    """Names one record."""

    id: str = arg("The record's id.", pattern=ID)


@dataclass(frozen=True, slots=True)
class RecordPath:
    """Names one record by its path."""

    path: str = arg("Path and name.", shortest=1, longest=MAX_NAME_BYTES, raw=True)


@dataclass(frozen=True, slots=True)
class ContentArgs:
    """Which bytes of a record to send (the Range header narrows them)."""

    id: str = arg("The record's id.", pattern=ID)
    version: int | None = arg("An older version.", default=None, low=1, high=1 << 31)


@dataclass(frozen=True, slots=True)
class PreviewArgs:
    """Which preview to send."""

    id: str = arg("The record's id.", pattern=ID)
    edge: int = arg("Longer side in pixels; the nearest one kept is sent.", low=1, high=8192)


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version."""

    number: int = arg("1 is the oldest.", low=1)
    size: int = arg("Bytes.", low=0)
    mtime_ns: int = arg("When the file was last changed.")
    stored_ms: int = arg("When the box took it in.")
    digest: str = arg("Keyed digest of the content, equal for equal bytes.")


@dataclass(frozen=True, slots=True)
class Versions:
    """The history of one record."""

    versions: tuple[VersionInfo, ...] = arg("Newest first.")


@dataclass(frozen=True, slots=True)
class Ids:
    """Names records."""

    ids: tuple[str, ...] = arg("Record ids.", pattern=ID, longest=1000)


@dataclass(frozen=True, slots=True)
class Count:
    """How many records an operation touched."""

    count: int = arg("Records.", low=0)


@dataclass(frozen=True, slots=True)
class Empty:
    """Empty the bin."""

    before_ms: int | None = arg("Only what was deleted before.", default=None, low=0, high=1 << 53)


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a record another name."""

    id: str = arg("The record's id.", pattern=ID)
    name: str = arg("The new path and name.", shortest=1, longest=MAX_NAME_BYTES, raw=True)


@dataclass(frozen=True, slots=True)
class FetchArgs:
    """Which records to send in one stream: by id, all of a folder, or all."""

    ids: tuple[str, ...] = arg("Record ids.", default=(), pattern=ID, longest=1000)
    folder: str | None = arg("Everything below this folder.", default=None, longest=MAX_NAME_BYTES, raw=True)
    all: bool = arg("Everything live.", default=False)


@dataclass(frozen=True, slots=True)
class ExportArgs:
    """What to put into the ZIP archive."""

    folder: str | None = arg("Only what lies below this folder.", default=None, longest=MAX_NAME_BYTES, raw=True)


@dataclass(frozen=True, slots=True)
class Counts:
    """Named numbers."""

    counts: dict[str, int] = arg("Name to number.")


@dataclass(frozen=True, slots=True)
class AnalysisState:
    """How much the reader has still to look at."""

    pending_text: int = arg("Records whose facts and text are not known yet.", low=0)
    pending_previews: int = arg("Records whose previews are not made yet.", low=0)
    previews: Previews = arg("When previews are made.")
    trouble: int = arg("Files that could not be understood since the locker was opened.", low=0)
    reader_peak_rss_bytes: int = arg("Largest memory a reader child ever used.", low=0)


@dataclass(frozen=True, slots=True)
class AnalysisArgs:
    """Change when previews are made."""

    previews: Previews = arg("idle or off.")
