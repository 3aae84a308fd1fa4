"""The box's name on the home network while peerd lives: announced, followed when addresses change, told to others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from firmware.linux.mdns import Announcer
from firmware.linux.netlink import Addresses, AddressWatch, addresses

_SETTLE_SECONDS = 0.3
"""Address changes come in bursts (link up, IPv4, IPv6); one announcement follows the burst."""
_RETRY_SECONDS = 10.0


async def announce(
    announcer: Announcer,
    binds: frozenset[str],
    changed: asyncio.Event,
    named: Callable[[], None],
    moved: Callable[[], None],
) -> None:
    """Announce now and after every change of the addresses; then ``moved`` is called."""
    at, started = heard_at(binds), False
    while True:
        try:
            await (announcer.follow(at) if started else announcer.start(at, named))
            started = True
            moved()
            say(f"answering for {announcer.host}.local at " + ", ".join(str(each) for each in at.reachable))
            if not at.lan:
                say("only this machine hears the name: the box has no other address than loopback")
        except OSError as error:
            say(f"the name cannot be announced ({error.strerror or error}); trying again")
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


def noticed(watch: AddressWatch, changed: asyncio.Event) -> Callable[[], None]:
    def notice() -> None:
        watch.drain()
        changed.set()

    return notice


class Reports:
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


def renamer(reports: Reports) -> Callable[[str], None]:
    """Return what is called with the name the box had to take instead of its own."""

    def renamed(host: str) -> None:
        say(f"this name is taken on the network; the box is {host}.local now")
        reports.rename(host)

    return renamed


def say(line: str) -> None:
    """Write one line of what happens to standard error."""
    print(f"peerd: {line}", file=sys.stderr, flush=True)
