"""What answering needs from the box behind it: the ``Host`` keeps bytes and decides; nothing here does.

Every method may raise a BoxError, which the other box hears as its code (``saying_no``). Sizes are bytes, times ms
since 1970 UTC by the host's own ratcheted clock. Methods are plain calls: a service runs them where it may block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from firmware.errors import PeerBusy
from firmware.limits import PEER_PUTS, PEER_REQUESTS
from firmware.peer.messages import (
    Capsule,
    Head,
    Keeping,
    KitGet,
    KitGiven,
    Lease,
    ManifestPart,
    NewerCustody,
    Notice,
    Pick,
    Rebuild,
    Repair,
    Reserved,
    Role,
    Seen,
)
from firmware.peer.parts import PartAsk, PartAsked, PartKeyed, PartPut, PartSay
from firmware.peer.signed import Card, Custody, HeldCustody, HeldHandover, HeldReport, Permit, Verdict
from firmware.seal import SigningKey


@dataclass(frozen=True)
class OwnBox:
    """This box among others: its signing key, the key its transport proves, its signed card."""

    key: SigningKey
    endpoint: bytes
    card: bytes


@dataclass
class Caller:
    """One link to another box: the box key pinned for the key it proved (None: a stranger), and what is under way.

    A ``guest`` is in no circle with this box; a friend introduced it. It may use a permit and nothing else.
    """

    endpoint: bytes
    box: bytes | None
    guest: bool = False
    restoring: frozenset[tuple[bytes, bytes]] = frozenset()
    """Locker and custody key of kits this box proved to have, while it is in no circle: it may greet for them."""
    address: str = ""
    """Where it called from, as far as that is known."""
    requests: int = 0
    puts: int = 0

    def enter(self, *, put: bool) -> None:
        """Count a request in; raises PeerBusy beyond the limits of one peer."""
        if self.requests >= PEER_REQUESTS or (put and self.puts >= PEER_PUTS):
            raise PeerBusy
        self.requests += 1
        self.puts += put

    def leave(self, *, put: bool) -> None:
        """Count a request out."""
        self.requests -= 1
        self.puts -= put


@dataclass(frozen=True)
class Authority:
    """Who asks for which locker: ``custody`` is the record in force; ``box`` is its box, or a permitted delegate."""

    box: bytes
    custody: HeldCustody
    permit: Permit | None = None
    """What lets a delegate ask."""

    @property
    def locker(self) -> bytes:
        """The locker's id."""
        return self.custody.record.locker

    @property
    def record(self) -> Custody:
        """The custody record in force."""
        return self.custody.record

    @property
    def delegated(self) -> bool:
        """True when a permit, not custody, lets this box ask."""
        return self.permit is not None


class Introduction(NamedTuple):
    """What a peer says of another box: its card (verified, and as signed), what it does, until when, its household."""

    card: Card
    data: bytes
    role: Role
    until_ms: int
    roof: int | None = None
    """See ``Introduce``; None: it did not say."""


class Arriving(Protocol):
    """One shard on its way in, appended from the offset that ``begin_put`` was given."""

    def write(self, data: bytes) -> None:
        """Append; what was written survives a broken line and is found again by ``status``. Raises Full."""
        ...

    def finish(self, now_ms: int) -> int | None:
        """The announced bytes are here. Return None while the shard is not whole.

        When it is: check it against its id, make it durable, return when (ms). A wrong one is dropped: ShardWrong.
        """
        ...

    def abandon(self) -> None:
        """The line broke, or the bytes had the wrong hash; keep what was written (the id is checked at the end)."""
        ...


class Host(Protocol):
    """Keeps shards for other households, and what they want remembered."""

    # Meeting

    def greeted(self, caller: Caller, card: Card, data: bytes, now_ms: int) -> None:
        """The box of ``card`` (verified, of the pinned box key) is here; renews leases, keeps newer addresses."""
        ...

    def custodies(self, locker: bytes) -> Sequence[HeldCustody]:
        """The records in force for a locker id, one for each custody key."""
        ...

    def show_custody(self, shown: HeldCustody, now_ms: int) -> tuple[Verdict, int]:
        """Take, park or refuse a verified record (``custody_verdict`` decides); return what, and until when (ms)."""
        ...

    def newer_custody(self, shown: HeldCustody) -> NewerCustody | None:
        """Return the record of another box above this one, under the same custody key, that is in force or waits."""
        ...

    def show_handover(self, shown: HeldHandover, now_ms: int) -> bool:
        """From now on the key ``after`` has custody where ``before`` has it, for the box in force; whether it has."""
        ...

    def offer(self, caller: Caller, quota: int, used: int, now_ms: int) -> tuple[int, int]:
        """The peer gives us ``quota`` of which we use ``used``; return the same from here."""
        ...

    def notice(self, caller: Caller, notice: Notice, now_ms: int) -> None:
        """The other household says something."""
        ...

    def vouch(self, caller: Caller, seen: Sequence[Seen], now_ms: int) -> None:
        """A peer heard the boxes of these lockers; times from the future count as now."""
        ...

    # Kits

    def keeps_kits(self, now_ms: int) -> bool:
        """Whether strangers may ask with a kit just now."""
        ...

    def kit_get(
        self, caller: Caller, card: Card, request: KitGet, endpoint: bytes, now_ms: int
    ) -> tuple[KitGiven, bytes]:
        """Return the capsule a kit asks for; ``card`` is verified and of the endpoint that was proved.

        ``endpoint`` is our own, which the question names. From then on the box of ``card`` may greet for that locker.
        Raises KitUnknown, TooManyTries.
        """
        ...

    # Helping

    def introduce(self, caller: Caller, said: Introduction) -> None:
        """A peer says that another box acts with it. Raises PeerBusy."""
        ...

    def introduced(self, owner: bytes, box: bytes) -> bool:
        """Whether ``owner`` said that ``box`` is its delegate, and did not take it back."""
        ...

    def whereabouts(self, caller: Caller, boxes: Sequence[bytes]) -> Sequence[bytes]:
        """The cards known here of these boxes, as signed; to a delegate of somebody alone."""
        ...

    def repaired(self, authority: Authority, after_ms: int) -> Sequence[Repair]:
        """What this box repaired for a locker after ``after_ms``, the oldest first."""
        ...

    # Keeping

    def reserve(self, authority: Authority, size: int, now_ms: int) -> Reserved:
        """Set up to ``size`` bytes aside within the quota."""
        ...

    def status(self, authority: Authority, shards: Sequence[bytes]) -> Sequence[tuple[Keeping, int]]:
        """How each shard is kept; with the bytes here of a partial one."""
        ...

    def begin_put(self, authority: Authority, shard: bytes, whole: int, offset: int, size: int) -> Arriving:
        """Take ``size`` bytes from ``offset`` on, from what was reserved. Raises WrongOffset, PeerQuota, Full."""
        ...

    def received_ms(self, authority: Authority, shard: bytes) -> tuple[int, int]:
        """Return (length, when it became whole) of a shard held here; raises ShardMissing."""
        ...

    def read(self, authority: Authority, shard: bytes, offset: int, count: int) -> tuple[int, bytes]:
        """Return (length of the shard, up to ``count`` bytes from ``offset``); raises ShardMissing."""
        ...

    def renew(self, caller: Caller, authorities: Sequence[Authority], now_ms: int) -> Sequence[Lease]:
        """Renew the leases of these lockers; return them in this order."""
        ...

    def delete_ask(self, authority: Authority, shards: Sequence[bytes], when_ms: int, now_ms: int) -> tuple[int, int]:
        """Set shards to go in 30 days or later; return (when, how many)."""
        ...

    def delete_cancel(self, authority: Authority, shards: Sequence[bytes]) -> None:
        """These shards stay."""
        ...

    # Proving

    def leaves(self, authority: Authority, nonce: bytes, picks: Sequence[Pick]) -> bytes:
        """BLAKE3 keyed with ``nonce`` over the picked leaves; raises ShardMissing."""
        ...

    def whole(self, authority: Authority, shard: bytes, nonce: bytes) -> bytes:
        """BLAKE3 keyed with ``nonce`` over the whole shard; raises ShardMissing."""
        ...

    def prove(
        self, authority: Authority, shard: bytes, leaves: Sequence[int]
    ) -> tuple[int, Sequence[bytes], Sequence[bytes]]:
        """Return (length of the shard, leaves, the Merkle proof of each); raises ShardMissing."""
        ...

    # Remembering

    def head(self, authority: Authority, shown: Head | None, now_ms: int) -> Head | None:
        """Keep the highest head (``head_order`` decides; shown ones are verified); return it. Raises HeadForked."""
        ...

    def capsule_put(self, authority: Authority, number: int, data: bytes, now_ms: int) -> None:
        """Keep a capsule; the newest three stay, and one a month for a year."""
        ...

    def capsule_get(self, authority: Authority, number: int | None) -> tuple[Capsule, bytes]:
        """Return the capsule of that number, or the newest; raises Missing."""
        ...

    def manifest_put(self, authority: Authority, at: ManifestPart, data: bytes, permit: bytes, now_ms: int) -> None:
        """Keep a part; a number counts when all its parts are here, and the older one is dropped."""
        ...

    def manifest_get(self, authority: Authority, part: int) -> tuple[ManifestPart, bytes]:
        """Return a part of the newest whole manifest; raises Missing."""
        ...

    def rebuild(self, caller: Caller, order: Rebuild, now_ms: int) -> int:
        """Take an order to repair (its permit is checked by the boxes it is shown to); return its number."""
        ...


@runtime_checkable
class PartHost(Protocol):
    """A host that keeps parts of friends' keys (docs/formats/friends-key.md), and lets strangers ask for them."""

    def keeps_parts(self) -> bool:
        """Whether there is anything here that a stranger may ask about."""
        ...

    def part_key(self) -> PartKeyed:
        """What a part for this box is sealed to."""
        ...

    def part_put(self, authority: Authority, put: PartPut) -> None:
        """Keep a part, durably, or forget the one that is kept; an older number changes nothing."""
        ...

    def part_ask(self, caller: Caller, ask: PartAsk, card: Card, now_ms: int) -> PartAsked:
        """Say how far an ask by the box of ``card`` (verified, at its endpoint) is; raises what a no is."""
        ...

    def part_say(self, caller: Caller, said: PartSay, now_ms: int) -> None:
        """Hear of an ask, or that the box it is about says no."""
        ...

    def stolen(self, report: HeldReport, now_ms: int) -> None:
        """Refuse the box of a report (verified) from now on; raises CustodyMissing when its signer has no say here."""
        ...

    def is_stolen(self, box: bytes) -> bool:
        """Whether this box key is refused."""
        ...
