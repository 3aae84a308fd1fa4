"""SQLite on a simulated disk: a VFS under the very database build the box ships.

``apsw-sqlite3mc`` wraps any VFS it finds in an encrypting one of the name ``multipleciphers-<name>``, so opening with
``VFS`` below puts SQLCipher's pages, WAL and journals, encrypted as on a real disk, onto a ``SimDisk``.

Two traps this keeps clear of. SQLite's unix VFS syncs the *folder* at the first sync of a new journal or WAL; without
that rule the model would lose WALs no real disk loses. And a database handle collected late still closes its files,
deleting the WAL of its path: every path carries the id of one life of one disk, and a disk that is off does nothing.
"""

from __future__ import annotations

import contextlib
import errno
import random
import sys
import weakref
from collections.abc import Iterator

import apsw

from tests.sim.disk import MediumError, PowerCut, SimDisk, SimFile

BASE = "simulated"
VFS = f"multipleciphers-{BASE}"
"""What a catalog opens with."""

_POWERSAFE_OVERWRITE = 0x1000
"""SQLITE_IOCAP_POWERSAFE_OVERWRITE: a torn write damages no byte outside it; what SQLite assumes of every unix disk."""

_SYNC_FOLDER_TOO = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL

_NOW_JULIAN_MS = 213_000_000_000_000
"""A fixed day in 2037: SQLite's clock in the simulator."""

_disks: weakref.WeakValueDictionary[int, SimDisk] = weakref.WeakValueDictionary()


def path(disk: SimDisk, name: str) -> str:
    """The database path that means ``name`` on this life of ``disk``."""
    _disks[disk.id] = disk
    return f"/{disk.id}/{name}"


def seed(value: int) -> None:
    """Make SQLite's randomness (WAL salts, temporary names) a function of ``value``: same seed, same run."""
    _base.rng = random.Random(value)
    usual = apsw.vfs_names()[0]
    apsw.set_default_vfs(BASE)
    apsw.randomness(0)
    apsw.randomness(1)
    apsw.set_default_vfs(usual)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep still about cuts and faults that SQLite met where it cannot tell anybody (closing a handle that is being
    collected, truncating a log); everything else is reported as ever. At the end no database is left open: at the end
    of the process the VFS goes first, and SQLite crashes closing what still stands on it."""
    before = sys.unraisablehook

    def hook(info: sys.UnraisableHookArgs) -> None:
        if not isinstance(info.exc_value, PowerCut | MediumError | apsw.FullError | apsw.IOError):
            before(info)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        _close_all()
        sys.unraisablehook = before


def _close_all() -> None:
    """Close every database on a simulated disk; most stand on one whose current went, and say so."""
    for connection in apsw.connections():
        if getattr(connection, "open_vfs", None) == VFS:  # one whose opening was cut off has no such attribute
            with contextlib.suppress(PowerCut, MediumError, apsw.Error):
                connection.close(True)


def _split(full: str) -> tuple[SimDisk | None, str]:
    _, number, name = full.split("/", 2)
    return _disks.get(int(number)), name


class _File:
    """One open database, WAL or journal."""

    def __init__(self, disk: SimDisk, name: str, file: SimFile, flags: int) -> None:
        self._disk, self._name, self._file = disk, name, file
        self._folder_too = bool(flags & _SYNC_FOLDER_TOO and flags & apsw.SQLITE_OPEN_CREATE)
        self._remove = bool(flags & apsw.SQLITE_OPEN_DELETEONCLOSE)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._disk.alive()
        return bytes(self._file.live[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        with _Said("write"):
            self._disk.write(self._name, self._file, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:
        with _Said("truncate"):
            self._disk.truncate(self._name, self._file, newsize)

    def xSync(self, flags: int) -> None:
        with _Said("sync"):
            self._disk.sync(self._name, self._file)
            if self._folder_too:
                self._disk.sync_entries(self._name.rpartition("/")[0])
                self._folder_too = False

    def xFileSize(self) -> int:
        self._disk.alive()
        return len(self._file.live)

    def xLock(self, level: int) -> None:
        """One process, one connection: nothing to lock against."""

    def xUnlock(self, level: int) -> None:
        """See xLock."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        return _POWERSAFE_OVERWRITE

    def excepthook(self, kind: object, value: object, trace: object) -> bool:
        """Errors SQLite does not pass on (a failed truncate of the WAL) are no news for the terminal."""
        return True

    def xClose(self) -> None:
        if self._remove and not self._disk.off:
            self._disk.unlink(self._name)


class _Said:
    """Turns the medium's refusal into the SQLite code the unix VFS would answer."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: object) -> None:
        if isinstance(value, MediumError):
            if value.errno == errno.ENOSPC:
                raise apsw.FullError("the simulated disk is full") from value
            raise apsw.IOError(f"the simulated {self._what} failed") from value


class _AbsentError(apsw.IOError):
    """Deleting what is not there; SQLite wants to know that it was this and no other failure."""

    extendedresult = apsw.SQLITE_IOERR_DELETE_NOENT


class _Base(apsw.VFS):
    """The unencrypted VFS below SQLite3 Multiple Ciphers' own."""

    def __init__(self) -> None:
        self.rng = random.Random(0)
        super().__init__(BASE, "")

    def excepthook(self, kind: object, value: object, trace: object) -> bool:
        """See _File.excepthook."""
        return True

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:  # type: ignore[override]
        if name is None:
            scratch = SimDisk(random.Random(0))
            return _File(scratch, "temporary", SimFile(), 0)
        disk, local = _split(name.filename() if isinstance(name, apsw.URIFilename) else name)
        if disk is None or disk.off:
            raise PowerCut
        file = disk.files.get(local)
        if file is None:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise apsw.CantOpenError(f"there is no {local}")
            with _Said("create"):
                file = disk.make(local)
        flags[1] = flags[0]
        return _File(disk, local, file, flags[0])

    def xDelete(self, filename: str, syncdir: bool) -> None:
        disk, local = _split(filename)
        if disk is None or disk.off:
            raise PowerCut
        if local not in disk.files:
            raise _AbsentError(local)
        with _Said("delete"):
            disk.unlink(local)
            if syncdir:
                disk.sync_entries(local.rpartition("/")[0])

    def xAccess(self, pathname: str, flags: int) -> bool:
        disk, local = _split(pathname)
        if disk is None:
            return False
        disk.alive()
        return local in disk.files and (flags != 0 or len(disk.files[local].live) > 0)

    def xFullPathname(self, name: str) -> str:
        return name

    def xRandomness(self, numbytes: int) -> bytes:
        return self.rng.randbytes(numbytes)

    def xSleep(self, microseconds: int) -> int:
        return microseconds

    def xCurrentTimeInt64(self) -> int:
        return _NOW_JULIAN_MS

    def xGetLastError(self) -> tuple[int, str | None]:
        return 0, None


_base = _Base()
