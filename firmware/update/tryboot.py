"""Raspberry Pi with its own kernel: ``reboot "0 tryboot"`` starts the second partition of autoboot.txt once."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from firmware.update.autoboot import Autoboot
from firmware.update.slots import Slot


class Sector(Protocol):
    """autoboot.txt: read, and overwritten in place by one write that is durable on return."""

    def read(self) -> bytes:
        """Return its bytes; raises SlotsUnclear."""
        ...

    def write(self, data: bytes) -> None:
        """Overwrite them with as many; raises BoxError."""
        ...


class Tryboot:
    """The one-shot flag lives in a register that neither a power cut nor another restart leaves standing."""

    tries = 1
    reboot_words = "0 tryboot"

    def __init__(self, sector: Sector) -> None:
        """``sector`` is autoboot.txt on the first partition."""
        self._sector = sector

    def committed(self) -> Slot:
        """See ``Backend``."""
        return self._read().first

    def armed(self) -> Slot | None:
        """The wish to try; the flag itself is set by the restart that says ``reboot_words``."""
        now = self._read()
        return now.second if now.left and now.second is not now.first else None

    def good(self, slot: Slot) -> bool:
        """See ``Backend``."""
        return self._read().bad is not slot

    def retire(self, slot: Slot) -> None:
        """A try that asks all the same starts the committed slot."""
        now = self._read()
        self._write(now, replace(now, second=slot.other, left=0, bad=slot))

    def arm(self, slot: Slot) -> None:
        """See ``Backend``."""
        now = self._read()
        self._write(now, replace(now, second=slot, left=1, bad=None))

    def commit(self, slot: Slot) -> None:
        """Of a sector torn here both lines say the same slot, the new or the old one; either is whole."""
        now = self._read()
        self._write(now, replace(now, first=slot, second=slot.other, good=slot, left=0, bad=None))

    def turn_back(self) -> None:
        """A plain restart does it; the wish goes."""
        now = self._read()
        self._write(now, replace(now, left=0))

    def _read(self) -> Autoboot:
        return Autoboot.parse(self._sector.read())

    def _write(self, old: Autoboot, new: Autoboot) -> None:
        if new != old:
            self._sector.write(new.to_bytes())
