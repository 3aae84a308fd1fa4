"""What lockerd asks boxd, over ``run/boxd.sock``: the rows of ``Where.BOX``. No token; the caller's uid decides.

lockerd lets only owners through, most of it only after they proved themselves again.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from firmware.box_events import BOX_RESET
from firmware.errors import BoxError, Misused, Refused, Unreachable, UpdateBusy
from firmware.linux.disk import LinuxDisk
from firmware.update.deciding import Do
from firmware.update.memory import Stage
from firmware.update.window import Window
from services.api import box_types as b
from services.api.routes import Needs, Operation
from services.api.server import Call, Handler
from services.api.types import Nothing
from services.boxd.capping import cap
from services.boxd.machine import LinuxMachine
from services.boxd.resetting import wish
from services.boxd.updating import Updater, Wishes

WISHES: Final = "wishes.json"
_SIZE_MAX: Final = 4096
_STEPS: Final = {Do.FETCH: b.UpdateStep.FETCHING, Do.WAIT: b.UpdateStep.WAITING, Do.WRITE: b.UpdateStep.WRITING}


def authority(operation: Operation, token: str | None, uid: int) -> None:  # noqa: ARG001 the server checked the uid
    """Only rows for lockerd are here."""
    if operation.needs is not Needs.LOCKERD:
        raise Refused


class Control:
    """Handlers over the updater and the machine; ``name`` is the file with the name to be typed for a reset."""

    def __init__(
        self, updater: Updater, machine: LinuxMachine, disk: LinuxDisk, name: Path, tell: Callable[..., None]
    ) -> None:
        """Take the owner's wishes from ``disk``."""
        self._updater, self._machine, self._disk, self._name, self._tell = updater, machine, disk, name, tell
        self.poked = asyncio.Event()
        self.asked_ms = 0
        self.busy = asyncio.Lock()
        updater.wishes = read_wishes(disk)

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "at_boxd_update": self._update,
            "at_boxd_set_update": self._set,
            "at_boxd_update_now": self._now,
            "at_boxd_power": self._power,
            "at_boxd_reset": self._reset,
            "at_boxd_caps": self._caps,
        }

    async def _update(self, call: Call) -> b.Update:  # noqa: ARG002
        return self.shown()

    async def _set(self, call: Call) -> b.Update:
        args: b.UpdateSet = call.args
        window = Window.parse(args.begins, args.ends)
        self._disk.replace(
            WISHES, json.dumps({"automatic": args.automatic, "begins": args.begins, "ends": args.ends}).encode()
        )
        self._updater.wishes = Wishes(args.automatic, window)
        self.poked.set()
        return self.shown()

    async def _now(self, call: Call) -> b.Update:  # noqa: ARG002
        if self.busy.locked():
            offered = self._updater.offered
            raise UpdateBusy(version=str(offered.release.version if offered else self._updater.facts.version))
        self._machine.fetch()
        self._updater.take_now()
        self.poked.set()
        return self.shown()

    async def _power(self, call: Call) -> Nothing:
        self._not_while_writing()
        if call.args.off:
            self._machine.power_off()
        else:
            self._machine.restart("")
        return Nothing()

    async def _reset(self, call: Call) -> Nothing:
        args: b.Reset = call.args
        self._not_while_writing()
        if args.box.strip().casefold().removesuffix(".local") != self._host():
            raise Misused(why="the name of the box is another one.")
        wish(self._disk, args.step)
        self._tell(BOX_RESET, step=args.step)
        self._machine.restart("")
        return Nothing()

    async def _caps(self, call: Call) -> b.GuestCaps:
        return cap(call.args, os.cpu_count() or 1)

    def _host(self) -> str:
        """What this box is called, as peerd announces it."""
        try:
            said = self._name.read_text().strip()
        except (OSError, ValueError):
            said = ""
        if not said:
            raise Unreachable(what="the name of this box")
        return said.casefold().removesuffix(".local")

    def _not_while_writing(self) -> None:
        """A restart while a slot is written costs nothing but the time; the page says so instead of doing it."""
        if self.busy.locked() and self._updater.doing is Do.WRITE:
            raise UpdateBusy(version=str(self._updater.facts.version))

    def shown(self) -> b.Update:
        """Return what a page shows."""
        updater, facts = self._updater, self._updater.facts
        offered, returned, refused = updater.offered, updater.memory.returned, updater.refused
        release = offered.release if offered and offered.release.version > facts.version else None
        return b.Update(
            str(facts.version),
            facts.board,
            facts.supported_until,
            self._step(),
            updater.wishes.automatic,
            f"{updater.wishes.window.begins:%H:%M}",
            f"{updater.wishes.window.ends:%H:%M}",
            self.asked_ms,
            refused.code if isinstance(refused, BoxError) else "",
            None
            if release is None
            else b.UpdateOffer(
                str(release.version), release.bundle.size, release.urgent, _said(release.notes), _said(release.risk)
            ),
            None if returned is None else b.UpdateReturned(str(returned.version), returned.why, returned.check),
        )

    def _step(self) -> b.UpdateStep:
        trial = self._updater.memory.trial
        if self._updater.doing in (Do.CHECK, Do.COMMIT, Do.RESTART, Do.TURN_BACK):
            return b.UpdateStep.TRYING
        if trial is not None and trial.stage is Stage.WRITING:
            return b.UpdateStep.WRITING
        return _STEPS.get(self._updater.doing, b.UpdateStep.NONE)


def read_wishes(disk: LinuxDisk) -> Wishes:
    """Return what the owner set, or the defaults."""
    try:
        found = json.loads(disk.read(WISHES, 0, _SIZE_MAX))
        return Wishes(found["automatic"] is True, Window.parse(str(found["begins"]), str(found["ends"])))
    except (BoxError, ValueError, KeyError, TypeError):
        return Wishes()


def _said(sentences: dict[str, str]) -> tuple[b.Said, ...]:
    return tuple(b.Said(language, text) for language, text in sorted(sentences.items()))
