"""peerd: announce ``locker-xxxx.local`` while the process lives, follow address changes, say goodbye at the end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from firmware.linux.mdns import Announcement, Announcer
from firmware.linux.netlink import Addresses, AddressWatch, addresses

_SETTLE_SECONDS = 0.3
"""Address changes come in bursts (link up, IPv4, IPv6); one announcement follows the burst."""
_RETRY_SECONDS = 10.0


def main(words: list[str]) -> int:
    """Run until SIGTERM or SIGINT; returns 0."""
    args = _parser().parse_args(words)
    box = json.loads((Path(args.data) / "box.json").read_bytes())
    wish = Announcement(
        str(box["host"]), args.http_port, args.https_port, (("product", "Locker Box"), ("format", str(box["format"])))
    )
    asyncio.run(_live(wish, frozenset(args.bind), _Reports(args.ready_fd, args.name)))
    return 0


async def _live(wish: Announcement, binds: frozenset[str], reports: _Reports) -> None:
    stop, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = AddressWatch()
    loop.add_reader(watch, _noticed(watch, changed))

    def renamed(host: str) -> None:
        _say(f"this name is taken on the network; the box is {host}.local now")
        reports.rename(host)

    announcer = Announcer(wish, renamed)
    life = asyncio.create_task(_announce(announcer, binds, changed, lambda: reports.tell(announcer.host)))
    rename = asyncio.create_task(announcer.settle_conflicts())
    await stop.wait()
    for task in (life, rename):
        task.cancel()
    await asyncio.gather(life, rename, return_exceptions=True)
    loop.remove_reader(watch)
    watch.close()
    await announcer.stop()


async def _announce(
    announcer: Announcer, binds: frozenset[str], changed: asyncio.Event, named: Callable[[], None]
) -> None:
    """Announce now and after every change of the addresses."""
    at, started = heard_at(binds), False
    while True:
        try:
            await (announcer.follow(at) if started else announcer.start(at, named))
            started = True
            _say(f"answering for {announcer.host}.local at " + ", ".join(str(each) for each in at.reachable))
            if not at.lan:
                _say("only this machine hears the name: the box has no other address than loopback")
        except OSError as error:
            _say(f"the name cannot be announced ({error.strerror or error}); trying again")
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, changed.set)
            named()
        at = await _next_change(at, binds, changed, started)


async def _next_change(at: Addresses, binds: frozenset[str], changed: asyncio.Event, started: bool) -> Addresses:
    while True:
        await changed.wait()
        await asyncio.sleep(_SETTLE_SECONDS)
        changed.clear()
        now = heard_at(binds)
        if now != at or not started:
            return now


def heard_at(binds: frozenset[str]) -> Addresses:
    """The addresses the web front listens on; empty ``binds`` means all."""
    return addresses().among(binds)


def _noticed(watch: AddressWatch, changed: asyncio.Event) -> Callable[[], None]:
    def notice() -> None:
        watch.drain()
        changed.set()

    return notice


class _Reports:
    """Tells the name of the box to whoever makes its certificates: once when it is found, and when it changes later."""

    def __init__(self, fd: int, name: Path | None = None) -> None:
        """``fd`` is the supervisor's and stays open (negative: nobody listens); ``name`` is the certifier's file."""
        self._fd, self._name, self._told = fd, name, ""

    def tell(self, host: str) -> None:
        """The box has this name (or could not get one yet); said once."""
        if host != self._told:
            self._told = host
            self._write(host)

    def rename(self, host: str) -> None:
        """The name changed; before the first ``tell`` it is not yet decided."""
        if self._told:
            self.tell(host)

    def _write(self, host: str) -> None:
        if self._fd >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._fd, (json.dumps({"host": host}) + "\n").encode())
        if self._name is not None:
            fresh = self._name.with_name(f".new-{self._name.name}")
            fresh.write_text(host, "ascii")
            fresh.chmod(0o640)
            fresh.replace(self._name)


def _say(line: str) -> None:
    print(f"peerd: {line}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="peerd")
    parser.add_argument("--data", required=True, help="data folder of the box (box.json is read)")
    parser.add_argument("--run", required=True, help="folder of the sockets")
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--https-port", type=int, required=True)
    parser.add_argument("--bind", action="append", default=[], help="an address the web front listens on")
    parser.add_argument("--name", type=Path, help="a file that always holds the name the box has now")
    parser.add_argument("--ready-fd", type=int, default=-1, help="where to write one JSON line when announced")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
