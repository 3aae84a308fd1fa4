"""The one table of everything lockerd can be asked, on its main socket and on the socket of every open locker.

Each row says who may ask: NOTHING proven, THROTTLED (nothing proven, but a few tries a minute), TOKEN (a live session;
on a locker's socket: of that very member), STEP_UP (one whose member typed her passphrase in the last 15 minutes),
OWNER (a live session of an owner), OWNER_STEP_UP (both). A session may also be narrower than its member (``Rights``):
what it may call at all is listed under the table. Values travel in the path, in the query (GET, DELETE and streaming
uploads) or in a JSON body (all other requests). Nothing here does I/O.

Streams: BYTES is one file; FILES is the framing of ``services.api.bulk``; LINES is NDJSON, one object a line, the last
one holding ``"done": true``; a failure in mid-stream is a line with ``error``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import Any

from firmware.lean import dataclass
from services.api import box_types as b
from services.api import circle_types as c
from services.api import cost_types as e
from services.api import drill_types as d
from services.api import find_types as s
from services.api import folder_types as f
from services.api import household_types as h
from services.api import key_types as y
from services.api import kit_types as p
from services.api import records_types as r
from services.api import restore_types as z
from services.api import shelf_types as w
from services.api import types as t
from services.api.decode import names


class Where(enum.Enum):
    """Which socket answers."""

    MAIN = "run/lockerd.sock"
    LOCKER = "run/lockers/<member>.sock"
    PEER = "run/peerd.sock"
    BOX = "run/boxd.sock"


class Needs(enum.Enum):
    """What the caller has to prove."""

    NOTHING = "nothing"
    THROTTLED = "nothing, but only a few tries a minute"
    TOKEN = "a live session"
    STEP_UP = "a live session whose member proved herself in the last 15 minutes"
    OWNER = "a live session of an owner"
    OWNER_STEP_UP = "a live session of an owner who proved herself in the last 15 minutes"
    LOCKERD = "to be lockerd, by its uid"


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
    raw: bool = False
    """Set when a thread reads the body (``services.api.raw``), as it always does for FILES."""

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
_P, _US, _HEAD = Where.PEER, Needs.LOCKERD, Needs.OWNER
_B, _NEWS, _POWER, _RESET = Where.BOX, "/v1/update", "/v1/power", "/v1/reset"
_FREE, _SLOW, _SURE, _OWNER = Needs.NOTHING, Needs.THROTTLED, Needs.STEP_UP, Needs.OWNER_STEP_UP
_KEYS, _APPS, _OUT = "/v1/passkeys", "/v1/app-passwords", "/v1/sessions"
_REC, _PATHS, _SHELF = "/v1/records/{id}", "/v1/paths", "/v1/shelves"
_INV, _PAIR, _LEAVE, _CAPS = "/v1/circle/invite", "/v1/circle/pairing", "/v1/circle/leave", "/v1/circle/caps"
_MOVES = "/v1/circle/moves"
_DRILL, _KIT = "/v1/drill", "/v1/kit"
_KEY = "/v1/circle/keys"
_BACK = "/v1/restore"
_RECS, _UPS, _UP = "/v1/records", "/v1/uploads", "/v1/uploads/{id}"

OPERATIONS: tuple[Operation, ...] = (
    Operation("status", _M, "GET", "/v1/status", _FREE, t.Nothing, t.Status, "Is the box ready, and whose is it?"),
    Operation(
        "offer", _M, "GET", "/v1/passphrase", _FREE, t.Nothing, t.Passphrase, "Five words to take as passphrase."
    ),
    Operation("check_claim", _M, "POST", "/v1/claim/check", _SLOW, t.ClaimCheck, t.Nothing, "Is this the claim code?"),
    Operation("claim", _M, "POST", "/v1/claim", _SLOW, t.Claim, t.NewMember, "Take ownership, make the first member."),
    Operation("open", _M, "POST", "/v1/open", _SLOW, t.Open, t.Opened, "Open a locker with its passphrase."),
    Operation("recover", _M, "POST", "/v1/recover", _SLOW, t.Recover, t.Opened, "Open with the kit's 24 words."),
    Operation(
        "restore_look", _M, "POST", _BACK + "/look", _SLOW, z.RestoreLook, z.RestoreFound, "What do the words open?"
    ),
    Operation(
        "restore_near", _M, "POST", _BACK + "/near", _SLOW, z.RestoreCode, z.RestoreNear, "Which boxes near us help?"
    ),
    Operation("restore", _M, "POST", _BACK, _SLOW, z.Restore, z.RestoreBegun, "Take ownership, bring a locker back."),
    Operation(
        "restore_member", _M, "POST", _BACK + "/member", _OWNER, z.RestoreMember, z.RestoreBegun, "Bring one more back."
    ),
    Operation("restore_status", _M, "GET", _BACK, _T, t.Nothing, z.RestoreStatus, "How far is it?"),
    Operation("add_member", _M, "POST", "/v1/members", _OWNER, t.AddMember, t.NewMember, "Make a further member."),
    Operation("session", _M, "GET", "/v1/session", _T, t.Nothing, t.SessionInfo, "Who am I?"),
    Operation("sessions", _M, "GET", "/v1/sessions", _T, t.Nothing, t.Sessions, "Where is my locker in use?"),
    Operation("end_session", _M, "DELETE", "/v1/sessions/{session}", _T, t.SessionId, t.Nothing, "End one session."),
    Operation("end_others", _M, "DELETE", _OUT, _T, t.Nothing, h.Ended, "End all sessions but this one."),
    Operation("step_up", _M, "POST", "/v1/step-up", _T, h.StepUp, h.SteppedUp, "The passphrase once more."),
    Operation("step_down", _M, "DELETE", "/v1/step-up", _T, t.Nothing, t.Nothing, "End that before its time."),
    Operation("members", _M, "GET", "/v1/members", _T, t.Nothing, h.Members, "Who lives here?"),
    Operation("set_role", _M, "POST", "/v1/members/role", _OWNER, h.SetRole, h.Members, "Give a member another role."),
    Operation("leave", _M, "POST", "/v1/members/leave", _T, h.Leave, t.Nothing, "Leave the household (proof inside)."),
    Operation("open_ward", _M, "POST", "/v1/open-ward", _T, h.OpenWard, t.Opened, "Open the locker of my ward."),
    Operation("activity", _M, "GET", "/v1/activity", _T, h.ActivityArgs, h.Activity, "What happened to my locker?"),
    Operation("app_passwords", _M, "GET", _APPS, _T, t.Nothing, h.AppPasswords, "Passwords of my programs."),
    Operation("add_app_password", _M, "POST", _APPS, _SURE, h.Device, h.AppPassword, "A password for one program."),
    Operation("drop_app_password", _M, "DELETE", _APPS + "/{id}", _SURE, h.DoorId, t.Nothing, "Drop one of them."),
    Operation("app_open", _M, "POST", "/v1/app-open", _SLOW, h.AppOpen, t.Opened, "A session for a program."),
    Operation("passkey_list", _M, "GET", _KEYS, _T, t.Nothing, h.Passkeys, "My passkeys."),
    Operation("passkey_options", _M, "POST", _KEYS + "/options", _SURE, t.Nothing, h.PasskeyOptions, "For a new one."),
    Operation("passkey_add", _M, "POST", _KEYS, _SURE, h.PasskeyAdd, h.PasskeyInfo, "Keep a new passkey."),
    Operation("passkey_drop", _M, "DELETE", _KEYS + "/{id}", _SURE, h.DoorId, t.Nothing, "Drop a passkey."),
    Operation(
        "passkey_login_options",
        _M,
        "POST",
        _KEYS + "/login-options",
        _SLOW,
        h.PasskeyWho,
        h.PasskeyOptions,
        "Begin to log in with a passkey.",
    ),
    Operation("passkey_login", _M, "POST", _KEYS + "/login", _SLOW, h.PasskeyLogin, t.Opened, "Log in with a passkey."),
    Operation("lock", _M, "POST", "/v1/lock", _T, t.Nothing, t.Nothing, "Lock the locker; its keys leave memory."),
    Operation("passwd", _M, "POST", "/v1/passwd", _T, t.Passwd, t.Nothing, "Replace the passphrase."),
    Operation("kit", _M, "POST", "/v1/kit", _SURE, t.Nothing, t.Kit, "Make a new kit; the old one dies."),
    Operation("slots", _M, "GET", "/v1/slots", _T, t.Nothing, t.Slots, "Which ways lead into the locker?"),
    Operation("drop_slot", _M, "POST", "/v1/slots/drop", _SURE, t.DropSlot, t.Slots, "Close one way in for good."),
    Operation("put", _L, "PUT", _RECS, _T, t.PutArgs, t.Stored, "Keep one file.", Stream.BYTES, 201),
    Operation("bulk_put", _L, "POST", "/v1/records/bulk", _T, t.BulkArgs, Stream.LINES, "Keep many.", Stream.FILES),
    Operation("fetch", _L, "POST", "/v1/records/fetch", _T, t.FetchArgs, Stream.FILES, "Send many files."),
    Operation("delete_many", _L, "POST", "/v1/records/delete", _T, t.Ids, t.Count, "Put records into the bin."),
    Operation("undelete", _L, "POST", "/v1/records/undelete", _T, t.Ids, t.Count, "Take records out of the bin."),
    Operation("empty", _L, "POST", "/v1/records/empty", _T, t.Empty, t.Count, "Empty the bin."),
    Operation("gone", _L, "POST", "/v1/records/gone", _SURE, t.Ids, t.Nothing, "Destroy records and their key."),
    Operation("find", _L, "GET", "/v1/records/by-path", _T, t.RecordPath, t.RecordInfo, "One record by its path."),
    Operation("list", _L, "GET", _RECS, _T, t.ListArgs, t.Records, "A page of records."),
    Operation("search", _L, "GET", "/v1/search", _T, t.SearchArgs, t.Records, "Find records by words."),
    Operation("watch", _L, "GET", "/v1/watch", _T, t.Nothing, Stream.LINES, "What changes, as long as one listens."),
    Operation("upload_new", _L, "POST", _UPS, _T, r.UploadNew, r.UploadState, "Begin a resumable upload."),
    Operation("upload_list", _L, "GET", _UPS, _T, t.Nothing, r.Uploads, "Which uploads wait to go on?"),
    Operation("upload_get", _L, "GET", _UP, _T, r.UploadId, r.UploadState, "How far is it? Stops whoever sends."),
    Operation(
        "upload_patch", _L, "PATCH", _UP, _T, r.UploadPatch, r.UploadState, "The next bytes.", Stream.BYTES, raw=True
    ),
    Operation("upload_drop", _L, "DELETE", _UP, _T, r.UploadId, t.Nothing, "Forget an upload."),
    Operation("zip", _L, "POST", _RECS + "/zip", _T, t.Ids, Stream.ZIP, "A selection as one ZIP archive."),
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
    Operation("excerpt", _L, "GET", _REC + "/text", _T, t.RecordId, s.Excerpt, "The words inside a record."),
    Operation("lines", _L, "POST", "/v1/records/lines", _T, s.LinesArgs, s.Lines, "Where do the words stand?"),
    Operation("near", _L, "GET", "/v1/near", _T, s.NearArgs, s.Near, "Which words look like this one?"),
    Operation("revert", _L, "POST", "/v1/records/revert", _T, s.Revert, t.Nothing, "Bring an old version back."),
    Operation("preview", _L, "GET", _REC + "/preview/{edge}", _T, t.PreviewArgs, Stream.BYTES, "A small picture."),
    Operation("rename", _L, "POST", "/v1/rename", _T, t.Rename, t.Nothing, "Give a record another name."),
    Operation("verify", _L, "POST", "/v1/verify", _T, t.Nothing, Stream.LINES, "Open and check every kept byte."),
    Operation("rebuild", _L, "POST", "/v1/rebuild", _T, t.Nothing, t.Counts, "Make the catalog anew."),
    Operation("repack", _L, "POST", "/v1/repack", _T, t.Nothing, t.Counts, "Give back the room of what is gone."),
    Operation("cut", _L, "POST", "/v1/cut", _T, t.Nothing, t.Nothing, "Close the open packs, take a snapshot."),
    Operation("export", _L, "GET", "/v1/export", _SURE, t.ExportArgs, Stream.ZIP, "Everything as one ZIP archive."),
    Operation("look", _L, "GET", _PATHS, _T, f.Path, f.PathInfo, "What lies at a path?"),
    Operation("inside", _L, "GET", _PATHS + "/inside", _T, f.FolderArgs, f.FolderPage, "What lies in a folder?"),
    Operation("make_folder", _L, "POST", _PATHS + "/folder", _T, f.MakeFolder, t.Nothing, "Make a folder that stays."),
    Operation("move", _L, "POST", _PATHS + "/move", _T, f.FromTo, t.Nothing, "Move a file or a folder."),
    Operation("copy", _L, "POST", _PATHS + "/copy", _T, f.FromTo, t.Nothing, "Copy a file or a folder."),
    Operation("remove", _L, "POST", _PATHS + "/remove", _T, f.Path, t.Count, "Put what lies there into the bin."),
    Operation("touch", _L, "POST", "/v1/touch", _T, f.Touch, t.Nothing, "Give a record another modification time."),
    Operation("stats", _L, "GET", "/v1/stats", _T, t.Nothing, t.Counts, "How much is kept."),
    Operation("analysis", _L, "GET", "/v1/analysis", _T, t.Nothing, t.AnalysisState, "What has the reader to do?"),
    Operation("set_analysis", _L, "POST", "/v1/analysis", _T, t.AnalysisArgs, t.AnalysisState, "Previews on or off."),
    Operation("copies", _L, "POST", _RECS + "/copies", _T, t.Ids, c.PackStates, "How safe are these with friends?"),
    Operation("safety", _L, "GET", "/v1/safety", _T, t.Nothing, c.LockerSafety, "How safe is all of it with friends?"),
    Operation("agree_move", _L, "POST", _MOVES, _T, t.Nothing, c.LockerSafety, "Yes, another box acts for it now."),
    Operation("kit_state", _L, "GET", _KIT, _T, t.Nothing, p.KitState, "Does the kit on paper still do?"),
    Operation("kit_sheet", _L, "POST", _KIT + "/sheet", _T, t.Nothing, p.KitSheet, "What its page says of friends."),
    Operation("kit_prove", _L, "POST", _KIT + "/prove", _T, p.KitWords, p.KitState, "Are these the kit's words?"),
    Operation("drill", _L, "GET", _DRILL, _T, t.Nothing, d.Drill, "When was a restore rehearsed, and how did it end?"),
    Operation("drill_now", _L, "POST", _DRILL, _T, t.Nothing, d.Drill, "Rehearse a restore from friends alone now."),
    Operation("costs", _M, "GET", "/v1/costs", _T, t.Nothing, e.Costs, "What does the box use and cost?"),
    Operation("set_costs", _M, "PUT", "/v1/costs", _HEAD, e.CostModel, e.Costs, "Set price, watts, endurance."),
    Operation("circle", _M, "GET", "/v1/circle", _T, t.Nothing, c.Circle, "Friends, and what is safe with them."),
    Operation("invite", _M, "POST", _INV, _OWNER, c.Invite, c.Pairing, "Make an invitation for a friend's box."),
    Operation("invite_end", _M, "DELETE", _INV + "/{id}", _HEAD, c.PairingId, c.Pairing, "Take it back."),
    Operation("join", _M, "POST", "/v1/circle/join", _HEAD, c.Join, c.Pairing, "Accept a friend's invitation."),
    Operation("pairing", _M, "GET", _PAIR, _HEAD, t.Nothing, c.Pairings, "How far are the invitations?"),
    Operation("pairing_confirm", _M, "POST", _PAIR, _HEAD, c.Confirm, c.Pairing, "The digits are the same, or not."),
    Operation("peer_set", _M, "POST", "/v1/circle/peer", _HEAD, c.PeerSet, c.PeerInfo, "Room and name of a peer."),
    Operation("peer_leave", _M, "POST", _LEAVE, _OWNER, c.PeerLeave, c.PeerInfo, "End the exchange with a peer."),
    Operation("circle_caps", _M, "GET", _CAPS, _HEAD, t.Nothing, c.CircleCaps, "How much may flow, and when?"),
    Operation("set_circle_caps", _M, "PUT", _CAPS, _HEAD, c.CircleCaps, c.CircleCaps, "Let more or less flow."),
    Operation("circle_now", _M, "POST", "/v1/circle/now", _HEAD, t.Nothing, c.Circle, "Ship now what waits."),
    Operation("part_boxes", _M, "GET", _KEY + "/boxes", _T, t.Nothing, y.PartBoxes, "Friends who may get a part."),
    Operation("keys", _M, "GET", _KEY, _T, t.Nothing, y.Keys, "Split keys, parts kept for friends, who asks."),
    Operation("key_make", _M, "POST", _KEY, _SURE, y.KeyMake, y.KeyMade, "Split my key among friends."),
    Operation("key_drop", _M, "DELETE", _KEY, _SURE, t.Nothing, t.Nothing, "Take the parts of my key back."),
    Operation("key_no", _M, "POST", _KEY + "/no", _T, y.KeyNo, y.Keys, "Nobody shall get that key now."),
    Operation("key_ticket", _M, "POST", _KEY + "/ticket", _HEAD, y.KeyPlace, y.KeyTicket, "A friend may ask us."),
    Operation("key_answer", _M, "POST", _KEY + "/answer", _HEAD, y.KeyAnswer, y.Keys, "It is she, or it is not."),
    Operation("key_theft", _M, "POST", _KEY + "/theft", _OWNER, y.KeyTheft, y.TheftHeard, "A friend's box was stolen."),
    Operation("regain", _M, "POST", "/v1/regain", _SLOW, y.Regain, y.Regained, "Ask friends for my key."),
    Operation("key_heir", _M, "POST", _KEY + "/heir", _OWNER, y.Regain, y.Regained, "Ask for a key as its heir."),
    Operation(
        "contact", _M, "GET", "/v1/circle/contact", _HEAD, t.Nothing, z.RestoreContact, "Help someone restore: a code."
    ),
    Operation("let_go", _M, "POST", "/v1/circle/let-go", _OWNER, t.Nothing, c.Circle, "Friends may let go what waits."),
    Operation("shelves", _M, "GET", _SHELF, _T, t.Nothing, w.Shelves, "Disks with a second copy."),
    Operation("shelf_add", _M, "POST", _SHELF, _HEAD, w.ShelfAdd, w.Shelf, "Take a disk as a shelf."),
    Operation("shelf_drop", _M, "DELETE", _SHELF + "/{id}", _HEAD, w.ShelfId, w.Shelf, "Forget a shelf."),
    Operation("shelf_now", _M, "POST", _SHELF + "/now", _HEAD, w.ShelfNow, w.Shelves, "Fill up or check now."),
    Operation("shelf_carry", _M, "POST", _SHELF + "/carry", _HEAD, w.ShelfCarry, w.Shelf, "Load it for a friend."),
    Operation("shelf_take", _M, "POST", _SHELF + "/take", _HEAD, w.ShelfTake, w.ShelfTaken, "Take in what it carries."),
    Operation("shelf_disks", _M, "POST", _SHELF + "/disks", _SLOW, w.ShelfCode, w.ShelfDisks, "Which hold a shelf?"),
    Operation(
        "shelf_restore",
        _M,
        "POST",
        _SHELF + "/restore",
        _SLOW,
        w.ShelfRestore,
        Stream.LINES,
        "Bring a locker back from a shelf: what is here so far, line by line.",
    ),
    Operation("shelf_lockers", _P, "POST", _SHELF + "/lockers", _US, w.ShelfAt, w.ShelfLockers, "Whose are on it?"),
    Operation("shelf_packs", _P, "POST", _SHELF + "/packs", _US, w.ShelfPacksArgs, w.ShelfPacks, "Which packs?"),
    Operation("shelf_pack", _P, "POST", _SHELF + "/pack", _US, w.ShelfPackArgs, Stream.BYTES, "One of them."),
    Operation("at_peerd_shelves", _P, "GET", _SHELF, _US, t.Nothing, w.Shelves, "Disks with a second copy."),
    Operation("at_peerd_shelf_add", _P, "POST", _SHELF, _US, w.ShelfAdd, w.Shelf, "Take a disk as a shelf."),
    Operation("at_peerd_shelf_drop", _P, "DELETE", _SHELF + "/{id}", _US, w.ShelfId, w.Shelf, "Forget a shelf."),
    Operation("at_peerd_shelf_now", _P, "POST", _SHELF + "/now", _US, w.ShelfNow, w.Shelves, "Fill up or check."),
    Operation("at_peerd_shelf_carry", _P, "POST", _SHELF + "/carry", _US, w.ShelfCarry, w.Shelf, "Load for a friend."),
    Operation("at_peerd_shelf_take", _P, "POST", _SHELF + "/take", _US, w.ShelfTake, w.ShelfTaken, "Take in."),
    Operation("at_peerd_circle", _P, "GET", "/v1/circle", _US, t.Nothing, c.Circle, "Peers and safety."),
    Operation("at_peerd_invite", _P, "POST", _INV, _US, c.Invite, c.Pairing, "Make an invitation."),
    Operation("at_peerd_invite_end", _P, "DELETE", _INV + "/{id}", _US, c.PairingId, c.Pairing, "Take it back."),
    Operation("at_peerd_join", _P, "POST", "/v1/circle/join", _US, c.Join, c.Pairing, "Accept an invitation."),
    Operation("at_peerd_pairing", _P, "GET", _PAIR, _US, t.Nothing, c.Pairings, "How far are the invitations?"),
    Operation("at_peerd_pairing_confirm", _P, "POST", _PAIR, _US, c.Confirm, c.Pairing, "What the owner says."),
    Operation("at_peerd_peer_set", _P, "POST", "/v1/circle/peer", _US, c.PeerSet, c.PeerInfo, "Room and name."),
    Operation("at_peerd_peer_leave", _P, "POST", _LEAVE, _US, c.PeerLeave, c.PeerInfo, "End the exchange."),
    Operation("at_peerd_circle_caps", _P, "GET", _CAPS, _US, t.Nothing, c.CircleCaps, "The caps."),
    Operation("at_peerd_set_circle_caps", _P, "PUT", _CAPS, _US, c.CircleCaps, c.CircleCaps, "Set the caps."),
    Operation("at_peerd_circle_now", _P, "POST", "/v1/circle/now", _US, t.Nothing, c.Circle, "Ship now."),
    Operation("move_agreed", _P, "POST", _MOVES, _US, c.LockerOf, c.Circle, "The box that waits need not."),
    Operation("at_peerd_part_boxes", _P, "GET", _KEY + "/boxes", _US, t.Nothing, y.PartBoxes, "Who may get a part."),
    Operation("at_peerd_keys", _P, "GET", _KEY, _US, t.Nothing, y.Keys, "Split keys and parts kept."),
    Operation("at_peerd_key_ticket", _P, "POST", _KEY + "/ticket", _US, y.KeyPlace, y.KeyTicket, "A ticket."),
    Operation("at_peerd_key_answer", _P, "POST", _KEY + "/answer", _US, y.KeyAnswer, y.Keys, "Yes or no."),
    Operation("at_peerd_key_no", _P, "POST", _KEY + "/no", _US, y.KeyNo, y.Keys, "No."),
    Operation("at_peerd_key_ask", _P, "POST", _KEY + "/ask", _US, y.KeyAskOf, y.KeyAsked, "Ask a friend's box."),
    Operation("at_peerd_key_news", _P, "POST", _KEY + "/news", _US, t.Nothing, y.KeyNewsAll, "What is new."),
    Operation("at_peerd_theft_places", _P, "POST", _KEY + "/thefts", _US, y.PeerKey, y.TheftPlaces, "Its lockers."),
    Operation("at_peerd_key_theft", _P, "POST", _KEY + "/theft", _US, y.KeyTheftAt, y.TheftHeard, "It was stolen."),
    Operation("at_peerd_let_go", _P, "POST", "/v1/circle/let-go", _US, t.Nothing, c.Circle, "A person said yes."),
    Operation("feed", _P, "POST", "/v1/feed", _US, c.Feed, c.FeedKnown, "What a locker has and does without."),
    Operation("kit_contacts", _P, "GET", _KIT, _US, t.Nothing, p.KitContacts, "Who could begin a restore?"),
    Operation("drill_state", _P, "GET", _DRILL, _US, d.DrillOf, d.Drill, "How did rehearsals of a locker end?"),
    Operation("drill_begin", _P, "POST", _DRILL, _US, d.DrillBegin, d.Drill, "Take packs back from friends."),
    Operation("drill_packs", _P, "GET", _DRILL + "/packs", _US, d.DrillOf, d.DrillPacks, "What waits to be opened?"),
    Operation("drill_pack", _P, "GET", _DRILL + "/packs/{pack}", _US, d.DrillPack, Stream.BYTES, "One of them."),
    Operation("drill_opened", _P, "POST", _DRILL + "/opened", _US, d.DrillOpened, t.Nothing, "What opening gave."),
    Operation(
        "at_peerd_contact", _P, "GET", "/v1/circle/contact", _US, t.Nothing, z.RestoreContact, "Where this box is."
    ),
    Operation("at_peerd_restore_near", _P, "GET", _BACK + "/near", _US, t.Nothing, z.RestoreNear, "Who helps near us?"),
    Operation("restore_find", _P, "POST", _BACK + "/find", _US, z.KitFind, z.KitsFound, "Ask friends with a kit."),
    Operation("restore_join", _P, "POST", _BACK, _US, z.RestoreJoin, z.RestoreSources, "Act for a locker."),
    Operation("restore_resume", _P, "POST", _BACK + "/resume", _US, z.RestoreOf, z.RestoreSources, "Go on."),
    Operation("restore_sources", _P, "GET", _BACK, _US, z.RestoreOf, z.RestoreSources, "How do friends stand?"),
    Operation("restore_page", _P, "POST", _BACK + "/page", _US, z.RestorePage, Stream.BYTES, "Bring one page."),
    Operation("restore_pack", _P, "POST", _BACK + "/pack", _US, z.RestoreFetch, Stream.BYTES, "Bring one pack."),
    Operation("restore_kept", _P, "POST", _BACK + "/kept", _US, z.RestoreKept, t.Count, "These are here again."),
    Operation("restore_ended", _P, "POST", _BACK + "/ended", _US, z.RestoreEnd, t.Nothing, "All of it is here."),
    Operation("update", _M, "GET", _NEWS, _T, t.Nothing, b.Update, "Which version runs, what is new?"),
    Operation("set_update", _M, "PUT", _NEWS, _HEAD, b.UpdateSet, b.Update, "When may the box take new versions?"),
    Operation("update_now", _M, "POST", _NEWS + "/now", _OWNER, t.Nothing, b.Update, "Take the new version now."),
    Operation("power", _M, "POST", _POWER, _OWNER, b.Power, t.Nothing, "Restart the box, or switch it off."),
    Operation("reset", _M, "POST", _RESET, _OWNER, b.Reset, t.Nothing, "Begin a reset; the box restarts."),
    Operation("at_boxd_update", _B, "GET", _NEWS, _US, t.Nothing, b.Update, "Version and news."),
    Operation("at_boxd_set_update", _B, "PUT", _NEWS, _US, b.UpdateSet, b.Update, "Hours and will."),
    Operation("at_boxd_update_now", _B, "POST", _NEWS + "/now", _US, t.Nothing, b.Update, "Now."),
    Operation("at_boxd_power", _B, "POST", _POWER, _US, b.Power, t.Nothing, "Restart, or off."),
    Operation("at_boxd_reset", _B, "POST", _RESET, _US, b.Reset, t.Nothing, "Begin a reset."),
    Operation("at_boxd_caps", _B, "PUT", "/v1/guest-caps", _US, b.GuestCaps, b.GuestCaps, "Caps of guest work."),
    Operation("pack_states", _P, "POST", "/v1/pack-states", _US, c.PackStatesArgs, c.PackStates, "How safe are they?"),
)

BY_NAME: dict[str, Operation] = {operation.name: operation for operation in OPERATIONS}

PUBLIC = tuple(one.name for one in OPERATIONS if one.needs in (Needs.NOTHING, Needs.THROTTLED))
"""What a caller without a session may ask; everything else answers Refused (403) or, after a lock, Locked (423)."""


FILES = frozenset(
    {
        *("put", "bulk_put", "get", "find", "list", "content", "fetch", "delete", "delete_many", "rename"),
        *("look", "inside", "make_folder", "move", "copy", "remove", "touch"),
        *("upload_new", "upload_list", "upload_get", "upload_patch", "upload_drop"),
    }
)
"""All that a session opened with an app password may call."""

WARD = FILES | {
    *("session", "end_session", "members", "circle", "search", "preview", "versions", "undelete", "stats", "analysis"),
    *("annotate", "excerpt", "lines", "near", "revert", "tags", "facets", "days", "day_items", "known", "watch", "zip"),
}
"""All that a guardian's session on her ward's locker may call: records, how safe they are with friends; neither keys,
doors nor activity."""


def allowed(operation: Operation, rights: t.Rights) -> bool:
    """Say whether a session with ``rights`` may call ``operation`` at all; a new row is for full sessions only."""
    if rights is t.Rights.ALL:
        return True
    return operation.name in (FILES if rights is t.Rights.FILES else WARD)


def on(where: Where) -> Iterator[Operation]:
    """Yield the rows one kind of socket answers, in table order (the first matching path wins)."""
    return (one for one in OPERATIONS if one.where is where)
