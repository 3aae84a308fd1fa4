"""A locker on its way from a shelf to a new box, while a browser looks on: it goes on whether somebody looks or not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from firmware.errors import BoxError, Unreachable
from services.api.client import Client


@dataclass(slots=True)
class Copying:
    """How far it is; ``token`` and ``member`` once the locker is open, ``error`` where it came to nothing."""

    packs: int = 0
    of: int = 0
    bytes: int = 0
    of_bytes: int = 0
    left: int = 0
    member: str = ""
    token: str = field(default="", repr=False)
    error: BoxError | None = None
    began: asyncio.Event = field(default_factory=asyncio.Event)
    """The words opened a locker, or the error says why not."""
    task: asyncio.Task[None] | None = None


def begin(box: Client, asked: dict[str, Any]) -> Copying:
    """Bring a locker from a disk; ``asked`` is what ``shelf_restore`` takes."""
    found = Copying()
    found.task = asyncio.get_running_loop().create_task(_live(box, asked, found))
    return found


async def _live(box: Client, asked: dict[str, Any], found: Copying) -> None:
    try:
        async with box.stream("shelf_restore", **asked) as answer:
            async for line in answer.lines():
                _take(found, line)
        if not found.token:
            raise Unreachable(what="The box")
    except BoxError as error:
        found.error = error
    finally:
        found.began.set()


def _take(found: Copying, line: dict[str, Any]) -> None:
    for name in ("packs", "of", "bytes", "of_bytes", "left"):
        setattr(found, name, int(line.get(name, getattr(found, name))))
    if line.get("done"):
        found.member, found.token = str(line["member"]), str(line["token"])
    found.began.set()
