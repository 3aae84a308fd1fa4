"""Requests and responses about rehearsals of a restore: from peers alone, nothing here is touched by one."""

from __future__ import annotations

import enum

from firmware import limits
from firmware.lean import dataclass
from services.api.circle_types import PACK, PEER
from services.api.decode import arg
from services.api.types import ID


class DrillIs(enum.StrEnum):
    """How the last rehearsal ended."""

    NEVER = "never"
    PASSED = "passed"
    MENDED = "mended"
    SHORT = "short"
    FAILED = "failed"


class DrillDoes(enum.StrEnum):
    """What is under way."""

    NOTHING = "nothing"
    FETCHING = "fetching"
    OPENING = "opening"


@dataclass(frozen=True, slots=True)
class DrillFriend:
    """What one friend gave in a rehearsal."""

    peer: str = arg("Its box key.", pattern=PEER)
    label: str = arg("What it is called here.")
    shards: int = arg("Shards it gave rightly.")
    size: int = arg("Their bytes.")
    wrong: int = arg("Shards that were not what they should be.", default=0)
    missing: int = arg("Shards it should have and has not.", default=0)
    away: bool = arg("Whether it was needed and could not be reached.", default=False)


@dataclass(frozen=True, slots=True)
class Drill:
    """The last rehearsal of one locker, and the one under way."""

    locker: str = arg("The locker's id.", pattern=ID)
    state: DrillIs = arg("How the last one ended.")
    ended_ms: int = arg("When; 0 never.", default=0)
    due_ms: int | None = arg("When the next one is due; absent while friends have nothing yet.", default=None)
    does: DrillDoes = arg("What is under way now.", default=DrillDoes.NOTHING)
    done: int = arg("Packs that came back in the one under way.", default=0)
    of: int = arg("Of so many.", default=0)
    packs: int = arg("Packs that came back in the last one.", default=0)
    lacking: int = arg("Packs that did not.", default=0)
    size: int = arg("Bytes of the packs that came back.", default=0)
    opened: bool = arg("Whether the locker was open, so that its keys opened them.", default=False)
    files: int = arg("Files compared bit for bit.", default=0)
    file_bytes: int = arg("Their bytes.", default=0)
    wrong_files: int = arg("Files that were not the same.", default=0)
    friends: tuple[DrillFriend, ...] = arg("Who gave what.", default=())


# ---------------------------------------------------------------- between lockerd and peerd


@dataclass(frozen=True, slots=True)
class DrillOf:
    """Names a locker."""

    locker: str = arg("Its id.", pattern=ID)


@dataclass(frozen=True, slots=True)
class DrillBegin:
    """Begin a rehearsal that lockerd will open."""

    locker: str = arg("The locker's id.", pattern=ID)
    packs: tuple[str, ...] = arg(
        "Packs wanted, those that matter most first.", longest=limits.DRILL_PACKS, pattern=PACK
    )
    asked: bool = arg("Whether a person waits for it.", default=False)


@dataclass(frozen=True, slots=True)
class DrillPacks:
    """Packs that came back and wait to be opened."""

    packs: tuple[str, ...] = arg("Their ids.", longest=limits.DRILL_PACKS, pattern=PACK)


@dataclass(frozen=True, slots=True)
class DrillPack:
    """One of them: its payload is the answer."""

    locker: str = arg("The locker's id.", pattern=ID)
    pack: str = arg("The pack's id.", pattern=PACK)


@dataclass(frozen=True, slots=True)
class DrillOpened:
    """What opening and comparing gave."""

    locker: str = arg("The locker's id.", pattern=ID)
    files: int = arg("Files compared.", low=0)
    size: int = arg("Their bytes.", low=0)
    wrong: int = arg("Files that were not the same.", low=0)
    unopened: tuple[str, ...] = arg("Packs the keys do not open.", default=(), longest=limits.DRILL_PACKS, pattern=PACK)
