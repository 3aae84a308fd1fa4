"""What every Transport promises, asked of iroh on loopback and of the pipes that tests use instead."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from firmware.errors import LinkLost, PeerAway, PeerRefused
from firmware.limits import PEER_REQUESTS
from firmware.linux.iroh_copy import MODE
from firmware.linux.iroh_transport import IrohTransport, usable
from firmware.ports import PeerLink, PeerStream, Standing, Transport
from tests.pipes import WINDOW_BYTES, Wire

SECONDS = 20.0
"""No wait here takes a hundredth of this unless something is broken."""


@dataclass
class Box:
    """A transport that serves, and what it saw."""

    transport: Transport
    known: dict[bytes, Standing] = field(default_factory=dict)
    arrived: list[PeerLink] = field(default_factory=list)
    answered: int = 0
    answer: Callable[[PeerLink, PeerStream], Awaitable[None]] | None = None
    serving: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        self.serving = asyncio.create_task(self.transport.serve(self._judge, self._answer, self.arrived.append))
        await asyncio.sleep(0)

    async def end(self) -> None:
        await self.transport.close()
        assert self.serving is not None
        await self.serving

    async def dialled_by(self, other: Box) -> PeerLink:
        return await other.transport.dial(self.transport.key, self.transport.addresses())

    def _judge(self, key: bytes) -> Standing:
        return self.known.get(key, Standing.UNKNOWN)

    async def _answer(self, link: PeerLink, stream: PeerStream) -> None:
        self.answered += 1
        await (self.answer or echo)(link, stream)


async def echo(_: PeerLink, stream: PeerStream) -> None:
    while data := await stream.read(1 << 20):
        await stream.write(data)
    await stream.finish()


async def all_of(stream: PeerStream) -> bytes:
    found = bytearray()
    while data := await stream.read(1 << 20):
        found += data
    return bytes(found)


async def iroh(count: int) -> list[Transport]:
    return [await IrohTransport.bind(bytes([at + 1]) * 32, hosts=("127.0.0.1",)) for at in range(count)]


async def pipes(count: int) -> list[Transport]:
    wire = Wire()
    return [wire.box(bytes([at + 1]) * 32) for at in range(count)]


Story = Callable[[Box, Box], Awaitable[None]]


@pytest.fixture(params=[iroh, pipes], ids=["iroh", "pipes"])
def told(request: pytest.FixtureRequest) -> Callable[[Story], None]:
    """Runs a story about two boxes that know each other."""

    async def tell(story: Story) -> None:
        first, second = (Box(each) for each in await request.param(2))
        first.known[second.transport.key] = second.known[first.transport.key] = Standing.PINNED
        await first.begin()
        await second.begin()
        try:
            async with asyncio.timeout(SECONDS):
                await story(first, second)
        finally:
            await first.end()
            await second.end()
        gc.collect()
        await asyncio.sleep(0)

    return lambda story: asyncio.run(tell(story))


def test_the_library_copies_fast() -> None:
    assert MODE in ("patched", "native")


def test_a_large_question_comes_back_bit_for_bit(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, other: Box) -> None:
        link = await other.dialled_by(asker)
        assert link.peer == other.transport.key
        stream = await link.open()
        sent = hashlib.shake_256(b"x").digest(5_000_001)

        async def send() -> None:
            for at in range(0, len(sent), 700_001):
                await stream.write(memoryview(sent)[at : at + 700_001])
            await stream.finish()

        sending = asyncio.create_task(send())
        assert await all_of(stream) == sent
        await sending
        assert other.answered == 1
        path = link.path()
        assert path is not None and path.rtt_ms < 1000 and not path.relayed

    told(story)


def test_requests_go_both_ways_over_one_link_whoever_dialled(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, other: Box) -> None:
        link = await other.dialled_by(asker)
        (back,) = other.arrived
        assert (back.peer, back.standing) == (asker.transport.key, Standing.PINNED)
        assert await back.ping() < SECONDS
        stream = await back.open()
        await stream.write(b"are you there?")
        await stream.finish()
        assert await all_of(stream) == b"are you there?"
        assert asker.answered == 1
        back.close()
        await link.ended()
        assert link.closed
        with pytest.raises(LinkLost):
            await link.ping()
        with pytest.raises(LinkLost):
            await link.open()

    told(story)


def test_a_key_nobody_knows_gets_nothing_after_the_handshake(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, other: Box) -> None:
        other.known.clear()
        with pytest.raises(PeerRefused):
            await other.dialled_by(asker)
        assert (other.answered, other.arrived) == (0, [])

    told(story)


def test_nobody_at_the_address_is_away(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, _: Box) -> None:
        with pytest.raises(PeerAway):
            await asker.transport.dial(b"\x51" * 32, ())

    told(story)


@pytest.mark.parametrize("way", ["reset", "forget", "close", "raise"])
def test_what_was_cut_in_the_middle_never_looks_whole(told: Callable[[Story], None], way: str) -> None:
    async def story(asker: Box, other: Box) -> None:
        async def half(link: PeerLink, stream: PeerStream) -> None:
            assert await stream.read(10) == b"give"
            await stream.write(bytes(300_000))
            if way == "reset":
                await stream.reset(7)
            elif way == "close":
                link.close()
            elif way == "raise":
                raise LinkLost

        other.answer = half
        stream = await (await other.dialled_by(asker)).open()
        await stream.write(b"give")
        with pytest.raises(LinkLost):
            await all_of(stream)

    told(story)


def test_a_forgotten_stream_is_reset_and_not_ended(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, other: Box) -> None:
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def listen(_: PeerLink, stream: PeerStream) -> None:
            try:
                await all_of(stream)
                heard.set_result("an end")
            except LinkLost:
                heard.set_result("lost")

        other.answer = listen
        link = await other.dialled_by(asker)
        stream = await link.open()
        await stream.write(b"the first half")
        if isinstance(asker.transport, IrohTransport):
            del stream
            gc.collect()
        else:
            await stream.reset()
        assert await heard == "lost"
        assert not link.closed

    told(story)


def test_whoever_stops_waiting_loses_nothing(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, other: Box) -> None:
        async def dribble(_: PeerLink, stream: PeerStream) -> None:
            for at in range(400):
                await stream.write(bytes([at % 251]) * 777)
                await asyncio.sleep(0.0005)
            await stream.finish()

        other.answer = dribble
        stream = await (await other.dialled_by(asker)).open()
        await stream.write(b"go")
        found, gave_up = bytearray(), 0
        while True:
            try:
                data = await asyncio.wait_for(stream.read(1000), 0.0003)
            except TimeoutError:
                gave_up += 1
                continue
            if not data:
                break
            assert len(data) <= 1000
            found += data
        assert bytes(found) == b"".join(bytes([at % 251]) * 777 for at in range(400))
        assert gave_up

    told(story)


def test_a_slow_reader_stops_the_writer(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, other: Box) -> None:
        go, written = asyncio.Event(), 0

        async def read_later(_: PeerLink, stream: PeerStream) -> None:
            await go.wait()
            await echo(_, stream)

        other.answer = read_later
        stream = await (await other.dialled_by(asker)).open()

        async def fill() -> None:
            nonlocal written
            for _ in range(100):
                await stream.write(bytes(100_000))
                written += 100_000
            await stream.finish()

        filling = asyncio.create_task(fill())
        before = -1
        while written != before:
            before = written
            await asyncio.wait({filling}, timeout=0.3)
        assert 0 < written <= 2 * WINDOW_BYTES
        go.set()
        assert len(await all_of(stream)) == 10_000_000
        await filling

    told(story)


def test_a_write_given_up_is_a_reset(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, other: Box) -> None:
        go, heard = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def read_later(_: PeerLink, stream: PeerStream) -> None:
            await go.wait()
            try:
                await all_of(stream)
            except LinkLost:
                heard.set_result("lost")

        other.answer = read_later
        stream = await (await other.dialled_by(asker)).open()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.write(bytes(5 << 20)), 0.2)
        go.set()
        assert await heard == "lost"
        with pytest.raises(LinkLost):
            await stream.write(b"more")

    told(story)


def test_so_many_requests_at_once_and_the_others_wait(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, other: Box) -> None:
        now = most = 0
        full, go = asyncio.Event(), asyncio.Event()

        async def slow(_: PeerLink, stream: PeerStream) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            if now == PEER_REQUESTS:
                full.set()
            await go.wait()
            await echo(_, stream)
            now -= 1

        other.answer = slow
        link = await other.dialled_by(asker)

        async def ask(at: int) -> bytes:
            stream = await link.open()
            await stream.write(bytes([at]))
            await stream.finish()
            return await all_of(stream)

        asked = [asyncio.create_task(ask(at)) for at in range(3 * PEER_REQUESTS)]
        await full.wait()
        go.set()
        assert await asyncio.gather(*asked) == [bytes([at]) for at in range(3 * PEER_REQUESTS)]
        assert most == PEER_REQUESTS

    told(story)


def test_dialling_again_closes_the_link_before(told: Callable[[Story], None]) -> None:
    async def story(asker: Box, other: Box) -> None:
        first = await other.dialled_by(asker)
        second = await other.dialled_by(asker)
        assert first.closed and not second.closed
        assert await second.ping() < SECONDS

    told(story)


def test_only_what_can_be_dialled_is_dialled() -> None:
    good = ["192.0.2.7:4433", "[2001:db8::7]:4433", "127.0.0.1:1"]
    bad = ["", "host.example:4433", "192.0.2.7", "192.0.2.7:0", "192.0.2.7:65536", "2001:db8::7:4433", "[192.0.2.7]:1"]
    bad += ["0.0.0.0:4433", "224.0.0.251:5353", "[ff02::fb]:5353", "255.255.255.255:9", "[fe80::1%eth0]:4433"]
    bad += ["192.0.2.7:٣٣", "[::]:4433", "1" * 100 + ":1", "192.0.2.7:-4", "192.0.2.7: 44"]
    assert usable([*bad, *good, *good]) == tuple(good)
    assert len(usable(f"192.0.2.{at}:4433" for at in range(1, 200))) == 16
