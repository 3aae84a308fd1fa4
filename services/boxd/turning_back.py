"""``python -m services.boxd.turning_back``: what emergency.target asks first.

A new system that is only tried and cannot mount the data partition may be the reason itself: then the box starts again
(``SuccessAction`` of turn-back.service), and the firmware takes the committed one. Writes nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firmware.errors import BoxError
from firmware.update.slots import Backend, Slot
from services.boxd import facts


def is_tried(backend: Backend, current: Slot) -> bool:
    """Whether the running system is not the one that is started from now on; raises SlotsUnclear."""
    return backend.committed() is not current


def main(words: list[str]) -> int:
    """0 when the box has to start again, 1 when it stays as it is."""
    parser = argparse.ArgumentParser(prog="locker-box-turn-back")
    parser.add_argument("--system", type=Path, default=facts.SYSTEM)
    parser.add_argument("--autoboot", type=Path, default=facts.AUTOBOOT)
    parser.add_argument("--slot", type=Path, default=facts.SLOT)
    args = parser.parse_args(words)
    try:
        backend = facts.backend(facts.read_facts(args.system).boot, args.autoboot)
        if not is_tried(backend, facts.booted(args.slot)):
            return 1
    except BoxError as error:  # nothing of ours is known to the firmware: there is nothing to turn back to
        print(f"turn-back: {error}", file=sys.stderr)
        return 1
    print("turn-back: the new system cannot use the data partition; the one before comes back.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
