"""Homes for tests: a real folder with a clock and randomness the test owns, and files put in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from firmware.linux.catalog import SqliteCatalog
from firmware.linux.disk import LinuxDisk
from firmware.locker import Home, Locker
from firmware.model import Collide, PutResult, SafeName
from firmware.ports import Disk
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
