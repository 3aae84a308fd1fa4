"""The two halves of the system, and what a back-end has to know about them.

A back-end speaks to what starts the machine. Three are there: ``firmware.update.uefi``, and for the Raspberry Pi
``firmware.update.tryboot`` (its own kernel) and ``firmware.update.attempts`` (Debian's, which cannot ask for a try).
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Slot(Enum):
    """One half: a boot partition and a root of the same name."""

    A = "A"
    B = "B"

    @property
    def other(self) -> Slot:
        """The other half."""
        return Slot.B if self is Slot.A else Slot.A


class Backend(Protocol):
    """What is started next, and what is started when nothing else was asked for. Every call is durable on return."""

    @property
    def tries(self) -> int:
        """How often an armed slot is started at most before the committed one is again."""
        ...

    @property
    def reboot_words(self) -> str:
        """What the restart into an armed slot has to say to the firmware ("" when it reads it by itself)."""
        ...

    def committed(self) -> Slot:
        """Return what is started when nothing is armed; raises SlotsUnclear."""
        ...

    def armed(self) -> Slot | None:
        """Return the slot that is to be tried, None when there is none."""
        ...

    def good(self, slot: Slot) -> bool:
        """Whether ``slot`` was not marked as being written."""
        ...

    def retire(self, slot: Slot) -> None:
        """Nothing starts ``slot`` from now on, whatever fails: it is about to be written."""
        ...

    def arm(self, slot: Slot) -> None:
        """The next start is ``slot``, ``tries`` times; whatever comes after is the committed slot again."""
        ...

    def commit(self, slot: Slot) -> None:
        """``slot`` is what is started from now on."""
        ...

    def turn_back(self) -> None:
        """Nothing is tried any more: the next start is the committed slot."""
        ...
