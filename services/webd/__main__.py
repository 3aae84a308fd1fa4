"""Start the web front: ``python -m services.webd --data DIR --run RUN --http-port N --https-port M [--bind A]``.

Reads its own pages, ``box.json`` (the host name), the public root certificate and the leaf with its key; nothing else.
SIGHUP takes a renewed leaf into use, SIGTERM ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import logging
import os
import signal
import time
from pathlib import Path

from tornado.template import Loader

from services.api.client import Client
from services.webd.listen import Leaf, Listening, listen
from webui.app import Pages
from webui.files import HOME, StaticFiles
from webui.hosts import Hosts
from webui.invitations import Invitations
from webui.language import Languages
from webui.route import Connection, Front
from webui.session import Sessions

_LEAF_LOOK_SECONDS = 30


async def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    asked = _arguments()
    logging.basicConfig(level=logging.WARNING, format="webd: %(message)s")
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keys = asked.keys or asked.data / "box"
    host = str(json.loads((asked.data / "box.json").read_bytes())["host"])
    hosts = Hosts((host, f"{host}.local"))
    leaf = Leaf(keys, lambda names: hosts.learn((host, f"{host}.local", *names)))
    loop.add_signal_handler(signal.SIGHUP, leaf.reload)
    front = _front(keys, asked.run, listening := Listening(), hosts)
    try:
        listen(listening, Pages(front, Connection.OPEN), Pages(front, Connection.PRIVATE), leaf, asked)
    except OSError as error:
        raise SystemExit(f"webd: the box cannot be asked from the network: {error.strerror}") from None
    _tell_ready(asked.ready_fd, {"http": listening.http_port, "https": listening.https_port})
    libc = ctypes.CDLL(None)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _LEAF_LOOK_SECONDS)
        except TimeoutError:
            leaf.reload()
            libc.malloc_trim(0)
    await listening.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="services.webd", description="The web front of the box.")
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--keys", type=Path, help="the folder of leaf.pem, leaf.key and ca.pem (default: DATA/box)")
    parser.add_argument("--run", type=Path, required=True, help="the folder with the sockets")
    parser.add_argument("--http-port", type=int, required=True, help="0: any free one")
    parser.add_argument("--https-port", type=int, required=True, help="0: any free one")
    parser.add_argument("--bind", action="append", default=[], help="an address to listen on (default: all)")
    parser.add_argument("--ready-fd", type=int, default=-1, help="one JSON line with the ports is written here")
    return parser.parse_args()


def _front(keys: Path, run: Path, listening: Listening, hosts: Hosts) -> Front:
    authority = (keys / "ca.pem").read_bytes()
    return Front(
        box=Client(run),
        sessions=Sessions(time.monotonic),
        invitations=Invitations(time.monotonic),
        languages=Languages(HOME / "locales"),
        files=StaticFiles(),
        hosts=hosts,
        templates=Loader(str(HOME / "templates"), whitespace="single"),
        now_ms=lambda: time.time_ns() // 1_000_000,
        authority=lambda: authority,
        https_port=lambda: listening.https_port,
    )


def _tell_ready(descriptor: int, ports: dict[str, int]) -> None:
    if descriptor >= 0:
        os.write(descriptor, json.dumps(ports).encode() + b"\n")
        os.close(descriptor)


if __name__ == "__main__":
    asyncio.run(main())
