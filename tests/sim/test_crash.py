"""A small round of ``./box sim crash``: nothing acknowledged is lost, and each control is caught losing."""

from __future__ import annotations

import itertools

import pytest

from tests.sim.crash import CONTROLS, play_many
from tests.sim.world import SOUND

CUTS, CONTROL_CUTS = 150, 40


def test_no_power_cut_loses_anything_acknowledged() -> None:
    total = play_many("test", itertools.count(), SOUND, lambda tally: tally.cuts >= CUTS)
    assert total.lost == 0
    assert total.acked_puts > CUTS
    assert total.generations > CUTS


@pytest.mark.parametrize("control", ["no_pack_fsync", "no_dir_fsync", "wal_normal"])
def test_the_harness_notices_a_missing_ingredient(control: str) -> None:
    total = play_many("test", itertools.count(), CONTROLS[control], lambda tally: tally.cuts >= CONTROL_CUTS)
    assert total.lost >= 0.3 * total.runs


def test_the_chain_makes_up_for_a_catalog_that_lost_its_last_commits() -> None:
    weakness = CONTROLS["wal_normal_with_catch_up"]
    assert play_many("test", itertools.count(), weakness, lambda tally: tally.cuts >= CONTROL_CUTS).lost == 0
