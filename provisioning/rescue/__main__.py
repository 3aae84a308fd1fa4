"""``python -m provisioning.rescue --device PATH --card FILE``: the page of a box whose data partition is unusable.

Looks at the partition once, writes the screen whenever the addresses change, answers for the box's own name where that
could be read, and gives the same page to every request. Writes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from firmware.linux.mdns import Announcement, Announcer
from firmware.linux.netlink import Addresses, addresses
from firmware.linux.notify import activated_sockets
from provisioning.console.screen import CLEAR
from provisioning.rescue.looking import look
from provisioning.rescue.words import LANGUAGES, POLICY, Looked, language_of, page, screen

_LOOK_SECONDS: Final = 2.0
_HTTP: Final = 80
_REQUEST_BYTES: Final = 16 << 10
_UNAVAILABLE: Final = 503


class _Page(RequestHandler):
    """The page, at every address."""

    def initialize(self, looked: Looked) -> None:
        self._looked = looked

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.clear_header("Server")

    def prepare(self) -> None:
        if self.request.method not in ("GET", "HEAD"):
            return  # tornado refuses it
        asked = self.get_query_argument("language", "")
        language = asked if asked in LANGUAGES else language_of(self.request.headers.get("Accept-Language", ""))
        self.set_status(_UNAVAILABLE)
        self.set_header("Content-Language", language)
        self.set_header("Vary", "Accept-Language")
        self.finish(page(self._looked, language))


async def _live(device: Path, card: Path) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    looked = await asyncio.to_thread(look, device, card)
    server = HTTPServer(
        Application([(r".*", _Page, {"looked": looked})]), max_body_size=0, max_header_size=_REQUEST_BYTES
    )
    server.add_sockets(activated_sockets())
    announcer = Announcer(Announcement(looked.host, _HTTP, None, ()), _never_mind) if looked.host else None
    following = asyncio.create_task(_follow(announcer, lambda at: _show(looked, at)))
    await stop.wait()
    following.cancel()
    if announcer is not None:
        await announcer.stop()
    server.stop()


async def _follow(announcer: Announcer | None, show: Callable[[Addresses], None]) -> None:
    """Show the addresses and answer for the name at them, now and whenever they change."""
    before: Addresses | None = None
    is_heard = announcer is None
    while True:
        at = addresses()
        if at != before:
            before, is_heard = at, announcer is None
            show(at)
        if announcer is not None and not is_heard and at.lan:
            is_heard = await _announced(announcer, at)
        await asyncio.sleep(_LOOK_SECONDS)


def _never_mind(host: str) -> None:
    """Another box has the name now; this one is heard under the next."""


async def _announced(announcer: Announcer, at: Addresses) -> bool:
    try:
        await announcer.start(at, lambda: None)
    except OSError as error:
        print(f"rescue: the name cannot be announced ({error.strerror or error})", file=sys.stderr)
        return False
    return True


def _show(looked: Looked, at: Addresses) -> None:
    sys.stdout.write(CLEAR + screen(looked, tuple(map(str, at.lan))))
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Serve until SIGTERM; returns 0."""
    parser = argparse.ArgumentParser(prog="provisioning.rescue")
    parser.add_argument("--device", type=Path, required=True, help="the data partition")
    parser.add_argument("--card", type=Path, required=True, help="what prove-card found wrong with the card")
    args = parser.parse_args(words)
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)  # nobody writes down who asked for what
    asyncio.run(_live(args.device, args.card))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
