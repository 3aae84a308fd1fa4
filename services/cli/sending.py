"""Turns files into the frames of one bulk put, and its acknowledgements into an outcome.

Frames are made in the sending thread (reading, little CPU: small files are joined into pieces of about 256 KiB),
acknowledgements are read in the caller's. The two share ``Outcome``: a name is noted before its file is sent, so it
is there when the acknowledgement comes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from firmware.limits import KIB, MIB
from services.api.bulk import ABORT, END, block_prefix, encode_start
from services.cli.showing import shown
from services.cli.walk import Found, Skipped

_JOINED_BYTES = 256 * KIB
_BLOCK_BYTES = 1 * MIB
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CHANGED = "it changed while it was read; send it again when nothing writes to it"


@dataclass(slots=True)
class Outcome:
    """What became of every file so far; sizes in bytes."""

    stored: int = 0
    same: int = 0
    size: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Shown path and why it was not kept."""
    advice: dict[str, None] = field(default_factory=dict)
    """What the box advises about those it refused, each once, in the order they came."""
    waiting: dict[int, bytes] = field(default_factory=dict)
    """Paths sent and not acknowledged yet, by their number in the stream."""
    sent: int = 0
    done: bool = False

    def skip(self, path: bytes, why: str) -> None:
        """Note that ``path`` was not sent."""
        self.problems.append((shown(path), why))

    def acknowledge(self, line: Mapping[str, object]) -> None:
        """Take one line of the answer in."""
        if line.get("done"):
            self.done = True
            return
        path = self.waiting.pop(int(str(line["n"])), b"?")
        error = line.get("error")
        if isinstance(error, dict):
            self.skip(path, str(error.get("sentence", "the box refused it")))
            self.advice[str(error.get("advice", ""))] = None
        elif isinstance(counted := line.get("size"), int):
            self.stored += line.get("state") != "same"
            self.same += line.get("state") == "same"
            self.size += counted


class Sending:
    """The frames of everything in ``found``; iterate once. What cannot be sent is noted in ``outcome``."""

    def __init__(self, found: Iterator[Found | Skipped], outcome: Outcome) -> None:
        """Nothing is opened yet."""
        self._found, self._outcome = found, outcome
        self._joined: list[bytes] = []
        self._held = 0
        self._number = 0
        self._buffer = memoryview(bytearray(_BLOCK_BYTES))

    def __iter__(self) -> Iterator[bytes]:
        """Yield pieces of the stream; a view is only valid until the next one is asked for."""
        for each in self._found:
            if isinstance(each, Skipped):
                self._outcome.skip(each.path, each.why)
                continue
            yield from self._file(each)
            if self._held >= _JOINED_BYTES:
                yield self._taken()
        yield self._taken()

    def _file(self, file: Found) -> Iterator[bytes]:
        try:
            fd = os.open(file.path, _FLAGS)
        except OSError as error:
            self._outcome.skip(file.path, f"it cannot be read ({error.strerror})")
            return
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode):
                self._outcome.skip(file.path, "it is no regular file any more")
            elif before.st_size <= _JOINED_BYTES:
                self._small(fd, file, before)
            else:
                yield self._taken()
                yield from self._large(fd, file, before)
        except OSError as error:
            self._outcome.skip(file.path, f"it cannot be read ({error.strerror})")
        finally:
            os.close(fd)

    def _small(self, fd: int, file: Found, before: os.stat_result) -> None:
        """Read it whole first, so that nothing of a file that changes meanwhile is sent."""
        data = os.read(fd, before.st_size + 1)
        if len(data) != before.st_size or _touched(fd, before):
            self._outcome.skip(file.path, _CHANGED)
            return
        self._begin(file, before)
        if data:
            self._joined += (block_prefix(len(data)), data)
        self._joined.append(END)
        self._held += len(data) + len(file.name) + 64
        self._outcome.sent += len(data)

    def _large(self, fd: int, file: Found, before: os.stat_result) -> Iterator[bytes]:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        self._begin(file, before)
        left, whole = before.st_size, True
        try:
            while left and (count := os.readv(fd, [self._buffer[:left]])):
                self._joined.append(block_prefix(count))
                yield self._taken()
                yield cast("bytes", self._buffer[:count])  # sent before the buffer is filled again
                left -= count
                self._outcome.sent += count
        except OSError:
            whole = False
        whole = whole and not left and not _touched(fd, before)
        self._joined.append(END if whole else ABORT)

    def _begin(self, file: Found, before: os.stat_result) -> None:
        self._outcome.waiting[self._number] = file.path
        self._number += 1
        self._joined.append(encode_start(file.name, before.st_mtime_ns, before.st_size))

    def _taken(self) -> bytes:
        piece = b"".join(self._joined)
        self._joined.clear()
        self._held = 0
        return piece


def _touched(fd: int, before: os.stat_result) -> bool:
    after = os.fstat(fd)
    return (after.st_size, after.st_mtime_ns, after.st_ctime_ns) != (
        before.st_size,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )
