"""The one table of everything lockerd can be asked, on its main socket and on the socket of every open locker.

Each row says who may ask: NOTHING proven, THROTTLED (nothing proven, but a few tries a minute), TOKEN (a live session;
on a locker's socket: of that very member), OWNER (a live session of an owner). Values travel in the path, in the
query (GET, DELETE and streaming uploads) or in a JSON body (all other requests). Nothing here does I/O.

Streams: BYTES is one file; FILES is the framing of ``services.api.bulk``; LINES is NDJSON, one object a line, the last
one holding ``"done": true``; a failure in mid-stream is a line with ``error``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.api import records_types as r
from services.api import types as t
from services.api.decode import names


class Where(enum.Enum):
    """Which socket answers."""

    MAIN = "run/lockerd.sock"
    LOCKER = "run/lockers/<member>.sock"


class Needs(enum.Enum):
    """What the caller has to prove."""

    NOTHING = "nothing"
    THROTTLED = "nothing, but only a few tries a minute"
    TOKEN = "a live session"
    OWNER = "a live session of an owner"


class Stream(enum.Enum):
    """Bodies that are not one JSON object."""

    BYTES = "application/octet-stream"
    FILES = "application/vnd.lockerbox.files"
    LINES = "application/x-ndjson"
    ZIP = "application/zip"


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: how it is called, what it needs, what goes in and what comes out."""

    name: str
    where: Where
    method: str
    path: str
    needs: Needs
    request: type[Any]
    response: type[Any] | Stream
    sentence: str
    body: Stream | None = None
    """Set when the request's body is a stream; the fields of ``request`` then travel in path and query."""
    status: int = 200

    @property
    def path_fields(self) -> list[str]:
        """Names of the fields that stand in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def in_query(self) -> bool:
        """True when the other fields travel in the query instead of a JSON body."""
        return self.method in ("GET", "DELETE") or self.body is not None

    @property
    def other_fields(self) -> list[str]:
        """Names of the fields outside the path."""
        inside = self.path_fields
        return [name for name in names(self.request) if name not in inside]


_M, _L, _T = Where.MAIN, Where.LOCKER, Needs.TOKEN
_FREE, _SLOW, _OWNER = Needs.NOTHING, Needs.THROTTLED, Needs.OWNER
_REC = "/v1/records/{id}"
_RECS = "/v1/records"

OPERATIONS: tuple[Operation, ...] = (
    Operation("status", _M, "GET", "/v1/status", _FREE, t.Nothing, t.Status, "Is the box ready, and whose is it?"),
    Operation(
        "offer", _M, "GET", "/v1/passphrase", _FREE, t.Nothing, t.Passphrase, "Five words to take as passphrase."
    ),
    Operation("check_claim", _M, "POST", "/v1/claim/check", _SLOW, t.ClaimCheck, t.Nothing, "Is this the claim code?"),
    Operation("claim", _M, "POST", "/v1/claim", _SLOW, t.Claim, t.NewMember, "Take ownership, make the first member."),
    Operation("open", _M, "POST", "/v1/open", _SLOW, t.Open, t.Opened, "Open a locker with its passphrase."),
    Operation("recover", _M, "POST", "/v1/recover", _SLOW, t.Recover, t.Opened, "Open with the kit's 24 words."),
    Operation("add_member", _M, "POST", "/v1/members", _OWNER, t.AddMember, t.NewMember, "Make a further member."),
    Operation("session", _M, "GET", "/v1/session", _T, t.Nothing, t.SessionInfo, "Who am I?"),
    Operation("sessions", _M, "GET", "/v1/sessions", _T, t.Nothing, t.Sessions, "Where is my locker in use?"),
    Operation("end_session", _M, "DELETE", "/v1/sessions/{session}", _T, t.SessionId, t.Nothing, "End one session."),
    Operation("lock", _M, "POST", "/v1/lock", _T, t.Nothing, t.Nothing, "Lock the locker; its keys leave memory."),
    Operation("passwd", _M, "POST", "/v1/passwd", _T, t.Passwd, t.Nothing, "Replace the passphrase."),
    Operation("kit", _M, "POST", "/v1/kit", _T, t.Proof, t.Kit, "Make a new kit; the old one dies."),
    Operation("slots", _M, "GET", "/v1/slots", _T, t.Nothing, t.Slots, "Which ways lead into the locker?"),
    Operation("drop_slot", _M, "POST", "/v1/slots/drop", _T, t.DropSlot, t.Slots, "Close one way in for good."),
    Operation("put", _L, "PUT", _RECS, _T, t.PutArgs, t.Stored, "Keep one file.", Stream.BYTES, 201),
    Operation("bulk_put", _L, "POST", "/v1/records/bulk", _T, t.BulkArgs, Stream.LINES, "Keep many.", Stream.FILES),
    Operation("fetch", _L, "POST", "/v1/records/fetch", _T, t.FetchArgs, Stream.FILES, "Send many files."),
    Operation("delete_many", _L, "POST", "/v1/records/delete", _T, t.Ids, t.Count, "Put records into the bin."),
    Operation("undelete", _L, "POST", "/v1/records/undelete", _T, t.Ids, t.Count, "Take records out of the bin."),
    Operation("empty", _L, "POST", "/v1/records/empty", _T, t.Empty, t.Count, "Empty the bin."),
    Operation("gone", _L, "POST", "/v1/records/gone", _T, t.Ids, t.Nothing, "Destroy records and their key."),
    Operation("find", _L, "GET", "/v1/records/by-path", _T, t.RecordPath, t.RecordInfo, "One record by its path."),
    Operation("list", _L, "GET", _RECS, _T, t.ListArgs, t.Records, "A page of records."),
    Operation("search", _L, "GET", "/v1/search", _T, t.SearchArgs, t.Records, "Find records by words."),
    Operation("facets", _L, "GET", "/v1/facets", _T, r.FacetArgs, r.Facets, "How does what is found divide?"),
    Operation("tags", _L, "GET", "/v1/tags", _T, t.Nothing, r.Tags, "Every tag in use."),
    Operation("days", _L, "GET", "/v1/days", _T, r.DaysArgs, r.Days, "Every day that has records."),
    Operation("day_items", _L, "GET", "/v1/days/items", _T, r.DayItemsArgs, r.DayItems, "Part of the grid of days."),
    Operation("annotate", _L, "POST", _RECS + "/annotate", _T, r.Annotate, t.Count, "Write tags or a note on records."),
    Operation("known", _L, "POST", _RECS + "/known", _T, r.KnownArgs, r.Known, "Which of my files are here already?"),
    Operation("get", _L, "GET", _REC, _T, t.RecordId, t.RecordInfo, "One record."),
    Operation("delete", _L, "DELETE", _REC, _T, t.RecordId, t.Count, "Put one record into the bin."),
    Operation("versions", _L, "GET", _REC + "/versions", _T, t.RecordId, t.Versions, "A record's history."),
    Operation("content", _L, "GET", _REC + "/content", _T, t.ContentArgs, Stream.BYTES, "A record's bytes."),
    Operation("preview", _L, "GET", _REC + "/preview/{edge}", _T, t.PreviewArgs, Stream.BYTES, "A small picture."),
    Operation("rename", _L, "POST", "/v1/rename", _T, t.Rename, t.Nothing, "Give a record another name."),
    Operation("verify", _L, "POST", "/v1/verify", _T, t.Nothing, Stream.LINES, "Open and check every kept byte."),
    Operation("rebuild", _L, "POST", "/v1/rebuild", _T, t.Nothing, t.Counts, "Make the catalog anew."),
    Operation("repack", _L, "POST", "/v1/repack", _T, t.Nothing, t.Counts, "Give back the room of what is gone."),
    Operation("cut", _L, "POST", "/v1/cut", _T, t.Nothing, t.Nothing, "Close the open packs, take a snapshot."),
    Operation("export", _L, "GET", "/v1/export", _T, t.ExportArgs, Stream.ZIP, "Everything as one ZIP archive."),
    Operation("stats", _L, "GET", "/v1/stats", _T, t.Nothing, t.Counts, "How much is kept."),
    Operation("analysis", _L, "GET", "/v1/analysis", _T, t.Nothing, t.AnalysisState, "What has the reader to do?"),
    Operation("set_analysis", _L, "POST", "/v1/analysis", _T, t.AnalysisArgs, t.AnalysisState, "Previews on or off."),
)

BY_NAME: dict[str, Operation] = {operation.name: operation for operation in OPERATIONS}

PUBLIC = tuple(one.name for one in OPERATIONS if one.needs in (Needs.NOTHING, Needs.THROTTLED))
"""What a caller without a session may ask; everything else answers Refused (403) or, after a lock, Locked (423)."""


def on(where: Where) -> Iterator[Operation]:
    """Yield the rows one kind of socket answers, in table order (the first matching path wins)."""
    return (one for one in OPERATIONS if one.where is where)
