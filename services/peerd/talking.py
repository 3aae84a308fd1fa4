"""Drives requests over a link: one stream each, conversations of several, bytes no faster than the owner allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

from firmware.backup import Bucket, Caps, Way
from firmware.errors import BoxError, LinkLost
from firmware.limits import MIB, PEER_ANSWER_SECONDS, PEER_READ_BYTES, PEER_WRITE_BYTES
from firmware.peer import Asking, Call, Conversation, Heard
from firmware.ports import Clock, PeerLink, PeerStream

T = TypeVar("T")
_NAP_SECONDS: Final = 1.0
_LARGE, _LARGE_AT_ONCE = MIB, 2
"""Bodies longer than this go out so many at a time: the transport holds more than a megabyte of each until it is
acknowledged. Small shards, which are most, wait for nobody."""


class Flow:
    """The owner's caps as waiting: ``pass_by`` returns when so many bytes may go."""

    def __init__(self, clock: Clock, caps: Callable[[], tuple[Caps, int]]) -> None:
        """``caps`` gives the caps and the minutes this clock is ahead of UTC."""
        self._clock, self._caps = clock, caps
        self._buckets: Mapping[Way, Bucket] = {way: Bucket(-1, clock.now_ms()) for way in Way}

    async def pass_by(self, way: Way, size: int) -> None:
        """Wait until ``size`` bytes may move."""
        while True:
            now = self._clock.now_ms()
            caps, zone = self._caps()
            bucket = self._buckets[way]
            bucket.set_rate(caps.rate(way, now, zone), now)
            wait_ms = bucket.take(size, now)
            if not wait_ms:
                return
            await asyncio.sleep(min(wait_ms / 1000, _NAP_SECONDS))


class Talker:
    """Performs calls; ``workers`` read and compute what is sent, so that the loop never waits for a disk."""

    def __init__(self, flow: Flow, workers: Executor) -> None:
        """Holds nothing of its own but the count of large bodies under way."""
        self._flow, self._workers = flow, workers
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def ask(self, link: PeerLink, call: Call[Any]) -> Heard[Any]:
        """Perform one call; raises LinkLost, PeerGarbled, PeerWrongHash, or what the other box told."""
        if call.size <= _LARGE:
            return await self._asked(link, call)
        async with self._large:
            return await self._asked(link, call)

    async def _asked(self, link: PeerLink, call: Call[Any]) -> Heard[Any]:
        asking = Asking(call)
        stream = await link.open()
        hearing = asyncio.ensure_future(_hear(stream, asking))
        saying = asyncio.ensure_future(self._say(stream, asking))
        try:
            await asyncio.wait({hearing, saying}, return_when=asyncio.FIRST_COMPLETED)
            async with asyncio.timeout(PEER_ANSWER_SECONDS):
                await hearing
        except TimeoutError:
            raise LinkLost from None
        finally:
            for each in (hearing, saying):
                each.cancel()
            await asyncio.gather(hearing, saying, return_exceptions=True)
            if not asking.done:
                await stream.reset()
        return asking.heard()

    async def _say(self, stream: PeerStream, asking: Asking[Any]) -> None:
        await stream.write(asking.head())
        loop = asyncio.get_running_loop()
        pieces = asking.call.pieces(PEER_WRITE_BYTES)
        while piece := await loop.run_in_executor(self._workers, next, pieces, b""):
            await self._flow.pass_by(Way.UP, len(piece))
            await stream.write(piece)
        await stream.finish()

    async def may_take(self, size: int) -> None:
        """Wait until the owner's caps let so many bytes in."""
        for _ in range(0, size, PEER_WRITE_BYTES):
            await self._flow.pass_by(Way.DOWN, min(size, PEER_WRITE_BYTES))

    async def talk(self, link: PeerLink, conversation: Conversation[T], ear: Callable[[Any], None] | None = None) -> T:
        """Drive a conversation to its result; ``ear`` is told every answer."""
        loop = asyncio.get_running_loop()
        step: Callable[[], Call[Any]] = lambda: next(conversation)  # noqa: E731
        while True:
            found = await loop.run_in_executor(self._workers, _stepped, step)
            if not isinstance(found, Call):
                result: T = found[0]
                return result
            try:
                heard = await self.ask(link, found)
            except BoxError as error:
                if link.closed:
                    conversation.close()
                    raise
                step = _bound(conversation.throw, error)
            else:
                if ear is not None:
                    ear(heard.answer)
                step = _bound(conversation.send, heard)


def _bound(go_on: Callable[[Any], Call[Any]], what: object) -> Callable[[], Call[Any]]:
    return lambda: go_on(what)


def _stepped(step: Callable[[], Call[Any]]) -> Call[Any] | tuple[Any]:
    """The next call, or the result in a tuple: StopIteration cannot travel through a future."""
    try:
        return step()
    except StopIteration as end:
        return (end.value,)


async def _hear(stream: PeerStream, asking: Asking[Any]) -> None:
    while not asking.done:
        data = await stream.read(PEER_READ_BYTES)
        if not data:
            raise LinkLost
        asking.feed(data)
    await stream.read(1)
