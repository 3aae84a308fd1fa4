"""Keeps the certificate of the pages right where systemd starts the processes: a unit of its own, no network.

``python -m services.supervisor.certifier --data DIR --keys DIR --shown DIR [--name FILE]``: the authority's key stays
in ``--keys``; the leaf, its key and the public root are laid out for webd in ``--shown`` (0640, the folder's group),
which looks there by itself. A new leaf comes when addresses change, when peerd (``--name``) had to take another name,
when less than 30 days are left, or when the clock was put right. ``./box run`` does the same in ``box.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from firmware.limits import HOST_NAMES
from firmware.linux.netlink import Addresses, AddressWatch, addresses
from firmware.linux.notify import notify
from services.supervisor.leaf import LeafCare

_LOOK_SECONDS = 30.0
"""How often clock and name are looked at; an address that changes wakes it at once."""
_PUBLISHED = ("ca.pem", "leaf.key", "leaf.pem", "leaf.covers")
"""In this order: webd takes a leaf only when it fits its key."""
_MODE = 0o640


class Certifier:
    """One box's leaf: asked for when it is due, laid out for webd whenever it is new."""

    def __init__(
        self, host: str, keys: Path, shown: Path, name: Path | None, heard_at: Callable[[], Addresses] = addresses
    ) -> None:
        """``host`` without ``.local``; ``name`` is peerd's file, None without it."""
        self._host, self._keys, self._shown, self._name = host, keys, shown, name
        self._heard_at = heard_at
        self._care = LeafCare(keys)

    def look(self) -> bool:
        """Have the leaf made if it is due and lay out what changed; True while a leaf is there."""
        self._care.renew(self._hosts(), self._heard_at())
        if not (self._keys / "leaf.covers").exists():
            return False
        for each in _PUBLISHED:
            self._lay_out(each)
        return True

    def _hosts(self) -> tuple[str, ...]:
        """The box's own name, and the one it had to take; nothing else that file might say."""
        try:
            taken = self._name.read_text("ascii", "replace").strip() if self._name else ""
        except FileNotFoundError:
            taken = ""
        others = [f"{self._host}-{number}" for number in range(2, HOST_NAMES + 1)]
        return (self._host, taken) if taken in others else (self._host,)

    def _lay_out(self, name: str) -> None:
        content, target = (self._keys / name).read_bytes(), self._shown / name
        if target.exists() and target.read_bytes() == content:
            return
        fresh = self._shown / f".new-{name}"
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            os.fchmod(descriptor, _MODE)
        fresh.replace(target)


def main(words: list[str]) -> int:
    """Look until SIGTERM; returns 0."""
    args = _parser().parse_args(words)
    os.umask(0o077)
    host = str(json.loads((args.data / "box.json").read_bytes())["host"])
    certifier = Certifier(host, args.keys, args.shown, args.name)
    wake, alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(alarm)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _noted)
    watch, told = AddressWatch(), False
    try:
        while True:
            if certifier.look() and not told:
                told = True
                notify("READY=1")
            ready, _, _ = select.select([watch.fileno(), wake], [], [], _LOOK_SECONDS if told else 1.0)
            if wake in ready:
                notify("STOPPING=1")
                return 0
            watch.drain()
    finally:
        watch.close()


def _noted(_number: int, _frame: object) -> None:
    """The wake-up descriptor carries the signal."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="services.supervisor.certifier")
    parser.add_argument("--data", type=Path, required=True, help="the folder of box.json")
    parser.add_argument("--keys", type=Path, required=True, help="where the authority is kept; nobody else reads it")
    parser.add_argument("--shown", type=Path, required=True, help="where webd finds leaf and root")
    parser.add_argument("--name", type=Path, help="where peerd tells which name the box has now")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
