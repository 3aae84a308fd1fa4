"""peerd: the box among others while the process lives: its name on the home network, and the circle of friends' boxes.

Announces ``locker-xxxx.local``, follows address changes, keeps links to peers, answers lockerd on ``run/peerd.sock``.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from firmware.errors import BoxError
from firmware.limits import KIB
from firmware.linux.mdns import Announcement, Announcer
from firmware.linux.memory import settle
from firmware.linux.neighbours import Neighbour, Neighbours
from firmware.linux.netlink import AddressWatch
from firmware.linux.notify import activated_sockets, notify
from services.api.door import listen
from services.peerd.arguments import parser
from services.peerd.naming import Reports, announce, noticed, renamer, say
from services.peerd.waking import asked, has_circle

if TYPE_CHECKING:
    from services.peerd.circle import Circle

_SOCKET = "peerd.sock"
_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1
_MAPPED_BYTES, _SPARE_BYTES = 512 * KIB, 2048 * KIB
"""All threads share one heap; two megabytes of it stay at hand for the next pieces of shards, more goes back."""


def main(words: list[str]) -> int:
    """Run until SIGTERM or SIGINT; returns 0, or 1 when the circle cannot be opened."""
    args = parser().parse_args(words)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
    ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, _SPARE_BYTES)
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
    met: list[Circle] = []
    mark = os.urandom(8)
    neighbours = Neighbours(lambda each: _near(met, each), mark)
    doors = activated_sockets() or [listen(Path(args.run) / _SOCKET)]
    notify("READY=1")
    reports, binds = Reports(args.ready_fd, args.name), frozenset(args.bind)
    announcer = None if args.quiet else Announcer(wish, renamer(reports), neighbours)
    circle = asyncio.create_task(_circle(args, wish.host, doors, met, _Seen(announcer, neighbours, mark)))
    circle.add_done_callback(lambda done: stop.set() if done.cancelled() or done.exception() else None)
    lives = [circle]
    if announcer is None:
        reports.tell(wish.host)
    else:
        named = partial(_tell, reports, announcer)
        lives.append(asyncio.create_task(announce(announcer, binds, changed, named, lambda: _moved(met))))
        lives.append(asyncio.create_task(announcer.settle_conflicts()))
    await stop.wait()
    for task in lives:
        task.cancel()
    ended = await asyncio.gather(*lives, return_exceptions=True)
    if announcer is not None:
        await announcer.stop()
    loop.remove_reader(watch)
    watch.close()
    for each in met:
        await each.close()
    if isinstance(ended[0], Exception):  # whatever ended the circle is told, and systemd starts peerd again
        raise ended[0]


@dataclass(frozen=True, slots=True)
class _Seen:
    """How boxes at home see each other; ``number`` is this one's for as long as it runs."""

    announcer: Announcer | None
    neighbours: Neighbours
    number: bytes


async def _circle(
    args: argparse.Namespace, label: str, doors: Sequence[socket.socket], met: list[Circle], seen: _Seen
) -> None:
    """Sleep while there is no circle; then be in it until cancelled."""
    state = args.state or Path(args.data)
    if not has_circle(state):
        await asked(doors, Path(args.run))
    from services.peerd import living

    settle()
    circle = await living.open_circle(args, state, label, seen.neighbours)
    met.append(circle)
    settle()
    stop_serving = living.serve(circle, doors, args.allow_user)
    try:
        if seen.announcer is not None:
            await living.show(circle, seen.announcer, seen.number)
        await asyncio.Event().wait()
    finally:
        stop_serving()


def _tell(reports: Reports, announcer: Announcer) -> None:
    reports.tell(announcer.host)


def _moved(circles: list[Circle]) -> None:
    """The box has other addresses: its friends hear of them."""
    for circle in circles:
        circle.moved()


def _near(circles: list[Circle], neighbour: Neighbour) -> None:
    """A box was heard at home: if it is a friend that is away, dial it now."""
    for circle in circles:
        circle.noticed(neighbour)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
