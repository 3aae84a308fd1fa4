"""Keeps a link to every peer of the circle: dials, listens for life, dials again with growing pauses.

Works over any Transport. It never decides who is a peer and sends nothing but pings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from firmware.errors import LinkLost, PeerAway, PeerRefused
from firmware.limits import PEER_PAUSES_SECONDS, PEER_PING_EVERY_SECONDS, PEER_PINGS_MISSED
from firmware.ports import Entropy, PeerLink, Transport

Where = Callable[[bytes], tuple[Sequence[str], str | None]]
"""Gives a peer's addresses as known now (card, home network, common peers) and its relay, if the owner uses one."""


def pause_seconds(failures: int, entropy: Entropy) -> float:
    """How long to wait after so many ``failures`` in a row: the step of PEER_PAUSES_SECONDS, give or take a quarter,
    so that boxes that lost each other in one power cut do not knock in step."""
    step = PEER_PAUSES_SECONDS[min(max(failures, 1), len(PEER_PAUSES_SECONDS)) - 1]
    return step * (0.75 + int.from_bytes(entropy.bytes(2), "big") / 0x1_0000 / 2)


@dataclass(slots=True)
class _Kept:
    """One peer: the task that minds it, its links (the newest last), what wakes the task."""

    minding: asyncio.Task[None] | None = None
    links: list[PeerLink] = field(default_factory=list)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    linked: asyncio.Event = field(default_factory=asyncio.Event)
    refused: bool = False

    def newest(self) -> PeerLink | None:
        self.links = [link for link in self.links if not link.closed]
        if not self.links:
            self.linked.clear()
        return self.links[-1] if self.links else None


class PeerLinks:
    """The live links of this box, by the peers' endpoint ids; one asyncio loop."""

    def __init__(
        self,
        transport: Transport,
        where: Where,
        entropy: Entropy,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        changed: Callable[[bytes, bool], None] = lambda _peer, _there: None,
    ) -> None:
        """``changed`` is told when a peer came (True) or went; tests bring their own ``sleep``."""
        self._transport, self._where, self._entropy = transport, where, entropy
        self._sleep, self._changed = sleep, changed
        self._kept: dict[bytes, _Kept] = {}

    def keep(self, peer: bytes) -> None:
        """Keep a link to ``peer`` from now on."""
        kept = self._kept.setdefault(peer, _Kept())
        if kept.minding is None:
            kept.minding = asyncio.get_running_loop().create_task(self._mind(peer, kept))

    def drop(self, peer: bytes) -> None:
        """Let go of ``peer`` and close its links."""
        kept = self._kept.pop(peer, None)
        if kept is not None:
            if kept.minding is not None:
                kept.minding.cancel()
            for link in kept.links:
                link.close()

    def arrived(self, link: PeerLink) -> None:
        """A peer dialled us (given to ``Transport.serve``): use its link, no need to dial."""
        kept = self._kept.get(link.peer)
        if kept is not None:
            self._take(kept, link)
            kept.hurry.set()

    def to(self, peer: bytes) -> PeerLink | None:
        """The newest live link to ``peer``; None while it is away."""
        kept = self._kept.get(peer)
        return kept.newest() if kept is not None else None

    def refused(self, peer: bytes) -> bool:
        """True when the peer was reached last time and did not take us."""
        return peer in self._kept and self._kept[peer].refused

    def turned_away(self, peer: bytes) -> None:
        """The peer took the link and then said that it does not know us."""
        kept = self._kept.get(peer)
        if kept is not None:
            kept.refused = True
            for link in kept.links:
                link.close()

    async def reach(self, peer: bytes, within_seconds: float) -> PeerLink:
        """Return a live link, waiting for one if need be; raises PeerAway."""
        kept = self._kept.get(peer)
        if kept is None:
            raise PeerAway
        kept.hurry.set()
        try:
            async with asyncio.timeout(within_seconds):
                while (link := kept.newest()) is None:
                    await kept.linked.wait()
        except TimeoutError:
            raise PeerAway from None
        return link

    def hurry(self, peer: bytes | None = None) -> None:
        """An address changed, ours (None) or a peer's: dial now what is away, and ask what is linked if it lives."""
        for each in [peer] if peer is not None else list(self._kept):
            if each in self._kept:
                self._kept[each].hurry.set()

    async def close(self) -> None:
        """Stop minding all peers; the links are closed."""
        minding = [kept.minding for kept in self._kept.values() if kept.minding is not None]
        for peer in list(self._kept):
            self.drop(peer)
        await asyncio.gather(*minding, return_exceptions=True)

    def _take(self, kept: _Kept, link: PeerLink) -> None:
        was_away = kept.newest() is None
        kept.links.append(link)
        kept.refused = False
        kept.linked.set()
        if was_away:
            self._changed(link.peer, True)

    async def _mind(self, peer: bytes, kept: _Kept) -> None:
        failures = 0
        while True:
            link = kept.newest()
            if link is None:
                failures += 1
                link = await self._dialled(peer, kept)
            if link is None:
                await self._pause(kept, pause_seconds(failures, self._entropy))
                continue
            if await self._watch(kept, link):
                failures = 0
            if kept.newest() is None:
                self._changed(peer, False)
                if failures:  # it came and went at once: not in a circle
                    await self._pause(kept, pause_seconds(failures, self._entropy))

    async def _dialled(self, peer: bytes, kept: _Kept) -> PeerLink | None:
        kept.hurry.clear()
        addresses, relay = self._where(peer)
        try:
            link = await self._transport.dial(peer, addresses, relay)
        except (PeerAway, LinkLost):
            return None
        except PeerRefused:
            kept.refused = True
            return None
        self._take(kept, link)
        return link

    async def _watch(self, kept: _Kept, link: PeerLink) -> bool:
        """Ping until the link has ended, died or has a successor; True when it answered at least once."""
        lived, missed = False, 0
        while kept.newest() is link:
            await self._pause(kept, PEER_PING_EVERY_SECONDS if not missed else 0, link)
            try:
                await link.ping()
                lived, missed = True, 0
            except LinkLost:
                missed += 1
                if missed >= PEER_PINGS_MISSED:
                    link.close()
        return lived

    async def _pause(self, kept: _Kept, seconds: float, link: PeerLink | None = None) -> None:
        """Wait until the time is over, somebody is in a hurry, or ``link`` has ended."""
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(kept.hurry.wait())]
        if link is not None:
            waits.append(asyncio.ensure_future(link.ended()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        kept.hurry.clear()
