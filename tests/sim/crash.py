"""Pull the plug on a locker at thousands of random moments; nothing acknowledged may be lost.

    python -m tests.sim.crash --cuts 10000 --seed 1 --json [--data FOLDER] [--keep DIR]

Every run gives a locker a random household life on a simulated disk (``tests.sim.disk``), cuts the power at a random
I/O operation (in the middle of recovery too), lets the disk forget what was not synced, and opens the locker again:
each acknowledged record must be there in all its versions byte for byte, ``verify`` and the catalog's own check must
find nothing, the chain must not end before what was acknowledged. Three controls leave out one ingredient each and
must lose: a harness that cannot fail proves nothing.

``--data`` puts the heads of a folder's files (``PIECE_BYTES``: all sizes here are small) instead of made-up bytes.
``--keep`` leaves, of the first runs and of every run that lost, what was promised and what was found after the last
cut, version by version: ``diff -r DIR/RUN/promised DIR/RUN/found``.

JSON: ``cuts`` power cuts made (beside them ``kills`` of the process alone), ``lost`` runs that lost or damaged
something acknowledged, ``acked_puts`` and ``acked_bytes`` promised meanwhile, ``generations`` openings checked,
``control_*_lost_fraction`` of ``control_cuts`` each (one cut a run).
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path

from firmware.errors import BoxError
from firmware.locker import Home, Locker
from tests.folders import new_folder, pieces
from tests.sim import vfs
from tests.sim.disk import Op, SimDisk
from tests.sim.ledger import Ledger
from tests.sim.workload import Workload
from tests.sim.world import SOUND, Counting, Weakness, home, secrets, small_sizes

CONTROL_CUTS = 1_000
PIECE_BYTES = 20_000
_KEPT_RUNS = 5
"""Runs of each process that are left in --keep although they lost nothing."""

CONTROLS = {
    "no_pack_fsync": Weakness(no_pack_fsync=True),
    "no_dir_fsync": Weakness(no_dir_fsync=True),
    "wal_normal": Weakness(wal_normal=True, no_catch_up=True),
    "wal_normal_with_catch_up": Weakness(wal_normal=True),
}
"""What each negative control leaves out. Opening replays the chain past the catalog, so a WAL that is not synced
loses nothing by itself: the last one shows that (over a fifth of the cuts), the one before switches the replay off."""

_HARMLESS = "wal_normal_with_catch_up"

_ANY_OPS, _EDGE_OPS = 240, 50
"""Longest life in I/O operations: half of the cuts may come at any of them (most are pages of SQLite's log), half only
at syncs, directory operations and writes to packs, so that more is acknowledged and the seams are hit more often."""

_LIVES = (1, 2, 2, 3, 3)
_INSPECTED = 0.6
"""Share of runs whose locker is verified whole at the end; every run reads back every promise."""

_KILLED = 0.3
"""Share of lives, never the last one, that end by the death of the process instead."""

_CREATED_UNDER_CUTS = 0.15
"""Share of runs whose first cut may hit the creation of the locker; the others start from a whole one."""


@dataclass(slots=True)
class Tally:
    """Sums over runs."""

    cuts: int = 0
    """Power cuts made."""
    kills: int = 0
    lost: int = 0
    runs: int = 0
    generations: int = 0
    acked_puts: int = 0
    acked_bytes: int = 0

    def __iadd__(self, other: Tally) -> Tally:
        """Add another tally to this one."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


class Run:
    """One locker from its creation through up to three power cuts."""

    def __init__(
        self, seed: str, weakness: Weakness = SOUND, *, lives: int | None = None, real: Sequence[bytes] = ()
    ) -> None:
        """Everything that follows is decided by ``seed``; ``lives``: number of cuts, random when None; ``real``: what
        is put, made up when empty."""
        self._real = real
        self.rng = random.Random(seed)
        vfs.seed(self.rng.getrandbits(32))
        self._weakness = weakness
        self._lives = lives or self.rng.choice(_LIVES)
        self._single = lives == 1
        self.ledger = Ledger(uploads_promised=weakness == SOUND)
        self.clock = Counting()
        self.disk = SimDisk(self.rng)
        self._made = False
        self.tally = Tally(runs=1)
        self._checkpoint = 0 if self._single else self.rng.choice((4, 20, 0))

    def play(self) -> str | None:
        """Live, cut, reopen, check; return what was lost, or None."""
        self._prepare()
        for life in range(self._lives):
            trouble = self._live()
            if trouble is not None:
                return trouble
            self._end_life(last=life == self._lives - 1)
            if not self._made:
                self.disk = SimDisk(self.rng)  # creation was cut off and promised to nobody: its folder is given up
        trouble = self._last_look()
        self.tally.acked_puts, self.tally.acked_bytes = self.ledger.acked_puts, self.ledger.acked_bytes
        return trouble

    def leave(self, folder: Path) -> None:
        """Write what was promised, and what a further opening finds, version by version into ``folder``."""
        for name in ("promised", "found"):
            (folder / name).mkdir(parents=True)
        for id, known in self.ledger.acked.items():
            for number, content in enumerate(known.versions, 1):
                (folder / "promised" / f"{id}-{number}").write_bytes(content)
        try:
            locker = self._open()
            for id, known in self.ledger.acked.items():
                for number in range(1, len(known.versions) + 1):
                    found = b"".join(locker.read(id, version=number))
                    (folder / "found" / f"{id}-{number}").write_bytes(found)
            locker.close()
        except BoxError as error:
            (folder / "trouble").write_text(f"{error!r} {error}\n")

    def _end_life(self, *, last: bool) -> None:
        """Cut the power, or now and then kill the process alone: what it had not synced is seen again, but not safe."""
        if not last and self.rng.random() < _KILLED:
            self.tally.kills += 1
            self.disk = self.disk.killed()
        else:
            self.tally.cuts += 1
            self.disk = self.disk.restarted()

    def _prepare(self) -> None:
        if self._single or self.rng.random() >= _CREATED_UNDER_CUTS:
            self.disk = new_locker(self._weakness).copy()
            self.disk.rng = self.rng
            self._made = True

    def _home(self) -> Home:
        return home(self.disk, self.rng, self.clock, self._weakness, self._checkpoint)

    def _create(self) -> Locker:
        return Locker.create(self._home(), secrets())

    def _open(self) -> Locker:
        return Locker.open(self._home(), secrets())

    def _live(self) -> str | None:
        """One life until the current goes; return what the check at its start found wrong."""
        try:
            if self._single:
                locker = self._open()
                self._plan_cut()
            else:
                self._plan_cut()
                locker = self._open_or_create()
            trouble = self._check(locker)
            work = Workload(locker, self.ledger, self.rng, self._real)
            while trouble is None:
                work.group()
        except BaseException as error:  # noqa: BLE001 a cut is one, and whatever else ends a life is a finding
            return self._unless_cut(error)
        return trouble

    def _plan_cut(self) -> None:
        edges = self._single or self.rng.random() < 0.5
        if edges:
            self.disk.cut_counts = lambda op, name: op is not Op.WRITE or not name.startswith("catalog/")
        self.disk.cut_at = self.disk.ops + self.rng.randint(1, _EDGE_OPS if edges else _ANY_OPS)

    def _open_or_create(self) -> Locker:
        """Open the locker, or make it."""
        if self._made:
            return self._open()
        locker = self._create()
        self._made = True
        return locker

    def _unless_cut(self, error: BaseException) -> str | None:
        if self.disk.off:
            return None
        if not isinstance(error, Exception):
            raise error
        return f"{error!r} {error}"

    def _check(self, locker: Locker) -> str | None:
        self.tally.generations += 1
        return self.ledger.check(locker)

    def _last_look(self) -> str | None:
        """Open without a cut and examine everything there is."""
        try:
            locker = self._open_or_create()
            trouble = self._check(locker)
            if trouble is None and self.rng.random() < _INSPECTED:
                trouble = inspect(locker)
            locker.close()
        except Exception as error:  # noqa: BLE001 every error is a finding here
            return f"{error!r} {error}"
        return trouble


@functools.cache
def new_locker(weakness: Weakness) -> SimDisk:
    """The disk of a locker just created and closed; runs that do not cut creation start from a copy of its bytes."""
    disk = SimDisk(random.Random("template"))
    Locker.create(home(disk, disk.rng, Counting(), weakness), secrets()).close()
    return disk


def inspect(locker: Locker) -> str | None:
    """Verify the whole locker; return the first problem."""
    *_, report = locker.verify()
    return None if report.ok else f"verify: {report.problems[0]}"


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line gives to all runs: a folder of real files, where to leave runs, the seed."""

    seed: int = 1
    data: Path | None = None
    keep: Path | None = None


NOTHING_GIVEN = Given()


def play_many(
    seed: str, numbers: Iterator[int], weakness: Weakness, enough: Callable[[Tally], bool], given: Given = NOTHING_GIVEN
) -> Tally:
    """Play runs ``seed/number`` until ``enough``; tell on stderr about each that lost although nothing was left out."""
    real = pieces(given.data, given.seed, PIECE_BYTES)
    total = Tally()
    with vfs.quiet(), small_sizes(), _collecting_later():
        for number in numbers:
            run = Run(f"{seed}/{number}", weakness, lives=None if weakness == SOUND else 1, real=real)
            trouble = run.play()
            total += run.tally
            if given.keep is not None and (trouble is not None or total.runs <= _KEPT_RUNS):
                run.leave(given.keep / f"run-{number}")
            if trouble is not None:
                total.lost += 1
                if weakness == SOUND:
                    print(f"lost in run {seed}/{number}: {trouble}", file=sys.stderr)
            del run
            if total.runs % 100 == 0:
                gc.collect()
            if enough(total):
                break
    return total


@contextlib.contextmanager
def _collecting_later() -> Iterator[None]:
    """Collect rarely (a tenth of the time otherwise), and once at the end: databases of disks that are off must go
    while nobody minds their last words."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


def _part(given: Given, part: int, parts: int, cuts: int, weakness: Weakness) -> Tally:
    wanted = cuts // parts + (part < cuts % parts)
    numbers = iter(range(part, 1 << 62, parts))
    return play_many(str(given.seed), numbers, weakness, lambda total: total.cuts >= wanted, given)


def crash(cuts: int, control_cuts: int, given: Given, processes: int) -> dict[str, int | float | bool]:
    """Make ``cuts`` cuts and ``control_cuts`` for each control; return the figures (see the module)."""
    started = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        main = [pool.submit(_part, given, part, processes, cuts, SOUND) for part in range(processes)]
        controls = {
            name: [
                pool.submit(
                    _part,
                    replace(given, keep=None),
                    part,
                    processes,
                    control_cuts // (5 if name == _HARMLESS else 1),
                    weakness,
                )
                for part in range(processes)
            ]
            for name, weakness in CONTROLS.items()
        }
        total = _sum([job.result() for job in main])
        lost = {name: _sum([job.result() for job in jobs]) for name, jobs in controls.items()}
    figures: dict[str, int | float | bool] = {field.name: getattr(total, field.name) for field in fields(total)}
    for name, tally in lost.items():
        figures[f"control_{name}_lost_fraction"] = round(tally.lost / max(1, tally.runs), 3)
    figures["control_cuts"] = control_cuts
    figures["seed"] = given.seed
    figures["seconds"] = round(time.monotonic() - started, 1)
    return figures


def _sum(tallies: list[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total += tally
    return total


def main() -> None:
    """Parse the command line, run, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--control-cuts", type=int, default=CONTROL_CUTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="put the heads of the files below FOLDER")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="leave promises and findings in DIR, which must be empty"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    given = Given(options.seed, options.data, new_folder(options.keep) if options.keep else None)
    pieces(given.data, given.seed, PIECE_BYTES)  # a folder without files is said before anything starts
    figures = crash(options.cuts, options.control_cuts, given, options.processes)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:48} {value}")


if __name__ == "__main__":
    main()
