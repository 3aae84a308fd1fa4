"""Planning costs little however large the lockers are: counted in packs looked at, not in seconds."""

from __future__ import annotations

from firmware.backup import Action, CircleView, Mark, Reserve, Ship, plan
from firmware.backup.states import Lay, Pack
from firmware.pack.format import Kind
from tests.sim.circle_world import LOCKER, START
from tests.vectors.counted_entropy import CountedEntropy

PACKS = 20_000
A_STEP = 8000
"""Most packs a step may look at: a part of a sweep, tries to place, picks of an audit of one peer."""


def _settled(packs: int, peers: int = 14) -> CircleView:
    """A circle that keeps everything already."""
    view = CircleView()
    view.add_locker(LOCKER)
    view.set_custody(LOCKER, held=True)
    for number in range(1, peers + 1):
        view.add_peer(bytes([number]) * 32, START)
        view.offered(bytes([number]) * 32, 1 << 44, 0)
        view.heard(bytes([number]) * 32, START)
    for number in range(packs):
        lay = Lay(8, bytes((number + at) % peers + 1 for at in range(14)), bytes([Mark.HELD] * 14))
        view.load(Pack(number.to_bytes(32, "big"), LOCKER, Kind.DATA, 1 << 24, False, START, lay), [])
    return view


def _steps(view: CircleView, count: int, now_ms: int, every_ms: int = 5000) -> tuple[int, int, list[Action]]:
    entropy, most, first = CountedEntropy(b"work"), 0, view.work
    asked: list[Action] = []
    for turn in range(count):
        before = view.work
        actions = plan(view, now_ms + turn * every_ms, entropy)
        most = max(most, view.work - before)
        asked += actions
        for action in actions:
            if isinstance(action, Reserve):
                view.reserved(action, action.room, 1 << 44, 0)
            elif isinstance(action, Ship):
                view.shipped(action)
    return most, view.work - first, asked


def test_a_step_looks_at_few_packs_when_nothing_happens() -> None:
    view = _settled(PACKS)
    _steps(view, 20, START)  # the sweep after loading
    most, total, _ = _steps(view, 200, START + 100_000)
    assert most <= A_STEP and total <= 50 * 200


def test_a_step_stays_small_while_a_household_is_lost() -> None:
    view = _settled(PACKS, peers=15)
    _steps(view, 20, START)
    view.left(bytes([3]) * 32)
    most, _, asked = _steps(view, 300, START + 100_000)
    assert most <= A_STEP
    ships = [each for each in asked if isinstance(each, Ship)]
    assert len(ships) > 500 and all(each.repair for each in ships)


def test_a_step_stays_small_while_very_much_is_new() -> None:
    view = _settled(0)
    for number in range(PACKS):
        view.cut(number.to_bytes(32, "big"), LOCKER, Kind.DATA, 1 << 20, precious=False, now_ms=START)
    view.ship_now(START)
    most, total, asked = _steps(view, 300, START)
    ships = sum(1 for each in asked if isinstance(each, Ship))
    assert most <= A_STEP and ships > 1000 and total <= 40 * ships
    held = sum(pack.lay.marks.count(Mark.HELD) for pack in view.packs.values())
    assert held == ships
