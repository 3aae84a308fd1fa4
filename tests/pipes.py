"""A Transport in memory: boxes in one process whose links can be cut, slowed down, and silenced.

Streams keep the promises of ``firmware.ports``: bounded buffers (a slow reader stops the writer), a reset is never an
end, a cancelled read loses nothing. Time passes by ``asyncio.sleep`` alone, so a loop with a clock of its own works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from firmware.errors import LinkLost, PeerAway, PeerRefused
from firmware.limits import PEER_PING_SECONDS, PEER_REQUESTS
from firmware.ports import Answer, Arrived, Judge, PeerPath, Standing

WINDOW_BYTES = 1_245_184
"""What an unread stream takes before its writer waits: the same as QUIC's in iroh."""


@dataclass
class Faults:
    """What happens to everything sent one way between two boxes."""

    delay_seconds: float = 0.0
    silent: bool = False
    """Bytes and pings vanish, nobody is told; what was swallowed never comes (the link must be given up)."""
    cut_after: int | None = None
    """The link breaks when this many more bytes went over it; then the fault is over."""


class Wire:
    """All the boxes that can hear each other, and the faults between them."""

    def __init__(self) -> None:
        """Begin empty and faultless."""
        self._boxes: dict[bytes, PipeTransport] = {}
        self._faults: dict[tuple[bytes, bytes], Faults] = {}
        self.dials = 0

    def box(self, key: bytes) -> PipeTransport:
        """Plug a box in; one that closed may come back under its key."""
        made = self._boxes[key] = PipeTransport(self, key)
        return made

    def find(self, key: bytes) -> PipeTransport | None:
        """The box with this key, unless it is closed."""
        box = self._boxes.get(key)
        return box if box is not None and not box.over else None

    def faults(self, sender: bytes, receiver: bytes) -> Faults:
        """The faults on the way from ``sender`` to ``receiver``: change them in place."""
        return self._faults.setdefault((sender, receiver), Faults())

    def cut(self, one: bytes, other: bytes) -> None:
        """Break every link between two boxes now; both sides notice."""
        box = self._boxes.get(one)
        for link in list(box.links) if box is not None else ():
            if link.peer == other:
                link.close()

    def silence(self, one: bytes, other: bytes, silent: bool = True) -> None:
        """Swallow everything between two boxes, or stop doing so."""
        self.faults(one, other).silent = self.faults(other, one).silent = silent


class _Flow:
    """One direction of a stream."""

    def __init__(self, link: PipeLink) -> None:
        self.link = link  # the writer's
        self.held = bytearray()
        self.ended = self.broken = False
        self.moved = asyncio.Event()

    def stir(self) -> None:
        self.moved.set()
        self.moved = asyncio.Event()

    def break_off(self) -> None:
        self.broken = True
        self.stir()


class PipeStream:
    """A PeerStream."""

    def __init__(self, incoming: _Flow, outgoing: _Flow) -> None:
        """Read from one flow, write to the other."""
        self._in, self._out = incoming, outgoing

    async def read(self, most: int) -> bytes:
        """As the port says."""
        while not self._in.held:
            if self._in.broken or self._in.link.closed:
                raise LinkLost
            if self._in.ended:
                return b""
            await self._in.moved.wait()
        data = bytes(self._in.held[:most])
        del self._in.held[:most]
        self._in.stir()
        return data

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """As the port says."""
        if self._out.ended:
            raise LinkLost
        view = memoryview(data).cast("B")
        try:
            while view:
                room = min(WINDOW_BYTES - len(self._out.held), self._out.link.before_a_cut())
                if self._out.broken or self._out.link.closed:
                    raise LinkLost
                if room <= 0 or self._out.link.faults.silent:
                    await self._out.moved.wait()
                    continue
                await self._out.link.travel()
                self._out.held += view[:room]
                self._out.link.went(len(view[:room]))
                view = view[room:]
                self._out.stir()
        except asyncio.CancelledError:
            await self.reset()
            raise

    async def finish(self) -> None:
        """As the port says."""
        if self._out.ended or self._out.broken or self._out.link.closed:
            raise LinkLost
        self._out.ended = True
        self._out.stir()

    async def reset(self, code: int = 1) -> None:
        """As the port says."""
        if not self._out.ended:
            self._out.break_off()
        if not self._in.ended:
            self._in.break_off()

    def over(self) -> None:
        """The link has ended."""
        self._in.stir()
        self._out.stir()


class PipeLink:
    """A PeerLink: each side holds one, and the two know each other."""

    def __init__(self, owner: PipeTransport, peer: bytes, standing: Standing) -> None:
        """Join with ``twin`` afterwards."""
        self.owner, self._peer, self._standing = owner, peer, standing
        self.faults = owner.wire.faults(owner.key, peer)
        self.twin: PipeLink = self
        self._over = asyncio.Event()
        self._streams: list[PipeStream] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(PEER_REQUESTS)

    @property
    def peer(self) -> bytes:
        """As the port says."""
        return self._peer

    @property
    def standing(self) -> Standing:
        """As the port says."""
        return self._standing

    @property
    def closed(self) -> bool:
        """As the port says."""
        return self._over.is_set()

    async def open(self) -> PipeStream:
        """As the port says; the other side sees the stream at once."""
        if self.closed:
            raise LinkLost
        there, back = _Flow(self), _Flow(self.twin)
        stream, other = PipeStream(back, there), PipeStream(there, back)
        self._streams.append(stream)
        self.twin.take(other)
        return stream

    async def ping(self) -> float:
        """As the port says."""
        if self.closed:
            raise LinkLost
        if self.faults.silent or self.twin.faults.silent or self.owner.wire.find(self.peer) is None:
            await asyncio.wait({asyncio.ensure_future(self._over.wait())}, timeout=PEER_PING_SECONDS)
            raise LinkLost
        await asyncio.sleep(self.faults.delay_seconds + self.twin.faults.delay_seconds)
        return self.faults.delay_seconds + self.twin.faults.delay_seconds

    def path(self) -> PeerPath | None:
        """As the port says."""
        rtt = round(1000 * (self.faults.delay_seconds + self.twin.faults.delay_seconds))
        return None if self.closed else PeerPath(f"memory:{self.peer.hex()[:8]}", rtt, relayed=False)

    def close(self, code: int = 0) -> None:
        """As the port says."""
        for link in (self, self.twin):
            if not link._over.is_set():
                link._end()

    async def ended(self) -> None:
        """As the port says."""
        await self._over.wait()

    def take(self, stream: PipeStream) -> None:
        """A stream the peer opened."""
        self._streams.append(stream)
        task = asyncio.get_running_loop().create_task(self._serve(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def travel(self) -> None:
        """Let the bytes take their time."""
        if self.faults.delay_seconds:
            await asyncio.sleep(self.faults.delay_seconds)

    def before_a_cut(self) -> int:
        """Bytes that still go over before the link breaks."""
        return WINDOW_BYTES if self.faults.cut_after is None else max(1, self.faults.cut_after)

    def went(self, size: int) -> None:
        """Count towards a cut."""
        if self.faults.cut_after is not None:
            self.faults.cut_after -= size
            if self.faults.cut_after <= 0:
                self.faults.cut_after = None
                self.close()

    async def _serve(self, stream: PipeStream) -> None:
        answer = self.owner.answer
        if answer is None:
            return
        async with self._free:
            try:
                await answer(self, stream)
            except LinkLost:
                pass
            finally:
                await stream.reset()

    def _end(self) -> None:
        self._over.set()
        self.owner.links.discard(self)
        for stream in self._streams:
            stream.over()


@dataclass(eq=False)
class PipeTransport:
    """A Transport: one box on a Wire."""

    wire: Wire
    _key: bytes
    links: set[PipeLink] = field(default_factory=set)
    over: bool = False
    answer: Answer | None = None
    _judge: Judge | None = None
    _arrived: Arrived | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> bytes:
        """As the port says."""
        return self._key

    def addresses(self) -> tuple[str, ...]:
        """As the port says; any address leads to any box here."""
        return ("192.0.2.1:4433",)

    async def dial(self, peer: bytes, addresses: Sequence[str], relay: str | None = None) -> PipeLink:
        """As the port says."""
        self.wire.dials += 1
        for old in [link for link in self.links if link.peer == peer]:
            old.close()
        other = self.wire.find(peer)
        faults = self.wire.faults(self.key, peer)
        if self.over or other is None or faults.silent or not (addresses or relay):
            raise PeerAway
        await asyncio.sleep(faults.delay_seconds)
        if other._judge is None or other._arrived is None:
            raise PeerAway
        standing = other._judge(self.key)
        if standing is Standing.UNKNOWN:
            raise PeerRefused
        mine, theirs = PipeLink(self, peer, Standing.PINNED), PipeLink(other, self.key, standing)
        mine.twin, theirs.twin = theirs, mine
        self.links.add(mine)
        other.links.add(theirs)
        other._arrived(theirs)
        return mine

    async def serve(self, judge: Judge, answer: Answer, arrived: Arrived) -> None:
        """As the port says."""
        self._judge, self.answer, self._arrived = judge, answer, arrived
        await self._stop.wait()

    async def close(self) -> None:
        """As the port says."""
        self.die()
        self._stop.set()

    def die(self) -> None:
        """End as a process does that is killed, except that the peers notice at once."""
        self.over = True
        for link in list(self.links):
            link.close()
