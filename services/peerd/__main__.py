"""peerd: the box among others while the process lives: its name on the home network, and the circle of friends' boxes.

Announces ``locker-xxxx.local``, follows address changes, keeps links to peers, answers lockerd on ``run/peerd.sock``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import ipaddress
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from firmware.errors import BoxError
from firmware.limits import FEED_BYTES, KIB
from firmware.linux.mdns import Announcement, Announcer
from firmware.linux.neighbours import Neighbour, Neighbours, Sign
from firmware.linux.netlink import Addresses, AddressWatch, addresses
from services.api.routes import Where
from services.api.server import Server
from services.peerd.circle import Circle, Places
from services.peerd.control import Control, authority

_SETTLE_SECONDS = 0.3
"""Address changes come in bursts (link up, IPv4, IPv6); one announcement follows the burst."""
_RETRY_SECONDS = 10.0


_SOCKET = "peerd.sock"
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
_MAPPED_BYTES = 256 * KIB
"""Pieces of shards go back to the system when they are freed, and all threads share one heap."""


def main(words: list[str]) -> int:
    """Run until SIGTERM or SIGINT; returns 0, or 1 when the circle cannot be opened."""
    args = _parser().parse_args(words)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
    box = json.loads((Path(args.data) / "box.json").read_bytes())
    wish = Announcement(
        str(box["host"]), args.http_port, args.https_port, (("product", "Locker Box"), ("format", str(box["format"])))
    )
    try:
        asyncio.run(_live(args, wish))
    except BoxError as error:
        _say(f"{error} {error.as_dict()['advice']}")
        return 1
    return 0


async def _live(args: argparse.Namespace, wish: Announcement) -> None:
    stop, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = AddressWatch()
    loop.add_reader(watch, _noticed(watch, changed))
    mark = os.urandom(8)
    met: list[Circle] = []
    neighbours = Neighbours(lambda each: _near(met, each), mark)
    circle = await _opened(args, wish.host, neighbours)
    met.append(circle)
    server = Server(
        Where.PEER, Control(circle).handlers(), authority, frozenset({os.geteuid(), *args.allow_uid}), FEED_BYTES
    )
    serving = server.listen([_listen(Path(args.run) / _SOCKET)])
    reports, binds = _Reports(args.ready_fd, args.name), frozenset(args.bind)
    if args.quiet:
        reports.tell(wish.host)
        await stop.wait()
    else:
        announcer = Announcer(wish, _renamer(reports), neighbours)
        await announcer.show(Sign(circle.transport.port, circle.transport.key, mark))
        circle.pairing.changed = lambda: circle.spawn(announcer.show(_sign(circle, mark)))
        life = asyncio.create_task(_announce(announcer, binds, changed, lambda: _moved(circle, reports, announcer)))
        rename = asyncio.create_task(announcer.settle_conflicts())
        await stop.wait()
        for task in (life, rename):
            task.cancel()
        await asyncio.gather(life, rename, return_exceptions=True)
        await announcer.stop()
    loop.remove_reader(watch)
    watch.close()
    serving.stop()
    await circle.close()


async def _opened(args: argparse.Namespace, label: str, neighbours: Neighbours) -> Circle:
    """Open the circle; a port that is taken is no reason to be without one."""
    state = args.state or Path(args.data)
    seed = args.seed or Path(args.data) / "box" / "peer.seed"
    circle = Circle(Places(state, seed, args.lockers or Path(args.data) / "lockers"), label, neighbours)
    hosts = {ipaddress.ip_address(each).version: each for each in args.bind} or {4: "0.0.0.0", 6: "::"}  # noqa: S104
    await circle.start(list(hosts.values()), list(dict.fromkeys((args.circle_port, 0))))
    return circle


def _sign(circle: Circle, number: bytes) -> Sign:
    """What other boxes at home see of this one: who it is only while six words are open."""
    return Sign(circle.transport.port, circle.transport.key, number, circle.pairing.open_words())


def _near(circles: list[Circle], neighbour: Neighbour) -> None:
    """A box was heard at home: if it is a friend that is away, dial it now."""
    for circle in circles:
        circle.noticed(neighbour)


def _moved(circle: Circle, reports: _Reports, announcer: Announcer) -> None:
    """The addresses are others (or known for the first time)."""
    reports.tell(announcer.host)
    circle.links.hurry()


def _renamer(reports: _Reports) -> Callable[[str], None]:
    def renamed(host: str) -> None:
        _say(f"this name is taken on the network; the box is {host}.local now")
        reports.rename(host)

    return renamed


def _listen(path: Path) -> socket.socket:
    """A socket in the file system that only this user (and under systemd its group) may connect to."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    made.bind(str(path))
    path.chmod(0o660)
    made.listen(16)
    return made


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
    parser.add_argument("--quiet", action="store_true", help="do not announce the box on the home network")
    parser.add_argument("--circle-port", type=int, default=0, help="UDP port friends' boxes dial (0: any)")
    parser.add_argument("--state", type=Path, help="folder of circle/ and hosted/ (default: DATA)")
    parser.add_argument("--seed", type=Path, help="the box's seed, made if missing (default: DATA/box/peer.seed)")
    parser.add_argument("--lockers", type=Path, help="folder of the lockers, read only (default: DATA/lockers)")
    parser.add_argument("--allow-uid", type=int, action="append", default=[], help="may connect too (lockerd's user)")
    parser.add_argument("--ready-fd", type=int, default=-1, help="where to write one JSON line when announced")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
