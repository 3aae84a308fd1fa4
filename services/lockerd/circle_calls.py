"""What owners ask about the circle: checked on the main socket, answered by peerd."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from firmware.errors import BoxError
from services.api.client import Client
from services.api.routes import BY_NAME
from services.api.server import Call, Handler
from services.lockerd.desk import Desk

_AT_PEERD = "at_peerd_"


class CircleCalls:
    """Handlers that pass a call on; peerd knows neither session nor token."""

    def __init__(self, run: Path, desk: Desk) -> None:
        """``run`` is the folder of the sockets."""
        self._peerd, self._desk = Client(run), desk

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation that peerd answers too."""
        passed = {name.removeprefix(_AT_PEERD): self._pass_on for name in BY_NAME if name.startswith(_AT_PEERD)}
        return passed | {"circle_now": self._now}

    async def _now(self, call: Call) -> Any:
        """Close the open packs of every open locker first; one that cannot does not keep the others."""
        for member in self._desk.household.members:
            with contextlib.suppress(BoxError):
                await self._desk.workers.tell(member.id, "ship")
        return await self._pass_on(call)

    async def _pass_on(self, call: Call) -> Any:
        args = {field.name: getattr(call.args, field.name) for field in dataclasses.fields(call.args)}
        return await self._peerd.call(_AT_PEERD + call.operation.name, **args)
