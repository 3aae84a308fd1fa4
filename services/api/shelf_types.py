"""Requests and responses about shelves: disks with a second copy of every closed pack (docs/formats/shelf.md).

lockerd's main socket passes them on to peerd, as with the circle. Sizes are bytes, times ms since 1970 UTC; 0 is never.
"""

from __future__ import annotations

import enum

from firmware import limits
from firmware.lean import dataclass
from services.api.circle_types import PACK, PEER, FeedHead
from services.api.decode import arg
from services.api.types import ID

_NO_CONTROL = r"[^\x00-\x1f\x7f]*"
PATH = r"/[^\x00]*"


class ShelfIs(enum.StrEnum):
    """How a shelf is, the one thing to say about it."""

    WHOLE = "whole"
    """All there is to keep is on it."""
    LOOKING = "looking"
    WRITING = "writing"
    CHECKING = "checking"
    WAITING = "waiting"
    """It is there, and something still has to be written."""
    AWAY = "away"
    FULL = "full"
    SMALL = "small"
    """Even empty it would not hold everything."""
    READ_ONLY = "read-only"
    FAULTY = "faulty"
    SOURCE = "source"
    """A pack on the box itself is damaged, so it cannot be copied."""


class DiskIs(enum.StrEnum):
    """What a mounted disk could be."""

    FREE = "free"
    SHELF = "shelf"
    OTHER = "other"
    """It holds the shelf of another box."""
    CARRIES = "carries"
    """So it does, and that one has loaded shards for this box onto it."""


@dataclass(frozen=True, slots=True)
class Carried:
    """Shards on a shelf for one friend's box."""

    peer: str = arg("Whose box.", pattern=PEER)
    label: str = arg("What it is called here.")
    loaded: int = arg("Bytes of shards on the shelf for it.")
    waits: int = arg("Bytes that are meant for it and not on the shelf yet.")


@dataclass(frozen=True, slots=True)
class Shelf:
    """One disk with a second copy."""

    id: str = arg("Names it.", pattern=ID)
    label: str = arg("What it is called.")
    state: ShelfIs = arg("How it is.")
    is_there: bool = arg("Whether it is plugged in.")
    where: str = arg("Where it is, or was last.")
    kept: int = arg("Bytes of packs on it.")
    packs: int = arg("How many packs.")
    waits: int = arg("Bytes that belong on it and are not there.")
    total: int = arg("Size of its file system.")
    free: int = arg("Free bytes of it.")
    seen_ms: int = arg("When it was seen last.")
    whole_ms: int = arg("When everything was on it.")
    checked_ms: int = arg("When all of it was last read back.")
    mended: int = arg("Packs that had changed or could not be read, and were written anew.")
    done: int = arg("Of what is under way, so much is done.", default=0)
    of: int = arg("Of so much.", default=0)
    rate: int = arg("Bytes a second it takes; 0 not known.", default=0)
    is_slow: bool = arg("Whether that is little.", default=False)
    is_fat: bool = arg("Whether its file system has no journal.", default=False)
    carries: tuple[Carried, ...] = arg("What it carries to friends.", default=())


@dataclass(frozen=True, slots=True)
class MountedDisk:
    """A disk that is plugged in and could be a shelf."""

    at: str = arg("Where it is mounted.")
    state: DiskIs = arg("What it could be.")
    kind: str = arg("Its file system.")
    total: int = arg("Its size.")
    free: int = arg("Free bytes.")
    is_read_only: bool = arg("Whether nothing can be written.")
    label: str = arg("Whose shelf it is, as far as it is known.", default="")


@dataclass(frozen=True, slots=True)
class Shelves:
    """All shelves, and the disks that could be one."""

    shelves: tuple[Shelf, ...] = arg("In the order in which they were added.")
    disks: tuple[MountedDisk, ...] = arg("Disks that are plugged in and are no shelf of this box.", default=())
    needs: int = arg("Bytes a shelf of this box holds now, packs alone.", default=0)


@dataclass(frozen=True, slots=True)
class ShelfAdd:
    """Take a disk as a shelf: one new folder is made on it, nothing else changes."""

    at: str = arg("Where it is mounted.", longest=1024, pattern=PATH)
    label: str = arg("What it is called.", default="", longest=63, pattern=_NO_CONTROL)
    same_disk: bool = arg("A folder on the box's own disk, for trying it out.", default=False)


@dataclass(frozen=True, slots=True)
class ShelfId:
    """Names a shelf."""

    id: str = arg("Its id.", pattern=ID)


@dataclass(frozen=True, slots=True)
class ShelfNow:
    """Close open packs and write what is missing now."""

    id: str | None = arg("One shelf; absent all.", default=None, pattern=ID)
    check: bool = arg("Read everything on it back, too.", default=False)


@dataclass(frozen=True, slots=True)
class ShelfCarry:
    """Load shards meant for a friend's box onto a shelf."""

    id: str = arg("Which shelf.", pattern=ID)
    peer: str = arg("Which friend's box.", pattern=PEER)


@dataclass(frozen=True, slots=True)
class ShelfTake:
    """Take in what another box loaded onto a disk for this one."""

    at: str = arg("Where the disk is mounted.", longest=1024, pattern=PATH)


@dataclass(frozen=True, slots=True)
class ShelfTaken:
    """What became of it."""

    peer: str = arg("Whose shards they are.", pattern=PEER)
    label: str = arg("What that box is called here.")
    taken: int = arg("Shards that were taken in now.")
    known: int = arg("Shards that were here already.")
    left: int = arg("Shards that were not: wrong, without room, or of a locker that box does not act for.")
    size: int = arg("Bytes that were taken in.")
    why: str = arg("The sentence about the first one that was left.", default="")
    going: bool = arg("It goes on; whoever asks again hears how far it is.", default=False)


# A locker that comes back from a shelf


@dataclass(frozen=True, slots=True)
class ShelfCode:
    """Which disks could a locker come back from?"""

    code: str = arg("The claim code on the label of this box.", longest=64)


@dataclass(frozen=True, slots=True)
class ShelfDisks:
    """Disks that are plugged in and hold a shelf, whosever box made it."""

    disks: tuple[MountedDisk, ...] = arg("Each of them; `at` is what a restore from it takes.", default=())


@dataclass(frozen=True, slots=True)
class ShelfRestore:
    """Take ownership of this box and bring a locker back to it from a shelf; nobody else is needed."""

    code: str = arg("The claim code on the label of this box.", longest=64)
    at: str = arg("Where the disk is mounted.", longest=1024, pattern=PATH)
    words: str = arg("The 24 words.", longest=limits.KIT_TEXT_CHARS)
    passphrase: str = arg("The new passphrase, at least 50 bits by zxcvbn.", longest=limits.PASSPHRASE_BYTES)
    name: str = arg("The member's name.", shortest=1, longest=80, pattern=_NO_CONTROL)
    household: str = arg("What the household calls itself.", shortest=1, longest=80, pattern=_NO_CONTROL)
    device: str = arg("Where the session is used, shown in the list of sessions.", default="", longest=80)


@dataclass(frozen=True, slots=True)
class ShelfAt:
    """Names a disk."""

    at: str = arg("Where it is mounted.", longest=1024, pattern=PATH)


@dataclass(frozen=True, slots=True)
class ShelfLocker:
    """A locker on a shelf, with its newest papers that are whole."""

    locker: str = arg("Its id.", pattern=ID)
    key: str = arg("Its key file in base64; ways in of kit and friends alone.")
    custody: str = arg("The custody record of the box it was on; empty: none.", default="")
    head: FeedHead | None = arg("The newest head of its chain.", default=None)


@dataclass(frozen=True, slots=True)
class ShelfLockers:
    """All lockers on a shelf."""

    box: str = arg("The key of this box.", pattern=PEER)
    lockers: tuple[ShelfLocker, ...] = arg("Each of them.")


@dataclass(frozen=True, slots=True)
class ShelfPacksArgs:
    """Which packs of a locker are on a shelf?"""

    at: str = arg("Where the disk is mounted.", longest=1024, pattern=PATH)
    locker: str = arg("The locker's id.", pattern=ID)
    skip: int = arg("So many were told already.", default=0, low=0, high=1 << 40)


class PackIs(enum.StrEnum):
    """What is in a pack (docs/formats/pack.md)."""

    META = "meta"
    PREVIEW = "preview"
    DATA = "data"
    INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class ShelfPack:
    """One pack on a shelf."""

    pack: str = arg("Its id.", pattern=PACK)
    kind: PackIs = arg("Its kind.")
    size: int = arg("Bytes of its whole file.")
    digest: str = arg("BLAKE3 of what is behind its prelude.", pattern=PACK)


@dataclass(frozen=True, slots=True)
class ShelfPacks:
    """Some of them, names first; ``count`` and ``size`` are of all."""

    packs: tuple[ShelfPack, ...] = arg("The next ones.")
    count: int = arg("How many there are.")
    size: int = arg("Their bytes.")


@dataclass(frozen=True, slots=True)
class ShelfPackArgs:
    """Give one pack as it lies on a shelf."""

    at: str = arg("Where the disk is mounted.", longest=1024, pattern=PATH)
    locker: str = arg("The locker's id.", pattern=ID)
    kind: PackIs = arg("Its kind.")
    pack: str = arg("Its id.", pattern=PACK)
