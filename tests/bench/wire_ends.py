"""Both ends of one transfer, each a process: the same bytes over the box's wire and over Tornado's TLS 1.3.

    take KIND FOLDER               prints where it listens, then what the transfer cost, and waits for a line
    send KIND FOLDER BYTES WHERE   prints what it cost and whether the other side had the same bytes
    idle                           binds an endpoint and waits for a line
KIND is iroh, unpatched (the same without the copy patch), bare (iroh's own objects, no code of the house but the copy
patch, with what it is fastest with) or tls. One request: a length, that many bytes, an end; the
receiver answers with the BLAKE3 of what came, which the sender compares with what it meant.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

PIECE: Final = {"iroh": 1 << 20, "unpatched": 1 << 20, "bare": 1 << 20, "tls": 256 << 10}
"""What each is fastest with, 64 KiB to 4 MiB tried; smaller or larger costs TLS up to ten times as much."""
_SEEDS: Final = {"take": b"\x11" * 32, "send": b"\x22" * 32}
Read = Callable[[int], Awaitable[bytes | memoryview]]
Write = Callable[[bytes | memoryview], Awaitable[Any]]


class Meter:
    """CPU of this process (all threads) and wall seconds since it was made."""

    def __init__(self) -> None:
        """Start now."""
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def told(self, **more: object) -> str:
        """Everything as one line."""
        cost = {"cpu": time.process_time() - self._cpu, "seconds": time.perf_counter() - self._wall}
        return json.dumps({**cost, **more})


def pieces(folder: Path, size: int, kind: str) -> Iterator[memoryview]:
    """The bytes of one transfer: a random block again and again, the last piece shorter."""
    block = memoryview((folder / "block").read_bytes())
    step = PIECE[kind]
    for at in range(0, size, step):
        start = at % len(block)
        yield block[start : start + min(step, size - at)]


async def sent(read: Read, write: Write, finish: Callable[[], Awaitable[Any]], meant: list[memoryview]) -> str:
    """Send what is ``meant`` and hear the digest; returns the line to print."""
    from blake3 import blake3

    hasher, size = blake3(), sum(map(len, meant))
    for piece in meant:
        hasher.update(piece)
    meter = Meter()
    await write(size.to_bytes(8, "big"))
    for piece in meant:
        await write(piece)
    await finish()
    digest = b""
    while len(digest) < 32 and (more := await read(32 - len(digest))):
        digest += more
    return meter.told(equal=digest == hasher.digest(), bytes=size)


async def taken(read: Read, write: Write, finish: Callable[[], Awaitable[Any]]) -> str:
    """Receive and tell the digest; returns the line to print."""
    from blake3 import blake3

    meter, hasher, head = Meter(), blake3(), b""
    while len(head) < 8:
        head += await read(8 - len(head))
    left = int.from_bytes(head, "big")
    while left:
        data = await read(min(left, 1 << 20))
        assert data, "the sender stopped in the middle"
        hasher.update(data)
        left -= len(data)
    await write(hasher.digest())
    await finish()
    return meter.told()


async def iroh_take() -> None:
    """Listen with an endpoint and answer one request."""
    from firmware.linux.iroh_transport import IrohTransport
    from firmware.ports import PeerLink, PeerStream, Standing

    transport = await IrohTransport.bind(_SEEDS["take"], hosts=("127.0.0.1",))
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(_: PeerLink, stream: PeerStream) -> None:
        done.set_result(await taken(stream.read, stream.write, stream.finish))

    serving = asyncio.create_task(transport.serve(lambda _: Standing.PINNED, answer, lambda _: None))
    print(json.dumps({"where": f"127.0.0.1:{transport.port}/{transport.key.hex()}"}), flush=True)
    print(await done, flush=True)
    sys.stdin.readline()
    await transport.close()
    await serving


async def iroh_send(meant: list[memoryview], where: str) -> None:
    """Dial and send."""
    from firmware.linux.iroh_transport import IrohTransport

    transport = await IrohTransport.bind(_SEEDS["send"], hosts=("127.0.0.1",))
    address, _, key = where.partition("/")
    link = await transport.dial(bytes.fromhex(key), [address])
    stream = await link.open()
    print(await sent(stream.read, stream.write, stream.finish, meant), flush=True)
    await transport.close()


async def bare_take() -> None:
    """The same with iroh's objects alone."""
    from iroh import Endpoint

    endpoint: Endpoint = await _bare("take")
    key = endpoint.id().to_bytes().hex()
    address = next(each for each in endpoint.bound_sockets() if not each.startswith("["))
    print(json.dumps({"where": f"{address}/{key}"}), flush=True)
    incoming = await endpoint.accept_next()
    assert incoming is not None, "it was closed"
    connection = await (await incoming.accept()).connect()
    stream = await connection.accept_bi()
    receiving, sending = stream.recv(), stream.send()
    print(await taken(receiving.read, lambda data: sending.write_all(bytes(data)), sending.finish), flush=True)
    sys.stdin.readline()
    await endpoint.close()


async def bare_send(meant: list[memoryview], where: str) -> None:
    """Dial and send with iroh's objects alone."""
    from iroh import EndpointAddr, EndpointId

    endpoint = await _bare("send")
    address, _, key = where.partition("/")
    target = EndpointAddr(EndpointId.from_bytes(bytes.fromhex(key)), None, [address])
    connection = await endpoint.connect(target, b"box/1")
    stream = await connection.open_bi()
    receiving, sending = stream.recv(), stream.send()
    print(await sent(receiving.read, sending.write_all, sending.finish, meant), flush=True)
    await endpoint.close()


async def _bare(role: str) -> Any:
    """An endpoint; and buffers of a megabyte are used again, not mapped, cleared and unmapped each time."""
    from firmware.linux.iroh_transport import _endpoint

    for parameter, size in ((-3, 32 << 20), (-1, 64 << 20)):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
        ctypes.CDLL(None).mallopt(parameter, size)
    return await _endpoint(["127.0.0.1:0"], _SEEDS[role], ())


async def tls_take(folder: Path) -> None:
    """The same over a Tornado TCPServer with TLS 1.3."""
    from tornado.iostream import IOStream
    from tornado.tcpserver import TCPServer

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    class Server(TCPServer):
        async def handle_stream(self, stream: IOStream, address: object) -> None:
            buffer = bytearray(PIECE["tls"])

            async def read(most: int) -> bytes | memoryview:
                if most < len(buffer):
                    return await stream.read_bytes(most, partial=True)
                return memoryview(buffer)[: await stream.read_into(buffer, partial=True)]

            done.set_result(await taken(read, stream.write, _nothing))

    server = Server(ssl_options=context)
    server.listen(0, "127.0.0.1")
    (listening,) = server._sockets.values()
    print(json.dumps({"where": f"127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
    print(await done, flush=True)
    sys.stdin.readline()
    server.stop()


async def tls_send(meant: list[memoryview], where: str, folder: Path) -> None:
    """The same from a Tornado TCPClient."""
    from tornado.tcpclient import TCPClient

    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    host, _, port = where.partition(":")
    stream = await TCPClient().connect(host, int(port), ssl_options=context)

    async def read(most: int) -> bytes:
        return await stream.read_bytes(most, partial=True)

    print(await sent(read, stream.write, _nothing, meant), flush=True)
    stream.close()


async def _nothing() -> None:
    """TLS tells the end by the length alone."""


async def idle() -> None:
    """What a box's endpoint weighs when nobody calls."""
    from firmware.linux.iroh_transport import IrohTransport
    from firmware.ports import Standing

    transport = await IrohTransport.bind(_SEEDS["take"])
    serving = asyncio.create_task(transport.serve(lambda _: Standing.UNKNOWN, _never, lambda _: None))
    print(json.dumps({"where": str(transport.port)}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await transport.close()
    await serving


async def _never(*_: object) -> None:
    """Nobody is let in."""


def as_peerd() -> None:
    """Memory is managed as peerd does it (``services/peerd/__main__.py``)."""
    for parameter, size in ((-8, 1), (-3, 512 << 10), (-1, 2 << 20)):
        ctypes.CDLL(None).mallopt(parameter, size)


def without_the_patch() -> None:
    """Put back what the binding came with, and write as the fallback does."""
    import iroh.iroh_ffi as binding

    builder: Any = binding._UniffiRustBufferBuilder
    before = builder.write
    import firmware.linux.iroh_copy as copying

    builder.write = before
    copying.MODE = "slow"


def main(role: str, kind: str = "", *rest: str) -> None:
    """Be one end."""
    if role == "idle":
        asyncio.run(idle())
        return
    folder = Path(rest[0])
    as_peerd()
    if kind == "unpatched":
        without_the_patch()
    if role == "take":
        take = {"tls": lambda: tls_take(folder), "bare": bare_take}.get(kind, iroh_take)
        asyncio.run(take())
    else:
        meant, where = list(pieces(folder, int(rest[1]), kind)), rest[2]
        send = {"tls": lambda: tls_send(meant, where, folder), "bare": lambda: bare_send(meant, where)}
        asyncio.run(send.get(kind, lambda: iroh_send(meant, where))())
