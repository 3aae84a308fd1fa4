"""What waits for the night ships in the next one, whatever the clock said before."""

from __future__ import annotations

from firmware.backup import SafetyState
from tests.sim.circle_world import DAY, World


def test_a_clock_that_was_a_year_ahead_and_was_put_right_keeps_nothing_waiting_for_that_year() -> None:
    world = World(4)
    world.now_ms += 400 * DAY
    world.hour()
    world.now_ms -= 400 * DAY
    pack = world.cut()
    world.hours(40)
    assert world.view.safety(pack).state is SafetyState.SAFE
