"""The next thing to do about updates, from what is the case: one pure function, asked again after every step.

Whoever carries an action out (``services.boxd``, or a model of the machine in ``tests/sim/update.py``) makes it durable
before asking again; so the current may go between and within any two of them.

The promises, for any number of power cuts: something whole always starts; only a version that proved itself healthy is
committed; a try ends by itself; no slot is written while the box has not settled in the other one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from firmware import limits
from firmware.update.memory import Memory, Returned, Stage, Trial
from firmware.update.release import Version
from firmware.update.slots import Slot


class Do(Enum):
    """What there is to do."""

    REST = "nothing now"
    WAIT = "a new version waits for its hour"
    FETCH = "bring the bundle here, and check it"
    NOTE = "make the memory durable"
    RETIRE = "nothing may start the slot any more"
    WRITE = "write the bundle into the slot"
    ARM = "let the firmware try the slot"
    RESTART = "restart; into the slot, if one is armed"
    CHECK = "find out whether this system is healthy"
    COMMIT = "start the slot from now on"
    TURN_BACK = "try nothing any more; then restart"


@dataclass(frozen=True, slots=True)
class Action:
    """What to do, with the slot it is about or the memory to keep."""

    do: Do
    slot: Slot | None = None
    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What is the case. ``boot`` is the id of this start; ``healthy`` is None until the checks are through.

    ``offer`` is the version of a release that was judged and may be taken, ``ready`` that its bundle is here, whole and
    of the right hash. ``may_write`` and ``may_restart`` say whether this is the hour for it.
    """

    booted: Slot
    running: Version
    boot: str
    committed: Slot
    armed: Slot | None
    retired: bool
    """Nothing would start the other slot, whatever fails."""
    memory: Memory
    offer: Version | None = None
    ready: bool = False
    healthy: bool | None = None
    check: str = ""
    """The check that failed."""
    may_write: bool = False
    may_restart: bool = False


def decide(view: View) -> Action:
    """Return the next step; the same view always gives the same one."""
    if view.booted is not view.committed:
        return _on_trial(view)
    settled = _settled(view)
    if settled != view.memory:
        return Action(Do.NOTE, memory=settled)
    if view.memory.trial is not None:
        return _go_on(view, view.memory.trial)
    if view.offer is None or view.offer <= view.running or _came_back(view, view.offer):
        return Action(Do.REST)
    if not view.ready:
        return Action(Do.FETCH)
    if not view.may_write:
        return Action(Do.WAIT)
    return _noted(view, Trial(view.offer, view.booted.other, Stage.WRITING))


def _on_trial(view: View) -> Action:
    """This system was started to be looked at. Nothing is written here but the verdict."""
    if view.running < view.memory.highest:
        return _back(view, "older")
    if view.healthy is None:
        return Action(Do.CHECK)
    return Action(Do.COMMIT, view.booted) if view.healthy else _back(view, "unhealthy")


def _back(view: View, why: str) -> Action:
    returned = Returned(view.running, why, view.check)
    if view.memory.returned != returned or view.memory.trial is not None:
        return Action(Do.NOTE, memory=replace(view.memory, returned=returned, trial=None))
    return Action(Do.TURN_BACK)


def _settled(view: View) -> Memory:
    """What to remember once the committed system runs."""
    memory = view.memory
    if view.running > memory.highest:
        memory = replace(memory, highest=view.running)
    trial = memory.trial
    if trial is not None and (trial.slot is view.booted or trial.version <= view.running):
        memory = replace(memory, trial=None)
    if memory.returned is not None and memory.returned.version <= view.running:
        memory = replace(memory, returned=None)
    return memory


def _came_back(view: View, offer: Version) -> bool:
    """Never the same again: the next version may be better."""
    returned = view.memory.returned
    return returned is not None and returned.version == offer


def _go_on(view: View, trial: Trial) -> Action:
    """The committed system runs, another version is under way in the other slot."""
    match trial.stage:
        case Stage.WRITING:
            return _write(view, trial)
        case Stage.WRITTEN if not view.may_restart:
            return Action(Do.WAIT)
        case Stage.WRITTEN if trial.starts >= limits.UPDATE_STARTS:
            returned = Returned(trial.version, "silent")
            return Action(Do.NOTE, memory=replace(view.memory, trial=None, returned=returned))
        case Stage.WRITTEN:
            return _noted(view, replace(trial, stage=Stage.ARMED, starts=trial.starts + 1, boot=view.boot))
        case Stage.ARMED if trial.boot != view.boot:
            # started since, and this is the committed one again: it went silently, or the current went before it
            return _noted(view, replace(trial, stage=Stage.WRITTEN))
        case Stage.ARMED if view.armed is not trial.slot:
            return Action(Do.ARM, trial.slot)
        case Stage.ARMED:
            return Action(Do.RESTART, trial.slot)


def _write(view: View, trial: Trial) -> Action:
    """A slot is written from the start or not at all; what was there stops being started first."""
    if view.offer != trial.version or not view.ready:
        return Action(Do.NOTE, memory=replace(view.memory, trial=None))
    if view.armed is not None or not view.retired:
        return Action(Do.RETIRE, trial.slot)
    return Action(Do.WRITE, trial.slot)


def written(memory: Memory) -> Memory:
    """What to remember once ``Do.WRITE`` is through and synced."""
    assert memory.trial is not None
    return replace(memory, trial=replace(memory.trial, stage=Stage.WRITTEN))


def _noted(view: View, trial: Trial) -> Action:
    return Action(Do.NOTE, memory=replace(view.memory, trial=trial))
