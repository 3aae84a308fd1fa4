"""Carries out what ``firmware.update.deciding`` says, one step after the other, each durable before the next.

The same rules run in ``tests/sim/update.py`` against models of the firmware. Nothing is decided here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path
from typing import Final, Protocol

from firmware import limits
from firmware.box_events import UPDATE_COMMITTED, UPDATE_REFUSED, UPDATE_RETURNED, UPDATE_WRITTEN
from firmware.errors import BoxError, NothingNew, UpdateBusy
from firmware.ports import Disk
from firmware.update import healthy
from firmware.update.deciding import Action, Do, View, decide, written
from firmware.update.memory import Memory
from firmware.update.release import Keys, Release
from firmware.update.slots import Backend, Slot
from firmware.update.window import Window
from services.boxd.facts import Facts
from services.boxd.taking import Offered, forget, judge_for, look, places, take

MEMORY: Final = "update.json"
_STEPS: Final = 40


class Machine(Protocol):
    """What of the machine an update needs."""

    def install(self, bundle: Path) -> None:
        """Let RAUC write ``bundle`` into the slot that does not run; raises BoxError. Synced on return."""
        ...

    def restart(self, words: str) -> None:
        """Restart in good order, saying ``words`` to the firmware."""
        ...

    def checks(self) -> dict[str, bool]:
        """Make every check of ``firmware.update.healthy`` once."""
        ...

    def fetch(self) -> None:
        """Let the fetcher ask for news, and bring the bundle."""
        ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the owner set."""

    automatic: bool = True
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True)
class Places:
    """Folders: what the fetcher brought, where sticks are mounted, ours (only root writes there)."""

    news: Path
    sticks: Path
    own: Path


class Updater:
    """New versions on one box. ``tick`` is called every minute and may take many of them (it blocks)."""

    def __init__(
        self,
        facts: Facts,
        keys: Keys,
        backend: Backend,
        machine: Machine,
        *,
        disk: Disk,
        where: Places,
        start: tuple[Slot, str],
        tell: Callable[..., None],
    ) -> None:
        """``start`` is the slot and the id of this start; ``disk`` holds ``update.json``."""
        self.facts, self._keys, self._backend, self._machine = facts, keys, backend, machine
        self._disk, self._where, self._tell = disk, where, tell
        self._slot, self._boot = start
        self.wishes = Wishes()
        self.memory = self._remembered()
        self.offered: Offered | None = None
        self.refused: BoxError | None = None
        self.doing = Do.REST
        self.now = False
        """The owner said: now. Counts until the next rest."""
        self._looks = 0
        self._verdict = healthy.Verdict(None)
        self._bundle: Path | None = None

    def tick(self, now_ms: int, clock: time) -> Do:
        """Look again and do what is to be done; returns what it waits for. Raises BoxError when a step failed."""
        self._see(now_ms)
        for _ in range(_STEPS):
            action = decide(self._view(clock))
            self.doing = action.do
            if action.do in (Do.REST, Do.WAIT):
                self.now = self.now and action.do is Do.WAIT
                return action.do
            if not self._carry_out(action):
                return action.do
        return self.doing

    def take_now(self) -> None:
        """The owner wants it now; raises NothingNew, UpdateBusy."""
        if self._backend.committed() is not self._slot:
            raise UpdateBusy(version=str(self.facts.version))
        if self.memory.trial is None and (self.offered is None or self.offered.release.version <= self.facts.version):
            raise NothingNew
        self.memory = self._note(replace(self.memory, returned=None))
        self.now = True

    # What is the case

    def _see(self, now_ms: int) -> None:
        def judged(release: Release) -> None:
            judge_for(self.facts, release, self.memory.highest, self.memory.number, now_ms)

        folders = tuple(places(self._where.news, self._where.sticks))
        found, refused = look(folders, self.facts, self._keys, judged)
        if refused is not None and (self.refused is None or refused.code != self.refused.code):
            self._tell(UPDATE_REFUSED, why=refused.code)
        if found != self.offered:
            self._bundle = None
        self.offered, self.refused = found, refused
        if found is not None and found.release.number > self.memory.number:
            self.memory = self._note(replace(self.memory, number=found.release.number))

    def _view(self, clock: time) -> View:
        backend = self._backend
        hour = self.now or (self.wishes.automatic and self.wishes.window.open_at(clock))
        return View(
            self._slot,
            self.facts.version,
            self._boot,
            backend.committed(),
            backend.armed(),
            not backend.good(self._slot.other),
            self.memory,
            self.offered.release.version if self.offered else None,
            self._bundle is not None,
            self._verdict.healthy,
            self._verdict.check,
            may_write=hour,
            may_restart=hour,
        )

    # What is to be done

    def _carry_out(self, action: Action) -> bool:
        """Do it; False when it takes until a later tick, or a restart."""
        carried: dict[Do, Callable[[Action], bool]] = {
            Do.FETCH: self._fetched,
            Do.NOTE: self._noted,
            Do.RETIRE: self._retire,
            Do.WRITE: self._write,
            Do.ARM: self._arm,
            Do.CHECK: self._checked,
            Do.COMMIT: self._commit,
            Do.TURN_BACK: self._turn_back,
            Do.RESTART: self._restart,
        }
        return carried[action.do](action)

    def _noted(self, action: Action) -> bool:
        assert action.memory is not None
        self._said(action.memory)
        self.memory = self._note(action.memory)
        return True

    def _retire(self, action: Action) -> bool:  # noqa: ARG002
        self._backend.retire(self._slot.other)
        return True

    def _write(self, action: Action) -> bool:  # noqa: ARG002
        trial = self.memory.trial
        assert self._bundle is not None and trial is not None
        self._machine.install(self._bundle)
        self.memory = self._note(written(self.memory))
        forget(self._where.own)
        self._tell(UPDATE_WRITTEN, version=str(trial.version))
        return True

    def _arm(self, action: Action) -> bool:  # noqa: ARG002
        self._backend.arm(self._slot.other)
        return True

    def _commit(self, action: Action) -> bool:  # noqa: ARG002
        self._backend.commit(self._slot)
        self._tell(UPDATE_COMMITTED, version=str(self.facts.version))
        return True

    def _turn_back(self, action: Action) -> bool:  # noqa: ARG002
        self._backend.turn_back()
        self._machine.restart("")
        return False

    def _restart(self, action: Action) -> bool:  # noqa: ARG002
        self._machine.restart(self._backend.reboot_words)
        return False

    def _fetched(self, action: Action) -> bool:  # noqa: ARG002
        assert self.offered is not None
        try:
            self._bundle = take(self.offered, self._where.own, self._disk.free_bytes)
        except BoxError as error:
            self.refused = error
            if self.offered.folder == self._where.news:
                self._machine.fetch()
            return False
        return True

    def _checked(self, action: Action) -> bool:  # noqa: ARG002
        self._looks += 1
        self._verdict = healthy.judge(self.memory.passed, self._machine.checks(), self._looks)
        return self._verdict.healthy is not None

    def news_ms(self) -> int:
        """When the newest index came here by the fetcher; raises OSError when none did."""
        return (self._where.news / f"{self.facts.board}.index").stat().st_mtime_ns // 1_000_000

    def note_health(self) -> None:
        """In the committed system: remember what works, so that the next version is asked for it too."""
        if self._backend.committed() is self._slot:
            passed = frozenset(name for name, fine in self._machine.checks().items() if fine)
            if passed != self.memory.passed:
                self.memory = self._note(replace(self.memory, passed=passed))

    def _said(self, memory: Memory) -> None:
        returned = memory.returned
        if returned is not None and returned != self.memory.returned:
            self._tell(UPDATE_RETURNED, version=str(returned.version), why=returned.why, check=returned.check)

    def _note(self, memory: Memory) -> Memory:
        self._disk.replace(MEMORY, memory.to_bytes())
        return memory

    def _remembered(self) -> Memory:
        with contextlib.suppress(BoxError):
            return Memory.parse(self._disk.read(MEMORY, 0, limits.UPDATE_MEMORY_BYTES + 1))
        return Memory()


def clock_of(now_ms: int) -> time:
    """The time on the wall."""
    return datetime.fromtimestamp(now_ms / 1000).astimezone().time()
