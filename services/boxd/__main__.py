"""boxd: root's hands. Looks after new versions, the clock and the caps of guest work; restarts and resets when asked.

Listens on ``run/boxd.sock``, where lockerd alone may speak. It reads nothing from the network but its own pages.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
import time

from firmware import limits
from firmware.errors import BoxError
from firmware.linux.clock import SystemClock
from firmware.linux.disk import LinuxDisk
from firmware.linux.journal import Journal
from firmware.linux.notify import activated_sockets, notify, watchdog_seconds
from firmware.update.release import read_keys
from services.api.door import listen, uids
from services.api.routes import Where
from services.api.server import Server
from services.boxd import clock, facts
from services.boxd.arguments import parser
from services.boxd.control import Control, authority
from services.boxd.machine import LinuxMachine
from services.boxd.updating import Places, Updater, clock_of

_KEEP_SECONDS = 3600


def main(words: list[str]) -> int:
    """Run until SIGTERM; 1 when this is no image, or what starts it cannot be read."""
    args = parser().parse_args(words)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    journal = Journal("boxd")
    try:
        found = facts.read_facts(args.system)
        disk = LinuxDisk(args.own)
        clock.begin(disk, found.made, clock.put_system, int(time.time_ns() // 10**9), journal.tell)
        slot = facts.booted(args.slot)
        if found.boot == "uefi":
            facts.introduce(slot)
        machine = LinuxMachine(args.run, disk, args.name, args.ask, args.https_port)
        updater = Updater(
            found,
            read_keys(args.keys.read_bytes()),
            facts.backend(found.boot, args.autoboot),
            machine,
            disk=disk,
            where=Places(args.news, args.sticks, args.own),
            start=(slot, facts.boot_id()),
            tell=journal.tell,
        )
        control = Control(updater, machine, disk, args.name, journal.tell)
        asyncio.run(_live(args, control, updater, disk))
    except (BoxError, OSError, ValueError, KeyError) as error:
        print(f"boxd: {error}", file=sys.stderr)
        return 1
    return 0


async def _live(args: argparse.Namespace, control: Control, updater: Updater, disk: LinuxDisk) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    doors: list[socket.socket] = activated_sockets() or [listen(args.run / "boxd.sock")]
    serving = Server(Where.BOX, control.handlers(), authority, uids(args.allow_user)).listen(doors)
    tasks = [loop.create_task(_updates(control, updater)), loop.create_task(_hours(updater, disk))]
    tasks.append(loop.create_task(_watchdog()))
    for task in tasks:
        task.add_done_callback(lambda done: None if done.cancelled() else stop.set())
    notify("READY=1")
    await stop.wait()
    serving.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _updates(control: Control, updater: Updater) -> None:
    """Every minute, and when somebody pokes."""
    now = SystemClock()
    while True:
        control.poked.clear()
        async with control.busy:
            try:
                await asyncio.to_thread(updater.tick, now.now_ms(), clock_of(now.now_ms()))
            except BoxError as error:
                updater.refused = error
        control.asked_ms = _newest(updater)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(control.poked.wait(), limits.UPDATE_CHECK_SECONDS)


def _newest(updater: Updater) -> int:
    """When the fetcher last heard something, in ms."""
    try:
        return updater.news_ms()
    except OSError:
        return 0


async def _hours(updater: Updater, disk: LinuxDisk) -> None:
    """Once an hour: keep the time, and remember what works."""
    while True:
        await asyncio.sleep(_KEEP_SECONDS)
        clock.keep(disk, updater.facts.made, int(time.time_ns() // 10**9))
        with contextlib.suppress(BoxError):
            await asyncio.to_thread(updater.note_health)


async def _watchdog() -> None:
    every = watchdog_seconds()
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(every or _KEEP_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
