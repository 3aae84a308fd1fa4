"""A small round of ``./box sim crash``: nothing acknowledged is lost, and each control is caught losing."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from tests.sim.crash import CONTROLS, Given, play_many
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


def test_real_files_are_put_and_what_is_left_is_what_was_promised(tmp_path: Path) -> None:
    (tmp_path / "data/deep").mkdir(parents=True)
    for number in range(9):
        (tmp_path / f"data/deep/{number}").write_bytes(bytes([number]) * 3_000 * number)
    os.mkfifo(tmp_path / "data/pipe")
    given = Given(seed=4, data=tmp_path / "data", keep=tmp_path / "keep")
    total = play_many("real", itertools.count(), SOUND, lambda tally: tally.cuts >= CONTROL_CUTS, given)
    promised, found = ([path.read_bytes() for path in kept(tmp_path / "keep", name)] for name in ("promised", "found"))
    real = {bytes([number]) * 3_000 * number for number in range(9)}
    assert total.lost == 0 and promised == found and real & set(promised)


def kept(folder: Path, name: str) -> list[Path]:
    """Every version of every run that was left."""
    return sorted(folder.glob(f"run-*/{name}/*"))
