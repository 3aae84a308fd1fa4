"""Makes a failing fleet small, so that it can be read and kept as a regression (``fleet_seeds.txt``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.sim.fleet_spec import HAPPENINGS, Spec
from tests.sim.fleet_world import World


def failing(spec: Spec) -> str:
    """Play a fleet; return what is wrong with it, nothing when it is as it should be."""
    try:
        tally = World(spec).run()
    except AssertionError as error:
        return f"broken: {error}"
    if tally.all_lost:
        return f"lost: {tally.lost[4]} objects, {tally.away_lost} of owners who were away"
    if tally.false_evictions:
        return f"evicted: {len(tally.false_evictions)} honest boxes"
    return ""


def shrink(spec: Spec, fails: Callable[[Spec], str]) -> Spec:
    """Return the smallest fleet found that fails in the same way (the word before the colon)."""
    kind = fails(spec).partition(":")[0]
    while True:
        for smaller in _smaller(spec):
            if fails(smaller).partition(":")[0] == kind:
                spec = smaller
                break
        else:
            return spec


def _smaller(spec: Spec) -> Iterator[Spec]:
    """Fleets with less in them, those with much less first."""
    for part in (0.5, 0.8):
        if int(spec.days * part) >= 10:
            yield replace(spec, days=int(spec.days * part))
        if int(spec.boxes * part) >= 5:
            yield replace(spec, boxes=int(spec.boxes * part))
    for each in HAPPENINGS:
        if each not in spec.without:
            yield replace(spec, without=(*spec.without, each))
