"""The door of a service that only others on this box talk to: its socket, and whose uid may come in."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
from collections.abc import Sequence
from pathlib import Path


def uids(names: Sequence[str]) -> frozenset[int]:
    """Return our own uid and those of users by name; one that is not there yet cannot be let in."""
    found = {os.geteuid()}
    for name in names:
        with contextlib.suppress(KeyError):
            found.add(pwd.getpwnam(name).pw_uid)
    return frozenset(found)


def listen(path: Path) -> socket.socket:
    """A socket in the file system that only this user may connect to."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    made.bind(str(path))
    path.chmod(0o600)
    made.listen(16)
    return made
