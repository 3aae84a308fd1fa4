"""The card that lies, asked as QEMU asks it: what is written beyond its end lands at its beginning."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

from tests.image.nbd import LyingCard

_REAL, _SAYS = 1 << 20, 4 << 20


def _received(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += line.recv(size - len(found))
    return found


class Client:
    """Speaks the protocol over ``line``."""

    def __init__(self, at: Path) -> None:
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(str(at))
        assert _received(self.line, 18) == b"NBDMAGICIHAVEOPT\0\3"
        self.line.sendall(struct.pack(">I", 3))
        self.line.sendall(b"IHAVEOPT" + struct.pack(">II", 8, 0))  # structured replies: not offered
        assert _received(self.line, 20)[12:16] == struct.pack(">I", 1 << 31 | 1)
        self.line.sendall(b"IHAVEOPT" + struct.pack(">III", 7, 6, 0) + b"\0\0")
        told = _received(self.line, 20 + 12 + 20)
        self.size = int.from_bytes(told[22:30], "big")

    def ask(self, kind: int, at: int, size: int, data: bytes = b"") -> bytes:
        self.line.sendall(struct.pack(">IHHQQI", 0x25609513, 0, kind, 7, at, size) + data)
        head = _received(self.line, 16)
        assert head == struct.pack(">IIQ", 0x67446698, 0, 7)
        return _received(self.line, size) if kind == 0 else b""


def test_what_is_written_beyond_its_end_lands_at_its_beginning(tmp_path: Path) -> None:
    path, at = tmp_path / "card.img", tmp_path / "card"
    path.write_bytes(os.urandom(_REAL))
    before = path.read_bytes()
    with LyingCard(path, at, _SAYS):
        client = Client(at)
        assert client.size == _SAYS
        assert client.ask(0, 4096, 8192) == before[4096 : 4096 + 8192]
        client.ask(1, _REAL + 512, 512, b"x" * 512)
        client.ask(3, 0, 0)
        assert client.ask(0, 512, 512) == client.ask(0, 3 * _REAL + 512, 512) == b"x" * 512
        client.ask(1, 2 * _REAL - 512, 1024, b"y" * 1024)
        assert client.ask(0, _REAL - 512, 1024) == b"y" * 1024
        client.line.close()
    assert path.read_bytes()[:512] == b"y" * 512 and path.read_bytes()[-512:] == b"y" * 512
