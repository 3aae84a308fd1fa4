"""Homes for tests: a real folder with a clock and randomness the test owns, and files put in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware.errors import Full
from firmware.limits import FREE_RESERVE_BYTES
from firmware.linux.catalog import SqliteCatalog
from firmware.linux.disk import LinuxDisk
from firmware.locker import Home, Locker
from firmware.model import Collide, PutResult, SafeName
from firmware.ports import AppendFile, Disk
from firmware.seal import LockerSecrets, Secret, Suite, catalog_cipher, new_key_file
from tests.vectors.counted_entropy import CountedEntropy

DAY_MS = 86_400_000
START_MS = 1_795_000_000_000


class HandClock:
    """``firmware.ports.Clock`` that a test moves by hand."""

    def __init__(self, ms: int = START_MS) -> None:
        """Start at ``ms`` since 1970."""
        self.ms = ms

    def now_ms(self) -> int:
        """See the port."""
        return self.ms

    def ticks_ns(self) -> int:
        """See the port."""
        return self.ms * 1_000_000


def folder_home(
    folder: Path,
    *,
    clock: HandClock | None = None,
    entropy: bytes = b"test",
    suite: Suite = Suite.AES_256_GCM,
    disk: Callable[[Disk], Disk] = lambda real: real,
) -> Home:
    """A Home in ``folder``; ``disk`` may wrap the real disk. Each Home must get ``entropy`` of its own."""
    real = LinuxDisk(folder)
    (folder / "catalog").mkdir(exist_ok=True)
    path = folder / "catalog" / "catalog.db"

    def open_catalog(key: Secret, readonly: bool) -> SqliteCatalog:
        return SqliteCatalog(path, key, cipher=catalog_cipher(suite), readonly=readonly, synchronous="OFF")

    def remove_catalog() -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    randomness = CountedEntropy(entropy)
    return Home(disk(real), open_catalog, remove_catalog, clock or HandClock(), randomness, suite)


def some_secrets() -> LockerSecrets:
    """The same keys in every test (no slot, so no Argon2id)."""
    return new_key_file(CountedEntropy(b"secrets"))[1]


def put(
    locker: Locker, name: str, content: bytes, *, collide: Collide = Collide.VERSION, mtime_ns: int = START_MS * 10**6
) -> PutResult:
    """Put ``content`` in pieces of 1 MiB; not yet committed."""
    receiver = locker.begin(SafeName(name), mtime_ns=mtime_ns, size=len(content), collide=collide)
    for at in range(0, len(content), 1 << 20):
        receiver.write(content[at : at + (1 << 20)])
    return receiver.finish()


def whole(locker: Locker, id: str, version: int | None = None) -> bytes:
    """Return all bytes of a version."""
    return b"".join(locker.read(id, version=version))


class WatchedDisk:
    """A Disk around another: notes what is read, and can run out of room, lose its strength to sync or to remove."""

    def __init__(self, real: Disk) -> None:
        """Watch ``real``."""
        self._real = real
        self.reads: list[tuple[str, int]] = []
        """Name and size of every read."""
        self.room: int | None = None
        """Bytes that may still be appended; None = as many as there are."""
        self.removes = True
        """False: a removal does nothing, as if the current went just before it."""

    def take(self, size: int) -> None:
        """Use up ``size`` bytes of room; raises Full."""
        if self.room is not None:
            if size > self.room:
                raise Full(need_mib=1, free_mib=0)
            self.room -= size

    def create(self, name: str) -> AppendFile:
        """See the port."""
        return _WatchedFile(self._real.create(name), self)

    def reopen(self, name: str) -> AppendFile:
        """See the port."""
        return _WatchedFile(self._real.reopen(name), self)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """See the port."""
        data = self._real.read(name, offset, size)
        self.reads.append((name, len(data)))
        return data

    def read_into(self, name: str, offset: int, room: memoryview) -> int:
        """See the port."""
        data = self.read(name, offset, len(room))
        room[: len(data)] = data
        return len(data)

    def size(self, name: str) -> int:
        """See the port."""
        return self._real.size(name)

    def names(self, folder: str) -> list[str]:
        """See the port."""
        return self._real.names(folder)

    def replace(self, name: str, data: bytes) -> None:
        """See the port."""
        self._real.replace(name, data)

    def remove(self, name: str) -> None:
        """See the port."""
        if self.removes:
            self._real.remove(name)

    def sync_folder(self, folder: str) -> None:
        """Nothing: these tests cut no current (tests/sim does)."""

    def free_bytes(self) -> int:
        """See the port."""
        return self._real.free_bytes() if self.room is None else self.room + FREE_RESERVE_BYTES

    def total_bytes(self) -> int:
        """See the port."""
        return self._real.total_bytes()


class _WatchedFile:
    def __init__(self, real: AppendFile, disk: WatchedDisk) -> None:
        self._real, self._disk = real, disk

    def append(self, data: bytes | bytearray | memoryview) -> int:
        self._disk.take(len(data))
        return self._real.append(data)

    def sync(self) -> None:
        pass

    def truncate(self, size: int) -> None:
        self._real.truncate(size)

    def close(self) -> None:
        self._real.close()


class Box:
    """A locker in a folder that can be closed, crashed and opened again, on a WatchedDisk."""

    def __init__(self, folder: Path) -> None:
        """Make an empty locker in ``folder``."""
        self.folder, self.clock, self.secrets = folder, HandClock(), some_secrets()
        self._homes = 0
        self.locker = Locker.create(self._home(), self.secrets)

    def _home(self) -> Home:
        self._homes += 1
        wrapped: list[WatchedDisk] = []

        def wrap(real: Disk) -> Disk:
            wrapped.append(WatchedDisk(real))
            return wrapped[0]

        home = folder_home(self.folder, clock=self.clock, entropy=b"home %d" % self._homes, disk=wrap)
        self.disk = wrapped[0]
        return home

    def reopen(self, *, without_catalog: bool = False) -> Locker:
        """End this process run without commit or cut and begin another, as after kill -9."""
        self.locker.close()
        if without_catalog:
            self.remove_catalog()
        self.locker = Locker.open(self._home(), self.secrets)
        return self.locker

    def remove_catalog(self) -> None:
        """Delete every file of the catalog."""
        for path in (self.folder / "catalog").iterdir():
            path.unlink()

    def put(self, name: str, content: bytes, **more: Any) -> PutResult:
        """Put and commit."""
        result = put(self.locker, name, content, **more)
        self.locker.commit()
        return result

    def packs(self, kind: str) -> list[Path]:
        """Pack files of one kind, oldest first."""
        return sorted((self.folder / "packs").glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime_ns)

    def problems(self) -> list[str]:
        """Codes of everything verify complains about."""
        return [problem.code for problem in list(self.locker.verify())[-1].problems]


def flip(path: Path, at: int) -> None:
    """Flip one bit of the byte at offset ``at``."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
