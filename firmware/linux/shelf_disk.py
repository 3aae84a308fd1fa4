"""The folder of a shelf on a disk that may go away: everything is done below one open directory, never by its path.

A path of a disk that was pulled leads to the empty folder it was mounted on, on the box's own disk; a descriptor does
not. It is held only while there is work, so that the disk can be unmounted in between.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware.errors import Missing, Unreachable
from firmware.linux.disk import LinuxDisk, LinuxFile, translated
from firmware.shelf import FOLDER
from firmware.shelf.format import READ_ME

_DESCRIPTORS: Final = Path("/proc/self/fd")
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Room:
    """The file system of a shelf: its size, what may still be written (bytes), whether nothing can be written."""

    total: int
    free: int
    read_only: bool


class LinuxShelfDisk(LinuxDisk):
    """``firmware.shelf.ShelfDisk`` below an open directory; made by ``opened``."""

    def __init__(self, fd: int) -> None:
        """Work below the directory ``fd``, which stays the caller's."""
        super().__init__(_DESCRIPTORS / str(fd))
        self.fd = fd

    def create(self, name: str) -> LinuxFile:
        """Create a file; folders that are missing are made first, each durably."""
        folder = Path(name).parent
        for each in (*reversed(folder.parents[:-1]), folder):
            path = self._folder / each
            if each != Path() and not path.is_dir():
                with translated(str(each), self._folder):
                    path.mkdir(mode=0o700, exist_ok=True)
                self.sync_folder(str(each.parent))
        return super().create(name)

    def rename(self, old: str, new: str) -> None:
        """Rename, replacing ``new``."""
        with translated(new, self._folder):
            os.rename(self._folder / old, self._folder / new)

    def names(self, folder: str) -> list[str]:
        """Plain file names, sorted; temporaries are not listed."""
        with translated(folder, self._folder):
            return super().names(folder)

    def temporaries(self, folder: str) -> list[str]:
        """Plain files that a pulled plug left."""
        try:
            with translated(folder, self._folder), os.scandir(self._folder / folder) as entries:
                return sorted(e.name for e in entries if e.name.endswith(".tmp") and e.is_file(follow_symlinks=False))
        except Missing:
            return []

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Read; from the beginning of a file, it is read from the disk and not from memory."""
        if not offset:
            with translated(name, self._folder):
                fd = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(fd)
        return super().read(name, offset, size)

    def sync_folder(self, folder: str) -> None:
        """fsync(2) of a directory; where a file system has none, everything is synced."""
        with translated(folder, self._folder):
            fd = os.open(self._folder / folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS):
                    raise
                os.sync()
            finally:
                os.close(fd)

    def room(self) -> Room:
        """Ask how much room there is; raises Unreachable and its like."""
        with translated("the shelf", self._folder):
            found = os.statvfs(self.fd)
        block = found.f_frsize
        return Room(found.f_blocks * block, found.f_bavail * block, bool(found.f_flag & os.ST_RDONLY))


@contextmanager
def opened(at: Path, *, away_from: Path, same_disk: bool = False, make: bool = False) -> Iterator[LinuxShelfDisk]:
    """Open the folder of the shelf below ``at``, for a while.

    ``away_from`` is a folder whose file system is refused unless ``same_disk``: it holds what the shelf is a copy of.
    ``make`` makes the folder. Raises Missing when there is none, Unreachable when it is on that file system.
    """
    with translated(FOLDER, at):
        top = os.open(at, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not same_disk and os.fstat(top).st_dev == away_from.stat().st_dev:
            raise Unreachable(what="the disk of this shelf (it is not plugged in)")
        with translated(FOLDER, at):
            if make:
                _make(top)
            fd = os.open(FOLDER, _DIRECTORY, dir_fd=top)
    finally:
        os.close(top)
    try:
        yield LinuxShelfDisk(fd)
    finally:
        os.close(fd)


def _make(top: int) -> None:
    try:
        os.mkdir(FOLDER, 0o700, dir_fd=top)
    except FileExistsError:
        return
    os.fsync(top)


def folders(disk: LinuxShelfDisk) -> list[str]:
    """Names of the folders in the folder of the shelf, sorted."""
    with translated(FOLDER, _DESCRIPTORS), os.scandir(disk.fd) as entries:
        return sorted(each.name for each in entries if each.is_dir(follow_symlinks=False))


def is_empty(disk: LinuxShelfDisk) -> bool:
    """Whether nothing at all lies in the folder, or only what making a shelf left when it was cut short."""
    with translated(FOLDER, _DESCRIPTORS):
        return all(each.endswith(".tmp") or each == READ_ME for each in os.listdir(disk.fd))
