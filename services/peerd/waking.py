"""When the circle is loaded: at once where there is one, otherwise when somebody asks peerd for the first time.

Most of peerd's memory is the transport to friends' boxes; a household without friends is spared it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path

from services.api.place import ASLEEP


def has_circle(state: Path) -> bool:
    """Whether anybody ever asked for a circle here."""
    return (state / "circle" / "circle.db").exists()


async def asked(doors: Sequence[socket.socket], run: Path) -> None:
    """Return when somebody knocks; meanwhile a mark in ``run`` keeps lockerd from knocking with mere news."""
    mark = run / ASLEEP
    with contextlib.suppress(OSError):  # a folder that is not ours: then the first news wakes the circle
        mark.touch(mode=0o644)
    knock, loop = asyncio.Event(), asyncio.get_running_loop()
    for door in doors:
        loop.add_reader(door, knock.set)
    try:
        await knock.wait()
    finally:
        for door in doors:
            loop.remove_reader(door)
        with contextlib.suppress(OSError):
            mark.unlink(missing_ok=True)
