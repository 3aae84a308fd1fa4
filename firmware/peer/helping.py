"""Messages about repair without the owner: who may come, where boxes are, what was made again."""

from __future__ import annotations

from enum import IntEnum

from firmware.lean import dataclass
from firmware.limits import PEER_CARDS, PEER_REPAIRS
from firmware.peer.asked import HASH, ID, SIGNED, Done, Request
from firmware.peer.fields import Many, Row, Uint, key


class Role(IntEnum):
    """What an introduced box is to the one that introduces it."""

    NOBODY = 0
    """An introduction is taken back."""
    HOST = 1
    """Keeps shards for it; told to delegates, so that they can dial it."""
    DELEGATE = 2
    """May repair for it; told to everybody who keeps its shards, so that they let it in."""


@dataclass(frozen=True)
class Introduce(Request[Done]):
    """A box you need not be in a circle with acts with me until ``until_ms``; a newer card replaces an older one.

    ``roof`` tells which boxes share a household: 0 is that of the box that is told, others as the sender numbers them.
    """

    OP, ANSWER = "introduce", Done
    card: bytes = key(SIGNED)
    role: int = key(Uint(2))
    until_ms: int = key(Uint())
    roof: int | None = key(Uint(), optional=True)


@dataclass(frozen=True)
class Cards:
    """Cards as their boxes signed them, in no order; what is not known is left out."""

    cards: tuple[bytes, ...] = key(Many(SIGNED, PEER_CARDS))


@dataclass(frozen=True)
class Whereabouts(Request[Cards]):
    """Where are these boxes? Whoever asks knows their keys already."""

    OP, ANSWER = "whereabouts", Cards
    boxes: tuple[bytes, ...] = key(Many(HASH, PEER_CARDS, 1))


@dataclass(frozen=True)
class Repair:
    """A shard that a delegate made again, or found at another host; ``time_ms`` is its own and never told twice."""

    shard: bytes = key(HASH)
    host: bytes = key(HASH)
    time_ms: int = key(Uint())


@dataclass(frozen=True)
class Repairs:
    """The oldest first; as many as fit, so ask on from the last one until none is left."""

    repairs: tuple[Repair, ...] = key(Many(Row(Repair), PEER_REPAIRS))


@dataclass(frozen=True)
class Repaired(Request[Repairs]):
    """What did you repair for me after ``after_ms``?"""

    OP, ANSWER = "repaired", Repairs
    locker: bytes = key(ID)
    after_ms: int = key(Uint())
