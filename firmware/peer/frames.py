"""Frames: ``u32 length of the head | head (CBOR map) | body of size bytes``, once in each direction of a stream.

``Reading`` takes bytes as they come, in any pieces, and gives a head, then pieces of the body, then the end. It keeps
at most one head; the body passes through, hashed. Every length is checked before anything is set aside for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from blake3 import blake3

from firmware.errors import LinkLost, PeerGarbled, PeerWrongHash
from firmware.lean import dataclass
from firmware.limits import PEER_BODY_BYTES, PEER_HEAD_BYTES
from firmware.peer.cbor import Value, dumps, loads
from firmware.peer.fields import Raw, Uint

LENGTH_BYTES: Final = 4
FRAME_KEYS: Final = frozenset({"size", "hash"})
_SIZE, _HASH = Uint(PEER_BODY_BYTES, 1), Raw(32)


@dataclass(frozen=True)
class FrameHead:
    """The map of a frame, and the length of the body that follows."""

    fields: Mapping[str, Value]
    size: int


@dataclass(frozen=True)
class FrameBody:
    """The next bytes of the body."""

    data: bytes


@dataclass(frozen=True)
class FrameEnd:
    """The body came whole and has the hash that the head promised."""


Frame = FrameHead | FrameBody | FrameEnd


def frame_head(fields: Mapping[str, Value], size: int = 0, digest: bytes = b"") -> bytes:
    """Return length and head; ``size`` and ``digest`` (BLAKE3) of the body that the caller sends after it."""
    found = dict(fields)
    if FRAME_KEYS & found.keys():
        raise ValueError("a message with a key of the frame")
    if size:
        found |= {"size": size, "hash": digest}
    head = dumps(found)
    if len(head) > PEER_HEAD_BYTES or size > PEER_BODY_BYTES:
        raise ValueError("a frame longer than any box takes")
    return len(head).to_bytes(LENGTH_BYTES, "big") + head


def frame(fields: Mapping[str, Value], body: bytes = b"") -> bytes:
    """Return a whole frame."""
    return frame_head(fields, len(body), blake3(body).digest()) + body


class Reading:
    """One frame, read as it comes."""

    def __init__(self, head_bytes: int = PEER_HEAD_BYTES) -> None:
        """``head_bytes``: longest head taken; strangers get less than peers."""
        self._most = head_bytes
        self._held = bytearray()
        self._want = LENGTH_BYTES
        self._in_head = False
        self._left = 0
        self._digest = b""
        self._hash = blake3()
        self.head: FrameHead | None = None
        self.ended = False

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; return what became whole. Raises PeerGarbled or PeerWrongHash, and is spent then."""
        found: list[Frame] = []
        rest = memoryview(data)
        while rest:
            if self.ended:
                raise PeerGarbled(why="there is something after the end")
            rest = self._body(rest, found) if self.head else self._before_body(rest, found)
        return found

    @property
    def coming(self) -> int:
        """Bytes of the body that are still to come, as the head says; 0 before it."""
        return self._left

    def close(self) -> None:
        """The stream ended; raises LinkLost when the frame did not."""
        if not self.ended:
            raise LinkLost

    def _before_body(self, rest: memoryview, found: list[Frame]) -> memoryview:
        take = min(self._want - len(self._held), len(rest))
        self._held += rest[:take]
        if len(self._held) == self._want:
            held = bytes(self._held)
            self._held.clear()
            if self._in_head:
                self._open(held, found)
            else:
                self._length(held)
        return rest[take:]

    def _length(self, held: bytes) -> None:
        self._want = int.from_bytes(held, "big")
        if not 1 <= self._want <= self._most:
            raise PeerGarbled(why=f"its head is longer than {self._most} bytes, or empty")
        self._in_head = True

    def _open(self, held: bytes, found: list[Frame]) -> None:
        fields = loads(held)
        if not isinstance(fields, dict):
            raise PeerGarbled(why="its head is not a map")
        if ("size" in fields) != ("hash" in fields):
            raise PeerGarbled(why="a body has a size and a hash")
        if "size" in fields:
            self._left = _SIZE.read(fields["size"], "size")
            self._digest = _HASH.read(fields["hash"], "hash")
        self.head = FrameHead(fields, self._left)
        found.append(self.head)
        if not self._left:
            self._end(found)

    def _body(self, rest: memoryview, found: list[Frame]) -> memoryview:
        piece = bytes(rest[: self._left])
        self._left -= len(piece)
        self._hash.update(piece)
        found.append(FrameBody(piece))
        if not self._left:
            if self._hash.digest() != self._digest:
                raise PeerWrongHash
            self._end(found)
        return rest[len(piece) :]

    def _end(self, found: list[Frame]) -> None:
        self.ended = True
        found.append(FrameEnd())
