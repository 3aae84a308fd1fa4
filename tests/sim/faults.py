"""Let the disk refuse its n-th operation, for every n; nothing acknowledged may be lost and the locker must go on.

    python -m tests.sim.faults --json

The loop SQLite's own tests use: the same short life again and again, ENOSPC or EIO at operation 1, 2, 3 ... until a
life ends without meeting the fault. After an error nothing may have been acknowledged; then the same locker heals
itself and works on, the power goes, and the next opening must show every promise. A failed fsync loses what did not
arrive for good, although the page cache still shows it (what Linux does), so trying again proves nothing.
"""

from __future__ import annotations

import argparse
import enum
import errno
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from firmware.errors import BoxError
from firmware.locker import Locker
from tests.sim import vfs
from tests.sim.crash import inspect, new_locker
from tests.sim.disk import Op, SimDisk
from tests.sim.ledger import Ledger
from tests.sim.workload import Workload
from tests.sim.world import SOUND, Counting, home, secrets, small_sizes

_PATIENCE = 50

GROUPS = 6
"""Acknowledged groups of operations in one life."""


class Fault(enum.Enum):
    """What the disk says, to which operations, for how long."""

    FULL_ONCE = (errno.ENOSPC, 1)
    FULL_FOR_A_WHILE = (errno.ENOSPC, 40)
    BROKEN_ONCE = (errno.EIO, 1)
    BROKEN_FOR_A_WHILE = (errno.EIO, 12)

    def hits(self, op: Op) -> bool:
        """Only what takes room can find the disk full. A disk that is broken for a while still takes bytes away: where
        it refuses that too and the process starts anew, nothing can tell what the cache shows from what is there."""
        if self.value[0] == errno.ENOSPC:
            return op in (Op.CREATE, Op.WRITE)
        return self is Fault.BROKEN_ONCE or op is not Op.TRUNCATE


@dataclass(slots=True)
class Outcome:
    """What one life with a fault came to."""

    met: bool
    errors: int
    acked_puts: int
    trouble: str | None


class Life:
    """A short life on a disk that refuses operation ``number`` (and maybe some more) with ``fault``."""

    def __init__(self, seed: str, fault: Fault, number: int) -> None:
        """``seed`` decides the life, not the fault."""
        self._rng = random.Random(seed)
        vfs.seed(self._rng.getrandbits(32))
        self._fault, self._number = fault, number
        self._asked = 0
        self._clock = Counting()
        self._ledger = Ledger()
        self._disk = new_locker(SOUND).copy()
        self._disk.rng = self._rng

    def _refuse(self, op: Op, _name: str) -> int:
        if not self._fault.hits(op):
            return 0
        self._asked += 1
        code, lasts = self._fault.value
        return code if self._number <= self._asked < self._number + lasts else 0

    def _open(self, disk: SimDisk) -> Locker:
        return Locker.open(home(disk, self._rng, self._clock, SOUND, 20), secrets())

    def play(self) -> Outcome:
        """Live with the fault, cut the power, look."""
        self._disk.fail = self._refuse
        errors, trouble = 0, None
        for ended in self._lives():
            errors += ended
        self._disk = self._disk.restarted()
        try:
            locker = self._open(self._disk)
            trouble = self._ledger.check(locker) or inspect(locker)
            locker.close()
        except BoxError as error:
            trouble = f"the next opening failed: {error!r} {error}"
        return Outcome(self._asked >= self._number, errors, self._ledger.acked_puts, trouble)

    def _lives(self) -> Iterator[int]:
        """Yield 1 for every error; after one the same locker goes on, and when it cannot, a new opening."""
        locker, left = None, GROUPS
        for _ in range(4 * GROUPS):
            try:
                if locker is None:
                    locker = self._open(self._disk)
                    self._fail_on(self._ledger.check(locker))
                if not left:
                    break
                Workload(locker, self._ledger, self._rng).group()
                left -= 1
            except BoxError:
                yield 1
                locker = self._healed(locker)
        if locker is not None:
            locker.close()

    def _healed(self, locker: Locker | None) -> Locker | None:
        """Nothing queued survives an error; the next commit recovers and says so; once the disk is well, one works."""
        if locker is None:
            return None
        for _ in range(_PATIENCE):
            try:
                locker.commit()
            except BoxError:
                continue
            self._fail_on(self._ledger.check(locker))
            return locker
        locker.close()
        return None

    def _fail_on(self, trouble: str | None) -> None:
        assert trouble is None, f"{self._fault.name} at {self._number}: {trouble}"


def play_all(seed: str, fault: Fault, stride: int = 1) -> tuple[int, int, list[str]]:
    """Move ``fault`` through a life in steps of ``stride``; return (lives, errors met, troubles)."""
    lives = errors = 0
    troubles: list[str] = []
    number = 1
    with vfs.quiet(), small_sizes():
        while True:
            try:
                outcome = Life(seed, fault, number).play()
            except Exception as error:  # noqa: BLE001 whatever is not one of the box's own errors is a finding
                outcome = Outcome(met=True, errors=1, acked_puts=0, trouble=f"{error!r}")
            if not outcome.met:
                return lives, errors, troubles
            lives += 1
            errors += outcome.errors
            if outcome.trouble is not None:
                troubles.append(f"{seed}: {fault.name} at operation {number}: {outcome.trouble}")
            number += stride


def main() -> None:
    """Parse the command line, run, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stride", type=int, default=1, help="try every n-th operation only")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    started = time.monotonic()
    figures: dict[str, int | float] = {"lost": 0, "lives": 0, "errors": 0}
    for fault in Fault:
        lives, errors, troubles = play_all(str(options.seed), fault, options.stride)
        figures["lives"] += lives
        figures["errors"] += errors
        figures["lost"] += len(troubles)
        for trouble in troubles:
            print(trouble, file=sys.stderr)
    figures["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(figures) if options.json else figures)


if __name__ == "__main__":
    main()
