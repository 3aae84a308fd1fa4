"""One QUIC connection between two boxes and its streams, as iroh gives them, behind the ports of the house.

iroh's Python objects have edges that lose bytes: a cancelled read forgets what it had received, a sender that is
garbage-collected looks like a clean end, a dead peer is noticed after half a minute. Nothing of that leaves this
module. It never parses what a stream carries and never decides who may be linked.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Final

from iroh import BiStream, Connection, InternalError, IrohError, RecvStream, SendStream

from firmware.errors import LinkLost
from firmware.limits import (
    PEER_PING_SECONDS,
    PEER_READ_BYTES,
    PEER_REQUESTS,
    PEER_WRITE_BYTES,
    PEER_WRITE_SLOW_BYTES,
)
from firmware.linux.iroh_calls import Going
from firmware.linux.iroh_copy import MODE
from firmware.ports import Answer, PeerPath, Standing

TROUBLE: Final = (IrohError, InternalError)
"""What iroh raises: InternalError is a panic on the Rust side, which ends the one operation."""

_STEP = PEER_WRITE_SLOW_BYTES if MODE == "slow" else PEER_WRITE_BYTES
_FLOWING_BYTES: Final = PEER_READ_BYTES
"""What came before a stream counts as one that flows; questions and answers are shorter and wait for nothing."""
_PAUSE_SECONDS: Final = 0.02
"""No read waits longer for more than there is."""
_PING, _PONG = b"\0", b"\1"
_PING_BYTES = 9
_PING_AGAIN_SECONDS = 1.0
"""Datagrams are not repeated by QUIC, so a ping is sent again this often until its time is over."""


class _Pace:
    """How fast a stream flows: when it does, a read waits until there should be as much as it asks for.

    Each wake-up costs both processors of a small box more than the bytes of one packet do. The pause is what the next
    read takes at the speed of the last ones: the window of a stream (1.2 MiB) is six times a read, so nobody waits.
    """

    def __init__(self) -> None:
        self._size, self._speed, self._since = 0, 0.0, asyncio.get_running_loop().time()

    def came(self, size: int) -> None:
        """So many bytes were read."""
        self._size += size

    def pause(self, most: int) -> float:
        """Seconds to wait for ``most`` bytes, now that none are there."""
        now = asyncio.get_running_loop().time()
        if not self._speed and 0 < self._size < _FLOWING_BYTES:
            return 0.0
        if self._size:
            seen = self._size / max(now - self._since, 0.0001)
            self._speed = (self._speed + seen) / 2 if self._speed else seen
        self._size, self._since = 0, now
        return min(most / self._speed, _PAUSE_SECONDS) if self._speed else 0.0


class _Ends:
    """What is left of a stream when its owner is gone: enough to end it so that nobody takes a part for the whole."""

    def __init__(self, halves: BiStream) -> None:
        self.send: SendStream = halves.send()
        self.receive: RecvStream = halves.recv()
        self.reading: Going[bytes] | None = None
        self.finished = False
        self.at_end = False
        self._pace = _Pace()

    async def read(self, most: int) -> bytes:
        """Begin to read, or go on where a waiter was cancelled. Raises LinkLost."""
        reading, task = self.reading or Going(self.receive.read(most)), asyncio.current_task()
        self.reading = reading
        try:
            data = await reading.wait(0.0 if reading.over else self._pace.pause(most))
        except asyncio.CancelledError:
            if not reading.over or (task is not None and task.cancelling()):
                raise
            self.reading = None
            raise LinkLost from None
        except TROUBLE:
            self.reading = None
            raise LinkLost from None
        self.reading = None
        self._pace.came(len(data))
        return data

    async def give_up(self, code: int) -> None:
        """Reset what was not finished, stop what was not read to its end."""
        finished, at_end, self.finished, self.at_end = self.finished, self.at_end, True, True
        if self.reading is not None:
            self.reading.cancel()  # stop() waits for a pending read
        with contextlib.suppress(*TROUBLE):
            if not finished:
                await self.send.reset(code)
        with contextlib.suppress(*TROUBLE):
            if not at_end:
                await self.receive.stop(code)


class IrohStream:
    """A PeerStream over QUIC. One task may read while another one writes."""

    def __init__(self, halves: BiStream) -> None:
        """Own the stream from here on: dropped without ``finish``, it is reset."""
        self._ends = _Ends(halves)
        self._left = memoryview(b"")
        self._dropped = weakref.finalize(self, _abandoned, asyncio.get_running_loop(), self._ends)
        self._dropped.atexit = False

    async def read(self, most: int) -> bytes:
        """Return 1 to ``most`` bytes, none at the end; raises LinkLost. Cancelling loses nothing."""
        if self._left:
            piece, self._left = self._left[:most], self._left[most:]
            return bytes(piece)
        ends = self._ends
        if ends.reading is None and ends.at_end:
            return b""
        data = await ends.read(min(most, PEER_READ_BYTES))
        if not data:
            ends.at_end = True
        if len(data) > most:
            self._left = memoryview(data)[most:]
            return data[:most]
        return data

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``; raises LinkLost. When it is cancelled nobody knows how much went out: reset."""
        if self._ends.finished:
            raise LinkLost
        try:
            if isinstance(data, bytes) and len(data) <= _STEP:
                await self._ends.send.write_all(data)
                return
            view = memoryview(data).cast("B")
            for at in range(0, len(view), _STEP):
                await self._ends.send.write_all(bytes(view[at : at + _STEP]))
        except TROUBLE:
            raise LinkLost from None
        except asyncio.CancelledError:
            await self.reset()
            raise

    async def finish(self) -> None:
        """Declare the end of what is written; raises LinkLost."""
        if self._ends.finished:
            raise LinkLost
        try:
            await self._ends.send.finish()
        except TROUBLE:
            raise LinkLost from None
        self._ends.finished = True

    async def reset(self, code: int = 1) -> None:
        """Give up what is not over yet, in both directions."""
        self._dropped.detach()
        await self._ends.give_up(code)


def _abandoned(loop: asyncio.AbstractEventLoop, ends: _Ends) -> None:
    """The owner of a stream forgot it (perhaps in another thread: garbage is collected anywhere)."""
    if not (ends.finished and ends.at_end) and not loop.is_closed():
        loop.call_soon_threadsafe(_give_up_later, loop, ends)


def _give_up_later(loop: asyncio.AbstractEventLoop, ends: _Ends) -> None:
    task = loop.create_task(ends.give_up(1))
    _LAST_WORDS.add(task)
    task.add_done_callback(_LAST_WORDS.discard)


_LAST_WORDS: set[asyncio.Task[None]] = set()
"""The loop itself keeps no strong reference to a task."""


_BIRTHS = count()


class IrohLink:
    """A PeerLink over QUIC; its transport keeps the strong reference without which iroh closes a connection."""

    def __init__(self, connection: Connection, standing: Standing, over: Callable[[IrohLink], None]) -> None:
        """``over`` is called once, when the connection has ended."""
        self._connection, self._standing, self._tell_over = connection, standing, over
        self._peer = connection.remote_id().to_bytes()
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pings: dict[bytes, asyncio.Future[bool]] = {}
        self._numbers = count()
        self.since = next(_BIRTHS)
        self._answering = False
        self._begin(self._watch())
        self._begin(self._listen())

    @property
    def peer(self) -> bytes:
        """The endpoint id the handshake proved."""
        return self._peer

    @property
    def standing(self) -> Standing:
        """What the judge said."""
        return self._standing

    @property
    def closed(self) -> bool:
        """True once iroh says so."""
        return self._over.is_set() or self._connection.close_reason() is not None

    @property
    def why(self) -> str:
        """How the connection ended, in iroh's words (for the log); empty while it lives."""
        return self._connection.close_reason() or ""

    async def open(self) -> IrohStream:
        """Open a stream; waits while a hundred are open. Raises LinkLost."""
        try:
            return IrohStream(await self._connection.open_bi())
        except TROUBLE:
            raise LinkLost from None

    async def ping(self) -> float:
        """Ask the other process for an echo; seconds, or LinkLost after PEER_PING_SECONDS."""
        loop = asyncio.get_running_loop()
        began, number = loop.time(), next(self._numbers).to_bytes(8, "big")
        answer: asyncio.Future[bool] = loop.create_future()
        self._pings[number] = answer
        try:
            while not answer.done() and loop.time() - began < PEER_PING_SECONDS and not self.closed:
                self._connection.send_datagram(_PING + number)
                await asyncio.wait({answer}, timeout=_PING_AGAIN_SECONDS)
        except TROUBLE:
            raise LinkLost from None
        finally:
            del self._pings[number]
        if not answer.done() or not answer.result():
            raise LinkLost
        return loop.time() - began

    def path(self) -> PeerPath | None:
        """The selected path of the connection."""
        if self.closed:
            return None
        for each in self._connection.paths():
            if each.is_selected:
                return PeerPath(each.remote_addr, each.rtt_ms, each.is_relay)
        return None

    def close(self, code: int = 0) -> None:
        """Close with an application code; the reason stays empty, it would be read by a stranger."""
        self._connection.close(code, b"")

    async def ended(self) -> None:
        """Return when the connection is over."""
        await self._over.wait()

    def answer_with(self, answer: Answer) -> None:
        """Serve the streams the peer opens, PEER_REQUESTS at a time; called again, it changes nothing."""
        if not self._answering:
            self._answering = True
            self._begin(self._take(answer))

    async def gone(self) -> None:
        """Cancel what is still being answered and wait until nothing of this link runs."""
        waiting = {task for task in self._tasks if not task.done()} - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _watch(self) -> None:
        """Notice the end of the connection, whoever brought it about."""
        try:
            with contextlib.suppress(*TROUBLE):
                await self._connection.closed()
        finally:
            self._over.set()
            for waiting in self._pings.values():
                if not waiting.done():
                    waiting.set_result(False)
            self._tell_over(self)

    async def _listen(self) -> None:
        """Echo pings and take the echoes of ours; other datagrams mean nothing."""
        with contextlib.suppress(*TROUBLE):
            while True:
                data = await self._connection.read_datagram()
                kind, number = data[:1], data[1:]
                if len(data) != _PING_BYTES:
                    continue
                if kind == _PING:
                    self._connection.send_datagram(_PONG + number)
                elif kind == _PONG and number in self._pings and not self._pings[number].done():
                    self._pings[number].set_result(True)

    async def _take(self, answer: Answer) -> None:
        free = asyncio.Semaphore(PEER_REQUESTS)
        while True:
            await free.acquire()
            try:
                halves = await self._connection.accept_bi()
            except TROUBLE:
                return
            self._begin(self._serve(IrohStream(halves), answer)).add_done_callback(lambda _: free.release())

    async def _serve(self, stream: IrohStream, answer: Answer) -> None:
        try:
            await answer(self, stream)
        except LinkLost:
            pass  # the peer went away; whoever asked will ask again
        finally:
            await stream.reset()
