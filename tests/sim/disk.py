"""A disk in memory that forgets what was not synced: the medium under every simulated power cut.

The model is that of ALICE and LazyFS, at 512-byte sectors: per file the durable bytes plus the operations not yet
synced, per folder the durable entries plus the creations, renames and removals not yet synced. At a cut each
un-synced sector is kept, dropped or torn by chance (so a later write may survive an earlier one that does not),
the size of a file is any it had since its last sync, and of a folder's operations an ordered prefix survives.
The file system journals metadata; it orders nothing between files, folders and data.

SQLite's files (``tests.sim.vfs``) and the locker's packs live on the same disk, so one cut hits both.
"""

from __future__ import annotations

import enum
import errno
import itertools
import random
from collections.abc import Callable

from firmware.errors import BoxError, Conflict, Damaged, Full, Missing
from firmware.ports import AppendFile

SECTOR = 512
"""Bytes a medium writes at once; smaller than any page of SQLite, so pages tear too."""

CAPACITY = 1 << 40
"""Bytes a simulated disk holds unless a test says less."""

_ids = itertools.count(1)


class PowerCut(BaseException):
    """The current went: nothing of the running program may catch this but the harness."""


class MediumError(OSError):
    """The medium refused one operation (ENOSPC or EIO); ports turn it into their own error."""


class Op(enum.StrEnum):
    """What a program may ask of the disk; every one is a place where the current can go."""

    CREATE = "create"
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    RENAME = "rename"
    REMOVE = "remove"
    SYNC_FOLDER = "sync-folder"


class SimFile:
    """One file: what programs see (``live``), what the medium holds (``durable``), and what lies between."""

    __slots__ = ("durable", "live", "pending")

    def __init__(self, content: bytes = b"") -> None:
        """Start with ``content`` durable."""
        self.live = bytearray(content)
        self.durable = bytearray(content)
        self.pending: list[tuple[int, bytes | None]] = []
        """Ordered (offset, data) writes; data None means: truncated to offset."""

    def write(self, offset: int, data: bytes) -> None:
        """Write as the page cache does; a gap reads as zeros."""
        _apply(self.live, offset, data)
        self.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        """Set the size of the file in bytes."""
        _apply(self.live, size, None)
        self.pending.append((size, None))

    def sync(self) -> None:
        """Move everything pending to the medium."""
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending.clear()

    def forget(self, rng: random.Random) -> None:
        """A sync that failed: some of it arrived; the rest is marked clean in the cache and never written again."""
        self.durable = bytearray(self.after_cut(rng))
        self.pending.clear()

    def after_cut(self, rng: random.Random) -> bytes:
        """What the medium holds when the current goes now."""
        if not self.pending:
            return bytes(self.durable)
        kept = rng.choice((0.0, 0.5, 0.9, 1.0))
        image = bytearray(self.durable)
        sizes = [len(image)]
        for offset, data in self.pending:
            if data is None:
                if rng.random() < kept:
                    _apply(image, offset, None)
                    sizes.append(len(image))
                continue
            _land(image, offset, data, kept, rng)
            sizes.append(max(sizes[-1], offset + len(data)))
        size = len(image) if kept == 1.0 else _size_after_cut(sizes, rng)
        _apply(image, size, None)
        return bytes(image)


def _size_after_cut(sizes: list[int], rng: random.Random) -> int:
    """Any size the file had, or a whole sector in between (delayed allocation writes sizes when it likes)."""
    size = rng.choice(sizes)
    if rng.random() < 0.3:
        size = max(min(sizes), rng.randint(min(sizes), max(sizes)) // SECTOR * SECTOR)
    return size


def _apply(image: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        if offset < len(image):
            del image[offset:]
        else:
            image.extend(bytes(offset - len(image)))
        return
    if offset > len(image):
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data


def _land(image: bytearray, offset: int, data: bytes, kept: float, rng: random.Random) -> None:
    """Let each sector of one write arrive whole, torn or not at all."""
    end = offset + len(data)
    if end > len(image):
        image.extend(bytes(end - len(image)))
    at = offset
    while at < end:
        stop = min(end, at - at % SECTOR + SECTOR)
        if rng.random() < kept:
            image[at:stop] = data[at - offset : stop - offset]
        elif kept and rng.random() < 0.1:
            torn = rng.randint(at, stop)
            image[at:torn] = data[at - offset : torn - offset]
        at = stop


class SimDisk:
    """``firmware.ports.Disk`` over the model above. ``id`` names this life of the disk: handles of an earlier
    life can touch nothing of a later one (a database handle collected late must not delete the new disk's WAL).
    """

    def __init__(self, rng: random.Random, *, capacity: int = CAPACITY) -> None:
        """Start empty; ``rng`` decides what survives; ``capacity`` (bytes) is where ENOSPC starts."""
        self.id = next(_ids)
        self.rng = rng
        self.capacity = capacity
        self.ops = 0
        self.off = False
        self.cut_at: int | None = None
        """The operation (1 = first) during which the current goes; None: never."""
        self.cut_counts: Callable[[Op, str], bool] = lambda _op, _name: True
        """Which operations ``ops`` counts: all, or only those a test finds worth cutting at."""
        self.fail: Callable[[Op, str], int] | None = None
        """Asked before every operation; a positive errno makes it fail with that error."""
        self.file_sync_lies: Callable[[str], bool] = lambda _name: False
        self.folder_sync_lies = False
        """Negative controls: what answers "synced" without having done it."""
        self.files: dict[str, SimFile] = {}
        self._durable: dict[str, SimFile] = {}
        self._pending: dict[str, list[tuple[Op, str, str, SimFile | None]]] = {}
        self._used = 0

    def step(self, op: Op, name: str) -> bool:
        """Count one operation; True when the current goes during it (the caller then does it and cuts)."""
        if self.off:
            raise PowerCut
        code = self.fail(op, name) if self.fail is not None else 0
        if code:
            raise MediumError(code, f"{op} {name}")
        if not self.cut_counts(op, name):
            return False
        self.ops += 1
        return self.ops == self.cut_at

    def cut(self) -> None:
        """The current goes: every operation from now on raises PowerCut."""
        self.off = True
        raise PowerCut

    def alive(self) -> None:
        """Reading needs current too."""
        if self.off:
            raise PowerCut

    def restarted(self) -> SimDisk:
        """The disk as the next start finds it; this one is off from now on."""
        self.off = True
        after = SimDisk(self.rng, capacity=self.capacity)
        entries = dict(self._durable)
        for waiting in self._pending.values():
            for change in waiting[: self.rng.randint(0, len(waiting))]:
                _enter(entries, change)
        images = {id(file): file for file in entries.values()}
        content = {key: SimFile(file.after_cut(self.rng)) for key, file in images.items()}
        after.files = {name: content[id(file)] for name, file in sorted(entries.items())}
        after._durable = dict(after.files)
        after._used = sum(len(file.live) for file in after.files.values())
        return after

    def killed(self) -> SimDisk:
        """The disk as the next process finds it when only the last one died: the cache lives on, unsynced as it was."""
        self.off = True
        after = SimDisk(self.rng, capacity=self.capacity)
        after.files, after._durable, after._pending = self.files, self._durable, self._pending
        after._used = self._used
        return after

    def copy(self) -> SimDisk:
        """The same disk cleanly stopped and started elsewhere: everything seen is durable (a template's copy)."""
        twin = SimDisk(self.rng, capacity=self.capacity)
        twin.files = {name: SimFile(bytes(file.live)) for name, file in self.files.items()}
        twin._durable = dict(twin.files)
        twin._used = self._used
        return twin

    # What the VFS and the port below share -------------------------------------------------------------------

    def make(self, name: str) -> SimFile:
        """Enter a new empty file."""
        last = self.step(Op.CREATE, name)
        file = SimFile()
        self._change((Op.CREATE, name, "", file))
        if last:
            self.cut()
        return file

    def write(self, name: str, file: SimFile, offset: int, data: bytes) -> None:
        """Write into the page cache; raises MediumError(ENOSPC) beyond the capacity."""
        last = self.step(Op.WRITE, name)
        grown = max(0, offset + len(data) - len(file.live))
        if grown and self._used + grown > self.capacity:
            raise MediumError(errno.ENOSPC, f"write {name}")
        self._used += grown
        file.write(offset, data)
        if last:
            self.cut()

    def truncate(self, name: str, file: SimFile, size: int) -> None:
        """Set a file's size."""
        last = self.step(Op.TRUNCATE, name)
        self._used += size - len(file.live)
        file.truncate(size)
        if last:
            self.cut()

    def sync(self, name: str, file: SimFile) -> None:
        """Bring a file's bytes to the medium; after an error whatever did not arrive is lost for good."""
        try:
            last = self.step(Op.SYNC, name)
        except MediumError:
            file.forget(self.rng)
            raise
        if last:
            self.cut()
        if not self.file_sync_lies(name):
            file.sync()

    def rename(self, old: str, new: str) -> None:
        """Rename within one folder, replacing ``new``."""
        last = self.step(Op.RENAME, old)
        self._change((Op.RENAME, old, new, None))
        if last:
            self.cut()

    def unlink(self, name: str) -> None:
        """Remove an entry; an absent one is fine."""
        if name not in self.files:
            self.alive()
            return
        last = self.step(Op.REMOVE, name)
        self._change((Op.REMOVE, name, "", None))
        if last:
            self.cut()

    def sync_entries(self, folder: str) -> None:
        """Bring a folder's entries to the medium."""
        if self.step(Op.SYNC_FOLDER, folder):
            self.cut()
        for change in self._pending.pop(folder, ()):
            _enter(self._durable, change)

    def _change(self, change: tuple[Op, str, str, SimFile | None]) -> None:
        gone = self.files.get(change[2] if change[0] is Op.RENAME else change[1])
        self._used -= len(gone.live) if gone is not None else 0
        _enter(self.files, change)
        self._pending.setdefault(_folder(change[1]), []).append(change)

    # firmware.ports.Disk -------------------------------------------------------------------------------------

    def create(self, name: str) -> AppendFile:
        """See the port."""
        self.alive()
        if name in self.files:
            raise Conflict(why=f"{name} exists")
        try:
            return _Appending(self, name, self.make(name))
        except MediumError as trouble:
            raise said(trouble, name) from trouble

    def reopen(self, name: str) -> AppendFile:
        """See the port."""
        return _Appending(self, name, self._find(name))

    def read(self, name: str, offset: int, size: int) -> bytes:
        """See the port."""
        return bytes(self._find(name).live[offset : offset + size])

    def read_into(self, name: str, offset: int, room: memoryview) -> int:
        """See the port."""
        data = self.read(name, offset, len(room))
        room[: len(data)] = data
        return len(data)

    def size(self, name: str) -> int:
        """See the port."""
        return len(self._find(name).live)

    def names(self, folder: str) -> list[str]:
        """See the port."""
        self.alive()
        inside = (name.rpartition("/")[2] for name in self.files if _folder(name) == folder)
        return sorted(name for name in inside if not name.endswith(".tmp"))

    def replace(self, name: str, data: bytes) -> None:
        """See the port."""
        temporary = f"{name}.tmp"
        try:
            self.unlink(temporary)
            file = self.make(temporary)
            self.write(temporary, file, 0, bytes(data))
            self.sync(temporary, file)
            self.rename(temporary, name)
        except MediumError as trouble:
            raise said(trouble, name) from trouble
        self.sync_folder(_folder(name))

    def remove(self, name: str) -> None:
        """See the port."""
        try:
            self.unlink(name)
        except MediumError as trouble:
            raise said(trouble, name) from trouble

    def sync_folder(self, folder: str) -> None:
        """See the port."""
        if self.folder_sync_lies:
            if self.step(Op.SYNC_FOLDER, folder):
                self.cut()
            return
        try:
            self.sync_entries(folder)
        except MediumError as trouble:
            raise said(trouble, folder) from trouble

    def free_bytes(self) -> int:
        """See the port."""
        self.alive()
        return max(0, self.capacity - self._used)

    def total_bytes(self) -> int:
        """See the port."""
        return self.capacity

    def _find(self, name: str) -> SimFile:
        self.alive()
        try:
            return self.files[name]
        except KeyError:
            raise Missing(what=name) from None


class _Appending:
    """``firmware.ports.AppendFile`` on one simulated file."""

    def __init__(self, disk: SimDisk, name: str, file: SimFile) -> None:
        self._disk, self._name, self._file = disk, name, file

    def append(self, data: bytes | bytearray | memoryview) -> int:
        """See the port."""
        offset = len(self._file.live)
        try:
            self._disk.write(self._name, self._file, offset, bytes(data))
        except MediumError as trouble:
            raise said(trouble, self._name) from trouble
        return offset

    def sync(self) -> None:
        """See the port."""
        try:
            self._disk.sync(self._name, self._file)
        except MediumError as trouble:
            raise said(trouble, self._name) from trouble

    def truncate(self, size: int) -> None:
        """See the port."""
        try:
            self._disk.truncate(self._name, self._file, size)
        except MediumError as trouble:
            raise said(trouble, self._name) from trouble

    def close(self) -> None:
        """See the port."""


def said(trouble: MediumError, name: str) -> BoxError:
    """The port's error for an errno."""
    if trouble.errno == errno.ENOSPC:
        return Full(need_mib=1, free_mib=0)
    return Damaged(what=name)


def _enter(entries: dict[str, SimFile], change: tuple[Op, str, str, SimFile | None]) -> None:
    """Carry out one directory operation on ``entries``."""
    match change:
        case (Op.CREATE, name, _, SimFile() as file):
            entries[name] = file
        case (Op.RENAME, old, new, _):
            entries[new] = entries.pop(old)
        case (_, name, _, _):
            entries.pop(name, None)


def _folder(name: str) -> str:
    return name.rpartition("/")[0]
