"""What every request has in common, and the kinds of fields that many messages use."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Generic, TypeVar

from firmware.lean import dataclass
from firmware.limits import PEER_BODY_BYTES, PEER_SHARDS_ASKED, PEER_SIGNED_BYTES, SHARD_LEAF_BYTES
from firmware.peer.fields import Kind, Many, Raw, Uint

VERSION: Final = 1
"""The major version this code was written for."""
VERSIONS: Final = (1, 1)
"""Oldest and newest major version this code speaks."""

ID: Final = Raw(16)
HASH: Final = Raw(32)
SIGNED: Final = Raw(1, PEER_SIGNED_BYTES)
SHARD_BYTES: Final = Uint(PEER_BODY_BYTES, 1)
LEAF: Final = Uint(PEER_BODY_BYTES // SHARD_LEAF_BYTES)
SHARDS: Final = Many(HASH, PEER_SHARDS_ASKED, 1)
SPAN: Final = Many(Uint(0xFFFF, 1), 2, 2)
PERMIT: Final[Kind] = Raw(1, PEER_SIGNED_BYTES)

A = TypeVar("A")


@dataclass(frozen=True)
class Request(Generic[A]):
    """What one box asks of another; ``A`` is the class of the answer. No message has a key that frames use."""

    OP: ClassVar[str]
    ANSWER: ClassVar[type[Any]]
    BODY: ClassVar[int] = 0
    ANSWER_BODY: ClassVar[int] = 0


@dataclass(frozen=True)
class Done:
    """It is done, and durable where that matters."""
