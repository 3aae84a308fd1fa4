"""What waits for the night ships in the next one, whatever the clock said before."""

from __future__ import annotations

from firmware.backup import Capsule, SafetyState, plan
from tests.sim.circle_world import DAY, LOCKER, World


def test_a_clock_that_was_a_year_ahead_and_was_put_right_keeps_nothing_waiting_for_that_year() -> None:
    world = World(4)
    world.now_ms += 400 * DAY
    world.hour()
    world.now_ms -= 400 * DAY
    pack = world.cut()
    world.hours(40)
    assert world.view.safety(pack).state is SafetyState.SAFE


def test_what_broke_off_is_told_again_with_the_next_line_and_not_before() -> None:
    world = World(4)
    world.hour()
    world.view.capsule_is(LOCKER, 7)

    def telling() -> list[Capsule]:
        found = plan(world.view, world.now_ms, world.entropy)
        return [each for each in found if isinstance(each, Capsule)]

    first = telling()
    assert len(first) == 4
    for each in first:
        world.view.gave_up(each)
    assert not telling(), "nobody is asked again at once"
    peer = first[0].peer
    world.view.gone(peer)
    world.view.heard(peer, world.now_ms)
    assert [each.peer for each in telling()] == [peer]
