"""Sends events to the journal by its native datagram protocol; without a journal, one line on stderr each (JSON,
or the sentence alone on a terminal).

The protocol (systemd, "Native Journal Protocol"): one datagram of ``KEY=value\\n``, or for a value with a newline
``KEY\\n`` + its length as 64-bit little-endian + the value + ``\\n``. Telling never blocks and never raises: an event
that does not fit or finds no listener goes to stderr, because a full journal must not stop an upload.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

from firmware.events import Event

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")


def encode(entry: dict[str, str]) -> bytes:
    """Return ``entry`` as one datagram of the native journal protocol."""
    datagram = bytearray()
    for key, value in entry.items():
        raw = value.encode("utf-8", "backslashreplace")
        if b"\n" in raw:
            datagram += key.encode() + b"\n" + len(raw).to_bytes(8, "little") + raw + b"\n"
        else:
            datagram += key.encode() + b"=" + raw + b"\n"
    return bytes(datagram)


class Journal:
    """Where one process tells its events; ``identifier`` is the process's name in the journal."""

    def __init__(self, identifier: str, path: Path = JOURNAL_SOCKET) -> None:
        """Connect nothing yet: the journal may come later or restart at any time."""
        self._identifier, self._path = identifier, str(path)
        self._socket: socket.socket | None = None

    def tell(self, event: Event, **values: str | int) -> None:
        """Tell that ``event`` happened. ``values`` are its fields; wrong ones are a TypeError of the programmer."""
        entry = event.entry(**values) | {"SYSLOG_IDENTIFIER": self._identifier}
        if not self._send(encode(entry)):
            for_people = f"{self._identifier}: {entry['MESSAGE']}"
            line = for_people if sys.stderr.isatty() else json.dumps(entry, ensure_ascii=False)
            print(line, file=sys.stderr, flush=True)

    def _send(self, datagram: bytes) -> bool:
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._socket.sendto(datagram, self._path)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
