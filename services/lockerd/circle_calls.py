"""What owners ask about the circle: checked on the main socket, answered by peerd."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from services.api.client import Client
from services.api.routes import BY_NAME
from services.api.server import Call, Handler

_AT_PEERD = "at_peerd_"


class CircleCalls:
    """Handlers that pass a call on; peerd knows neither session nor token."""

    def __init__(self, run: Path) -> None:
        """``run`` is the folder of the sockets."""
        self._peerd = Client(run)

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation that peerd answers too."""
        return {name.removeprefix(_AT_PEERD): self._pass_on for name in BY_NAME if name.startswith(_AT_PEERD)}

    async def _pass_on(self, call: Call) -> Any:
        args = {field.name: getattr(call.args, field.name) for field in dataclasses.fields(call.args)}
        return await self._peerd.call(_AT_PEERD + call.operation.name, **args)
