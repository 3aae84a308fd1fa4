"""The one catalogue of what can happen: each event has a journal MESSAGE_ID, a severity, a sentence and its fields.

``journalctl MESSAGE_ID=...`` finds every occurrence, docs/events.md lists them all. The journal is not sealed, so a
field is a count, a time, an id or a process name; it is never a record's name, a word of its contents or a secret.
"""

from __future__ import annotations

from firmware import box_events, restore_events
from firmware.event import Event, Severity
from firmware.key_events import (
    BOX_REPORTED,
    FRIENDS_KEY_DROPPED,
    FRIENDS_KEY_MADE,
    KEY_ASK_OVER,
    KEY_ASKED,
    PART_ASKED,
    PART_GIVEN,
    PART_REFUSED,
    PART_SAID_NO,
)
from firmware.restore_events import DRILL_ENDED, DRILL_FAILED, KIT_SHOWN, KIT_WRONG

__all__ = [
    "ALL",
    "BOX_REPORTED",
    "DRILL_ENDED",
    "DRILL_FAILED",
    "FRIENDS_KEY_DROPPED",
    "FRIENDS_KEY_MADE",
    "KEY_ASKED",
    "KEY_ASK_OVER",
    "KIT_SHOWN",
    "KIT_WRONG",
    "PART_ASKED",
    "PART_GIVEN",
    "PART_REFUSED",
    "PART_SAID_NO",
    "Event",
    "Severity",
]

BOX_STARTED = Event(
    "box_started",
    "b9dd4ce4f96b4f2ca61f026ac70fe8bd",
    Severity.NOTICE,
    "The box {box} is up: {processes} processes answer.",
    ("box", "processes"),
)
BOX_STOPPED = Event(
    "box_stopped",
    "9109062e27104bdeab48ea2bea1a01a2",
    Severity.NOTICE,
    "The box {box} stopped as asked.",
    ("box",),
)
BOX_CLAIMED = Event(
    "box_claimed",
    "2c8a5b8e968c48fcbc722f4f1edbd26e",
    Severity.NOTICE,
    "The box was claimed; its owner is member {member}.",
    ("member",),
)
MEMBER_CREATED = Event(
    "member_created",
    "dff1762dbb97408a9863077ba27d56e8",
    Severity.NOTICE,
    "Member {member} joined the household as {role}.",
    ("member", "role"),
)
LOCKER_OPENED = Event(
    "locker_opened",
    "b3609b342ee34b5e8d816778f6a22e66",
    Severity.INFO,
    "The locker of member {member} was opened in {ms} ms.",
    ("member", "ms"),
)
LOCKER_LOCKED = Event(
    "locker_locked",
    "232e9f1662f3455c9ae6cbad8ced77e1",
    Severity.INFO,
    "The locker of member {member} was locked: {why}.",
    ("member", "why"),
)
WRONG_PASSPHRASE = Event(
    "wrong_passphrase",
    "87c27859a4c84b99acfdf2cf88385446",
    Severity.NOTICE,
    "A wrong passphrase was tried for member {member}.",
    ("member",),
)
WRONG_CLAIM_CODE = Event(
    "wrong_claim_code",
    "cfc15660cb774cd79c0208d38f653d91",
    Severity.WARNING,
    "A wrong claim code was tried.",
)
TOO_MANY_TRIES = Event(
    "too_many_tries",
    "878664105ef54df5b62520d1c8ca811f",
    Severity.WARNING,
    "Too many wrong tries at {what}; it is closed for {seconds} s.",
    ("what", "seconds"),
)
UPLOAD_STORED = Event(
    "upload_stored",
    "fbb3fe5873c4410392f02c13b9376981",
    Severity.INFO,
    "{files} files ({bytes} bytes) were stored for member {member}.",
    ("member", "files", "bytes"),
)
CRASH_RECOVERED = Event(
    "crash_recovered",
    "bf823274077d403398acb7c1ab4efd42",
    Severity.WARNING,
    "The locker of member {member} was put in order after a crash: {packs} packs closed, {records} records checked.",
    ("member", "packs", "records"),
)
PACK_CUT = Event(
    "pack_cut",
    "d75f54baf7c542618d707bbbedbee732",
    Severity.INFO,
    "A {kind} pack of {bytes} bytes was closed for member {member}.",
    ("member", "kind", "bytes"),
)
VERIFY_CLEAN = Event(
    "verify_clean",
    "c3ea2e76f77641fa9dd009de59765bad",
    Severity.INFO,
    "Every byte of the locker of member {member} was read and is sound: {packs} packs, {bytes} bytes.",
    ("member", "packs", "bytes"),
)
VERIFY_FOUND_DAMAGE = Event(
    "verify_found_damage",
    "fa1c939b22984d0e8f45b29eee993bbd",
    Severity.ERROR,
    "Verifying the locker of member {member} found {problems} damaged places in {packs} packs.",
    ("member", "problems", "packs"),
)
DISK_FULL = Event(
    "disk_full",
    "29212acdab08427b9b3a9f85e34be253",
    Severity.ERROR,
    "The disk is full: {need_mib} MiB were needed, {free_mib} MiB are free. Reading goes on.",
    ("need_mib", "free_mib"),
)
RECORD_DELETED = Event(
    "record_deleted",
    "8dee1a419387435ca9065dac5b906f5b",
    Severity.INFO,
    "Member {member} moved {records} records to the bin.",
    ("member", "records"),
)
BIN_EMPTIED = Event(
    "bin_emptied",
    "ffe6107b22dc4ceeb20da90054c3b51a",
    Severity.INFO,
    "The bin of member {member} was emptied: {records} records.",
    ("member", "records"),
)
GONE_FOR_GOOD = Event(
    "gone_for_good",
    "990e5d5a7af84b7395408e93f0c1e22d",
    Severity.NOTICE,
    "{records} records of member {member} are gone for good; their epoch key was destroyed.",
    ("member", "records"),
)
PASSPHRASE_CHANGED = Event(
    "passphrase_changed",
    "3e28c4b5f8884447ad001680cd70491b",
    Severity.NOTICE,
    "The passphrase of member {member} was changed.",
    ("member",),
)
RECOVERED_WITH_KIT = Event(
    "recovered_with_kit",
    "ff680cbac7f047819943736ab7087e44",
    Severity.WARNING,
    "The locker of member {member} was opened with its recovery kit and got a new passphrase.",
    ("member",),
)
CATALOG_REBUILT = Event(
    "catalog_rebuilt",
    "73cdc97ce683492597e806d5a248df8f",
    Severity.NOTICE,
    "The catalog of member {member} was rebuilt from its packs: {records} records in {ms} ms.",
    ("member", "records", "ms"),
)
LOCKER_EXPORTED = Event(
    "locker_exported",
    "1dc5e3aae9b44f4881abf4578d33f907",
    Severity.NOTICE,
    "Member {member} exported {files} files.",
    ("member", "files"),
)
WORKER_RESTARTED = Event(
    "worker_restarted",
    "76d79e318acd4dea9d104fd69eae8cf0",
    Severity.WARNING,
    "The worker of member {member} died ({why}); the locker is locked until it is opened again.",
    ("member", "why"),
)
PROCESS_RESTARTED = Event(
    "process_restarted",
    "6ce926161e6a4e02a4a47dbbb046e1f6",
    Severity.WARNING,
    "{process} died ({why}) and was started again.",
    ("process", "why"),
)
READER_FAILED = Event(
    "reader_failed",
    "b908f2dc87f94ee48eb11ec257b34cbe",
    Severity.NOTICE,
    "One file could not be read for its preview ({why}); the original is kept as it came.",
    ("why",),
)
CLOCK_WENT_BACK = Event(
    "clock_went_back",
    "37ed6df26e084544b0e0a063c2e8ec9e",
    Severity.WARNING,
    "The system clock is {seconds} s behind a time already seen; the box keeps the later one.",
    ("seconds",),
)
SESSION_ENDED = Event(
    "session_ended",
    "6a06b362866e4811895e4ddb8e12d98a",
    Severity.INFO,
    "A session of member {member} was ended by hand.",
    ("member",),
)
STEPPED_UP = Event(
    "stepped_up",
    "f28732dea38b463da7189080ab624792",
    Severity.INFO,
    "Member {member} proved herself once more.",
    ("member",),
)
KIT_MADE = Event(
    "kit_made",
    "9f66d656c5e54c1d9668ca74a54c5431",
    Severity.NOTICE,
    "Member {member} made a new recovery kit; the old one opens nothing any more.",
    ("member",),
)
SLOT_DROPPED = Event(
    "slot_dropped",
    "edf219f622994c4389cc52ee6a387cb8",
    Severity.NOTICE,
    "Member {member} closed a way into her locker: {kind}.",
    ("member", "kind"),
)
ROLE_CHANGED = Event(
    "role_changed",
    "1243c3f3aaec4c879d4a69f0e4140560",
    Severity.NOTICE,
    "Member {member} is {role} from now on.",
    ("member", "role"),
)
MEMBER_LEFT = Event(
    "member_left",
    "8ff0da66cd5e41b8b6d2b74a46f82317",
    Severity.NOTICE,
    "Member {member} left the household; member {by} asked for it.",
    ("member", "by"),
)
WARD_OPENED = Event(
    "ward_opened",
    "55d84b748b384bfeb4ca68bb3de39c9d",
    Severity.NOTICE,
    "The locker of member {member} was opened by her guardian {guardian}.",
    ("member", "guardian"),
)
GUARDIAN_ENDED = Event(
    "guardian_ended",
    "96c3ab8e3d454a1f922423ec338ad5ad",
    Severity.NOTICE,
    "The guardianship over member {member} ended; the guardian's keyslot is gone.",
    ("member",),
)
APP_PASSWORD_MADE = Event(
    "app_password_made",
    "855a510974684dad8c4280cae5c07ac1",
    Severity.NOTICE,
    "Member {member} made an app password.",
    ("member",),
)
APP_PASSWORD_DROPPED = Event(
    "app_password_dropped",
    "4ff265a7e7c649bc9ea4b59604746a74",
    Severity.NOTICE,
    "Member {member} dropped an app password.",
    ("member",),
)
APP_OPENED = Event(
    "app_opened",
    "df5cb83f7c6d448da7a39c5635180850",
    Severity.INFO,
    "A program opened a session on the locker of member {member}.",
    ("member",),
)
WRONG_APP_PASSWORD = Event(
    "wrong_app_password",
    "5280a94a24e04832aa56185e74791c63",
    Severity.NOTICE,
    "A wrong app password was tried for member {member}.",
    ("member",),
)
PASSKEY_ADDED = Event(
    "passkey_added",
    "2134295ee0764bf882b27912cccd65df",
    Severity.NOTICE,
    "Member {member} added a passkey.",
    ("member",),
)
PASSKEY_DROPPED = Event(
    "passkey_dropped",
    "814eb15aba4b4fdd9a3b1e17655ea1f2",
    Severity.NOTICE,
    "Member {member} dropped a passkey.",
    ("member",),
)
PASSKEY_USED = Event(
    "passkey_used",
    "84a661023d05417b858a93395f34c6f5",
    Severity.INFO,
    "Member {member} logged in with a passkey.",
    ("member",),
)
PASSKEY_REFUSED = Event(
    "passkey_refused",
    "a6db3656c2e94b868c6fde704e06facb",
    Severity.NOTICE,
    "A passkey was refused for member {member} ({why}).",
    ("member", "why"),
)
WIRE_SLOW = Event(
    "wire_slow",
    "ef9e404880304217b49934df285451cd",
    Severity.WARNING,
    "The library that talks to other boxes is not the one this release was made for; backups go on, slowly.",
)
PEER_PAIRED = Event(
    "peer_paired",
    "27d8ed3cd8fe4394b9ef1e3c403afc38",
    Severity.NOTICE,
    "The box {peer} is in the circle from now on: both owners said yes.",
    ("peer",),
)
SHELF_CAME = Event(
    "shelf_came",
    "3c8d1c2e6a0f4b0d9f6c7a1b52d4e871",
    Severity.NOTICE,
    "The shelf {shelf} was plugged in.",
    ("shelf",),
)
SHELF_WENT = Event(
    "shelf_went",
    "e1f0b7a94d0c4b7c8a55d9d3a2c61f90",
    Severity.NOTICE,
    "The shelf {shelf} was unplugged.",
    ("shelf",),
)
SHELF_RESTORED = Event(
    "shelf_restored",
    "7b0e4c1f53a94b0c8d5d21f6a98e3c47",
    Severity.NOTICE,
    "The locker of member {member} came back from a shelf: {packs} packs, {left} were not whole there.",
    ("member", "packs", "left"),
)
SHELF_MENDED = Event(
    "shelf_mended",
    "7b54a8a0c2e14f6cb9d50f6e83a7d142",
    Severity.WARNING,
    "{count} packs on the shelf {shelf} had changed or could not be read.",
    ("count", "shelf"),
)
PEER_LEAVES = Event(
    "peer_leaves",
    "495f084fb9d246bfa731784517da470e",
    Severity.NOTICE,
    "The exchange with the box {peer} ends in 30 days.",
    ("peer",),
)
CIRCLE_ALARM = Event(
    "circle_alarm",
    "88d8a8c63b0e4abdb3a77a3fd400ca8c",
    Severity.WARNING,
    "Somebody should look at the circle: {kind} ({amount}; {peer}).",
    ("kind", "amount", "peer"),
)
SHARDS_REPAIRED = Event(
    "shards_repaired",
    "5d0f7e1b6c2a4f0e9c3b8a7d6e5f4c31",
    Severity.NOTICE,
    "The box {peer} made {count} pieces again while this one was away.",
    ("peer", "count"),
)
SHARDS_REBUILT = Event(
    "shards_rebuilt",
    "8e2b4c6d0a1f4e3b9d7c5a6f8b0e2d14",
    Severity.NOTICE,
    "While the box {peer} is away, {count} of its pieces were made again.",
    ("peer", "count"),
)
SHARDS_FORGOTTEN = Event(
    "shards_forgotten",
    "98ba2e82d24f407f9e8fc1962e1dd3c6",
    Severity.NOTICE,
    "{count} shards kept for another household went, 30 days after it asked for that.",
    ("count",),
)
DELETE_WAVE = Event(
    "delete_wave",
    "96959787fc2e43f39f84971788da8c79",
    Severity.WARNING,
    "The household {peer} asked to delete {count} of its {held} shards kept here; they stay for 30 days.",
    ("peer", "count", "held"),
)
CUSTODY_WAITS = Event(
    "custody_waits",
    "0b3cd67dfa2143889f0f3da5ec3fb65d",
    Severity.WARNING,
    "Another box wants to act for a locker of the household {peer}; it waits until the old one was asked.",
    ("peer",),
)
LOCKER_MOVES = Event(
    "locker_moves",
    "e4f1a07c6b3d4e5f9a2c8d7b6e5f4a13",
    Severity.WARNING,
    "Somebody with its kit wants another box to act for the locker {locker} among friends.",
    ("locker",),
)
LOCKER_MOVED = Event(
    "locker_moved",
    "7d2b9c4e1f6a4830b5e7c9d1a3f50862",
    Severity.WARNING,
    "Another box acts for the locker {locker} among friends from now on; this one was replaced.",
    ("locker",),
)
CUSTODY_TAKEN = Event(
    "custody_taken",
    "a8f318dac9694ff59f4277f2dde05210",
    Severity.NOTICE,
    "Another box acts for a locker of the household {peer} from now on.",
    ("peer",),
)
CUSTODY_FORKED = Event(
    "custody_forked",
    "37d2cc4e18df41eaba4af9066d47d8d0",
    Severity.WARNING,
    "Two boxes show that they may act for one locker of the household {peer}.",
    ("peer",),
)
HEADS_FORKED = Event(
    "heads_forked",
    "4a69da90f5a4434183481e8f4d69a65c",
    Severity.WARNING,
    "Two different histories of one locker of the household {peer} were shown.",
    ("peer",),
)
HOSTED_DAMAGED = Event(
    "hosted_damaged",
    "778663cc89a947b483c4a348cc4bc7d5",
    Severity.WARNING,
    "A shard kept for another household cannot be read from the disk any more.",
)
PACK_ROTTEN = Event(
    "pack_rotten",
    "82b7357276294a34845e5c1d6b2d945f",
    Severity.ERROR,
    "A sealed pack on this disk is not what was written; friends' shards of it are. Verify the lockers.",
)
HOSTED_REREAD = Event(
    "hosted_reread",
    "8f55dce4226745f1a76c3049d72d3af7",
    Severity.NOTICE,
    "The folder of shards kept for others was read through; {count} are there.",
    ("count",),
)

ALL: tuple[Event, ...] = tuple(
    dict.fromkeys(
        value
        for value in (*tuple(globals().values()), *vars(box_events).values(), *vars(restore_events).values())
        if isinstance(value, Event)
    )
)
"""The catalogue, in the order of this file."""
