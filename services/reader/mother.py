"""One mother process of the reader, seen from outside: started, asked, replaced; and the memory a file travels in."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

from firmware.limits import READER_OUTPUT_BYTES, READER_SECONDS
from firmware.linux.walls import Walls
from services.reader import answer
from services.reader.ranges import Read

_GRACE_SECONDS = 10
"""How much longer than its children a mother may take before it is replaced."""
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL

Source = bytes | bytearray | memoryview | Callable[[int, int], bytes]
"""A file: its bytes, or ``read(start, stop)`` for one that should not be held in memory."""


class Gone(Exception):
    """The mother ended or does not answer."""


class Mother:
    """Started when first asked; not safe for threads (Reader has the lock), except for ``kill`` and ``reap``."""

    def __init__(self, command: list[str]) -> None:
        """Nothing is started yet."""
        self.walls: Walls | None = None
        """What its kernel offers, known once it was asked."""
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, None when it does not run."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    def ask(self, job: bytes, handle: int) -> tuple[dict[str, Any], bytes]:
        """Hand over one job and its file; return head and body of the reply. Raises Gone, OSError or ValueError."""
        sock = self._started()
        socket.send_fds(sock, [job], [handle])
        return _receive(sock)

    def kill(self) -> None:
        """End it at once, from any thread; ``stop`` has to follow."""
        process = self._process
        if process is not None:
            process.kill()

    def reap(self) -> None:
        """Take its exit status when it has ended, from any thread."""
        process = self._process
        if process is not None:
            process.poll()

    def stop(self) -> None:
        """End it, with time for its last child, and forget it; the next question starts another."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            self._process.kill()
            self._process.wait()
            self._process = None

    def _started(self) -> socket.socket:
        if self._sock is not None and self._process is not None and self._process.poll() is None:
            return self._sock
        self.stop()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                self._command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd="/",
                env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "MALLOC_ARENA_MAX": "1"},
            )  # fmt: skip
        self._sock = ours
        ours.settimeout(READER_SECONDS + _GRACE_SECONDS)
        hello, _ = _receive(ours)
        self.walls = Walls(landlock=int(hello["landlock"]), seccomp=bool(hello["seccomp"]))
        return ours


def in_memory(source: Source, size: int, ranges: Iterable[tuple[int, int]]) -> int:
    """Put the file (``ranges`` of one that is read, the rest a hole) into sealed memory; return its descriptor."""
    handle = os.memfd_create("foreign", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        if callable(source):
            os.ftruncate(handle, size)
            for start, stop in ranges:
                _fill(handle, source, start, stop)
        else:
            view = memoryview(source)
            while view:
                view = view[os.write(handle, view) :]
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _fill(handle: int, read: Read, start: int, stop: int) -> None:
    """Copy one range, a piece at a time, so that no more than a piece is held twice."""
    while start < stop:
        piece = read(start, min(start + (1 << 20), stop))
        if not piece:
            return
        os.pwrite(handle, piece, start)
        start += len(piece)


def _receive(sock: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Read one reply: its head, and as many bytes as the head announces. Raises Gone, TimeoutError, ValueError."""
    (size,) = struct.unpack(">I", _exactly(sock, 4))
    if size > answer.HEAD_BYTES:
        raise ValueError("reply too long")
    head, _ = answer.unpack(struct.pack(">I", size) + _exactly(sock, size))
    length = head.get("size", 0)
    if type(length) is not int or not 0 <= length <= READER_OUTPUT_BYTES:
        raise ValueError("reply too long")
    return head, _exactly(sock, length)


def _exactly(sock: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = sock.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise Gone
        parts += part
    return bytes(parts)
