"""QEMU's monitor (QMP, docs/interop/qmp-spec.txt of QEMU): one command after the other, over a socket."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any, Final

_STEP_S: Final = 60.0


class MonitorTrouble(Exception):
    """The machine does not answer, or would not do what it was asked."""


class Monitor:
    """A connection to the monitor of one machine."""

    def __init__(self, path: Path) -> None:
        """Connect to ``path``, which QEMU makes at its start; raises MonitorTrouble."""
        end = time.monotonic() + _STEP_S
        while True:
            self._line = socket.socket(socket.AF_UNIX)
            self._line.settimeout(_STEP_S)
            try:
                self._line.connect(str(path))
                break
            except OSError as error:
                self._line.close()
                if time.monotonic() > end:
                    raise MonitorTrouble(f"no monitor at {path}: {error}") from None
                time.sleep(0.1)
        self._file = self._line.makefile("rb")
        self._events: list[tuple[str, str]] = []
        self._heard()
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:
        """Return what QEMU answers; arguments are written with _ for -. Raises MonitorTrouble."""
        told = {"execute": command, "arguments": {name.replace("_", "-"): each for name, each in arguments.items()}}
        try:
            self._line.sendall(json.dumps(told).encode() + b"\n")
            while True:
                heard = self._heard()
                if "error" in heard:
                    raise MonitorTrouble(f"{command}: {heard['error'].get('desc')}")
                if "return" in heard:
                    return heard["return"]
        except OSError as error:
            raise MonitorTrouble(f"{command}: {error}") from None

    def wait_for(self, event: str, device: str) -> None:
        """Wait until ``event`` was heard of ``device``; raises MonitorTrouble."""
        try:
            while (event, device) not in self._events:
                self._heard()
        except OSError as error:
            raise MonitorTrouble(f"{event} did not come: {error}") from None

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._line.close()

    def _heard(self) -> dict[str, Any]:
        line = self._file.readline()
        if not line:
            raise MonitorTrouble("the machine is gone")
        found: dict[str, Any] = json.loads(line)
        if "event" in found:
            self._events.append((found["event"], str(found.get("data", {}).get("device", ""))))
        return found
