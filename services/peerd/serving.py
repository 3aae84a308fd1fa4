"""Answers what other boxes ask: streams in, ``firmware.peer`` decides, the hosted folder keeps; threads do the disk."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final

from firmware.backup import Way
from firmware.errors import LinkLost
from firmware.limits import PEER_READ_BYTES, PEER_STREAM_SECONDS
from firmware.peer import Answering, Caller, Host, Invitations, OwnBox
from firmware.ports import Clock, PeerLink, PeerStream
from services.peerd.talking import Flow

_UNKNOWN: Final = 3
"""The code a stranger's link is closed with, as the transport does it."""


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
        who: Callable[[bytes], tuple[bytes | None, bool]],
        met: Callable[[], None],
        clock: Clock,
        flow: Flow,
        workers: Executor,
    ) -> None:
        """``who`` gives the box key known for an endpoint, and whether it is a guest; ``met`` is called after every
        step of a pairing."""
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
                data = await asyncio.wait_for(stream.read(PEER_READ_BYTES), PEER_STREAM_SECONDS)
                if not data:
                    return
                if caller.box is None:
                    out = answering.feed(data, self._clock.now_ms())
                    self._met()
                else:
                    await self._flow.pass_by(Way.DOWN, len(data))
                    out = await loop.run_in_executor(self._workers, answering.feed, data, self._clock.now_ms())
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
        box, guest = self._who(link.peer)
        if found is None or (found.box, found.guest) != (box, guest):
            found = self._callers[link] = _SharedCaller(link.peer, box, guest)
        return found
