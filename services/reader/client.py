"""The caller's side of the reader: hand over one file, get one checked analysis. No foreign byte is parsed here."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware.errors import Unreachable
from firmware.limits import KIB, READER_INPUT_BYTES, READER_OUTPUT_BYTES, READER_SECONDS
from firmware.linux.sandbox import Walls
from firmware.model import Analysis
from firmware.model.mime import has_preview, is_media, needs_reader
from services.reader import answer
from services.reader.answer import Trouble
from services.reader.ranges import Read, needed

_MAIN = Path(__file__).with_name("__main__.py")
_GRACE_SECONDS = 10
"""How much longer than its children the zygote may take before it is replaced."""
JPEG_FACTS_BYTES = 512 * KIB
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL

Source = bytes | bytearray | memoryview | Callable[[int, int], bytes]
"""A file: its bytes, or ``read(start, stop)`` for one that should not be held in memory."""


class _Gone(Exception):
    """The zygote ended or does not answer."""


class Reader:
    """One reader: starts its zygote when first asked, replaces it when it died, one file at a time.

    Safe to call from any thread (calls queue); never raises for a bad file, the trouble is in the Analysis (a trouble
    in answer.LATER is the box's, not the file's: ask again another day). The
    zygote ends by itself after 30 s of silence.
    """

    def __init__(self, python: str = sys.executable, main: Path = _MAIN) -> None:
        """Remember how to start the zygote (``main`` as ``python -I main``); nothing is started yet."""
        self.peak_rss_bytes = 0
        """Largest resident memory any child reached."""
        self.cpu_ms = 0
        """CPU time all children took."""
        self.walls: Walls | None = None
        """What the zygote's kernel offers, known after the first file; for ``status``."""
        self._command = [python, "-I", str(main)]
        self._lock = threading.Lock()
        self._closed = False
        self._zygote: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None

    def facts(self, mime: str, name: str, source: Source, size: int | None = None) -> Analysis:
        """Return what is known about a file of type ``mime``; ``size`` (bytes) is needed when ``source`` reads.

        Raises Unreachable after ``close``. ``name`` stays here: no parser needs it, so none gets it.
        """
        del name
        return self._ask("facts", mime, source, size) if needs_reader(mime) else Analysis()

    def previews(self, mime: str, name: str, source: Source, size: int | None = None) -> Analysis:
        """Return small pictures of a file of type ``mime``: at most three, smallest first. Else like ``facts``."""
        del name
        return self._ask("previews", mime, source, size) if has_preview(mime) else Analysis()

    def close(self) -> None:
        """End the zygote and whatever it is doing; a call that waits in another thread raises Unreachable."""
        self._closed = True
        zygote = self._zygote
        if zygote is not None:
            zygote.kill()
        with self._lock:
            self._stop()

    def _ask(self, task: str, mime: str, source: Source, size: int | None) -> Analysis:
        size = len(source) if not callable(source) else size
        if size is None:
            raise TypeError("a source that reads needs its size")
        if size == 0:
            return Analysis(trouble=Trouble.NOT_UNDERSTOOD)
        if size > READER_INPUT_BYTES and not is_media(mime):
            return Analysis(trouble=Trouble.TOO_LARGE)
        job = json.dumps({"task": task, "mime": mime, "size": size}).encode()
        handle = _in_memory(mime, source, size, task)
        try:
            with self._lock:
                return self._told(job, handle)
        finally:
            os.close(handle)

    def _told(self, job: bytes, handle: int) -> Analysis:
        """Send one job; a zygote that fell asleep meanwhile is replaced once, silently."""
        for _ in range(2):
            if self._closed:
                break
            try:
                sock = self._started()
                socket.send_fds(sock, [job], [handle])
                head, body = _receive(sock)
                return self._checked(head, body)
            except TimeoutError:
                self._stop()
                return Analysis(trouble=Trouble.TIMEOUT)
            except (_Gone, OSError, ValueError):
                self._stop()
        if self._closed:
            raise Unreachable(what="the reader")
        return Analysis(trouble=Trouble.READER_FAILED)

    def _checked(self, head: dict[str, Any], body: bytes) -> Analysis:
        self.peak_rss_bytes = max(self.peak_rss_bytes, int(head["rss"]))
        self.cpu_ms += int(head["cpu_ms"])
        if head["trouble"] is not None:
            return Analysis(trouble=Trouble(head["trouble"]).value)
        try:
            return answer.decode(body)
        except ValueError:
            return Analysis(trouble=Trouble.BAD_ANSWER)

    def _started(self) -> socket.socket:
        if self._sock is not None and self._zygote is not None and self._zygote.poll() is None:
            return self._sock
        self._stop()
        ours, theirs = socket.socketpair()
        with theirs:
            self._zygote = subprocess.Popen(
                self._command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd="/",
                env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "MALLOC_ARENA_MAX": "1"},
            )  # fmt: skip
        self._sock = ours
        ours.settimeout(READER_SECONDS + _GRACE_SECONDS)
        hello, _ = _receive(ours)
        self.walls = Walls(landlock=int(hello["landlock"]), seccomp=bool(hello["seccomp"]))
        return ours

    def _stop(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._zygote is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._zygote.wait(1)
            self._zygote.kill()
            self._zygote.wait()
            self._zygote = None


def _receive(sock: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Read one reply: its head, and as many bytes as the head announces. Raises _Gone, TimeoutError, ValueError."""
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
            raise _Gone
        parts += part
    return bytes(parts)


def _in_memory(mime: str, source: Source, size: int, task: str = "previews") -> int:
    """Put the file (the ranges needed, the rest a hole) into a sealed memory file; return its descriptor."""
    handle = os.memfd_create("foreign", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        if callable(source):
            os.ftruncate(handle, size)
            for start, stop in _ranges(mime, size, source, task):
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


def _ranges(mime: str, size: int, read: Read, task: str) -> list[tuple[int, int]]:
    if task == "facts" and mime == "image/jpeg":
        return [(0, min(size, JPEG_FACTS_BYTES))]  # EXIF and frame header come first; the picture is not decoded
    return list(needed(mime, size, read)) if is_media(mime) else [(0, size)]


def _fill(handle: int, read: Read, start: int, stop: int) -> None:
    """Copy one range, a piece at a time, so that no more than a piece is held twice."""
    while start < stop:
        piece = read(start, min(start + (1 << 20), stop))
        if not piece:
            return
        os.pwrite(handle, piece, start)
        start += len(piece)
