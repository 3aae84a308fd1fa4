"""A circle of real peerds, each a process of its own without its box, whose wall clock a test may move.

The clock is moved for whole processes from outside (Debian's ``faketime``); the product has no door for it. Timers run
on the true monotonic clock, so links live on while days pass.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import BoxError
from services.api.blocking import Blocking
from services.api.circle_types import Circle, InviteWay, PairingIs, PeerInfo, Reach
from tests.services.circle_locker import FakeLocker
from tests.services.running import HOUSE, alive, until

_LIBRARIES = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
LIBRARY = next(_LIBRARIES, None)
HOUR = 3600
LONG = "LOCKER_BOX_LONG"
NO_CLOCK = pytest.mark.skipif(
    LIBRARY is None or LONG not in os.environ, reason=f"days of six real boxes: {LONG}=1, with the package faketime"
)


class Clock:
    """The time of every process started with it."""

    def __init__(self, file: Path) -> None:
        self.file, self.ahead = file, 0
        self.forward(0)

    def forward(self, seconds: int) -> None:
        """It is later now, for everybody at once."""
        self.ahead += seconds
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"+{self.ahead}")
        fresh.replace(self.file)

    def words(self, *, whole: bool = False) -> dict[str, str]:
        """What a process needs in its environment; ``whole``: the clock nobody can set moves too, links break."""
        if LIBRARY is None:
            return {}
        words = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }
        if whole:
            del words["FAKETIME_DONT_FAKE_MONOTONIC"]
        return words


class PeerBox:
    """One household's peerd."""

    def __init__(self, data: Path, clock: Clock) -> None:
        self.data, self.clock, self.name = data, clock, data.name
        self.run = data / "run"
        data.mkdir()
        self.run.mkdir()
        (data / "box.json").write_text(json.dumps({"format": 1, "box_id": "00", "host": data.name}))
        self.process: subprocess.Popen[bytes] | None = None
        self.start()
        self.key = self.show().box

    def start(self, *, whole: bool = False) -> None:
        """Run it, until its socket is there; ``whole`` as in ``Clock.words``."""
        (self.run / "peerd.sock").unlink(missing_ok=True)
        words = ["--data", self.data, "--run", self.run, "--http-port", "1", "--https-port", "1", "--quiet"]
        command = [sys.executable, "-m", "services.peerd", *map(str, words), "--bind", "127.0.0.1"]
        log = (self.data / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                command, cwd=HOUSE, env=os.environ | self.clock.words(whole=whole), stderr=log
            )
        until(self.answers)

    def answers(self) -> bool:
        """Whether it can be asked."""
        try:
            self.show()
        except (BoxError, OSError):
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """It is gone; what it keeps stays."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def ask(self, name: str, **args: Any) -> Any:
        """Ask as lockerd does."""
        return Blocking(self.run).call(name, **args)

    def show(self) -> Circle:
        """The circle as its page has it."""
        found: Circle = self.ask("at_peerd_circle")
        return found

    def peer(self, other: PeerBox) -> PeerInfo:
        """How another box stands here."""
        return next(each for each in self.show().peers if each.peer == other.key)

    def sees(self, other: PeerBox) -> bool:
        """Whether they can talk."""
        return self.peer(other).reach not in (Reach.AWAY, Reach.REFUSED)

    def befriend(self, other: PeerBox, gets: int = 1 << 30) -> None:
        """Both owners say yes."""
        invited = self.ask("at_peerd_invite", way=InviteWay.TICKET)
        joined = other.ask("at_peerd_join", invitation=invited.text)
        self.ask("at_peerd_pairing_confirm", id=invited.id, yes=True, gets=gets)
        other.ask("at_peerd_pairing_confirm", id=joined.id, yes=True, gets=gets)
        until(
            lambda: all(each.ask("at_peerd_pairing").pairings[-1].state is PairingIs.PAIRED for each in (self, other))
        )
        until(lambda: self.sees(other) and other.sees(self) and self.peer(other).gives == gets)

    def shards(self) -> dict[str, int]:
        """Shards it keeps for others: id and size."""
        return {each.name: each.stat().st_size for each in self.data.glob("hosted/*/shards/*")}

    def tell(self, locker: FakeLocker) -> None:
        """lockerd tells of its packs; they ship now."""
        self.ask("feed", **locker.feed(self.key))
        self.ask("at_peerd_circle_now")

    def safe(self) -> bool:
        """Whether everything is safe with friends."""
        return all(not each.here_bytes and not each.going_bytes for each in self.show().lockers)


def later(clock: Clock, hours: int, boxes: Sequence[PeerBox], done: Callable[[], object] | None = None) -> bool:
    """Hour after hour, each lived by these boxes; ends when ``done()``, which is looked at every few hours."""
    for hour in range(hours):
        clock.forward(HOUR)
        for each in boxes:
            each.ask("at_peerd_circle_now")
        if done is not None and hour % 4 == 3 and done():
            return True
    return done is None or bool(done())


def end(boxes: Iterable[PeerBox]) -> None:
    """Nothing stays in memory."""
    for each in boxes:
        each.stop()
        assert each.process is None or not alive(each.process.pid)
