"""Writes the files of one bulk stream below a folder, and never anywhere else.

Every folder on the way is opened relative to the one above it without following links, a file is written under a
temporary name and renamed when it is whole, and a different file of the same name is left alone unless forced.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from firmware.errors import BadName
from firmware.model import SafeName
from services.api.bulk import FileEnd, FileStart, Frames
from services.cli.showing import shown

_OPEN_FOLDERS = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = b".locker-box-%s.part" % os.urandom(4).hex().encode()
"""What one file at a time is called until it is whole; two of these programs may fill one folder."""
_OLD_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(slots=True)
class Written:
    """What became of every file; sizes in bytes."""

    files: int = 0
    same: int = 0
    size: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)


class Folders:
    """Folders below one destination, kept open (the last ``_OPEN_FOLDERS`` used)."""

    def __init__(self, root: Path) -> None:
        """Open ``root`` (made if it does not exist)."""
        root.mkdir(parents=True, exist_ok=True)
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: OrderedDict[bytes, int] = OrderedDict()

    def at(self, folder: bytes) -> int:
        """Return a descriptor of ``folder`` (made if need be); raises OSError, also for a link on the way."""
        if not folder:
            return self._root
        if folder in self._open:
            self._open.move_to_end(folder)
            return self._open[folder]
        above, _, last = folder.rpartition(b"/")
        parent = self.at(above)
        try:
            os.mkdir(last, dir_fd=parent)
        except FileExistsError:
            pass
        fd = os.open(last, _FOLDER, dir_fd=parent)
        self._open[folder] = fd
        if len(self._open) > _OPEN_FOLDERS:
            os.close(self._open.popitem(last=False)[1])
        return fd

    def close(self) -> None:
        """Close all of them."""
        for fd in (*self._open.values(), self._root):
            os.close(fd)


class Receiving:
    """Feed it the stream; ``written`` says what came of it."""

    def __init__(self, destination: Path, *, force: bool) -> None:
        """Write below ``destination``; ``force`` replaces files that differ."""
        self._folders = Folders(destination)
        self._frames = Frames()
        self._force = force
        self._file: _Target | None = None
        self._name = ""
        self.written = Written()

    def feed(self, data: bytes) -> None:
        """Take the next bytes; raises Misused for a stream that makes no sense."""
        for event in self._frames.feed(data):
            if type(event) is memoryview:
                if self._file is not None:
                    self._guarded(self._file, event)
            elif type(event) is FileStart:
                self._begin(event)
            elif type(event) is FileEnd:
                self._end(ok=event.ok)

    def end(self) -> None:
        """Check that the stream ended whole."""
        self._frames.close()

    def close(self) -> None:
        """Remove what is half written and close everything."""
        if self._file is not None:
            self._file.discard()
            self._file = None
        self._folders.close()

    def _begin(self, start: FileStart) -> None:
        self._name = shown(start.name)
        try:
            name = SafeName(start.name.decode("utf-8", "surrogateescape")).raw
            self._file = _Target(self._folders, name, start, force=self._force)
        except BadName as error:
            self._problem(str(error))
        except OSError as error:
            self._problem(f"it cannot be written ({error.strerror})")

    def _guarded(self, file: _Target, data: memoryview) -> None:
        try:
            file.write(data)
        except OSError as error:
            file.discard()
            self._file = None
            self._problem(f"it cannot be written ({error.strerror})")

    def _end(self, *, ok: bool) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if not ok:
            file.discard()
            self._problem("it is damaged in the locker; `./box locker verify` says what is touched")
            return
        try:
            file.finish()
        except OSError as error:
            file.discard()
            self._problem(f"it cannot be written ({error.strerror})")
            return
        self.written.files += 1
        self.written.same += file.same
        self.written.size += file.size

    def _problem(self, why: str) -> None:
        self.written.problems.append((self._name, why))


class _Target:
    """One file on its way: compared with the one that is there while they agree, else written beside it."""

    __slots__ = ("_at", "_fd", "_force", "_last", "_mtime_ns", "_old", "_temporary", "same", "size")

    def __init__(self, folders: Folders, name: bytes, start: FileStart, *, force: bool) -> None:
        folder, _, self._last = name.rpartition(b"/")
        self._at = folders.at(folder)  # stays open: no other folder is asked for before this file ended
        self._force, self._mtime_ns = force, start.mtime_ns
        self._temporary = _TEMPORARY
        self._fd, self.size, self.same = -1, 0, False
        self._old = -1
        try:
            self._old = self._open_old(start.size)
            if self._old < 0:
                self._fd = os.open(self._temporary, _NEW_FILE, 0o666, dir_fd=self._at)
        except OSError:
            self._close()
            raise

    def _open_old(self, size: int) -> int:
        """Open the file of this name when it may be the same one; raises FileExistsError when it must stay."""
        try:
            there = os.stat(self._last, dir_fd=self._at, follow_symlinks=False)
        except FileNotFoundError:
            return -1
        if stat.S_ISREG(there.st_mode) and there.st_size == size:
            return os.open(self._last, _OLD_FILE, dir_fd=self._at)
        self._refuse_unless_forced()
        return -1

    def _refuse_unless_forced(self) -> None:
        if not self._force:
            raise FileExistsError(0, "another file of this name is there; --force replaces it")

    def write(self, data: memoryview) -> None:
        if self._old >= 0:
            if os.pread(self._old, len(data), self.size) == data:
                self.size += len(data)
                return
            self._refuse_unless_forced()
            self._differ()
        while data:
            count = os.write(self._fd, data)
            self.size += count
            data = data[count:]

    def _differ(self) -> None:
        """The old file stops being the same here: start the new one with what agreed."""
        self._fd = os.open(self._temporary, _NEW_FILE, 0o666, dir_fd=self._at)
        at = 0
        while at < self.size:
            at += os.sendfile(self._fd, self._old, at, self.size - at)
        os.close(self._old)
        self._old = -1

    def finish(self) -> None:
        """Put it in place; raises OSError."""
        self.same = self._old >= 0
        os.utime(self._old if self.same else self._fd, ns=(self._mtime_ns, self._mtime_ns))
        if not self.same:
            os.rename(self._temporary, self._last, src_dir_fd=self._at, dst_dir_fd=self._at)
        self._close()

    def discard(self) -> None:
        if self._fd >= 0:
            os.unlink(self._temporary, dir_fd=self._at)
        self._close()

    def _close(self) -> None:
        for fd in (self._fd, self._old):
            if fd >= 0:
                os.close(fd)
        self._fd = self._old = -1
