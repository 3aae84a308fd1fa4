"""Raspberry Pi with Debian's kernel, which cannot ask for a try: starts are counted, the initrd turns back.

Arming makes the firmware start the new slot; its initrd counts down and, when nothing is left, puts the committed slot
back and restarts. So the new slot's kernel and initrd have to start: one that does not get so far is not turned back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from firmware.update.autoboot import Autoboot
from firmware.update.slots import Slot
from firmware.update.tryboot import Sector

TRIES: Final = 2


class Attempts:
    """``good`` is the committed slot; ``first`` is what the firmware starts, which differs during a try."""

    tries = TRIES
    reboot_words = ""

    def __init__(self, sector: Sector) -> None:
        """``sector`` is autoboot.txt on the first partition."""
        self._sector = sector

    def committed(self) -> Slot:
        """See ``Backend``."""
        return self._read().good

    def armed(self) -> Slot | None:
        """See ``Backend``."""
        now = self._read()
        return now.first if now.first is not now.good else None

    def good(self, slot: Slot) -> bool:
        """See ``Backend``."""
        return self._read().bad is not slot

    def retire(self, slot: Slot) -> None:
        """Start the committed one in any case, also where something went wrong before."""
        now = self._read()
        self._write(now, replace(now, first=now.good, left=0, bad=slot))

    def arm(self, slot: Slot) -> None:
        """Two writes: torn between them or within one, no start is left, and the initrd turns back at once."""
        now = self._read()
        counted = replace(now, left=TRIES, bad=None)
        self._write(now, counted)
        self._write(counted, replace(counted, first=slot))

    def commit(self, slot: Slot) -> None:
        """See ``Backend``. What is left to count means nothing once the slot is the good one."""
        now = self._read()
        self._write(now, replace(now, first=slot, good=slot, bad=None))

    def turn_back(self) -> None:
        """See ``Backend``."""
        now = self._read()
        self._write(now, replace(now, first=now.good))

    def _read(self) -> Autoboot:
        return Autoboot.parse(self._sector.read())

    def _write(self, old: Autoboot, new: Autoboot) -> None:
        if new != old:
            self._sector.write(new.to_bytes())


def starting(now: Autoboot, booted: Slot) -> tuple[Autoboot, bool]:
    """What the initrd of ``booted`` has to write before anything else, and whether it goes on (else: restart)."""
    if booted is now.good:
        return now, True
    if now.left:
        return replace(now, left=now.left - 1), True
    return replace(now, first=now.good), False
