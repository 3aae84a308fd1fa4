"""Links to peers, over pipes: how long to wait before the next try, who is dead, what makes the box hurry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from firmware.errors import PeerAway
from firmware.limits import PEER_PAUSES_SECONDS, PEER_PING_EVERY_SECONDS
from firmware.linux.peer_links import PeerLinks, pause_seconds
from firmware.ports import PeerLink, PeerStream, Standing
from tests import pipes
from tests.pipes import PipeTransport, Wire

A, B = b"a" * 32, b"b" * 32


@dataclass
class Dice:
    """Entropy that always draws the same."""

    face: int

    def bytes(self, count: int) -> bytes:
        return bytes([self.face]) * count


def test_pauses_grow_to_a_minute_and_vary_by_a_quarter() -> None:
    low = [pause_seconds(at, Dice(0)) for at in range(1, 8)]
    high = [pause_seconds(at, Dice(255)) for at in range(1, 8)]
    assert low == [0.75 * each for each in (1, 2, 5, 15, 60, 60, 60)]
    for lowest, highest, step in zip(low, high, (*PEER_PAUSES_SECONDS, 60, 60), strict=True):
        assert lowest < step < highest < 1.25 * step
    assert pause_seconds(0, Dice(0)) == pause_seconds(1, Dice(0))


@dataclass
class Story:
    """Box A, which keeps links; box B; a time that passes when the story says so."""

    wire: Wire = field(default_factory=Wire)
    slept: list[float] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)
    standing: Standing = Standing.PINNED

    def __post_init__(self) -> None:
        self.a, self.b = self.wire.box(A), self.wire.box(B)
        self.links = PeerLinks(
            self.a, self._where, Dice(128), sleep=self._sleep, changed=lambda _, there: self.told.append(there)
        )
        self._wake = asyncio.Event()
        self.tasks = [asyncio.create_task(self.serve(self.a)), asyncio.create_task(self.serve(self.b))]

    async def serve(self, box: PipeTransport) -> None:
        arrived = self.links.arrived if box is self.a else lambda _: None
        await box.serve(lambda _: self.standing, _no_answer, arrived)

    def _where(self, _: bytes) -> tuple[Sequence[str], str | None]:
        return ("192.0.2.1:4433",), None

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self._wake.wait()

    async def time_passes(self) -> None:
        """End every pause that is going on now."""
        await self.settle()
        self._wake.set()
        self._wake = asyncio.Event()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> None:
        await self.links.close()
        await self.a.close()
        await self.b.close()
        await asyncio.gather(*self.tasks)


async def _no_answer(_: PeerLink, stream: PeerStream) -> None:
    await stream.finish()


def tell(story: Callable[[Story], Awaitable[None]]) -> None:
    async def run() -> None:
        made = Story()
        await made.settle()
        try:
            async with asyncio.timeout(20):
                await story(made)
        finally:
            await made.end()

    asyncio.run(run())


def test_a_peer_that_is_away_is_dialled_with_growing_pauses_and_found_again() -> None:
    async def story(s: Story) -> None:
        await s.b.close()
        s.links.keep(B)
        await s.settle()
        for _ in range(5):
            await s.time_passes()
        assert s.slept == [pause_seconds(at, Dice(128)) for at in range(1, 7)]
        assert s.links.to(B) is None and s.told == []
        with pytest.raises(PeerAway):
            await s.links.reach(B, 0.01)
        s.b = s.wire.box(B)
        s.tasks.append(asyncio.create_task(s.serve(s.b)))
        await s.settle()
        assert (await s.links.reach(B, 5)).peer == B  # whoever needs it now does not wait for the pause
        assert s.told == [True]

    tell(story)


def test_a_cut_link_is_dialled_again_and_both_changes_are_told() -> None:
    async def story(s: Story) -> None:
        s.links.keep(B)
        await s.links.reach(B, 5)
        await s.time_passes()
        s.wire.cut(A, B)
        await s.settle()
        assert s.links.to(B) is not None
        assert s.told == [True, False, True]
        assert s.wire.dials == 2

    tell(story)


def test_a_link_that_breaks_at_once_is_not_dialled_in_a_circle() -> None:
    async def story(s: Story) -> None:
        s.links.keep(B)
        for _ in range(3):
            await s.links.reach(B, 5)
            s.wire.cut(A, B)
            await s.settle()
            assert s.links.to(B) is None
        assert s.slept.count(PEER_PING_EVERY_SECONDS) == 3
        assert [each for each in s.slept if each != PEER_PING_EVERY_SECONDS][:1] == [pause_seconds(1, Dice(128))]

    tell(story)


def test_a_silent_peer_is_given_up_after_three_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "PEER_PING_SECONDS", 0.01)

    async def story(s: Story) -> None:
        s.links.keep(B)
        link = await s.links.reach(B, 5)
        await s.time_passes()
        s.wire.silence(A, B)
        for _ in range(3):
            assert not link.closed
            await s.time_passes()
            await asyncio.sleep(0.03)
        assert link.closed
        s.wire.silence(A, B, silent=False)
        assert await s.links.reach(B, 5) is not link

    tell(story)


def test_a_link_the_peer_dialled_is_used_and_nobody_dials() -> None:
    async def story(s: Story) -> None:
        s.wire.faults(A, B).silent = True
        s.links.keep(B)
        await s.settle()
        s.wire.faults(A, B).silent = False
        dials = s.wire.dials
        await s.b.dial(A, ("192.0.2.9:1",))
        assert (await s.links.reach(B, 5)).peer == B
        assert s.wire.dials == dials + 1  # the peer's own
        assert s.told == [True]

    tell(story)


def test_a_peer_that_does_not_know_us_is_told_apart_from_one_that_is_away() -> None:
    async def story(s: Story) -> None:
        s.standing = Standing.UNKNOWN
        s.links.keep(B)
        await s.settle()
        assert s.links.refused(B)
        s.standing = Standing.PINNED
        s.links.hurry()
        assert (await s.links.reach(B, 5)).peer == B
        assert not s.links.refused(B)

    tell(story)


def test_a_dropped_peer_is_let_go() -> None:
    async def story(s: Story) -> None:
        s.links.keep(B)
        link = await s.links.reach(B, 5)
        s.links.drop(B)
        await s.settle()
        assert link.closed and s.links.to(B) is None
        with pytest.raises(PeerAway):
            await s.links.reach(B, 0.01)

    tell(story)
