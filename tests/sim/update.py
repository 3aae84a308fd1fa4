"""Cuts the power at every write of an update, on every back-end, from every state this can lead to."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from typing import Final

from firmware.errors import BoxError, SlotsUnclear
from firmware.update.attempts import Attempts, starting
from firmware.update.autoboot import Autoboot
from firmware.update.deciding import Action, Do, View, decide, written
from firmware.update.memory import Memory
from firmware.update.release import Release, Version, judge, parse_release
from firmware.update.slots import Backend, Slot
from firmware.update.tryboot import Tryboot
from firmware.update.uefi import ORDER, Uefi, entry
from tests.sim.boot_machine import (
    GONE,
    PIECES,
    Firmware,
    Medium,
    PiFirmware,
    SectorPort,
    UefiFirmware,
    Values,
    VariablesPort,
    piece,
)
from tests.vectors.make_release_v1 import KEYS, NOW, SIGNERS, release_of, signed

BACKENDS: Final = ("uefi", "tryboot", "attempts")
STARTS_MAX: Final = 16
"""More starts than this without coming to rest: nobody ever sees this box again. (Three tries that hang, one of them
asked for by RAUC as the current went, are 13 starts where starts are counted.)"""
_OLD, _HERE, _NEW, _NEXT, _LATER = (Version(major, 0, 0) for major in (1, 2, 3, 4, 5))


class Nature(Enum):
    """What becomes of a version once it is started."""

    GOOD = "healthy"
    SICK = "starts, and misses a check"
    HANGS = "hangs in its system until the watchdog restarts"
    DEAD = "its kernel does not start"


@dataclass(frozen=True, slots=True)
class Truth:
    """What the harness knows and the box may not: which slot proved itself last, which one is proven but not committed
    yet, how many starts an armed slot still may have, the newest version ever committed."""

    good: Slot = Slot.A
    proven: Slot | None = None
    armed: Slot | None = None
    tries: int = 0
    highest: Version = _HERE


@dataclass(frozen=True, slots=True)
class Node:
    """A state in which the machine is without current."""

    values: tuple[tuple[str, bytes], ...]
    truth: Truth


@dataclass(slots=True)
class Counts:
    """What was found."""

    cuts: int = 0
    states: int = 0
    unbootable: int = 0
    older_or_unsigned_installed: int = 0
    booted_not_committed_and_not_last_good: int = 0
    stuck: int = 0
    sessions: int = 0
    updated: int = 0

    def add(self, other: Counts) -> None:
        """Sum up."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def harm(self) -> int:
        """Everything that must not be."""
        return self.unbootable + self.older_or_unsigned_installed + self.booted_not_committed_and_not_last_good


@cache
def offers() -> dict[str, tuple[Release | None, Release]]:
    """What a mirror or a stick may show: (what the box makes of the signatures, what it says)."""
    shown = {
        "new": (release_of("3.0.0", 30), SIGNERS[:2]),
        "next": (release_of("4.0.0", 40), SIGNERS[1:]),
        "later": (release_of("5.0.0", 50), SIGNERS[::2]),
        "older": (release_of("1.0.0", 10), SIGNERS[:2]),
        "forged": (release_of("9.0.0", 90), SIGNERS[:1]),
    }
    found: dict[str, tuple[Release | None, Release]] = {}
    for name, (release, signers) in shown.items():
        try:
            found[name] = (parse_release(signed(release, signers), KEYS), release)
        except BoxError:
            found[name] = (None, release)
    return found


class World:
    """One back-end, the nature of the first new version, and at most one thing a control does wrong."""

    def __init__(self, backend: str, nature: Nature, broken: str = "") -> None:
        """Build the model."""
        self.kind, self.broken = backend, broken
        self.natures = {_NEW: nature}
        self.firmware: Firmware = UefiFirmware() if backend == "uefi" else PiFirmware(tries=backend == "tryboot")
        self.counts = Counts()

    def first(self) -> Node:
        """A runs and was committed; B holds what was there before."""
        values: Values = {"memory": Memory(highest=_HERE).to_bytes()}
        for at in range(PIECES):
            values[piece(Slot.A, at)], values[piece(Slot.B, at)] = str(_HERE).encode(), str(_OLD).encode()
        if self.kind == "uefi":
            values |= {"Boot0001": entry("A", b"a"), "Boot0002": entry("B", b"b"), ORDER: b"\1\0\2\0"}
        else:
            values["sector"] = Autoboot(Slot.A, Slot.B, Slot.A).to_bytes()
        return Node(tuple(sorted(values.items())), Truth())

    def backend(self, medium: Medium) -> Backend:
        """The product's own back-end over the medium."""
        if self.kind == "uefi":
            return Uefi(VariablesPort(medium, self.broken))
        sector = SectorPort(medium, self.broken)
        return Tryboot(sector) if self.kind == "tryboot" else Attempts(sector)


@dataclass(slots=True)
class Session:
    """From power on until the box rests: its starts, and every state in which the current could go meanwhile."""

    world: World
    node: Node
    offer: str
    medium: Medium = field(init=False)
    truth: Truth = field(init=False)
    found: dict[Node, None] = field(default_factory=dict)
    running: Version | None = None

    def __post_init__(self) -> None:
        self.truth = self.node.truth
        self.medium = Medium(dict(self.node.values), self._seen)

    def _seen(self, values: Values) -> None:
        self.world.counts.cuts += 1
        self.found[Node(tuple(sorted(values.items())), self.truth)] = None

    def run(self) -> None:
        """Start, restart, until nothing is left to do."""
        asked, base = "", "p" if b'"p' not in dict(self.node.values)["memory"] else "q"
        for start in range(STARTS_MAX):
            slot = self._start(asked)
            if slot is None:
                self.world.counts.unbootable += 1
                return
            if self.world.kind == "attempts" and not self._initrd(slot):
                asked = ""
                continue
            if self.world.kind == "attempts":
                self._look(slot)  # an initrd that only turns back is no start of its system
            if self._nature(slot) in (Nature.HANGS, Nature.DEAD):
                asked = ""
                continue
            words = System(self, slot, f"{base}{start}").live()
            if words is None:
                self.running = self._version(slot)
                for values in self.medium.after_cut():
                    self._seen(values)
                return
            self.medium.sync()
            asked = words
        self.world.counts.unbootable += 1

    def _start(self, asked: str) -> Slot | None:
        """Let the firmware choose; look whether it may start that."""
        last = None
        for slot in self.world.firmware.order(self.medium, asked):
            last = slot
            if self.world.kind != "attempts":
                self._look(slot)
            if self._nature(slot) is not Nature.DEAD:
                return slot
        return last if self.world.kind != "uefi" else None

    def _look(self, slot: Slot) -> None:
        counts, truth = self.world.counts, self.truth
        known = slot in (truth.good, truth.proven)
        if truth.armed is slot and not known and truth.tries:
            self.truth = replace(truth, tries=truth.tries - 1)
            known = True
        if not known:
            counts.booted_not_committed_and_not_last_good += 1
        version = self._version(slot)
        if version is None or version > _LATER or (version < truth.highest and slot is not truth.good):
            counts.older_or_unsigned_installed += 1

    def _version(self, slot: Slot) -> Version | None:
        """What a slot holds; None when it is not all of one version."""
        pieces = {self.medium.live[piece(slot, at)] for at in range(PIECES)}
        return Version.parse(pieces.pop().decode()) if len(pieces) == 1 and GONE not in pieces else None

    def _nature(self, slot: Slot) -> Nature:
        version = self._version(slot)
        return Nature.DEAD if version is None else self.world.natures.get(version, Nature.GOOD)

    def _initrd(self, slot: Slot) -> bool:
        """What the initrd of the counting back-end does; see ``firmware.update.attempts.starting``."""
        sector = SectorPort(self.medium, self.world.broken)
        try:
            now = Autoboot.parse(sector.read())
        except SlotsUnclear:
            return True
        then, goes_on = starting(now, slot)
        if then != now and self.world.broken != "starts-uncounted":
            sector.write(then.to_bytes())
        return goes_on


class System:
    """One start of the system in ``slot``: asks ``decide`` and does what it says, as boxd does."""

    def __init__(self, session: Session, slot: Slot, boot: str) -> None:
        """``boot`` is the id of this start."""
        self._session, self._slot, self._boot = session, slot, boot
        self._backend = session.world.backend(session.medium)
        version = session._version(slot)
        assert version is not None
        self._running = version
        self._healthy: bool | None = None
        self._ready = False

    def live(self) -> str | None:
        """Work until there is nothing to do (None) or a restart is due (the words it says)."""
        self._settle()
        for _ in range(40):
            try:
                action = self._decide(self._view())
            except SlotsUnclear:
                return None
            if action.do in (Do.REST, Do.WAIT):
                return None
            if action.do in (Do.RESTART, Do.TURN_BACK):
                return self._restart(action)
            self._carry_out(action)
        raise AssertionError("the box goes round in circles")

    def _view(self) -> View:
        memory = Memory.parse(self._session.medium.live["memory"])
        backend = self._backend
        return View(
            self._slot,
            self._running,
            self._boot,
            backend.committed(),
            backend.armed(),
            not backend.good(self._slot.other),
            memory,
            self._offer(memory),
            self._ready,
            self._healthy,
            may_write=True,
            may_restart=True,
        )

    def _offer(self, memory: Memory) -> Version | None:
        if not self._session.offer:
            return None
        trusted, shown = offers()[self._session.offer]
        if self._session.world.broken == "anything-taken":
            return shown.version
        if trusted is None:
            return None
        try:
            judge(
                trusted,
                board="virt",
                running=self._running,
                highest=memory.highest,
                number=memory.number,
                now=NOW,
            )
        except BoxError:
            return None
        return trusted.version

    def _decide(self, view: View) -> Action:
        """The product's decision, or what a control makes of it."""
        broken = self._session.world.broken
        if broken == "anything-taken" and view.offer not in (None, view.running):
            view = replace(view, running=Version(0, 0, 0), memory=replace(view.memory, highest=Version(0, 0, 0)))
        action = decide(view)
        if broken == "committed-unproven" and action.do is Do.CHECK:
            return Action(Do.COMMIT, view.booted)
        if broken == "armed-first" and action.do is Do.WRITE:
            self._try(self._slot.other)
        if broken == "written-on-trial" and action.do is Do.CHECK:
            self._write(self._slot.other, _NEXT)
        return action

    def _restart(self, action: Action) -> str:
        if action.do is Do.TURN_BACK:
            self._backend.turn_back()
            return ""
        assert action.slot is not None
        self._told(action.slot)
        return self._backend.reboot_words

    def _carry_out(self, action: Action) -> None:
        do: dict[Do, Callable[[], None]] = {
            Do.FETCH: lambda: setattr(self, "_ready", True),
            Do.NOTE: lambda: self._note(action.memory),
            Do.RETIRE: lambda: self._backend.retire(self._slot.other),
            Do.WRITE: self._install,
            Do.ARM: lambda: self._try(self._slot.other),
            Do.CHECK: self._check,
            Do.COMMIT: self._commit,
        }
        do[action.do]()

    def _note(self, memory: Memory | None) -> None:
        assert memory is not None
        self._session.medium.write("memory", memory.to_bytes())

    def _install(self) -> None:
        memory = Memory.parse(self._session.medium.live["memory"])
        assert memory.trial is not None
        self._write(memory.trial.slot, memory.trial.version)
        self._try(memory.trial.slot)  # RAUC asks for that when it is through, boxd once more when the hour has come
        self._note(written(memory))

    def _write(self, slot: Slot, version: Version) -> None:
        legit = version <= _LATER and version >= self._session.truth.highest
        self._session.world.counts.older_or_unsigned_installed += not legit
        if self._session.truth.proven is slot:
            self._session.truth = replace(self._session.truth, proven=None)
        for at in range(PIECES):
            self._session.medium.write(piece(slot, at), str(version).encode(), synced=False)
        if self._session.world.broken != "slot-unsynced":
            self._session.medium.sync()

    def _try(self, slot: Slot) -> None:
        self._told(slot)
        self._backend.arm(slot)

    def _told(self, slot: Slot) -> None:
        self._session.truth = replace(self._session.truth, armed=slot, tries=self._backend.tries)

    def _check(self) -> None:
        self._healthy = self._session._nature(self._slot) is Nature.GOOD
        if self._healthy:
            self._session.truth = replace(self._session.truth, proven=self._slot)

    def _commit(self) -> None:
        self._backend.commit(self._slot)
        self._settle()

    def _settle(self) -> None:
        """A proven slot that the firmware starts from now on was committed, maybe as the current went."""
        truth = self._session.truth
        if truth.proven is self._slot and self._backend.committed() is self._slot:
            self._session.truth = Truth(good=self._slot, highest=max(truth.highest, self._running))


def explore(world: World, most: int | None = None) -> Counts:
    """Follow every power cut from every state until no new state comes, ``most`` were made, or a control was caught."""
    todo = deque([world.first()])
    seen = {todo[0]}
    while todo and (most is None or world.counts.cuts < most) and not (world.broken and world.counts.harm):
        node = todo.pop()
        for offer in ("", "new", "next", "older", "forged"):
            session = Session(world, node, offer)
            session.run()
            world.counts.sessions += 1
            world.counts.updated += session.running in (_NEW, _NEXT)
            for after in session.found:
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
        if not world.broken:
            world.counts.stuck += not _gets_on(world, node)
    world.counts.states = len(seen)
    return world.counts


def _gets_on(world: World, node: Node) -> bool:
    """Left in peace with a healthy version never seen before, the box ends up with it."""
    quiet = World(world.kind, world.natures[_NEW])
    session = Session(quiet, node, "later")
    session.run()
    return session.running == _LATER


CONTROLS: Final = {
    "sector-truncated": ("tryboot", "attempts"),
    "sector-unsynced": ("tryboot", "attempts"),
    "variable-removed-first": ("uefi",),
    "slot-unsynced": BACKENDS,
    "armed-first": ("uefi", "attempts"),  # harmless with tryboot: only a restart that asks for it starts the slot
    "committed-unproven": BACKENDS,
    "written-on-trial": BACKENDS,
    "anything-taken": BACKENDS,
    "starts-uncounted": ("attempts",),
}
"""What a control does wrong, and where that can be done."""
_CONTROL_CUTS: Final = 20_000


def natures(backend: str) -> list[Nature]:
    """What can become of a version on a back-end; the counting one asks for a kernel that starts."""
    return [each for each in Nature if backend != "attempts" or each is not Nature.DEAD]


def control(broken: str, backend: str) -> int:
    """How many cuts it took the harness to see that ``broken`` is done; 0 when it did not."""
    cuts = 0
    for nature in natures(backend):
        found = explore(World(backend, nature, broken), _CONTROL_CUTS)
        cuts += found.cuts
        if found.harm:
            return max(cuts, 1)
    return 0


def main() -> int:
    """Run everything; 0 when nothing was found and every control was."""
    parser = argparse.ArgumentParser(prog="./box sim update", description=__doc__)
    parser.add_argument("--cuts", default="all", help="all, or how many for each back-end and kind of version")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    args = parser.parse_args()
    most = None if args.cuts == "all" else int(args.cuts)
    begun, total, by = time.perf_counter(), Counts(), {}
    for backend in BACKENDS:
        by[backend] = Counts()
        for nature in natures(backend):
            by[backend].add(explore(World(backend, nature), most))
        total.add(by[backend])
    controls = {f"{broken}/{backend}": control(broken, backend) for broken in CONTROLS for backend in CONTROLS[broken]}
    found = {name: getattr(total, name) for name in Counts.__slots__} | {
        "backends": {name: {key: getattr(each, key) for key in Counts.__slots__} for name, each in by.items()},
        "controls": controls,
        "controls_caught": sum(bool(each) for each in controls.values()),
        "controls_total": len(controls),
        "seconds": round(time.perf_counter() - begun, 1),
    }
    if args.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:40} {value}")
    return int(bool(total.harm or total.stuck or not all(controls.values())))


if __name__ == "__main__":
    sys.exit(main())
