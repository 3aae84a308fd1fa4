"""Starts lockerd: self-test, spawner, then the main socket. ``python -m services.lockerd --data DIR --run DIR``."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import pwd
import resource
import signal
import sys
from pathlib import Path

from firmware.errors import BoxError
from firmware.limits import KIB
from firmware.linux.home import measured_suite
from firmware.linux.notify import activated_sockets, notify, watchdog_seconds
from firmware.seal import self_test
from services.api.routes import Where
from services.api.server import Server
from services.lockerd.main_calls import MainCalls
from services.lockerd.spawner import Spawner, start
from services.lockerd.worker import listen, worker_main

_M_ARENA_MAX = -8
_ARENAS = 1
"""A second one saves no CPU that `./box bench locker` could show and takes 5 MiB at its peak."""
_M_MMAP_THRESHOLD = -3
_MAPPED_BYTES = 512 * KIB
"""Sealed segments and their like go back to the system when they are freed: 8 MiB less at the peak of an ingest."""
_SWITCH_SECONDS = 0.001
"""The store thread gives the interpreter to the event loop this often (Python's own 5 ms starve the socket)."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="services.lockerd", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data folder of the box")
    parser.add_argument("--run", type=Path, help="the folder of the sockets (default: DATA/run)")
    parser.add_argument("--ready-fd", type=int, default=-1, help="where to write one JSON line when ready")
    parser.add_argument("--allow-uid", type=int, action="append", default=[], help="may connect too (webd's user)")
    parser.add_argument("--allow-user", type=_uid, action="append", default=[], help="the same, by name")
    return parser.parse_args()


def _uid(name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise argparse.ArgumentTypeError(f"there is no user {name}") from None


def main() -> int:
    """Run until SIGTERM; return the exit code."""
    args = _arguments()
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
    sys.setswitchinterval(_SWITCH_SECONDS)
    sockets = activated_sockets()
    run = args.run or args.data / "run"
    uids = frozenset({os.geteuid(), 0, *args.allow_uid, *args.allow_user})
    try:
        self_test()
        measured_suite()  # once for all workers, which are forked from here
        spawner = start(worker_main)
        asyncio.run(_live(args, run, spawner, uids, sockets))
    except BoxError as error:
        print(f"lockerd: {error} {error.as_dict()['advice']}", file=sys.stderr)
        return 1
    return 0


async def _live(args: argparse.Namespace, run: Path, spawner: Spawner, uids: frozenset[int], sockets: list) -> None:  # type: ignore[type-arg]
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(spawner.sock.fileno(), stop.set)  # it says nothing: readable means that it died
    calls = MainCalls(args.data, run, spawner, uids)
    await calls.start()
    server = Server(Where.MAIN, calls.handlers(), calls.authority, uids)
    serving = server.listen(sockets or [listen(run / "lockerd.sock")])
    tasks = [loop.create_task(each) for each in (calls.care(), calls.costs.live(), _watchdog())]
    notify("READY=1")
    if args.ready_fd >= 0:
        os.write(args.ready_fd, json.dumps({"ready": True, "socket": str(run / "lockerd.sock")}).encode() + b"\n")
        os.close(args.ready_fd)
    await stop.wait()
    notify("STOPPING=1")
    serving.stop()
    await calls.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _watchdog() -> None:
    """Tell systemd that the loop turns."""
    every = watchdog_seconds()
    while every is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(every)


if __name__ == "__main__":
    sys.exit(main())
