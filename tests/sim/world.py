"""The simulated home of one locker: seeded randomness, a clock that only counts, SQLite and packs on one SimDisk."""

from __future__ import annotations

import contextlib
import functools
import importlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from firmware.limits import KIB
from firmware.linux.catalog import SqliteCatalog
from firmware.locker import Home
from firmware.locker.rows import Catalog
from firmware.seal import LockerSecrets, Secret, Suite, catalog_cipher, new_key_file
from tests.sim import vfs
from tests.sim.disk import SimDisk

CATALOG = "catalog/catalog.db"

_START_MS = 1_795_000_000_000
_STEP_MS = 1_000

_SMALL = {
    "firmware.chunk.cutting.WHOLE_FILE_BYTES": 2 * KIB,
    "firmware.chunk.cutting.CDC_AVERAGE": 1 * KIB,
    "firmware.chunk.cutting.CDC_MIN": 256,
    "firmware.chunk.cutting.CDC_MAX": 4 * KIB,
    "firmware.chunk.cutting._WINDOW": 8 * KIB,
    "firmware.locker.put.LIST_IDS": 8,
    "firmware.locker.packs.SEGMENT_BYTES": 4 * KIB,
    "firmware.locker.packs._LINK_ROOM": 4 * KIB,
    "firmware.locker.repacking.GROUP_COMMIT_BYTES": 8 * KIB,
    "firmware.locker.repacking.MIB": 2 * KIB,
    "firmware.locker.repacking.SMALL_BYTES": 8 * KIB,
    "firmware.locker.repacking.SMALL_PACKS": 4,
    "firmware.pack.format.MIN_SHIPPED": 1 * KIB,
    "firmware.pack.writing.PACK_BYTES": 32 * KIB,
    "firmware.pack.writing._TRAILER_ROOM": 256,
}
"""Sizes scaled down, so that a file of a few KiB has many chunks and segments and a life of the box fills packs."""


@contextlib.contextmanager
def small_sizes() -> Iterator[None]:
    """Run with chunks, segments and packs scaled down (see ``_SMALL``)."""
    with contextlib.ExitStack() as stack:
        for path, value in _SMALL.items():
            module, _, name = path.rpartition(".")
            importlib.import_module(module)
            stack.enter_context(mock.patch(path, value))
            assert hasattr(importlib.import_module(module), name)
        yield


class Seeded:
    """``firmware.ports.Entropy`` from a seed."""

    def __init__(self, rng: random.Random) -> None:
        """Draw from ``rng``."""
        self._rng = rng

    def bytes(self, count: int) -> bytes:
        """See the port."""
        return self._rng.randbytes(count)


class Counting:
    """``firmware.ports.Clock`` that moves one second at every look."""

    def __init__(self, start_ms: int = _START_MS) -> None:
        """Begin at ``start_ms`` since 1970."""
        self.ms = start_ms

    def now_ms(self) -> int:
        """See the port."""
        self.ms += _STEP_MS
        return self.ms

    def ticks_ns(self) -> int:
        """See the port."""
        return self.now_ms() * 1_000_000


@dataclass(frozen=True, slots=True)
class Weakness:
    """What a negative control leaves out. With none the simulator must lose nothing, with one it must lose much."""

    no_pack_fsync: bool = False
    no_dir_fsync: bool = False
    wal_normal: bool = False
    no_catch_up: bool = False

    def weaken(self, disk: SimDisk) -> SimDisk:
        """Make ``disk`` lie about what this control leaves out."""
        if self.no_pack_fsync:
            disk.file_sync_lies = lambda name: name.startswith("packs/")
        disk.folder_sync_lies = self.no_dir_fsync
        return disk


SOUND = Weakness()


@functools.cache
def secrets() -> LockerSecrets:
    """The keys of every simulated locker, always the same (no Argon2: no slot is ever opened here)."""
    return new_key_file(Seeded(random.Random("locker")))[1]


class SimCatalog(SqliteCatalog):
    """The shipped catalog, told first that nobody else uses it: the simulated VFS has no shared memory for a WAL, and
    any statement that looks at an existing database before that would be refused."""

    def _prepare(self, key: Secret, cipher: str, *, exclusive: bool, synchronous: str, readonly: bool) -> None:
        self._sql.execute("PRAGMA locking_mode=EXCLUSIVE")
        super()._prepare(key, cipher, exclusive=exclusive, synchronous=synchronous, readonly=readonly)
        self._sql.execute(f"PRAGMA synchronous={synchronous}")


def home(disk: SimDisk, rng: random.Random, clock: Counting, weakness: Weakness = SOUND, checkpoint: int = 0) -> Home:
    """A Home on ``disk``. ``checkpoint``: pages of WAL before SQLite copies them back (0 = the product's setting)."""
    suite = Suite.AES_256_GCM

    def open_catalog(key: Secret, readonly: bool) -> Catalog:
        catalog = SimCatalog(
            Path(vfs.path(disk, CATALOG)),
            key,
            cipher=catalog_cipher(suite),
            readonly=readonly,
            vfs=vfs.VFS,
            exclusive=True,
            synchronous="NORMAL" if weakness.wal_normal else "FULL",
        )
        if checkpoint:
            catalog._sql.execute(f"PRAGMA wal_autocheckpoint={checkpoint}")
        return catalog

    def remove_catalog() -> None:
        for name in (CATALOG, f"{CATALOG}-wal", f"{CATALOG}-journal"):
            disk.remove(name)

    return Home(
        disk=weakness.weaken(disk),
        open_catalog=open_catalog,
        remove_catalog=remove_catalog,
        clock=clock,
        entropy=Seeded(rng),
        suite=suite,
        catch_up=not weakness.no_catch_up,
    )
