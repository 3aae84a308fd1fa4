"""One box's wire as a process of its own, for tests that kill it or move it to another address.

    python wire_peer.py SEED PORT HOST PEER ADDRESS
SEED is one byte (hex) from which the key is made; HOST 127.0.0.1 for loopback, "lan" for every address of this
machine with announcements by mDNS; PEER the seed of the box to keep a link to ("-": nobody), at ADDRESS ("-": where
mDNS says). It answers every request with what it got. Lines on standard input are orders: ``ask`` sends a request to
the peer. Everything that happens is one JSON line.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys

from firmware.errors import BoxError
from firmware.linux import iroh_link, peer_links
from firmware.linux.clock import SystemEntropy
from firmware.linux.iroh_transport import IrohTransport
from firmware.linux.mdns import Announcement, Announcer
from firmware.linux.neighbours import Neighbour, Neighbours, Sign
from firmware.linux.netlink import AddressWatch, addresses
from firmware.linux.peer_links import PeerLinks
from firmware.ports import PeerLink, PeerStream, Standing

_FAST_PING_SECONDS, _FAST_EVERY_SECONDS = 1.0, 0.3


def say(**facts: object) -> None:
    """One line for the test."""
    print(json.dumps(facts), flush=True)


async def key_of(seed: str) -> bytes:
    """The endpoint id of a seed: iroh is asked, nobody is called."""
    from iroh import SecretKey

    return SecretKey.from_bytes(bytes.fromhex(seed) * 32).public().to_bytes()


async def echo(_: PeerLink, stream: PeerStream) -> None:
    """Send back what comes."""
    while data := await stream.read(1 << 20):
        await stream.write(data)
    await stream.finish()


async def ask(links: PeerLinks, peer: bytes) -> None:
    """Send a request over whatever link there is, again until one is answered."""
    sent = hashlib.shake_256(peer).digest(200_000)
    while True:
        try:
            link = await links.reach(peer, 60)
            stream = await link.open()
            await stream.write(sent)
            await stream.finish()
            found = bytearray()
            while data := await asyncio.wait_for(stream.read(1 << 20), 2):
                found += data
        except (BoxError, TimeoutError):
            await asyncio.sleep(0.05)
            continue
        path = link.path()
        say(equal=found == sent, address=path.address if path else None)
        return


async def live(seed: str, port: int, host: str, peer_seed: str, address: str) -> None:
    """Run until standard input ends."""
    hosts = ("0.0.0.0", "::") if host == "lan" else (host,)
    transport = await IrohTransport.bind(bytes.fromhex(seed) * 32, port, hosts=hosts)
    peer = await key_of(peer_seed) if peer_seed != "-" else b""
    number = SystemEntropy().bytes(8)

    def changed(neighbour: Neighbour) -> None:
        if peer and neighbour.has(peer):
            say(heard=neighbour.addresses)
            links.hurry(peer)

    neighbours = Neighbours(changed, number)
    static = (address,) if address != "-" else ()
    links = PeerLinks(
        transport,
        lambda key: ((*neighbours.addresses_of(key), *static), None),
        SystemEntropy(),
        changed=lambda _, there: say(there=there),
    )
    serving = asyncio.create_task(transport.serve(lambda _: Standing.PINNED, echo, links.arrived))
    say(port=transport.port, key=transport.key.hex())
    announcing = None
    announcer = Announcer(Announcement(f"locker-{seed * 2}", 80, 443, ()), lambda _: None, neighbours)
    if host == "lan":
        await announcer.show(Sign(transport.port, transport.key, number))
        await announcer.start(addresses(), lambda: None)
        announcing = asyncio.create_task(follow(announcer))
    if peer:
        links.keep(peer)
    loop = asyncio.get_running_loop()
    while order := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        assert order == "ask"
        await ask(links, peer)
    if announcing is not None:
        announcing.cancel()
        await announcer.stop()
    await links.close()
    await transport.close()
    await serving


async def follow(announcer: Announcer) -> None:
    """Announce new addresses as they come."""
    watch, moved, loop = AddressWatch(), asyncio.Event(), asyncio.get_running_loop()

    def noticed() -> None:
        watch.drain()
        moved.set()

    loop.add_reader(watch, noticed)
    try:
        while True:
            await moved.wait()
            await asyncio.sleep(0.1)
            moved.clear()
            await announcer.follow(addresses())
    finally:
        loop.remove_reader(watch)
        watch.close()


def main() -> None:
    """Be a box; pings come faster than at home."""
    vars(peer_links).update(PEER_PING_EVERY_SECONDS=_FAST_EVERY_SECONDS)
    vars(iroh_link).update(PEER_PING_SECONDS=_FAST_PING_SECONDS)
    seed, port, host, peer, address = sys.argv[1:]
    asyncio.run(live(seed, int(port), host, peer, address))


if __name__ == "__main__":
    main()
