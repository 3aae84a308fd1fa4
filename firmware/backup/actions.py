"""What a planning step asks to be done: one frozen value for each thing, carried out by whoever has the sockets.

Peers are box keys (32 bytes), lockers ids of 16 bytes, packs ids of 32 bytes, sizes bytes, times ms since 1970 UTC.
Every action with an outcome is told back to the ``CircleView`` (the method is named at each class). Until then, or
until ``CircleView.gave_up`` says that it came to nothing, it counts as under way and is not asked again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from firmware.lean import dataclass


@dataclass(frozen=True, slots=True)
class Ship:
    """Put shard ``index`` of a pack (layout k/n) to ``peer``; told back by ``shipped`` or ``refused``.

    ``size`` is the length of the shard. ``moved`` bytes of it count against the upload cap as they go (``Bucket``).
    """

    locker: bytes
    pack: bytes
    k: int
    n: int
    index: int
    peer: bytes
    size: int
    repair: bool = False


@dataclass(frozen=True, slots=True)
class Reserve:
    """Ask ``peer`` to set ``room`` bytes aside for a locker before the shards come; told back by ``reserved``.

    A ``room`` of 0 gives back what was not used up, and asks how much is used now.
    """

    locker: bytes
    peer: bytes
    room: int


@dataclass(frozen=True, slots=True)
class PickedShard:
    """Leaves of one shard that an audit asks for, in order."""

    pack: bytes
    k: int
    n: int
    index: int
    leaves: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """Ask ``peer`` for these leaves under ``nonce`` (32 bytes), compare with the local packs; told back by ``audited``.

    At most 512 leaves in all, so one request. ``deep``: the 459 leaves of a suspicion or before a restore.
    """

    locker: bytes
    peer: bytes
    nonce: bytes
    picks: tuple[PickedShard, ...]
    deep: bool = False


@dataclass(frozen=True, slots=True)
class AuditWhole:
    """Ask every named peer for the whole-shard answer of one pack; one reading of the pack serves all of them.

    ``shards`` are (index, peer). Told back by ``audited_whole``, once for each of them.
    """

    locker: bytes
    pack: bytes
    k: int
    n: int
    shards: tuple[tuple[int, bytes], ...]
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Renew:
    """Renew the leases of these lockers (at most 64) at ``peer``; told back by ``renewed``."""

    peer: bytes
    lockers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Vouch:
    """Tell ``peer`` which boxes were heard lately (the hosting side knows them); told back by ``renewed`` too."""

    peer: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Give ``peer`` the newest signed head of a locker, number ``number``; told back by ``told``."""

    locker: bytes
    peer: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Capsule:
    """Give ``peer`` capsule ``number`` of a locker; told back by ``told``."""

    locker: bytes
    peer: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Give the delegate ``peer`` the manifest of a locker, as it is at ``number``; told back by ``told``."""

    locker: bytes
    peer: bytes
    number: int


@dataclass(frozen=True, slots=True)
class OldShard:
    """A shard that is no longer wanted where it is."""

    pack: bytes
    k: int
    index: int


@dataclass(frozen=True, slots=True)
class AskDelete:
    """Ask ``peer`` to let shards go (it waits 30 days by its own clock); told back by ``deleted``."""

    locker: bytes
    peer: bytes
    shards: tuple[OldShard, ...]


@dataclass(frozen=True, slots=True)
class CancelDelete:
    """Tell ``peer`` that shards asked away are wanted after all; told back by ``kept``."""

    locker: bytes
    peer: bytes
    shards: tuple[OldShard, ...]


class AlarmKind(StrEnum):
    """What an owner should look at."""

    CHANGE = "change"
    """Far more than usual was written to a locker in a day (``amount``: bytes)."""
    DELETES = "deletes"
    """More than a fifth of a locker would be asked away in 30 days; it waits for a person (``amount``: bytes)."""
    WRONG = "wrong"
    """A peer gave a wrong answer (``amount``: strikes)."""
    SUSPENDED = "suspended"
    """A peer is suspended (``amount``: strikes; 0 means silence)."""
    LOST = "lost"
    """A peer counts as lost; what it kept is made again elsewhere."""
    FULL = "full"
    """New data waits because no household has room (``amount``: bytes that wait); nothing old goes for it."""
    TOO_FEW = "too-few"
    """Packs lack shards and no household is left to take them (``amount``: packs)."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something for the owner's eyes, told once when it begins; ``peer`` or ``locker`` say about whom."""

    kind: AlarmKind
    amount: int = 0
    peer: bytes = b""
    locker: bytes = b""


Action: TypeAlias = (
    Ship | Reserve | Audit | AuditWhole | Renew | Vouch | Head | Capsule | Manifest | AskDelete | CancelDelete | Alarm
)
"""Everything ``plan`` may ask for."""


class Trouble(StrEnum):
    """Why something asked of a peer came to nothing."""

    AWAY = "away"
    """No line, or it broke: nobody's fault."""
    FULL = "full"
    """The peer has no room (peer-quota, peer-offers-less, full)."""
    REFUSED = "refused"
    """The peer says no for another reason: custody, permit, older version."""
    OURS = "ours"
    """The local pack could not be read, or the box is out of room itself."""


class Answer(StrEnum):
    """How a peer answered an audit."""

    GOOD = "good"
    WRONG = "wrong"
    """The answer is not that of the bytes: the only thing that counts as a lie."""
    MISSING = "missing"
    """The peer says itself that it does not keep a shard that it gave a receipt for."""
    SILENT = "silent"
    """No answer came: says nothing about the peer's honesty."""
