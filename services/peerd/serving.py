"""Answers what other boxes ask: streams in, ``firmware.peer`` decides, the hosted folder keeps; threads do the disk."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from firmware.backup import Way
from firmware.errors import LinkLost
from firmware.limits import PEER_READ_BYTES, PEER_STREAM_SECONDS
from firmware.peer import Answering, Caller, Host, Invitations, OwnBox
from firmware.ports import Clock, PeerLink, PeerStream
from services.peerd.talking import Flow

_GATHERED, _GATHER_SECONDS = 3 * PEER_READ_BYTES, 0.05
"""Of a shard that comes fast, so much goes to the disk's thread at a time; to wake one costs as much as to write it."""
_UNKNOWN: Final = 3
"""The code a stranger's link is closed with, as the transport does it."""


class Known(NamedTuple):
    """What is known of an endpoint, as ``Caller`` has it."""

    box: bytes | None = None
    guest: bool = False
    restoring: frozenset[tuple[bytes, bytes]] = frozenset()


@dataclass
class _SharedCaller(Caller):
    """A caller whose requests are counted by several threads."""

    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def enter(self, *, put: bool) -> None:
        with self.lock:
            super().enter(put=put)

    def leave(self, *, put: bool) -> None:
        with self.lock:
            super().leave(put=put)


class Serving:
    """What the transport is given as Answer."""

    def __init__(
        self,
        host: Host,
        own: Callable[[], OwnBox],
        invitations: Invitations,
        *,
        who: Callable[[bytes], Known],
        met: Callable[[], None],
        clock: Clock,
        flow: Flow,
        workers: Executor,
    ) -> None:
        """``who`` tells what is known of an endpoint; ``met`` is called after every step of a pairing."""
        self._host, self._own, self._invitations = host, own, invitations
        self._who, self._met = who, met
        self._clock, self._flow, self._workers = clock, flow, workers
        self._callers: weakref.WeakKeyDictionary[PeerLink, _SharedCaller] = weakref.WeakKeyDictionary()

    async def answer(self, link: PeerLink, stream: PeerStream) -> None:
        """Serve one request; a broken line leaves what is kept as it is."""
        caller = self._caller(link)
        answering = Answering(caller, self._host, self._own(), self._invitations)
        loop = asyncio.get_running_loop()
        try:
            while not answering.finished:
                found = await _read(stream, answering.coming)
                if not found:
                    return
                if caller.box is None:
                    out = _fed(answering, found, self._clock.now_ms())
                    self._met()
                else:
                    await self._flow.pass_by(Way.DOWN, sum(map(len, found)))
                    out = await loop.run_in_executor(self._workers, _fed, answering, found, self._clock.now_ms())
                if answering.silent:
                    link.close(_UNKNOWN)
                    return
                for each in out:
                    await stream.write(each)
            await stream.finish()
        except (LinkLost, TimeoutError):
            return
        finally:
            await asyncio.shield(loop.run_in_executor(self._workers, answering.close))

    def _caller(self, link: PeerLink) -> _SharedCaller:
        found = self._callers.get(link)
        known, path = self._who(link.peer), link.path()
        if found is None or Known(found.box, found.guest, found.restoring) != known:
            found = self._callers[link] = _SharedCaller(link.peer, *known)
        found.address = path.address.rpartition(":")[0] if path is not None else ""
        return found


async def _read(stream: PeerStream, coming: int) -> list[bytes]:
    """What came next, nothing at the end; of ``coming`` bytes of a shard as much as comes in a moment."""
    async with asyncio.timeout(PEER_STREAM_SECONDS):
        data = await stream.read(PEER_READ_BYTES)
    found, left = [data] if data else [], min(coming, _GATHERED) - len(data)
    with contextlib.suppress(TimeoutError, LinkLost):  # the next call meets it again
        async with asyncio.timeout(_GATHER_SECONDS):
            while data and left > 0:
                data = await stream.read(min(PEER_READ_BYTES, left))
                found += [data] if data else []
                left -= len(data)
    return found


def _fed(answering: Answering, found: list[bytes], now_ms: int) -> list[bytes]:
    return [said for data in found for said in answering.feed(data, now_ms)]
