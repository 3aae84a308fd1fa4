"""A card that lies about its size: a network block device (NBD) over a file, which starts anew where the file ends.

The protocol is that of https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md ("fixed newstyle", simple
replies); QEMU is the one client.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

_OPTION: Final = struct.Struct(">QII")
_REQUEST: Final = struct.Struct(">IHHQQI")
_IHAVEOPT, _OPTION_REPLY = 0x49484156454F5054, 0x0003E889045565A9
_FIXED, _NO_ZEROES = 1, 2
_EXPORT_FLAGS: Final = 1 | 4 | 8
"""NBD_FLAG_HAS_FLAGS, SEND_FLUSH, SEND_FUA."""
_GO, _ABORT, _ACK, _INFO, _UNSUPPORTED = 7, 2, 1, 3, 1 << 31 | 1
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_INVALID: Final = 22


class LyingCard:
    """Serves ``path`` at the socket ``at`` as a disk of ``says`` bytes, to one client; ended with ``with``."""

    def __init__(self, path: Path, at: Path, says: int) -> None:
        """``says`` is a multiple of the size of ``path``."""
        self._fd, self._says, self._real = os.open(path, os.O_RDWR), says, path.stat().st_size
        self._at, self._door = at, socket.socket(socket.AF_UNIX)
        self._door.bind(str(at))
        self._door.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> LyingCard:
        """Return the card."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it away."""
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._at.unlink()
        self._thread.join(30)
        os.close(self._fd)

    def _serve(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            line, _ = self._door.accept()
            with line:
                line.sendall(b"NBDMAGIC" + struct.pack(">QH", _IHAVEOPT, _FIXED | _NO_ZEROES))
                _exactly(line, 4)
                if self._agreed(line):
                    while self._answered(line):
                        pass

    def _agreed(self, line: socket.socket) -> bool:
        """Answer the client's options until it goes on to the disk."""
        while True:
            _, option, size = _OPTION.unpack(_exactly(line, _OPTION.size))
            _exactly(line, size)
            if option == _ABORT:
                return False
            if option == _GO:
                _told(line, option, _INFO, struct.pack(">HQH", 0, self._says, _EXPORT_FLAGS))
                _told(line, option, _ACK)
                return True
            _told(line, option, _UNSUPPORTED)

    def _answered(self, line: socket.socket) -> bool:
        """Carry out one request; whether another one may come."""
        magic, _, kind, cookie, at, size = _REQUEST.unpack(_exactly(line, _REQUEST.size))
        if magic != _REQUEST_MAGIC or kind == _DISCONNECT:
            return False
        data, error = b"", 0
        if kind == _WRITE:
            self._write(at, _exactly(line, size))
        elif kind == _READ:
            data = b"".join(os.pread(self._fd, count, real) for real, count in self._pieces(at, size))
        elif kind != _FLUSH:
            error = _INVALID
        line.sendall(struct.pack(">IIQ", _REPLY_MAGIC, error, cookie) + data)
        return True

    def _write(self, at: int, data: bytes) -> None:
        for real, count in self._pieces(at, len(data)):
            os.pwrite(self._fd, data[:count], real)
            data = data[count:]

    def _pieces(self, at: int, size: int) -> Iterator[tuple[int, int]]:
        """Where the bytes from ``at`` on really are."""
        while size:
            real = at % self._real
            count = min(size, self._real - real)
            yield real, count
            at, size = at + count, size - count


def _exactly(line: socket.socket, size: int) -> bytes:
    parts, missing = [], size
    while missing:
        part = line.recv(missing)
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _told(line: socket.socket, option: int, kind: int, data: bytes = b"") -> None:
    line.sendall(struct.pack(">QIII", _OPTION_REPLY, option, kind, len(data)) + data)
