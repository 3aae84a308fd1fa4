"""Colours of faces: as long as there are enough, no two people of a household have the same."""

from __future__ import annotations

import random

from services.api.tint import TINTS, distinct, tint_of


def test_people_of_a_household_get_different_colours_while_there_are_enough() -> None:
    rolled = random.Random(7)
    ids: list[str] = []
    for _ in range(2 * TINTS):
        ids.append(distinct(lambda: rolled.randbytes(8).hex(), ids))
    colours = [tint_of(id) for id in ids]
    assert sorted(colours[:TINTS]) == list(range(1, TINTS + 1))
    assert sorted(colours[TINTS:]) == list(range(1, TINTS + 1)), "then each colour comes a second time before a third"
