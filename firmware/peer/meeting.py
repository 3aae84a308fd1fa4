"""Messages of boxes that meet: greeting, pings, offers, notices, vouching, pairing."""

from __future__ import annotations

from enum import StrEnum

from firmware.lean import dataclass
from firmware.limits import (
    PEER_LOCKERS,
    PEER_NOTICE_BYTES,
    PEER_SIGNED_BYTES,
)
from firmware.peer.asked import HASH, ID, SIGNED, SPAN, Done, Request
from firmware.peer.fields import Flag, Many, Raw, Row, Text, Uint, key


@dataclass(frozen=True)
class CustodyState:
    """What the host thinks of one custody record: ``state`` is taken, same, waiting, older, forked or early."""

    locker: bytes = key(ID)
    epoch: int = key(Uint(0xFFFF_FFFF))
    state: str = key(Text(16, 1))
    until_ms: int = key(Uint())


@dataclass(frozen=True)
class NewerCustody:
    """A custody record above one that was shown: in force, or it ``waits`` until ``until_ms`` (host's clock)."""

    record: bytes = key(Raw(1, 256))
    waits: bool = key(Flag())
    until_ms: int = key(Uint())


@dataclass(frozen=True)
class Greeted:
    """The host's card, its versions, the one to speak from now on, its clock, and its view of each custody record.

    ``newer``: records of other boxes above the ones that were shown, as they were signed.
    """

    card: bytes = key(SIGNED)
    versions: tuple[int, ...] = key(SPAN)
    speak: int = key(Uint(0xFFFF, 1))
    now_ms: int = key(Uint())
    custody: tuple[CustodyState, ...] = key(Many(Row(CustodyState), PEER_LOCKERS))
    newer: tuple[NewerCustody, ...] | None = key(Many(Row(NewerCustody), PEER_LOCKERS), optional=True)


@dataclass(frozen=True)
class Hello(Request[Greeted]):
    """The first request of a connection: who I am, what I speak, for which lockers I act."""

    OP, ANSWER = "hello", Greeted
    card: bytes = key(SIGNED)
    versions: tuple[int, ...] = key(SPAN)
    custody: tuple[bytes, ...] = key(Many(Raw(1, 256), PEER_LOCKERS))
    handovers: tuple[bytes, ...] | None = key(Many(Raw(1, 512), PEER_LOCKERS), optional=True)


@dataclass(frozen=True)
class Pong:
    """The number back, and the host's clock."""

    number: int = key(Uint())
    now_ms: int = key(Uint())


@dataclass(frozen=True)
class Ping(Request[Pong]):
    """Is anybody there?"""

    OP, ANSWER = "ping", Pong
    number: int = key(Uint())


@dataclass(frozen=True)
class Offer(Request["Offer"]):
    """Room: what I give you and how much of it you use. The answer is the same, seen from the other side."""

    OP = "offer"
    quota: int = key(Uint())
    used: int = key(Uint())


Offer.ANSWER = Offer


class NoticeKind(StrEnum):
    """What a notice is about; a newer box may know more kinds, which are shown by their text."""

    LEAVING = "leaving"
    FULL = "full"
    QUOTA = "quota"
    MOVED = "moved"
    ALARM = "alarm"
    REBUILT = "rebuilt"


@dataclass(frozen=True)
class Notice(Request[Done]):
    """Something the other household should know; ``time_ms`` is when it happens or happened.

    ``moved`` from a box that has custody says yes to the one that waits, for ``locker`` or for all its lockers.
    """

    OP, ANSWER = "notice", Done
    kind: str = key(Text(32, 1))
    time_ms: int = key(Uint())
    text: str = key(Text(PEER_NOTICE_BYTES))
    locker: bytes | None = key(ID, optional=True)


@dataclass(frozen=True)
class Seen:
    """A locker whose box was heard."""

    locker: bytes = key(ID)
    seen_ms: int = key(Uint())


@dataclass(frozen=True)
class Vouch(Request[Done]):
    """I heard the boxes of these lockers, so nobody should think they fell silent."""

    OP, ANSWER = "vouch", Done
    seen: tuple[Seen, ...] = key(Many(Row(Seen), PEER_LOCKERS, 1))


# Pairing


@dataclass(frozen=True)
class PairOpened:
    """The inviter's half: nonce, SPAKE2 message (words only), the hash of the card that follows, version to speak."""

    nonce: bytes = key(HASH)
    card_hash: bytes = key(HASH)
    speak: int = key(Uint(0xFFFF, 1))
    message: bytes | None = key(HASH, optional=True)


@dataclass(frozen=True)
class PairOpen(Request[PairOpened]):
    """I have your invitation. ``commit`` binds my nonce and card, ``hint`` (tickets only) says which invitation."""

    OP, ANSWER = "pair_open", PairOpened
    way: str = key(Text(16, 1))
    versions: tuple[int, ...] = key(SPAN)
    commit: bytes = key(HASH)
    hint: bytes | None = key(Raw(8), optional=True)
    message: bytes | None = key(HASH, optional=True)


@dataclass(frozen=True)
class PairProved:
    """The inviter's proof that it knows the secret too, and its card, sealed."""

    proof: bytes = key(HASH)
    sealed: bytes = key(Raw(17, PEER_SIGNED_BYTES + 16))


@dataclass(frozen=True)
class PairProve(Request[PairProved]):
    """My nonce, the proof that I know the secret, my card, sealed."""

    OP, ANSWER = "pair_prove", PairProved
    nonce: bytes = key(HASH)
    proof: bytes = key(HASH)
    sealed: bytes = key(Raw(17, PEER_SIGNED_BYTES + 16))


@dataclass(frozen=True)
class PairAnswered:
    """What the inviter's owner says so far: waiting, yes or no."""

    state: str = key(Text(16, 1))


@dataclass(frozen=True)
class PairConfirm(Request[PairAnswered]):
    """My owner compared the codes; repeated until the answer is no longer waiting."""

    OP, ANSWER = "pair_confirm", PairAnswered
    yes: bool = key(Flag())
