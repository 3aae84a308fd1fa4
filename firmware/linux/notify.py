"""Tells systemd how a service is (sd_notify protocol) and takes listening sockets from it (socket activation).

Both are no-ops outside systemd: the environment variables that announce them are then absent (sd_notify(3),
sd_listen_fds(3)).
"""

from __future__ import annotations

import os
import socket

_FIRST_FD = 3


def notify(state: str) -> bool:
    """Send ``state`` (“READY=1”, “WATCHDOG=1”, “STOPPING=1”); False when nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        return False
    return True


def watchdog_seconds() -> float | None:
    """How often WATCHDOG=1 is due (half of what systemd allows), or None."""
    allowed_us = os.environ.get("WATCHDOG_USEC", "")
    for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(allowed_us) / 2e6 if for_us and allowed_us.isdigit() else None


def activated_sockets() -> list[socket.socket]:
    """Return the listening sockets systemd handed over, once."""
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()):
        return []
    count = os.environ.pop("LISTEN_FDS", "0")
    found = [socket.socket(fileno=_FIRST_FD + at) for at in range(int(count) if count.isdigit() else 0)]
    for sock in found:
        sock.setblocking(False)
        os.set_inheritable(sock.fileno(), False)
    return found
