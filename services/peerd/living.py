"""What peerd loads once there is a circle: the transport, what is kept for others, the door lockerd knocks at."""

from __future__ import annotations

import argparse
import ipaddress
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware.limits import FEED_BYTES
from firmware.linux.mdns import Announcer
from firmware.linux.neighbours import Neighbours, Sign
from services.api.door import uids
from services.api.routes import Where
from services.api.server import Server
from services.peerd.circle import Circle, Places
from services.peerd.control import Control, authority


async def open_circle(args: argparse.Namespace, state: Path, label: str, neighbours: Neighbours) -> Circle:
    """Open the circle in ``state``; a port that is taken is no reason to be without one. Raises Damaged, OSError."""
    seed = args.seed or Path(args.data) / "box" / "peer.seed"
    circle = Circle(Places(state, seed, args.lockers or Path(args.data) / "lockers"), label, neighbours)
    hosts = {ipaddress.ip_address(each).version: each for each in args.bind} or {4: "0.0.0.0", 6: "::"}  # noqa: S104
    await circle.start(list(hosts.values()), list(dict.fromkeys((args.circle_port, 0))))
    return circle


def serve(circle: Circle, doors: Sequence[socket.socket], users: Sequence[str]) -> Callable[[], None]:
    """Answer lockerd until what is returned is called; ``users`` may connect beside our own."""
    return Server(Where.PEER, Control(circle).handlers(), authority, uids(users), FEED_BYTES).listen(doors).stop


async def show(circle: Circle, announcer: Announcer, number: bytes) -> None:
    """Let other boxes at home see this one: who it is only while six words are open, or while the owner helps."""

    def sign() -> Sign:
        card = circle.card() if circle.nearby.helps else b""
        return Sign(circle.transport.port, circle.transport.key, number, circle.pairing.open_words(), card)

    circle.pairing.changed = circle.nearby.changed = lambda: circle.spawn(announcer.show(sign()))
    await announcer.show(sign())
