"""Counts what the box uses, across restarts: ``cost.json`` in the data folder, and the owner's figures beside it.

Looked at every ten minutes and when somebody asks, written down hourly: a pulled plug costs an hour of counting.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from firmware.errors import BoxError
from firmware.linux.disk import LinuxDisk
from firmware.linux.usage import Used, disk_written, used
from firmware.model import cost
from firmware.ports import Clock
from services.api import cost_types as t
from services.api.server import Call, Handler

_FILE: Final = "cost.json"
_FORMAT: Final = 1
_MOST: Final = 1 << 16
_LOOK_SECONDS: Final = 600
_SAVE_SECONDS: Final = 3600


@dataclass
class Ledger:
    """What was counted so far, by service."""

    since_ms: int
    seconds: float = 0.0
    cpu_ms: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    disk: int | None = None

    def add(self, before: dict[str, Used], now: dict[str, Used]) -> None:
        """Add what each service used since the last look; one that started anew is counted from its start."""
        for name, each in now.items():
            known = before.get(name)
            base = known if known is not None and known.life == each.life else Used(each.life, 0, 0)
            self.cpu_ms[name] = self.cpu_ms.get(name, 0) + max(0, each.cpu_ms - base.cpu_ms)
            if each.written is not None:
                self.written[name] = self.written.get(name, 0) + max(0, each.written - (base.written or 0))


class Costs:
    """Handlers, and the count."""

    def __init__(
        self, data: Path, clock: Clock, use: Callable[[], dict[str, Used]] = used,
        disk: Callable[[Path], int | None] = disk_written,
    ) -> None:  # fmt: skip
        """Read what was counted before; a file that is none begins anew."""
        self._data, self._files, self._clock, self._use, self._disk = data, LinuxDisk(data), clock, use, disk
        self._model, self._ledger = self._read()
        self._ticks_ns, self._saved_ns = clock.ticks_ns(), clock.ticks_ns()
        self._before, self._disk_before = use(), disk(data)

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {"costs": self._show, "set_costs": self._set}

    async def live(self) -> None:
        """Count until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await asyncio.to_thread(self.count)

    def close(self) -> None:
        """Count once more and write it down."""
        self.count()
        self._save()

    def count(self) -> None:
        """Look what was used since the last look."""
        now, disk, ticks = self._use(), self._disk(self._data), self._clock.ticks_ns()
        ledger = self._ledger
        ledger.seconds += (ticks - self._ticks_ns) / 1e9
        ledger.add(self._before, now)
        if disk is not None and self._disk_before is not None:
            ledger.disk = (ledger.disk or 0) + max(0, disk - self._disk_before)
        self._before, self._disk_before, self._ticks_ns = now, disk, ticks
        if ticks - self._saved_ns >= _SAVE_SECONDS * 1_000_000_000:
            self._save()

    async def _show(self, call: Call) -> t.Costs:  # noqa: ARG002
        await asyncio.to_thread(self.count)
        return self.shown()

    async def _set(self, call: Call) -> t.Costs:
        args: t.CostModel = call.args
        self._model = cost.CostModel(args.watts_idle, args.watts_core, args.price, args.currency, args.endurance_tb)
        await asyncio.to_thread(self._save)
        return await self._show(call)

    def shown(self) -> t.Costs:
        """Return measured, assumed and estimated."""
        ledger, model = self._ledger, self._model
        written = sum(ledger.written.values())
        cpu = sum(ledger.cpu_ms.values()) / 1000
        year = cost.year_of(cost.Measured(ledger.seconds, cpu, written, ledger.disk), model)
        services = (
            t.ServiceUse(name, each / 1000, ledger.written.get(name)) for name, each in sorted(ledger.cpu_ms.items())
        )
        return t.Costs(
            ledger.since_ms,
            int(ledger.seconds),
            tuple(services),
            written,
            t.CostModel(**asdict(model)),
            year.kwh,
            year.own_kwh,
            ledger.disk,
            year.money,
            year.written,
            year.disk_written,
            year.disk_years,
        )

    def _read(self) -> tuple[cost.CostModel, Ledger]:
        try:
            found: dict[str, Any] = json.loads(self._files.read(_FILE, 0, _MOST))
            return cost.CostModel(**found["model"]), Ledger(**found["ledger"])
        except (BoxError, ValueError, KeyError, TypeError):
            return cost.CostModel(), Ledger(self._clock.now_ms())

    def _save(self) -> None:
        self._saved_ns = self._clock.ticks_ns()
        body = {"format": _FORMAT, "model": asdict(self._model), "ledger": asdict(self._ledger)}
        self._files.replace(_FILE, json.dumps(body, ensure_ascii=False).encode())
