"""Two boxes' wires as real processes: one is killed, one moves to another address, strangers knock in numbers."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from iroh import Incoming

from firmware.errors import PeerRefused
from firmware.linux import iroh_transport
from firmware.linux.iroh_transport import IrohTransport
from firmware.ports import PeerLink, PeerStream, Standing
from tests.services.running import DEADLINE_SECONDS, HOUSE

_PEER = Path(__file__).with_name("wire_peer.py")


class Peer:
    """A wire_peer process."""

    def __init__(self, place: list[str], seed: str, port: int, host: str, peer: str = "-", address: str = "-") -> None:
        command = [*place, sys.executable, str(_PEER), seed, str(port), host, peer, address]
        env = {**os.environ, "PYTHONPATH": str(HOUSE)}
        self.process = subprocess.Popen(
            command, cwd=HOUSE, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.hello = self.wait_for("port")

    def wait_for(self, name: str) -> dict[str, Any]:
        """The next line that tells ``name``."""
        assert self.process.stdout is not None
        while True:
            ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE_SECONDS)
            line = self.process.stdout.readline() if ready else b""
            assert line, f"nothing about {name}"
            told: dict[str, Any] = json.loads(line)
            if name in told:
                return told

    def ask(self) -> str:
        """Let it ask its peer; returns the address the answer came over."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"ask\n")
        told = self.wait_for("equal")
        assert told["equal"]
        return str(told["address"])

    def kill(self) -> None:
        self.process.kill()
        self._over()

    def stop(self) -> int:
        if self.process.stdin is not None and self.process.poll() is None:
            self.process.stdin.close()
        try:
            return self.process.wait(DEADLINE_SECONDS)
        finally:
            self.kill()

    def _over(self) -> None:
        self.process.wait(DEADLINE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def test_a_peer_that_was_killed_is_noticed_and_found_again() -> None:
    first = Peer([], "0a", 0, "127.0.0.1")
    port = int(first.hello["port"])
    asker = Peer([], "0b", 0, "127.0.0.1", "0a", f"127.0.0.1:{port}")
    again = None
    try:
        assert asker.wait_for("there")["there"] is True
        assert asker.ask() == f"127.0.0.1:{port}"
        first.kill()
        assert asker.wait_for("there")["there"] is False
        again = Peer([], "0a", port, "127.0.0.1")
        assert again.hello["key"] == first.hello["key"]
        assert asker.ask() == f"127.0.0.1:{port}"
        assert asker.stop() == 0
        assert again.stop() == 0
    finally:
        for each in (first, asker, again):
            if each is not None:
                each.kill()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@pytest.fixture
def places() -> Iterator[list[str]]:
    """Two namespaces on one bridge."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    tag = uuid.uuid4().hex[:6]
    hub, names = f"lw{tag}h", [f"lw{tag}a", f"lw{tag}b"]
    try:
        for name in (hub, *names):
            _ip("netns", "add", name)
        _ip("-n", hub, "link", "add", "hub", "type", "bridge", "mcast_snooping", "0")
        _ip("-n", hub, "link", "set", "hub", "up")
        for at, name in enumerate(names, 1):
            _ip("-n", hub, "link", "add", f"port{at}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", hub, "link", "set", f"port{at}", "master", "hub", "up")
            _ip("-n", name, "address", "add", f"10.78.0.{at}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", "eth0", "up")
        yield names
    finally:
        for name in (hub, *names):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False, timeout=20)


def test_boxes_find_each_other_at_home_without_an_address_and_again_when_one_moves(places: list[str]) -> None:
    moving = Peer(["ip", "netns", "exec", places[0]], "0a", 4433, "lan")
    asker = None
    try:
        asker = Peer(["ip", "netns", "exec", places[1]], "0b", 4433, "lan", "0a")
        assert asker.wait_for("heard")["heard"] == ["10.78.0.1:4433"]
        assert asker.ask() == "10.78.0.1:4433"
        _ip("-n", places[0], "address", "delete", "10.78.0.1/24", "dev", "eth0")
        _ip("-n", places[0], "address", "add", "10.78.0.9/24", "dev", "eth0")
        assert asker.ask() == "10.78.0.9:4433"
        assert asker.stop() == 0
        assert moving.stop() == 0
    finally:
        for each in (moving, asker):
            if each is not None:
                each.kill()


async def _nothing(_: PeerLink, stream: PeerStream) -> None:
    await stream.finish()


def test_one_guest_while_an_invitation_is_open_and_three_links_of_a_friend(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        host, friend, guest, stranger = [
            await IrohTransport.bind(bytes([at]) * 32, hosts=("127.0.0.1",)) for at in range(1, 5)
        ]
        standing = {friend.key: Standing.PINNED, guest.key: Standing.INVITED, stranger.key: Standing.INVITED}
        arrived: list[PeerLink] = []
        serving = asyncio.create_task(host.serve(standing.__getitem__, _nothing, arrived.append))
        link = await guest.dial(host.key, host.addresses())
        with pytest.raises(PeerRefused):
            await stranger.dial(host.key, host.addresses())
        assert [each.standing for each in arrived] == [Standing.INVITED]
        link.close()
        await arrived[0].ended()
        assert not (await stranger.dial(host.key, host.addresses())).closed

        # a friend whose old connections hang in another network is let in again, the oldest gives way
        monkeypatch.setattr(IrohTransport, "_of", lambda self, peer: [] if self is friend else before(self, peer))
        links = [await friend.dial(host.key, host.addresses()) for _ in range(5)]
        await links[0].ended()
        await links[1].ended()
        assert [each.closed for each in links[2:]] == [False] * 3
        for each in (guest, stranger, friend, host):
            await each.close()
        await serving

    before = IrohTransport._of
    asyncio.run(asyncio.wait_for(story(), DEADLINE_SECONDS))


def test_in_a_crowd_of_handshakes_an_address_must_prove_itself_and_nobody_is_locked_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(iroh_transport, "PEER_HANDSHAKES_CALM", 0)
    retried: list[bool] = []

    async def story() -> None:
        host, friend = [await IrohTransport.bind(bytes([at]) * 32, hosts=("127.0.0.1",)) for at in (1, 2)]
        real = Incoming.retry

        async def retry(incoming: Any) -> None:
            retried.append(True)
            await real(incoming)

        monkeypatch.setattr(Incoming, "retry", retry)
        serving = asyncio.create_task(host.serve(lambda _: Standing.PINNED, _nothing, lambda _: None))
        assert await (await friend.dial(host.key, host.addresses())).ping() < DEADLINE_SECONDS
        await friend.close()
        await host.close()
        await serving

    asyncio.run(asyncio.wait_for(story(), DEADLINE_SECONDS))
    assert retried == [True]


def test_a_port_that_is_taken_is_said_at_once() -> None:
    async def story() -> None:
        first = await IrohTransport.bind(b"\1" * 32, hosts=("127.0.0.1",))
        with pytest.raises(OSError, match=str(first.port)):
            await IrohTransport.bind(b"\2" * 32, first.port, hosts=("127.0.0.1",))
        await first.close()

    asyncio.run(story())
