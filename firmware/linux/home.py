"""A locker's Home on this machine: a folder, an encrypted SQLite file, the system's clock and randomness."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path

from firmware.errors import Damaged
from firmware.linux.catalog import SqliteCatalog
from firmware.linux.clock import SystemClock, SystemEntropy, system_zone
from firmware.linux.disk import LinuxDisk
from firmware.linux.lane import ThreadLane
from firmware.locker import Home
from firmware.locker.home import Tell, tell_nobody
from firmware.seal import Secret, Suite, catalog_cipher, fastest_suite


@cache
def measured_suite() -> Suite:
    """The faster AEAD suite on this machine, measured once per process."""
    return fastest_suite(SystemClock().ticks_ns)


def linux_home(folder: Path, tell: Tell = tell_nobody) -> Home:
    """Return the Home of the locker in ``folder`` (created when absent), which is named by its member."""
    disk = LinuxDisk(folder)
    catalog_folder = folder / "catalog"
    catalog_folder.mkdir(mode=0o700, exist_ok=True)
    path = catalog_folder / "catalog.db"
    suite = measured_suite()

    def opened(under: Suite, key: Secret, readonly: bool) -> SqliteCatalog:
        return SqliteCatalog(path, key, cipher=catalog_cipher(under), readonly=readonly)

    def open_catalog(key: Secret, readonly: bool) -> SqliteCatalog:
        """A busy machine may measure another suite than the one the catalog was made under: both are tried."""
        measured_first = sorted(Suite, key=lambda each: each is not suite) if path.exists() else []
        for each in measured_first:
            with suppress(Damaged):
                return opened(each, key, readonly)
        return opened(suite, key, readonly)

    def remove_catalog() -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    return Home(
        disk, open_catalog, remove_catalog, SystemClock(), SystemEntropy(), suite, member=folder.name, tell=tell,
        lane=ThreadLane(), zone=system_zone,
    )  # fmt: skip
