"""A year of a fleet with fires, floods, liars and long absences, decided by the box's own code; counts what is lost."""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from hashlib import sha256

from tests.sim.fleet_shrink import failing, shrink
from tests.sim.fleet_spec import Control, Spec
from tests.sim.fleet_tally import Tally, figures
from tests.sim.fleet_world import World

_CONTROLS = (Control.SAME_HOUSEHOLD, Control.NO_REPAIR, Control.NO_AUDIT)
"""Those that take longest first."""


def play(spec: Spec) -> tuple[Tally, str]:
    """Play one fleet; a control stops once something is lost in a circle of four or more."""
    gc.set_threshold(200_000)
    world = World(spec)
    try:
        tally = world.run(until_lost=spec.control is not Control.NONE)
    except AssertionError as error:
        raise AssertionError(f"{error}: ./box sim fleet --replay '{spec.written()}'") from error
    if spec.control is Control.NONE and tally.all_lost:
        print(f"lost something: ./box sim fleet --replay '{spec.written()}'", file=sys.stderr)
    return tally, world.trace


def elsewhere(spec: Spec) -> str:
    """Play one fleet in a process of its own, where sets have another order; return its trace."""
    program = "import sys; from tests.sim.fleet import *; print(play(Spec.read(sys.argv[1]))[1])"
    other = os.environ | {"PYTHONHASHSEED": str(1 + int(os.environ.get("PYTHONHASHSEED", "random") == "1"))}
    told = subprocess.run(
        [sys.executable, "-c", program, spec.written()], env=other, check=True, stdout=subprocess.PIPE
    )
    return told.stdout.decode().split()[-1]


def without(seeds: list[Spec], what: Control) -> tuple[Tally, int]:
    """Play the same seeds without audits, repair or households, until one loses something; return how many it took.

    The first seed comes last: of the default ones it is the one in which two of the three controls lose nothing.
    """
    total = Tally()
    for turn, spec in enumerate(seeds[1:] + seeds[:1], 1):
        total.add(play(replace(spec, control=what))[0])
        if total.all_lost:
            return total, turn
    return total, len(seeds)


def fleet(spec: Spec, seeds: int, processes: int) -> dict[str, object]:
    """Play so many seeds, their controls, and one small fleet twice; return the figures."""
    started = time.monotonic()
    each = [replace(spec, seed=spec.seed + turn) for turn in range(seeds)]
    days = min(spec.days, 40)
    small = replace(spec, boxes=min(spec.boxes, 40), days=days, away_days=min(spec.away_days, days // 2))
    with ProcessPoolExecutor(processes) as pool:  # the longest first: then no processor is idle for long in the end
        main = [pool.submit(play, one) for one in each]
        controls = {what: pool.submit(without, each, what) for what in _CONTROLS}
        here, there = pool.submit(play, small), pool.submit(elsewhere, small)
        played = [job.result() for job in main]
        found: dict[str, object] = figures(_sum([tally for tally, _ in played]))
        for what, control in controls.items():
            total, found[f"control_{what}_seeds"] = control.result()
            found[f"control_{what}_lost"] = total.all_lost
            found[f"control_{what}_lost_of_restores"] = total.lost[4]
            found[f"control_{what}_lost_over"] = total.objects[4] + total.away_objects
            found[f"control_{what}_box_years"] = round(total.lived_ms[4] / (365 * 86_400_000), 1)
        repeats = here.result()[1] == there.result()
    traces = {str(spec.seed + turn): trace for turn, (_, trace) in enumerate(played)}
    found["trace_hash"] = sha256(" ".join(traces.values()).encode()).hexdigest()[:32]
    found["trace_hashes"] = traces
    found["trace_of_a_small_fleet_repeats"] = repeats
    found |= {"seeds": seeds, "boxes_of_a_seed": spec.boxes, "days": spec.days, "processes": processes}
    found["seconds"] = round(time.monotonic() - started, 1)
    return found


def _sum(tallies: list[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def main() -> None:
    """Parse the command line, play, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--boxes", type=int, default=200)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1, help="the first of the seeds")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--loss", type=float, default=0.35, help="boxes lost a box and year")
    parser.add_argument("--uptime", type=float, default=0.95)
    parser.add_argument("--adversaries", type=float, default=0.2, help="fraction of the boxes, in four kinds")
    parser.add_argument("--restore-days", type=int, default=14)
    parser.add_argument("--away", type=int, default=6, help="owners of a seed who are away")
    parser.add_argument("--away-days", type=int, default=180)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--replay", metavar="SPEC", help="play one fleet again, as it was written down")
    parser.add_argument("--shrink", action="store_true", help="with --replay: look for a smaller fleet that fails too")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    if options.replay:
        _again(Spec.read(options.replay), options.shrink)
        return
    spec = Spec(
        options.seed, options.boxes, options.days, options.loss, options.uptime, options.adversaries,
        options.restore_days, options.away, options.away_days,
    )  # fmt: skip
    found = fleet(spec, options.seeds, options.processes)
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:48} {value}")


def _again(spec: Spec, smaller: bool) -> None:
    why = failing(spec)
    print(why or "nothing is lost, and nothing is wrong")
    if why and smaller:
        print(shrink(spec, failing).written())


if __name__ == "__main__":
    main()
