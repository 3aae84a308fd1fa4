"""A small round of ``./box sim fleet``, and the fleets that once failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.sim.fleet import elsewhere, play
from tests.sim.fleet_shrink import failing, shrink
from tests.sim.fleet_spec import Control, Spec
from tests.sim.fleet_tally import worst_of_hundred

SMALL = Spec(seed=6, boxes=30, days=30, loss=2.0, restore_days=5, away=1, away_days=12)
SEEDS = [line for line in Path(__file__).with_name("fleet_seeds.txt").read_text().splitlines() if line]


def test_a_small_fleet_loses_nothing_and_the_same_seed_tells_the_same_story() -> None:
    (tally, trace), again = play(SMALL), elsewhere(SMALL)
    assert tally.all_lost == 0
    assert tally.restores[4] > 2 and tally.objects[4] > 20 and tally.away_owners == 1
    assert not tally.false_evictions and tally.wrong_answers and tally.shards_repaired
    assert trace == again != play(replace(SMALL, seed=8, days=5))[1]


@pytest.mark.parametrize("seed", [7, 13, 21])
def test_other_small_fleets_lose_nothing_and_accuse_nobody_wrongly(seed: int) -> None:
    tally, _ = play(replace(SMALL, seed=seed))
    assert tally.restores[4] and not tally.all_lost and not tally.false_evictions


def test_fleets_that_once_failed_fail_no_more() -> None:
    assert [(line, why) for line in SEEDS if (why := failing(Spec.read(line)))] == []


def test_a_fleet_without_repair_is_caught_losing() -> None:
    tally, _ = play(replace(SMALL, loss=15.0, control=Control.NO_REPAIR))
    assert tally.all_lost >= 1


def test_a_failing_fleet_is_made_small() -> None:
    def fails(spec: Spec) -> str:
        return "lost: 3" if spec.boxes >= 20 and spec.has("rot") and spec.days > 30 else ""

    found = shrink(Spec(), fails)
    assert found.boxes < 32 and found.days < 60 and set(found.without) >= {"loss", "jumps"} and found.has("rot")
    assert Spec.read(found.written()) == found


def test_the_worst_of_hundred_is_the_nearest_rank() -> None:
    assert worst_of_hundred([]) == 0 and worst_of_hundred([3]) == 3
    assert worst_of_hundred(list(range(1, 101))) == 99 and worst_of_hundred([1] * 99 + [50]) == 1
