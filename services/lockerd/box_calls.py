"""What is asked of the box itself: checked on the main socket, answered by boxd. Where there is none, it is away."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from services.api.client import Client
from services.api.server import Call, Handler

_NAMES = ("update", "set_update", "update_now", "power", "reset")


class BoxCalls:
    """Handlers that pass a call on; boxd knows neither session nor token, only lockerd."""

    def __init__(self, run: Path) -> None:
        """``run`` is the folder of the sockets."""
        self._boxd = Client(run)

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return dict.fromkeys(_NAMES, self._pass_on)

    async def _pass_on(self, call: Call) -> Any:
        args = {field.name: getattr(call.args, field.name) for field in dataclasses.fields(call.args)}
        return await self._boxd.call(f"at_boxd_{call.operation.name}", **args)
