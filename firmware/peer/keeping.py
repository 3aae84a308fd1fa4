"""Messages about shards: room, putting and getting, leases, deletes, audits, proofs."""

from __future__ import annotations

from enum import IntEnum

from firmware.errors import PeerGarbled
from firmware.lean import dataclass
from firmware.limits import (
    PEER_AUDIT_LEAVES,
    PEER_BODY_BYTES,
    PEER_LISTED_BYTES,
    PEER_LOCKERS,
    PEER_PIECE_BYTES,
    PEER_PROOF_LEAVES,
    PEER_SHARDS_ASKED,
    SHARD_LEAF_BYTES,
)
from firmware.peer.asked import HASH, ID, LEAF, PERMIT, SHARD_BYTES, SHARDS, SIGNED, Done, Request
from firmware.peer.fields import Many, Raw, Row, Uint, key


@dataclass(frozen=True)
class Reserved:
    """``granted`` bytes are set aside (less than asked when there is less), of a quota with ``used`` taken."""

    granted: int = key(Uint())
    quota: int = key(Uint())
    used: int = key(Uint())


@dataclass(frozen=True)
class Reserve(Request[Reserved]):
    """Set ``room`` bytes aside for shards of this locker, before any byte is sent."""

    OP, ANSWER = "reserve", Reserved
    locker: bytes = key(ID)
    room: int = key(Uint())
    permit: bytes | None = key(PERMIT, optional=True)


class Keeping(IntEnum):
    """How a host has a shard."""

    MISSING = 0
    PARTIAL = 1
    HELD = 2


@dataclass(frozen=True)
class Statuses:
    """One byte of Keeping for each shard asked about, in order; ``offsets``: one for each partial, in order."""

    states: bytes = key(Raw(1, PEER_SHARDS_ASKED))
    offsets: tuple[int, ...] = key(Many(Uint(PEER_BODY_BYTES), PEER_SHARDS_ASKED))

    def each(self) -> list[tuple[Keeping, int]]:
        """Return (how, bytes kept of a partial one) for each shard; raises PeerGarbled when the lists do not fit."""
        offsets = iter(self.offsets)
        try:
            found = [(Keeping(state), next(offsets) if state == Keeping.PARTIAL else 0) for state in self.states]
        except (ValueError, StopIteration):
            raise PeerGarbled(why="the states of the shards make no sense") from None
        return found


@dataclass(frozen=True)
class Status(Request[Statuses]):
    """Which of these shards are held, and how far are the others?"""

    OP, ANSWER = "status", Statuses
    locker: bytes = key(ID)
    shards: tuple[bytes, ...] = key(SHARDS)
    permit: bytes | None = key(PERMIT, optional=True)


@dataclass(frozen=True)
class Putted:
    """How far the shard is now; ``receipt`` (signed by the host) when it is whole, checked and durable."""

    offset: int = key(Uint(PEER_BODY_BYTES))
    receipt: bytes | None = key(SIGNED, optional=True)


@dataclass(frozen=True)
class Put(Request[Putted]):
    """The bytes of a shard of ``whole`` bytes from ``offset`` on. Without a body: the receipt of a held shard again.

    With a permit ``proof`` shows that the permit lists the shard.
    """

    OP, ANSWER, BODY = "put", Putted, PEER_BODY_BYTES
    locker: bytes = key(ID)
    shard: bytes = key(HASH)
    whole: int = key(SHARD_BYTES)
    offset: int = key(Uint(PEER_BODY_BYTES))
    permit: bytes | None = key(PERMIT, optional=True)
    proof: bytes | None = key(Raw(4, PEER_LISTED_BYTES), optional=True)


@dataclass(frozen=True)
class Got:
    """The bytes are the body; ``whole`` is the length of the shard."""

    whole: int = key(SHARD_BYTES)


@dataclass(frozen=True)
class Get(Request[Got]):
    """Up to ``count`` bytes of a shard from ``offset`` on; fewer only at its end."""

    OP, ANSWER, ANSWER_BODY = "get", Got, PEER_PIECE_BYTES
    locker: bytes = key(ID)
    shard: bytes = key(HASH)
    offset: int = key(Uint(PEER_BODY_BYTES))
    count: int = key(Uint(PEER_PIECE_BYTES, 1))
    permit: bytes | None = key(PERMIT, optional=True)


@dataclass(frozen=True)
class Lease:
    """How long a locker's shards are kept without another word."""

    locker: bytes = key(ID)
    until_ms: int = key(Uint())


@dataclass(frozen=True)
class Renewed:
    """The leases, in the order asked."""

    leases: tuple[Lease, ...] = key(Many(Row(Lease), PEER_LOCKERS, 1))


@dataclass(frozen=True)
class Renew(Request[Renewed]):
    """These lockers live."""

    OP, ANSWER = "renew", Renewed
    lockers: tuple[bytes, ...] = key(Many(ID, PEER_LOCKERS, 1))


@dataclass(frozen=True)
class DeleteSet:
    """``count`` shards go at ``effective_ms`` by the host's clock, unless cancelled."""

    effective_ms: int = key(Uint())
    count: int = key(Uint(PEER_SHARDS_ASKED))


@dataclass(frozen=True)
class DeleteAsk(Request[DeleteSet]):
    """These shards are no longer wanted from ``when_ms`` on; the host waits 30 days by its own clock at least."""

    OP, ANSWER = "delete_ask", DeleteSet
    locker: bytes = key(ID)
    shards: tuple[bytes, ...] = key(SHARDS)
    when_ms: int = key(Uint())


@dataclass(frozen=True)
class DeleteCancel(Request[Done]):
    """These shards are wanted after all."""

    OP, ANSWER = "delete_cancel", Done
    locker: bytes = key(ID)
    shards: tuple[bytes, ...] = key(SHARDS)


# Proving


@dataclass(frozen=True)
class Pick:
    """Leaves of one shard, in order."""

    shard: bytes = key(HASH)
    leaves: tuple[int, ...] = key(Many(LEAF, PEER_AUDIT_LEAVES, 1))


@dataclass(frozen=True)
class Audited:
    """BLAKE3 keyed with the nonce over what was asked, end to end."""

    proof: bytes = key(HASH)


@dataclass(frozen=True)
class Audit(Request[Audited]):
    """Prove that you have these leaves: at most 512 over all picks."""

    OP, ANSWER = "audit", Audited
    locker: bytes = key(ID)
    nonce: bytes = key(HASH)
    picks: tuple[Pick, ...] = key(Many(Row(Pick), PEER_AUDIT_LEAVES, 1))
    permit: bytes | None = key(PERMIT, optional=True)

    def __post_init__(self) -> None:
        """Refuse more leaves than one answer may cost a host."""
        if sum(len(pick.leaves) for pick in self.picks) > PEER_AUDIT_LEAVES:
            raise PeerGarbled(why=f"an audit asks for more than {PEER_AUDIT_LEAVES} leaves")


@dataclass(frozen=True)
class AuditWhole(Request[Audited]):
    """Prove that you have the whole shard."""

    OP, ANSWER = "audit_whole", Audited
    locker: bytes = key(ID)
    shard: bytes = key(HASH)
    nonce: bytes = key(HASH)
    permit: bytes | None = key(PERMIT, optional=True)


@dataclass(frozen=True)
class Proven:
    """The leaves are the body, end to end; ``proofs``: for each, the hashes beside its way to the root, end to end."""

    whole: int = key(SHARD_BYTES)
    proofs: tuple[bytes, ...] = key(Many(Raw(0, 32 * 16), PEER_PROOF_LEAVES, 1))


@dataclass(frozen=True)
class Prove(Request[Proven]):
    """Give these leaves with their Merkle proofs, for somebody who does not have the pack."""

    OP, ANSWER, ANSWER_BODY = "prove", Proven, PEER_PROOF_LEAVES * SHARD_LEAF_BYTES
    locker: bytes = key(ID)
    shard: bytes = key(HASH)
    leaves: tuple[int, ...] = key(Many(LEAF, PEER_PROOF_LEAVES, 1))
    permit: bytes | None = key(PERMIT, optional=True)
