"""Messages about what a circle remembers: heads, capsules, manifests, orders to rebuild."""

from __future__ import annotations

from firmware.lean import dataclass
from firmware.limits import (
    KIT_LOCKERS,
    PEER_BODY_BYTES,
    PEER_CAPSULE_BYTES,
    PEER_HOSTS,
    PEER_MANIFEST_PARTS,
    PEER_PIECE_BYTES,
    PEER_SHARD_COUNT,
)
from firmware.peer.asked import HASH, ID, PERMIT, SIGNED, Done, Request
from firmware.peer.fields import Many, Part, Raw, Row, Uint, key


@dataclass(frozen=True)
class Head:
    """The head of a locker's chain: header and signature as chain.md says, and the public head key."""

    header: bytes = key(Raw(1, 256))
    signature: bytes = key(Raw(64))
    public: bytes = key(HASH)


@dataclass(frozen=True)
class HeadKnown:
    """The highest head the host knows; none yet when left out."""

    head: Head | None = key(Part(Head), optional=True)


@dataclass(frozen=True)
class HeadSet(Request[HeadKnown]):
    """Remember this head (left out: only tell)."""

    OP, ANSWER = "head", HeadKnown
    locker: bytes = key(ID)
    head: Head | None = key(Part(Head), optional=True)


@dataclass(frozen=True)
class CapsulePut(Request[Done]):
    """Keep this capsule (the body)."""

    OP, ANSWER, BODY = "capsule_put", Done, PEER_CAPSULE_BYTES
    locker: bytes = key(ID)
    number: int = key(Uint())


@dataclass(frozen=True)
class Capsule:
    """The capsule is the body; ``numbers`` are all the host keeps."""

    number: int = key(Uint())
    numbers: tuple[int, ...] = key(Many(Uint(), 64))


@dataclass(frozen=True)
class CapsuleGet(Request[Capsule]):
    """Give the capsule of this number; the newest when left out."""

    OP, ANSWER, ANSWER_BODY = "capsule_get", Capsule, PEER_CAPSULE_BYTES
    locker: bytes = key(ID)
    number: int | None = key(Uint(), optional=True)


@dataclass(frozen=True)
class KitGiven:
    """The capsule is the body; ``numbers`` are all the host keeps for this locker, ``count`` the lockers it found.

    ``custody`` is the record in force there, ``heard_ms`` when its box was last heard (host's clock, 0 never).
    """

    count: int = key(Uint(KIT_LOCKERS, 1))
    number: int = key(Uint())
    numbers: tuple[int, ...] = key(Many(Uint(), 64))
    custody: bytes = key(Raw(1, 256))
    heard_ms: int = key(Uint())
    now_ms: int = key(Uint())


@dataclass(frozen=True)
class KitGet(Request[KitGiven]):
    """Give the capsule of the kit with this lookup id to the box of ``card``; the kit's request key signed.

    The newest one of the first locker found; ``at`` and ``number`` ask for another one.
    """

    OP, ANSWER, ANSWER_BODY = "kit_get", KitGiven, PEER_CAPSULE_BYTES
    lookup: bytes = key(HASH)
    card: bytes = key(SIGNED)
    time_ms: int = key(Uint())
    signature: bytes = key(Raw(64))
    at: int | None = key(Uint(KIT_LOCKERS - 1), optional=True)
    number: int | None = key(Uint(), optional=True)


@dataclass(frozen=True)
class ManifestPut(Request[Done]):
    """One part (the body) of the packs a delegate looks after; a number counts when all its parts are there."""

    OP, ANSWER, BODY = "manifest_put", Done, PEER_PIECE_BYTES
    locker: bytes = key(ID)
    number: int = key(Uint())
    part: int = key(Uint(PEER_MANIFEST_PARTS - 1))
    parts: int = key(Uint(PEER_MANIFEST_PARTS, 1))
    permit: bytes = key(PERMIT)


@dataclass(frozen=True)
class ManifestPart:
    """One part of the newest whole manifest; its bytes are the body."""

    number: int = key(Uint())
    part: int = key(Uint(PEER_MANIFEST_PARTS - 1))
    parts: int = key(Uint(PEER_MANIFEST_PARTS, 1))


@dataclass(frozen=True)
class ManifestGet(Request[ManifestPart]):
    """Give one part of the newest whole manifest."""

    OP, ANSWER, ANSWER_BODY = "manifest_get", ManifestPart, PEER_PIECE_BYTES
    locker: bytes = key(ID)
    part: int = key(Uint(PEER_MANIFEST_PARTS - 1))


@dataclass(frozen=True)
class Placed:
    """A shard and the boxes that hold it."""

    shard: bytes = key(HASH)
    hosts: tuple[bytes, ...] = key(Many(HASH, PEER_HOSTS))


@dataclass(frozen=True)
class Wanted:
    """Which shard of the pack is to be made again, and the box that shall hold it."""

    index: int = key(Uint(PEER_SHARD_COUNT - 1))
    host: bytes = key(HASH)


@dataclass(frozen=True)
class RebuildTaken:
    """The delegate's number of this job; notices of the kind ``rebuilt`` say how it went."""

    job: int = key(Uint())


@dataclass(frozen=True)
class Rebuild(Request[RebuildTaken]):
    """Delegate: fetch any ``k`` of these shards, make the wanted ones again, place them; the permit opens the doors."""

    OP, ANSWER = "rebuild", RebuildTaken
    locker: bytes = key(ID)
    pack: bytes = key(HASH)
    length: int = key(Uint(PEER_BODY_BYTES, 1))
    k: int = key(Uint(PEER_SHARD_COUNT, 1))
    shards: tuple[Placed, ...] = key(Many(Row(Placed), PEER_SHARD_COUNT, 1))
    wanted: tuple[Wanted, ...] = key(Many(Row(Wanted), PEER_SHARD_COUNT, 1))
    permit: bytes = key(PERMIT)
