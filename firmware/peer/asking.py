"""The asking side of one stream: a request becomes bytes, bytes become the answer, in whatever pieces they come.

``Call`` is a request with its body, ``Asking`` one attempt at it. ``greet``, ``reserve``, ``put_shard``, ``get_shard``
are conversations: generators that yield Calls and are sent the answer (``Heard``), or have the error thrown into them;
whoever drives them owns streams, time-outs and pauses. ``talk`` drives one over plain functions.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, Generic, TypeVar

from blake3 import blake3

from firmware.errors import (
    BadSeal,
    BoxError,
    LinkLost,
    PeerGarbled,
    PeerOffersLess,
    PeerUnpaired,
    PeerWrongHash,
    ShardMissing,
    ShardWrong,
    WrongOffset,
)
from firmware.lean import dataclass
from firmware.limits import MIB, PEER_BODY_BYTES, PEER_PIECE_BYTES, PEER_READ_BYTES, PEER_TRIES
from firmware.peer.fields import read_part, write_part
from firmware.peer.frames import FrameBody, FrameHead, Reading, frame_head
from firmware.peer.messages import (
    VERSION,
    VERSIONS,
    Get,
    Got,
    Greeted,
    Hello,
    Keeping,
    Put,
    Putted,
    Request,
    Reserve,
    Reserved,
    Status,
    Statuses,
)
from firmware.peer.saying_no import refused
from firmware.peer.signed import Card, Receipt, read_card, read_receipt
from firmware.peer.versions import agreed

A = TypeVar("A")
R = TypeVar("R")

Source = Callable[[int, int], bytes]
"""Gives ``count`` bytes from ``offset`` on; the same bytes each time."""
Sink = Callable[[int, bytes], None]
"""Takes bytes that belong at ``offset``."""


@dataclass(frozen=True)
class Call(Generic[A]):
    """A request and the body that goes with it: ``size`` bytes from ``offset`` of ``source``, with their BLAKE3."""

    request: Request[A]
    size: int = 0
    digest: bytes = b""
    source: Source | None = None
    offset: int = 0

    @classmethod
    def with_body(cls, request: Request[A], body: bytes) -> Call[A]:
        """A request whose body is held in memory."""
        return cls(request, len(body), blake3(body).digest(), lambda at, count: body[at : at + count])

    def pieces(self, piece: int = PEER_READ_BYTES) -> Iterator[bytes]:
        """The body, piece by piece."""
        for at in range(0, self.size, piece):
            assert self.source is not None, "a body has a source"
            yield self.source(self.offset + at, min(piece, self.size - at))


@dataclass(frozen=True)
class Heard(Generic[A]):
    """An answer and its body."""

    answer: A
    body: bytes


class Asking(Generic[A]):
    """One attempt at a call: send ``head()`` and the call's pieces, ``feed`` what comes back until ``done``."""

    def __init__(self, call: Call[A], *, version: int = VERSION) -> None:
        """``version``: what both boxes agreed to speak."""
        self.call, self._version = call, version
        self._reading = Reading()
        self._body = bytearray()
        self._heard: Heard[A] | None = None

    def head(self) -> bytes:
        """The first bytes to send."""
        fields = {"v": self._version, "op": self.call.request.OP, **write_part(self.call.request)}
        return frame_head(fields, self.call.size, self.call.digest)

    @property
    def done(self) -> bool:
        """True when the answer is whole. It may be so before the body is sent: then stop sending, it is a no."""
        return self._reading.ended

    def feed(self, data: bytes) -> None:
        """Take bytes of the answer; raises PeerGarbled or PeerWrongHash."""
        for each in self._reading.feed(data):
            if isinstance(each, FrameHead):
                self._bound(each)
            elif isinstance(each, FrameBody):
                self._body += each.data

    def _bound(self, head: FrameHead) -> None:
        """A body is only expected with a yes, and only as long as the request allows."""
        most = self.call.request.ANSWER_BODY if head.fields.get("ok") is True else 0
        if head.size > most:
            raise PeerGarbled(why="its answer is longer than was asked for")

    def heard(self) -> Heard[A]:
        """Return the answer; raises LinkLost when it did not come whole, else the error the other box told."""
        self._reading.close()
        if self._heard is None:
            head = self._reading.head
            assert head is not None, "an end comes after a head"
            if head.fields.get("ok") is not True:
                raise refused(head.fields)
            answer: A = read_part(self.call.request.ANSWER, head.fields)
            self._heard = Heard(answer, bytes(self._body))
        return self._heard


Conversation = Generator[Call[Any], Heard[Any], R]
"""Yields calls, is sent what was heard (or has a BoxError thrown in), returns its result."""


def ask(call: Call[A]) -> Generator[Call[A], Heard[A], Heard[A]]:
    """A conversation of one call."""
    heard = yield call
    return heard


def talk(conversation: Conversation[R], perform: Callable[[Call[Any]], Heard[Any]]) -> R:
    """Drive a conversation with a plain function that performs one call."""
    try:
        call = next(conversation)
        while True:
            try:
                heard = perform(call)
            except BoxError as error:
                call = conversation.throw(error)
            else:
                call = conversation.send(heard)
    except StopIteration as end:
        result: R = end.value
        return result


@dataclass(frozen=True)
class Met:
    """Another box after the greeting: its card, what both speak, its clock, and its view of our custody records."""

    card: Card
    greeted: Greeted


def greet(
    card: bytes,
    custody: tuple[bytes, ...],
    their_box: bytes,
    their_endpoint: bytes,
    handovers: tuple[bytes, ...] = (),
) -> Conversation[Met]:
    """Greet a peer; raises PeerUnpaired when it is not the box that was pinned, PeerVersion when we cannot talk."""
    heard = yield Call(Hello(card, VERSIONS, custody, handovers or None))
    greeted: Greeted = heard.answer
    agreed(VERSIONS, greeted.versions)
    if not VERSIONS[0] <= greeted.speak <= VERSIONS[1]:
        raise PeerGarbled(why="it wants to speak a version nobody offered")
    try:
        theirs = read_card(greeted.card)
    except BadSeal:
        raise PeerGarbled(why="its card is not signed by its box") from None
    if (theirs.box, theirs.endpoint) != (their_box, their_endpoint):
        raise PeerUnpaired
    return Met(theirs, greeted)


def reserve(locker: bytes, room: int, permit: bytes | None = None) -> Conversation[Reserved]:
    """Ask for room; raises PeerOffersLess when less was set aside than asked (what was, stays set aside)."""
    heard = yield Call(Reserve(locker, room, permit))
    found: Reserved = heard.answer
    if found.granted < room:
        raise PeerOffersLess(offered_mib=found.granted // MIB, asked_mib=-(-room // MIB))
    return found


@dataclass(frozen=True)
class Piece:
    """A shard to be put or fetched: of which locker, under which id, how long; ``host`` is the pinned box key there."""

    locker: bytes
    shard: bytes
    whole: int
    host: bytes
    owner: bytes = b""
    """Our own box key, which the receipt must name."""
    permit: bytes | None = None
    proof: bytes | None = None
    """With a permit to place: that it lists the shard."""
    digest: bytes = b""
    """BLAKE3 of the whole shard where it is known: spares computing it once more before it is sent."""


_AGAIN: Final = (LinkLost, WrongOffset, PeerWrongHash, ShardWrong, ShardMissing)
"""What is tried again from where the host says it stands; a host that finds its copy spoilt says that it has none."""


def put_shard(piece: Piece, source: Source) -> Conversation[Receipt]:
    """Put a shard, going on from where an earlier attempt stopped; return the verified receipt.

    A line that broke is asked anew, five times at most; then its error is raised, as every other error at once. A
    garbled receipt is PeerGarbled: the shard does not count as held.
    """
    problem: BoxError = LinkLost()
    for _ in range(PEER_TRIES):
        try:
            receipt = yield from _put_once(piece, source)
        except _AGAIN as error:
            problem = error
        else:
            return receipt
    raise problem


def _put_once(piece: Piece, source: Source) -> Conversation[Receipt]:
    heard: Heard[Any] = yield Call(Status(piece.locker, (piece.shard,), piece.permit))
    states: Statuses = heard.answer
    how, offset = _only(states)
    if how is Keeping.HELD or offset > piece.whole:
        offset = piece.whole
    size = piece.whole - offset
    put = Put(piece.locker, piece.shard, piece.whole, offset, piece.permit, piece.proof)
    digest = piece.digest if size == piece.whole and piece.digest else _digest(source, offset, size)
    heard = yield Call(put, size, digest, source, offset) if size else Call(put)
    putted: Putted = heard.answer
    if putted.receipt is None:
        raise WrongOffset(offset=putted.offset)
    return _checked(piece, putted.receipt)


def _only(states: Statuses) -> tuple[Keeping, int]:
    found = states.each()
    if len(found) != 1:
        raise PeerGarbled(why="it answers for shards nobody asked about")
    return found[0]


def _digest(source: Source, offset: int, size: int) -> bytes:
    hashed = blake3()
    for at in range(0, size, PEER_READ_BYTES):
        hashed.update(source(offset + at, min(PEER_READ_BYTES, size - at)))
    return hashed.digest()


def _checked(piece: Piece, data: bytes) -> Receipt:
    try:
        receipt = read_receipt(data)
    except BadSeal:
        raise PeerGarbled(why="its receipt is not signed") from None
    said = (receipt.locker, receipt.shard, receipt.size, receipt.owner, receipt.host)
    if said != (piece.locker, piece.shard, piece.whole, piece.owner, piece.host):
        raise PeerGarbled(why="its receipt is for something else")
    return receipt


def get_shard(piece: Piece, sink: Sink, start: int = 0) -> Conversation[int]:
    """Fetch a shard from ``start`` on, in pieces of 1 MiB, and return where it ended: ``piece.whole``.

    A line that broke is asked anew, five times in a row at most. The caller checks the shard id: ShardWrong there.
    Raises ShardMissing; PeerGarbled for a host that sends what was not asked.
    """
    if not 0 < piece.whole <= PEER_BODY_BYTES:
        raise ShardMissing
    at, broken = start, 0
    while at < piece.whole:
        count = min(PEER_PIECE_BYTES, piece.whole - at)
        try:
            heard = yield Call(Get(piece.locker, piece.shard, at, count, piece.permit))
        except (LinkLost, PeerWrongHash):
            broken += 1
            if broken >= PEER_TRIES:
                raise
            continue
        got: Got = heard.answer
        if got.whole != piece.whole or len(heard.body) != count:
            raise PeerGarbled(why="it sends a shard of another length")
        sink(at, heard.body)
        at, broken = at + count, 0
    return at
