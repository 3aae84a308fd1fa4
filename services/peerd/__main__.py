"""peerd: the box among others while the process lives: its name on the home network, and the circle of friends' boxes.

Announces ``locker-xxxx.local``, follows address changes, keeps links to peers, answers lockerd on ``run/peerd.sock``.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import ipaddress
import json
import os
import resource
import signal
import sys
from pathlib import Path

from firmware.errors import BoxError
from firmware.limits import FEED_BYTES, KIB
from firmware.linux.mdns import Announcement, Announcer
from firmware.linux.neighbours import Neighbour, Neighbours, Sign
from firmware.linux.netlink import AddressWatch
from firmware.linux.notify import activated_sockets, notify
from services.api.routes import Where
from services.api.server import Server
from services.peerd.circle import Circle, Places
from services.peerd.control import Control, authority
from services.peerd.door import listen, uids
from services.peerd.naming import Reports, announce, noticed, renamer, say

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
        say(f"{error} {error.as_dict()['advice']}")
        return 1
    return 0


async def _live(args: argparse.Namespace, wish: Announcement) -> None:
    stop, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = AddressWatch()
    loop.add_reader(watch, noticed(watch, changed))
    mark = os.urandom(8)
    met: list[Circle] = []
    neighbours = Neighbours(lambda each: _near(met, each), mark)
    circle = await _opened(args, wish.host, neighbours)
    met.append(circle)
    server = Server(Where.PEER, Control(circle).handlers(), authority, uids(args.allow_user), FEED_BYTES)
    serving = server.listen(activated_sockets() or [listen(Path(args.run) / _SOCKET)])
    notify("READY=1")
    reports, binds = Reports(args.ready_fd, args.name), frozenset(args.bind)
    if args.quiet:
        reports.tell(wish.host)
        await stop.wait()
    else:
        announcer = Announcer(wish, renamer(reports), neighbours)
        await announcer.show(Sign(circle.transport.port, circle.transport.key, mark))
        circle.pairing.changed = lambda: circle.spawn(announcer.show(_sign(circle, mark)))
        life = asyncio.create_task(
            announce(announcer, binds, changed, lambda: reports.tell(announcer.host), circle.moved)
        )
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
    parser.add_argument("--allow-user", action="append", default=[], help="may connect too (lockerd's user)")
    parser.add_argument("--ready-fd", type=int, default=-1, help="where to write one JSON line when announced")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
