"""Files of hosted shards: parts that grow, whole ones that never change, folders made durable (hosted.md)."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from firmware.errors import BoxError, Damaged, Full, ShardMissing, Unreachable
from firmware.limits import HOST_WRITE_BYTES
from firmware.shard import ShardHasher

_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FOLDERS: Final = ("shards", "arriving", "deletes", "capsules", "manifest")


def meaning(error: OSError) -> BoxError:
    """Translate what the disk says; nothing of it names a path, as it may be told to a peer."""
    if error.errno in _NO_ROOM:
        return Full(need_mib=1, free_mib=0)
    if error.errno == errno.ENOENT:
        return ShardMissing()
    if error.errno == errno.EIO:
        return Damaged(what="a shard")
    return Unreachable(what=f"the disk ({error.strerror})")


@contextmanager
def translated() -> Iterator[None]:
    """OSError becomes a BoxError."""
    try:
        yield
    except OSError as error:
        raise meaning(error) from error


def room(folder: Path) -> tuple[int, int]:
    """Return (size of the file system, what an unprivileged writer may still use), bytes."""
    with translated():
        stat = os.statvfs(folder)
    return stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize


def sync_folder(path: Path) -> None:
    """fsync(2) of a directory."""
    with translated():
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


class FolderSync:
    """fsync of one folder, shared by all who ask while one is running: many small shards, few journal commits."""

    def __init__(self, path: Path) -> None:
        """For the folder ``path``."""
        self._path = path
        self._asking, self._syncing = threading.Lock(), threading.Lock()
        self._asked = self._done = 0
        self._broken = False

    def __call__(self) -> None:
        """Return when everything renamed into the folder before this call is durable."""
        with self._asking:
            self._asked += 1
            mine = self._asked
        with self._syncing:
            if self._done >= mine:
                return
            if (
                self._broken
            ):  # after one failed fsync the next one may lie: the kernel has dropped what it could not write
                raise Damaged(what="the folder of shards")
            upto, self._broken = self._asked, True
            sync_folder(self._path)
            self._done, self._broken = upto, False


def make_place(folder: Path) -> None:
    """Create a place's folders, durably in their parents; those that are there stay."""
    with translated():
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in FOLDERS:
            (folder / name).mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder)
    sync_folder(folder.parent)


def is_hex(name: str, size: int) -> bool:
    """True for ``size`` bytes in lower-case hex."""
    return len(name) == 2 * size and not set(name) - set("0123456789abcdef")


def shard_files(folder: Path) -> Iterator[tuple[bytes, int, int]]:
    """Yield (id, size, modification time in ms) of the files that are named like shards."""
    with translated(), os.scandir(folder) as entries:
        for entry in entries:
            if is_hex(entry.name, 32) and entry.is_file(follow_symlinks=False):
                stat = entry.stat(follow_symlinks=False)
                yield bytes.fromhex(entry.name), stat.st_size, stat.st_mtime_ns // 1_000_000


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor for reading, for a while; what the disk says is translated."""
    with translated():
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            yield fd
        finally:
            os.close(fd)


def _pread(fd: int, offset: int, count: int) -> bytes:
    data = os.pread(fd, count, offset)
    while len(data) < count and (more := os.pread(fd, count - len(data), offset + len(data))):
        data += more
    return data


def pieces(path: Path, size: int) -> Iterator[bytes]:
    """Yield a shard of ``size`` bytes in pieces; raises Damaged when the file is shorter."""
    with opened(path) as fd:
        for at in range(0, size, HOST_WRITE_BYTES):
            wanted = min(HOST_WRITE_BYTES, size - at)
            data = _pread(fd, at, wanted)
            if len(data) != wanted:
                raise Damaged(what="a shard")
            yield data


def leaf_pieces(path: Path, ranges: list[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the bytes of each (offset, length); raises Damaged when the file is shorter."""
    with opened(path) as fd:
        for at, wanted in ranges:
            data = _pread(fd, at, wanted)
            if len(data) != wanted:
                raise Damaged(what="a shard")
            yield data


def hasher_of(path: Path, size: int) -> ShardHasher:
    """Hash the first ``size`` bytes of a file."""
    hasher = ShardHasher()
    for piece in pieces(path, size):
        hasher.update(piece)
    return hasher


class PartFile:
    """A part of a shard, open for appending; bytes are gathered into large writes."""

    def __init__(self, path: Path, size: int) -> None:
        """Open, or create when ``size`` is 0, a part of ``size`` bytes."""
        self.path, self._size, self._waiting = path, size, bytearray()
        flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT | os.O_TRUNC if not size else 0)
        with translated():
            self._fd = os.open(path, flags, 0o600)

    @property
    def size(self) -> int:
        """How many bytes came, written or not."""
        return self._size + len(self._waiting)

    def append(self, data: bytes) -> None:
        """Take bytes; raises Full or Damaged."""
        if not self._waiting and len(data) >= HOST_WRITE_BYTES:
            self._write(data)
            return
        self._waiting += data
        if len(self._waiting) >= HOST_WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if self._waiting:
            waiting, self._waiting = self._waiting, bytearray()
            self._write(waiting)

    def _write(self, data: bytes | bytearray) -> None:
        with translated(), memoryview(data) as view:
            at = 0
            while at < len(view):
                wrote = os.pwrite(self._fd, view[at:], self._size)
                at += wrote
                self._size += wrote

    def rest(self, time_ms: int) -> None:
        """Nobody goes on for now: write what was gathered, note when, close."""
        self.flush()
        with translated():
            os.utime(self._fd, ns=(time_ms * 1_000_000, time_ms * 1_000_000))
        self.close()

    def settle(self, target: Path, time_ms: int) -> None:
        """Whole and checked: modification time, fsync, close, rename. The folder is synced by the caller."""
        with translated():
            os.utime(self._fd, ns=(time_ms * 1_000_000, time_ms * 1_000_000))
            os.fsync(self._fd)
            self.close()
            os.rename(self.path, target)

    def close(self) -> None:
        """Close the descriptor; what was gathered and not flushed is forgotten. May be called twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with suppress(OSError):
                os.close(fd)

    def drop(self) -> None:
        """Close and remove."""
        self.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
