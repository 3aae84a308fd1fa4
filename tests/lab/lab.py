"""One lab: its network, its boxes, its clock, what was found; everything is gone when it is closed."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware.errors import BoxError
from tests.lab.clock import LabClock, interpreter
from tests.lab.dwelling import LabBox, until
from tests.lab.isolation import best, unmade
from tests.lab.network import Line, Network
from tests.lab.shell import LabTrouble

_STILL_BYTES = 32 * 1024
"""A box that has nothing to say still pings its friends."""


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    boxes: int
    data: Path | None = None
    keep: Path | None = None
    seed: int = 1
    mib: int | None = None
    isolation: str | None = None
    members: int = 1
    """People of the household the story is about."""
    image: Path | None = None
    """The ``root.erofs`` the boxes live in."""


@dataclass
class Findings:
    """Figures and checks of one scenario; a check that is false is named and fails the run."""

    values: dict[str, Any] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def check(self, name: str, true: object, said: str = "") -> bool:
        """Write down one check; several under one name count as all of them."""
        good = bool(true)
        self.values[name] = good and self.values.get(name, True) is True
        if not good:
            self.failed.append(f"{name}: {said}" if said else name)
            say(f"not true: {self.failed[-1]}")
        return good

    def figure(self, name: str, value: Any) -> None:
        """Write down a figure."""
        self.values[name] = value
        say(f"{name} = {value}")


class Lab(contextlib.AbstractContextManager["Lab"]):
    """``boxes`` real boxes, not started; ``clock``: whether their time can be moved."""

    def __init__(self, wish: Wish, *, clock: bool = False, line: Line | None = None) -> None:
        """Build everything; raises LabTrouble (no root, no namespaces)."""
        self.wish, self.found = wish, Findings()
        self._began = time.monotonic()
        if wish.keep is not None:
            wish.keep.mkdir(parents=True, exist_ok=True)
        self.network = Network(wish.boxes, line or Line())
        self.folder = Path(tempfile.mkdtemp(prefix="lab-", dir=wish.keep)).resolve()
        self.boxes: list[LabBox] = []
        try:
            self.isolation, why = best(self.network, self.folder, wish.isolation, wish.image)
            self.clock = LabClock(self.folder)
            self._moved = clock
            self._check_clock()
            for number in range(1, wish.boxes + 1):
                self.boxes.append(LabBox(self.isolation, self.folder, number, self.interpreter(f"python{number}")))
        except BaseException:
            self.close()
            raise
        self.found.values |= {"isolation": self.isolation.name} | ({"isolation_why": why} if why else {})
        self.found.values |= {"boxes": wish.boxes, "line": self.network.shape(), "seed": wish.seed}
        say(f"{wish.boxes} boxes in {self.isolation.name}{f' ({why})' if why else ''}, lines {self.network.shape()}")

    def _check_clock(self) -> None:
        if self._moved and self.isolation.faketime is None:
            raise LabTrouble("libfaketime is not installed (Debian package faketime)")

    def interpreter(self, name: str, lines: Sequence[str] = ()) -> str:
        """An interpreter for a box, with the lab's clock where there is one; ``lines`` run when it starts."""
        moved = (str(self.isolation.faketime), self.clock.file) if self._moved else None
        place = self.folder / name
        return interpreter(place, self.isolation.python, self.isolation.packages, moved=moved, lines=lines)

    def start(self, boxes: Sequence[LabBox] = ()) -> None:
        """Start boxes (all), wait until they answer, make those that are new their owners'."""
        for each in boxes or self.boxes:
            each.start()
        for each in boxes or self.boxes:
            each.ready()
            if each.member:
                each.open()
            else:
                each.own()

    @property
    def live(self) -> list[LabBox]:
        """The boxes that run."""
        return [each for each in self.boxes if each.running]

    def poke(self) -> None:
        """Every box that runs plans once."""
        for each in self.live:
            with contextlib.suppress(BoxError):
                each.poke()

    def pass_hours(self, hours: int, until: Callable[[], bool] = lambda: False) -> int:
        """Let hours go by for all boxes, while what moves has time to move; returns how many."""
        return self.clock.pass_hours(hours, self.poke, until=until)

    def until_quiet(self, seconds: float = 3.0) -> None:
        """Wait until next to nothing passes over the cables; raises LabTrouble."""

        def still() -> bool:
            before = sum(self.network.sent(each.number) for each in self.boxes)
            time.sleep(seconds)
            return sum(self.network.sent(each.number) for each in self.boxes) - before < _STILL_BYTES * len(self.boxes)

        until(still, "the lines to be quiet")

    def minutes(self) -> float:
        """Real time since the lab began."""
        return round((time.monotonic() - self._began) / 60, 2)

    def __exit__(self, kind: type[BaseException] | None, trouble: BaseException | None, *_: object) -> None:
        """Take everything away; what was found goes along with the trouble that ended the story."""
        if isinstance(trouble, LabTrouble):
            trouble.found = self.found.values
        self.close()

    def close(self) -> None:
        """End the boxes, the network, the folder (unless it is kept); whoever interrupts it now has to wait."""
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._take_away()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take_away(self) -> None:
        for each in self.boxes:
            with contextlib.suppress(LabTrouble):
                each.kill()
        self.network.close()
        if hasattr(self, "isolation"):
            unmade(self.isolation)
        if self.wish.keep is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            say(f"everything is kept in {self.folder}")


def say(text: str) -> None:
    """Tell whoever watches; standard output belongs to the JSON line."""
    print(f"lab: {text}", file=sys.stderr, flush=True)
