"""What members ask about the circle: checked on the main socket, answered by peerd. Owners decide, the others look."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any, Final

from firmware.errors import BoxError
from firmware.linux.shelf_mounts import mounted
from services.api.circle_types import Circle, LockerSafety
from services.api.client import Client
from services.api.place import ASLEEP
from services.api.routes import BY_NAME
from services.api.server import Call, Handler
from services.api.shelf_types import Shelves
from services.api.types import Role
from services.lockerd.desk import Desk

_AT_PEERD = "at_peerd_"
_NOBODY: Final = "0" * 64
_NO_LOCKER: Final = "0" * 32
_LABEL_CHARS: Final = 63


class CircleCalls:
    """Handlers that pass a call on; peerd knows neither session nor token."""

    def __init__(self, run: Path, desk: Desk) -> None:
        """``run`` is the folder of the sockets."""
        self._peerd, self._asleep, self._desk = Client(run), run / ASLEEP, desk

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation that peerd answers too."""
        passed: dict[str, Handler] = {
            name.removeprefix(_AT_PEERD): self._pass_on for name in BY_NAME if name.startswith(_AT_PEERD)
        }
        named = {"invite": self._pass_on_named, "join": self._pass_on_named}
        looks: dict[str, Handler] = {"circle": self._show, "shelves": self._shelves}
        return passed | named | looks | {"circle_now": self._now, "shelf_now": self._now}

    async def _show(self, call: Call) -> Circle:
        """Looking at a circle that nobody asked for yet wakes nobody."""
        if self._asleep.exists():
            disk = os.statvfs(self._desk.data)
            return Circle(_NOBODY, "", (), (), (), (), 0, False, False, 0, disk.f_bavail * disk.f_frsize, asleep=True)
        found: Circle = await self._pass_on(call)
        return found if call.session.member.role is Role.OWNER else _seen_by_all(found)

    async def _shelves(self, call: Call) -> Any:
        """Where nobody asked for friends or shelves yet and no disk is plugged in there is nothing to be read."""
        if self._asleep.exists() and not await asyncio.to_thread(_plugged_in):
            return Shelves(())
        return await self._pass_on(call)

    async def _now(self, call: Call) -> Any:
        """Close the open packs of every open locker first; one that cannot does not keep the others."""
        for member in self._desk.household.members:
            with contextlib.suppress(BoxError):
                await self._desk.workers.tell(member.id, "ship")
        return await self._pass_on(call)

    async def _pass_on_named(self, call: Call) -> Any:
        """Friends know a box by the name of its home, unless the owner says another."""
        if call.args.label is None:
            name = (self._desk.household.name or "")[:_LABEL_CHARS]
            call = dataclasses.replace(call, args=dataclasses.replace(call.args, label=name))
        return await self._pass_on(call)

    async def _pass_on(self, call: Call) -> Any:
        args = {field.name: getattr(call.args, field.name) for field in dataclasses.fields(call.args)}
        return await self._peerd.call(_AT_PEERD + call.operation.name, **args)


def _plugged_in() -> bool:
    """Whether a disk is mounted that could be a shelf."""
    return any(each.removable for each in mounted())


def _seen_by_all(found: Circle) -> Circle:
    """Return what everybody in the household may see: friends and the lockers as one, neither addresses nor notices."""
    peers = tuple(dataclasses.replace(each, address=None, rtt_ms=None) for each in found.peers)
    lockers: tuple[LockerSafety, ...] = ()
    if found.lockers:
        weakest = min(((each.may_fail, each.of) for each in found.lockers if each.safe_bytes), default=(0, 0))
        custody = all(each.custody for each in found.lockers)
        here, going, safe = (
            sum(getattr(each, f"{what}_bytes") for each in found.lockers) for what in ("here", "going", "safe")
        )
        lockers = (LockerSafety(_NO_LOCKER, custody, here, going, safe, *weakest),)
    return dataclasses.replace(found, addresses=(), notices=(), peers=peers, lockers=lockers)
