"""Events about kits, rehearsals and lockers that come back; part of the catalogue ``firmware.events``."""

from __future__ import annotations

from firmware.event import Event, Severity

KIT_SHOWN = Event(
    "kit_shown",
    "5b1f0c7d94e84a0f8a3d6c2be1f7902c",
    Severity.NOTICE,
    "Somebody with the recovery kit of the household {peer} asked for what is kept for it.",
    ("peer",),
)
KIT_WRONG = Event(
    "kit_wrong",
    "c7a9e2d05f3148b6b2e04d8f6a1c3b57",
    Severity.WARNING,
    "Somebody asked with a recovery kit that nothing is kept for.",
)
DRILL_ENDED = Event(
    "drill_ended",
    "5f4c2b8e0d6a4d0c9c1f7a35b9e2d841",
    Severity.NOTICE,
    "A restore was rehearsed from friends alone: {how}; {packs} packs came back, {files} files were compared.",
    ("how", "packs", "files"),
)
DRILL_FAILED = Event(
    "drill_failed",
    "c07e1d95a3b64f2f8d1b6e4a9078f35c",
    Severity.ERROR,
    "A rehearsal of a restore failed: {count} packs or files did not come back as they were.",
    ("count",),
)
RESTORE_BEGUN = Event(
    "restore_begun",
    "4bb29ee901469fbd748cdb2310fbde8f",
    Severity.NOTICE,
    "The locker of member {member} comes back from friends.",
    ("member",),
)
RESTORE_NAMES = Event(
    "restore_names",
    "3e798dd108ba6a95ffb43a031d9a406a",
    Severity.NOTICE,
    "The names of the locker of member {member} are here again: {records}.",
    ("member", "records"),
)
RESTORE_DONE = Event(
    "restore_done",
    "d54a1ccc65ac424cf6bed106fac69ccb",
    Severity.NOTICE,
    "The locker of member {member} is back: {packs} packs, {bytes} bytes came from friends.",
    ("member", "packs", "bytes"),
)
RESTORE_GOES_ON = Event(
    "restore_goes_on",
    "6d1c7a0e3f5b4c8f9b52e0a7d4318c6e",
    Severity.NOTICE,
    "The locker of member {member} is closed; what needs no key goes on coming back from friends.",
    ("member",),
)
RESTORE_WAITS = Event(
    "restore_waits",
    "a94f2b6c1d7e4e03b8c5f6902a1d3e78",
    Severity.NOTICE,
    "What is left of the locker of member {member} waits ({why}); it goes on once she opens it.",
    ("member", "why"),
)
RESTORE_LET_IN = Event(
    "restore_let_in",
    "ab885f0381f96573d4d80737fcf7c176",
    Severity.NOTICE,
    "The friend's box {peer} takes this box as the one that acts for a locker that comes back.",
    ("peer",),
)
RESTORE_SHARD_WRONG = Event(
    "restore_shard_wrong",
    "f1d09992ffd908c2893d00de4cbd606f",
    Severity.WARNING,
    "A piece of a locker that comes back is {how} at the friend's box {peer}; another one takes its place.",
    ("peer", "how"),
)
