"""The first life of ``./box run``: read the command line, prepare folder, authority and claim code, then become lean.

The second life gets what it must know through memory that has no name, so that no secret stands in a command line. The
lock on the data folder and the process id stay what they are.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from pathlib import Path

from firmware.errors import BoxError, Misused
from firmware.linux.netlink import addresses
from services.api.place import default_data
from services.supervisor.authority import Authority
from services.supervisor.box_folder import prepare
from services.supervisor.children import HOUSE
from services.supervisor.claim import claim_code
from services.supervisor.ports import choose
from services.supervisor.prepared import BoxFolder
from services.supervisor.settings import read_settings


def main(words: list[str]) -> int:
    """Prepare, then go on as the second life; returns (1) only when the box cannot start."""
    args = _parser().parse_args(words)
    data = Path(args.data).expanduser() if args.data else default_data()
    os.umask(0o077)
    try:
        folder = prepare(data)
        try:
            _become_lean(folder, _state(folder, args))
        finally:
            folder.leave()
    except BoxError as error:
        told = error.as_dict()
        advice = "`./box run --help` says what it takes." if type(error) is Misused else told["advice"]
        print(f"{told['sentence']}\n{advice}", file=sys.stderr)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some space on that disk." if full else "Choose a folder you may write to with `--data DIR`."
        print(f"The box cannot use {error.filename or data}: {error.strerror}.\n{advice}", file=sys.stderr)
    return 1


def _state(folder: BoxFolder, args: argparse.Namespace) -> dict[str, object]:
    settings = read_settings(folder.data / "settings.toml")
    listen = choose(settings, args.port, args.host, args.headless)
    code = claim_code(folder)
    authority = Authority(folder.keys, folder.host)
    heard_at = addresses().among(listen.addresses)
    authority.renew((folder.host,), heard_at)
    covers = (folder.host,), *(tuple(str(each) for each in kind) for kind in (heard_at.lan, heard_at.loopback))
    return {
        "data": str(folder.data),
        "run": str(folder.run),
        "box_id": folder.box_id,
        "host": folder.host,
        "lock_fd": folder.lock_fd,
        "listen": [list(listen.addresses), listen.http_port, listen.https_port],
        "leaf": [covers, authority.until_ms()],
        "announce": settings.announce,
        "circle_port": 0 if args.port == 0 else settings.circle_port,
        "claim_code": code,
        "headless": args.headless,
    }


def _become_lean(folder: BoxFolder, state: dict[str, object]) -> None:
    handed = os.memfd_create("box", 0)
    os.write(handed, json.dumps(state).encode())
    os.set_inheritable(folder.lock_fd, True)
    os.chdir(HOUSE)
    sys.stdout.flush()
    command = ["-m", "services.supervisor", "--data", str(folder.data), "--live", str(handed)]
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606 - no shell is the point


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./box run", description="Run the box in the foreground until Ctrl-C.")
    parser.add_argument("--data", metavar="DIR", help=f"data folder (default {default_data()})")
    parser.add_argument(
        "--port",
        metavar="N",
        type=int,
        help="HTTP on N and HTTPS on N+363; 0: any free ports (default 80 and 443, else 8080 and 8443)",
    )
    parser.add_argument("--host", metavar="ADDRESS", help="listen on this IP address only (0.0.0.0: all)")
    parser.add_argument("--headless", action="store_true", help="print one JSON line when ready, nothing else")
    return parser
