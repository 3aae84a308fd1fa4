"""RAUC's custom boot back-end: ``python -m services.boxd.slots WORD [SLOT [STATE]]`` (RAUC's manual, section "Custom").

    get-primary            the slot that is started next          get-current           the slot of this start
    set-primary SLOT       try SLOT at the next start             get-state SLOT        good or bad
    set-state SLOT bad     SLOT is about to be written            set-state SLOT good   SLOT is committed, if it runs

RAUC decides nothing here: what it asks becomes a call of the back-end boxd uses itself, with the same rules.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firmware.errors import BoxError, Misused
from firmware.update.slots import Backend, Slot
from services.boxd import facts


def answer(words: list[str], backend: Backend, current: Slot) -> str:
    """Do what RAUC asked and return what it wants to read; raises BoxError."""
    match words:
        case ["get-primary"]:
            return (backend.armed() or backend.committed()).value
        case ["get-current"]:
            return current.value
        case ["get-state", slot]:
            return "good" if backend.good(Slot(slot)) else "bad"
        case ["set-state", slot, "bad"]:
            _not_ours(Slot(slot), current, backend)
            backend.retire(Slot(slot))
        case ["set-state", slot, "good"]:
            _good(Slot(slot), current, backend)
        case ["set-primary", slot]:
            _primary(Slot(slot), current, backend)
        case _:
            raise Misused(why="RAUC asks what this back-end does not know.")
    return ""


def _good(slot: Slot, current: Slot, backend: Backend) -> None:
    if slot is current and backend.committed() is not current:
        backend.commit(current)


def _primary(slot: Slot, current: Slot, backend: Backend) -> None:
    if slot is backend.committed():
        backend.turn_back()
    else:
        _not_ours(slot, current, backend)
        backend.arm(slot)


def _not_ours(slot: Slot, current: Slot, backend: Backend) -> None:
    """Neither the running slot nor the committed one is ever written, or tried; on trial both are spoken for."""
    if slot in (current, backend.committed()):
        raise Misused(why=f"slot {slot.value} is in use.")


def main(words: list[str]) -> int:
    """0, or 1 with a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="locker-box-slots")
    parser.add_argument("--system", type=Path, default=facts.SYSTEM)
    parser.add_argument("--autoboot", type=Path, default=facts.AUTOBOOT)
    parser.add_argument("--slot", type=Path, default=facts.SLOT)
    parser.add_argument("words", nargs="+")
    args = parser.parse_args(words)
    try:
        backend = facts.backend(facts.read_facts(args.system).boot, args.autoboot)
        said = answer(args.words, backend, facts.booted(args.slot))
    except (BoxError, ValueError) as error:
        print(f"locker-box-slots: {error}", file=sys.stderr)
        return 1
    if said:
        print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
