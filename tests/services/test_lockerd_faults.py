"""A disk that is full or fails under a running store: clear answers, nothing acknowledged is lost, reading goes on.

The store, the handlers and the async client run in this process over a real socket, because the disk is one that
fails on order.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import BoxError, Damaged, Full, Locked, NoSuchRecord
from firmware.limits import FREE_RESERVE_BYTES, MIB
from firmware.linux.clock import SystemEntropy
from firmware.linux.home import linux_home
from firmware.locker import Locker
from firmware.ports import AppendFile, Disk
from firmware.seal import new_key_file
from services.api.client import Client
from services.api.routes import Where
from services.api.server import Server
from services.lockerd.analysis import Analyst
from services.lockerd.copies import CopyCalls
from services.lockerd.keys import Keys
from services.lockerd.kit_sheet import KitSheets
from services.lockerd.locker_calls import LockerCalls
from services.lockerd.readers import Readers
from services.lockerd.rehearsing import Rehearsing
from services.lockerd.store import Store
from services.lockerd.telling import TellingJournal
from services.lockerd.watching import Watch
from services.lockerd.worker import listen
from tests.services.lockerd_box import frames

MEMBER = "00" * 8


class FaultyFile:
    """An AppendFile that obeys its disk's orders to fail."""

    def __init__(self, inner: AppendFile, disk: FaultyDisk) -> None:
        self._inner, self._disk = inner, disk

    def append(self, data: bytes | bytearray | memoryview) -> int:
        if len(data) > self._disk.room:
            raise Full(need_mib=1, free_mib=0)
        self._disk.room -= len(data)
        return self._inner.append(data)

    def sync(self) -> None:
        if self._disk.sync_fails:
            self._disk.sync_fails -= 1
            raise Damaged(what="the disk")
        self._inner.sync()

    def truncate(self, size: int) -> None:
        self._inner.truncate(size)

    def close(self) -> None:
        self._inner.close()


class FaultyDisk:
    """A Disk with ``room`` bytes for appends, saying that ``free`` are left, and ``sync_fails`` syncs that fail."""

    def __init__(self, inner: Disk) -> None:
        self._inner = inner
        self.room, self.free, self.sync_fails = 1 << 40, 1 << 40, 0

    def create(self, name: str) -> AppendFile:
        return FaultyFile(self._inner.create(name), self)

    def reopen(self, name: str) -> AppendFile:
        return FaultyFile(self._inner.reopen(name), self)

    def free_bytes(self) -> int:
        return self.free

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def served(folder: Path, story: Callable[[Client, FaultyDisk, Store], Awaitable[None]]) -> None:
    """Serve one locker on a faulty disk and run ``story``."""
    home = linux_home(folder / "locker")
    disk = FaultyDisk(home.disk)
    home = replace(home, disk=disk)
    file, secrets = new_key_file(SystemEntropy())
    for copy in ("key", "key.copy"):
        home.disk.replace(copy, file.to_bytes())
    store = Store(Locker.create(home, secrets, file.locker_id), asyncio.get_running_loop())
    journal = TellingJournal("test", lambda *_: None)
    readers, analyst = Readers(store.locker.reader), Analyst(store, journal)
    calls = LockerCalls(MEMBER, store, readers, analyst, Keys(home), journal, Watch(lambda _: True))
    drills = Rehearsing(home, folder, folder, file.locker_id, store, readers)
    handlers = calls.handlers() | CopyCalls(folder, bytes(16), readers).handlers()
    handlers |= drills.handlers() | KitSheets(home, folder).handlers()
    server = Server(Where.LOCKER, handlers, lambda *_: "session", frozenset({os.getuid()}))
    http = server.listen([listen(folder / "lockers" / f"{MEMBER}.sock")])
    store.start()
    try:
        await story(Client(folder, "x" * 43, MEMBER), disk, store)
    finally:
        http.stop()
        await http.close_all_connections()
        readers.close()
        await asyncio.to_thread(store.stop)
        journal.close()


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose sockets have short names."""
    return tmp_path_factory.mktemp("f")


async def body(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def many(files: list[tuple[str, bytes]]) -> AsyncIterator[bytes]:
    for piece in frames(files):
        yield piece


async def bulk(client: Client, files: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    async with client.stream("bulk_put", body=many(files)) as answer:
        return [line async for line in answer.lines()]


async def content(client: Client, id: str) -> bytes:
    async with client.stream("content", id=id) as answer:
        return b"".join([piece async for piece in answer])


def test_a_full_disk_refuses_before_the_first_byte_and_reads_on(short: Path) -> None:
    async def story(client: Client, disk: FaultyDisk, store: Store) -> None:
        kept = await client.call("put", body=body(b"kept"), name="kept.txt", size=4)
        disk.free = FREE_RESERVE_BYTES + MIB
        with pytest.raises(Full) as caught:
            await client.call("put", body=endless(), name="large.bin", size=2 * MIB)
        assert caught.value.fields == {"need_mib": 2, "free_mib": 1}
        assert await content(client, kept.id) == b"kept"
        assert (await client.call("delete", id=kept.id)).count == 1
        *lines, done = await bulk(client, [("small.txt", b"s"), ("large.bin", bytes(20 * MIB)), ("last.txt", b"l")])
        assert [line.get("error", {}).get("code") for line in lines] == [None, "full", None]
        assert (done["stored"], done["failed"]) == (2, 1)

    asyncio.run(served(short, story))


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(65536)


def test_a_disk_that_fills_in_mid_stream_loses_nothing_acknowledged(short: Path) -> None:
    async def story(client: Client, disk: FaultyDisk, store: Store) -> None:
        files = [(f"f/{n:03}.bin", os.urandom(100_000)) for n in range(60)]
        disk.room = 2 * MIB
        lines = await bulk(client, files)
        acked = [line for line in lines if "id" in line]
        failed = [line for line in lines if "error" in line]
        assert failed and {line["error"]["code"] for line in failed} <= {"full", "damaged", "conflict"}
        assert len(acked) + len(failed) == len(files) and lines[-1]["failed"] == len(failed)
        for line in acked:
            assert await content(client, line["id"]) == files[line["n"]][1]
        with pytest.raises(BoxError):
            await client.call("put", body=body(os.urandom(8 * MIB)), name="large.bin")
        with pytest.raises(NoSuchRecord):
            await client.call("find", path="large.bin")
        disk.room = 1 << 40
        again = await bulk(client, files)
        assert again[-1]["failed"] == 0 and again[-1]["same"] == len(acked)
        for line in again[:-1]:
            assert await content(client, line["id"]) == files[line["n"]][1]

    asyncio.run(served(short, story))


def test_a_sync_that_fails_is_never_acknowledged(short: Path) -> None:
    async def story(client: Client, disk: FaultyDisk, store: Store) -> None:
        disk.sync_fails = 1
        with pytest.raises(Damaged):
            await client.call("put", body=body(b"lost"), name="lost.txt")
        with pytest.raises(NoSuchRecord):
            await client.call("find", path="lost.txt")
        stored = await client.call("put", body=body(b"kept"), name="lost.txt")
        assert await content(client, stored.id) == b"kept"
        async with client.stream("verify") as answer:
            lines = [line async for line in answer.lines()]
        assert lines[-1]["ok"]

    asyncio.run(served(short, story))


def test_uploads_share_commits_and_a_locker_that_closed_says_so(short: Path) -> None:
    async def story(client: Client, disk: FaultyDisk, store: Store) -> None:
        commits = 0

        def count() -> None:
            nonlocal commits
            commits += 1

        store.on_commit = count
        files = [[(f"{n}/{i:03}.txt", b"%d %d" % (n, i)) for i in range(200)] for n in range(3)]
        answers = await asyncio.gather(*(bulk(client, part) for part in files))
        assert all(answer[-1]["stored"] == 200 for answer in answers)
        assert 1 <= commits < 60
        with pytest.raises(Locked):
            await Client(short, "x" * 43, "11" * 8).call("list")

    asyncio.run(served(short, story))
