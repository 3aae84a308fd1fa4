"""The words boxd is started with, its socket, and who may come in."""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import socket
from collections.abc import Sequence
from pathlib import Path

from services.boxd import facts


def parser() -> argparse.ArgumentParser:
    """Return the parser of boxd's command line."""
    made = argparse.ArgumentParser(prog="boxd")
    made.add_argument("--run", type=Path, required=True, help="folder of the sockets")
    made.add_argument("--own", type=Path, required=True, help="boxd's own folder; only root writes there")
    made.add_argument("--news", type=Path, required=True, help="what the fetcher brought")
    made.add_argument("--ask", type=Path, required=True, help="the file whose change starts the fetcher")
    made.add_argument("--sticks", type=Path, default=Path("/media/locker-box"), help="where sticks are mounted")
    made.add_argument("--keys", type=Path, default=Path("/usr/lib/locker-box/release-keys"))
    made.add_argument("--system", type=Path, default=facts.SYSTEM)
    made.add_argument("--slot", type=Path, default=facts.SLOT)
    made.add_argument("--autoboot", type=Path, default=facts.AUTOBOOT)
    made.add_argument("--name", type=Path, default=Path("/run/locker-box-name/name"), help="what peerd announces")
    made.add_argument("--https-port", type=int, default=443)
    made.add_argument("--allow-user", action="append", default=[], help="may connect too (lockerd's user)")
    return made


def allowed(names: Sequence[str]) -> frozenset[int]:
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
