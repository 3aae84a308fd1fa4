"""A folder as a Disk port: append-only files, explicit fsync, errors translated at this edge."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IXGRP

from firmware.errors import BoxError, Conflict, Damaged, Full, Missing, Unreachable
from firmware.limits import MIB

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def translated(name: str, folder: Path) -> Iterator[None]:
    """What the system says about ``name`` in ``folder`` as an error of the box."""
    try:
        yield
    except FileNotFoundError:
        raise Missing(what=f"file {name}") from None
    except FileExistsError:
        raise Conflict(why=f"{name} exists already") from None
    except OSError as error:
        raise _translate(error, name, folder) from error


def _translate(error: OSError, name: str, folder: Path) -> BoxError:
    if error.errno in _NO_ROOM:
        return Full(need_mib=1, free_mib=_free(folder) // MIB)
    if error.errno == errno.EIO:
        return Damaged(what=name)
    return Unreachable(what=f"{name} on its disk ({error.strerror})")


def _free(folder: Path) -> int:
    try:
        stat = os.statvfs(folder)
    except OSError:
        return 0
    return stat.f_bavail * stat.f_frsize


_SHARING, _SHARED = "lockers", "packs/"


class LinuxFile:
    """One file open for appending."""

    def __init__(self, fd: int, name: str, folder: Path, size: int) -> None:
        """Take over ``fd``."""
        self._fd = fd
        self._name = name
        self._folder = folder
        self._size = size

    def append(self, data: bytes | bytearray | memoryview) -> int:
        """Append all of ``data``; on a full disk whatever was written is cut off again before Full is raised."""
        start = self._size
        view = memoryview(data)
        try:
            while view:
                view = view[os.pwrite(self._fd, view, start + len(data) - len(view)) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._fd, start)
            raise _translate(error, self._name, self._folder) from error
        self._size = start + len(data)
        return start

    def sync(self) -> None:
        """fdatasync(2); a failed one is Damaged and must not be retried (the kernel drops the dirty pages)."""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise _translate(error, self._name, self._folder) from error

    def truncate(self, size: int) -> None:
        """Drop everything from ``size`` on."""
        with translated(self._name, self._folder):
            os.ftruncate(self._fd, size)
        self._size = size

    def close(self) -> None:
        """Close once; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class LinuxDisk:
    """A Disk below ``folder`` (created 0700).

    Where the folder above is one that its group may pass through (the unit of lockerd says so, nobody else), the group
    may read ``packs/``, which is sealed, and nothing besides: peerd, another user, ships from there.
    """

    def __init__(self, folder: Path) -> None:
        """Create ``folder`` when absent."""
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._shares = folder.parent.name == _SHARING and bool(folder.parent.stat().st_mode & S_IXGRP)
        if self._shares:
            folder.chmod(0o710)

    def create(self, name: str) -> LinuxFile:
        """Create a new file 0600; its folder is created too (and made durable in its parent)."""
        path = self._folder / name
        with translated(name, self._folder):
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, parents=True)
                if self._shares and name.startswith(_SHARED):
                    path.parent.chmod(0o750)
                _sync_dir(path.parent.parent)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if self._shares and name.startswith(_SHARED):
                os.fchmod(fd, 0o640)
        return LinuxFile(fd, name, self._folder, 0)

    def reopen(self, name: str) -> LinuxFile:
        """Open an existing file for appending."""
        with translated(name, self._folder):
            fd = os.open(self._folder / name, os.O_WRONLY | os.O_CLOEXEC)
            return LinuxFile(fd, name, self._folder, os.fstat(fd).st_size)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Positional read. Opens each time: handles are cheap beside a segment, and threads share nothing."""
        with translated(name, self._folder):
            fd = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.pread(fd, size, offset)
                while len(data) < size and (more := os.pread(fd, size - len(data), offset + len(data))):
                    data += more
                return data
            finally:
                os.close(fd)

    def read_into(self, name: str, offset: int, room: memoryview) -> int:
        """Positional read into memory that is there: no page of it is new."""
        with translated(name, self._folder):
            fd = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                count = os.preadv(fd, [room], offset)
                while count < len(room) and (more := os.preadv(fd, [room[count:]], offset + count)):
                    count += more
                return count
            finally:
                os.close(fd)

    def size(self, name: str) -> int:
        """Size in bytes."""
        with translated(name, self._folder):
            return (self._folder / name).stat().st_size

    def names(self, folder: str) -> list[str]:
        """Plain file names, sorted; temporaries are not listed."""
        try:
            with os.scandir(self._folder / folder) as entries:
                return sorted(
                    e.name for e in entries if e.is_file(follow_symlinks=False) and not e.name.endswith(".tmp")
                )
        except FileNotFoundError:
            return []

    def replace(self, name: str, data: bytes) -> None:
        """Write atomically and durably: temporary, fsync, rename, fsync of the folder."""
        path = self._folder / name
        with translated(name, self._folder):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = path.with_name(path.name + ".tmp")
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                view = memoryview(data)
                while view:  # a disk about to be full takes a part and says so with the next call
                    view = view[os.write(fd, view) :]
                os.fsync(fd)
            finally:
                os.close(fd)
            os.replace(temporary, path)
            _sync_dir(path.parent)

    def remove(self, name: str) -> None:
        """Unlink if there."""
        with suppress(Missing), translated(name, self._folder):
            (self._folder / name).unlink()

    def sync_folder(self, folder: str) -> None:
        """fsync(2) of the directory."""
        with translated(folder, self._folder):
            _sync_dir(self._folder / folder)

    def free_bytes(self) -> int:
        """What statvfs(2) leaves to an unprivileged writer."""
        return _free(self._folder)

    def total_bytes(self) -> int:
        """All blocks of the file system, by statvfs(2)."""
        try:
            stat = os.statvfs(self._folder)
        except OSError:
            return 0
        return stat.f_blocks * stat.f_frsize


def _sync_dir(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
