"""Models of a machine with two slots: its medium, which loses what was not synced, and the firmware that starts it.

Exhaustive, not random: at every write the medium names each state a power cut could leave (``Medium.after_cut``). A
sector or a variable arrives whole, not at all, or - the sector - with any of its changed bytes; pieces of a slot in any
combination. UEFI is modelled after its specification 2.10 (3.1: BootNext is removed before it is used; BootOrder in
turn), the Raspberry Pi's firmware after its documentation (autoboot.txt, its filters, the one-shot tryboot flag, which
a power cut or any other restart clears). Neither model has run on hardware.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from firmware.update.autoboot import PARTITION, SECTOR
from firmware.update.slots import Slot
from firmware.update.uefi import NEXT, ORDER

PIECES: Final = 3
"""A slot is written in so many pieces: its boot partition, and two halves of its root."""
GONE: Final = b""

Values = dict[str, bytes]
"""Everything that outlives the current: a sector, variables, the memory file, pieces of slots (their version)."""


def piece(slot: Slot, at: int) -> str:
    """The name of a piece."""
    return f"{slot.value}{at}"


class Medium:
    """What programs see (``live``), what is on the medium (``durable``), what waits in between (``pending``)."""

    def __init__(self, values: Values, seen: Callable[[Values], None]) -> None:
        """Start from ``values``; ``seen`` is told of every state a cut could leave, at every write."""
        self.live, self.durable = dict(values), dict(values)
        self.pending: dict[str, list[bytes]] = {}
        self.seen = seen
        self.writes = 0

    def write(self, name: str, value: bytes, *, synced: bool = True) -> None:
        """Write one item; the current may go before it, within it, and after it."""
        self.pending.setdefault(name, []).append(value)
        self.live[name] = value
        self.writes += 1
        for state in self.after_cut():
            self.seen(state)
        if synced:
            self.durable[name] = value
            del self.pending[name]

    def sync(self) -> None:
        """Everything that waits arrives."""
        for name, values in self.pending.items():
            self.durable[name] = values[-1]
        self.pending.clear()

    def after_cut(self) -> Iterator[Values]:
        """Every state the medium may be in when the current goes now."""
        names = sorted(self.pending)
        choices = [self._outcomes(name) for name in names]
        for chosen in itertools.product(*choices):
            yield self.durable | dict(zip(names, chosen, strict=True))

    def _outcomes(self, name: str) -> list[bytes]:
        values = [self.durable.get(name, GONE), *self.pending[name]]
        found = dict.fromkeys(values)
        if name == "memory":
            found[GONE] = None  # the data partition itself may be lost
        elif name == "sector":
            for old, new in itertools.pairwise(values):
                found |= dict.fromkeys(_torn(old, new))
        return list(found)


def _torn(old: bytes, new: bytes) -> Iterator[bytes]:
    """Every mixture of two sectors, byte by byte where they differ (whole lengths only, when they do not have one)."""
    if len(old) != len(new):
        return
    places = [at for at, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    for kept in itertools.product((False, True), repeat=min(len(places), 6)):
        torn = bytearray(old)
        for at, arrived in zip(places, kept, strict=False):
            if arrived:
                torn[at] = new[at]
        yield bytes(torn)


class SectorPort:
    """``firmware.update.tryboot.Sector`` on the medium; ``broken`` names what a control does wrong."""

    def __init__(self, medium: Medium, broken: str = "") -> None:
        """Over ``medium``."""
        self._medium, self._broken = medium, broken

    def read(self) -> bytes:
        """See the port."""
        return self._medium.live["sector"]

    def write(self, data: bytes) -> None:
        """See the port."""
        assert len(data) == SECTOR
        if self._broken == "sector-truncated":
            self._medium.write("sector", GONE)
        self._medium.write("sector", data, synced=self._broken != "sector-unsynced")


class VariablesPort:
    """``firmware.update.uefi.Variables`` on the medium."""

    def __init__(self, medium: Medium, broken: str = "") -> None:
        """Over ``medium``."""
        self._medium, self._broken = medium, broken

    def names(self) -> list[str]:
        """See the port."""
        return [name for name, value in self._medium.live.items() if name.startswith("Boot") and value != GONE]

    def get(self, name: str) -> bytes | None:
        """See the port."""
        return self._medium.live.get(name, GONE) or None

    def set(self, name: str, value: bytes) -> None:
        """See the port."""
        if self._broken == "variable-removed-first":
            self._medium.write(name, GONE)
        self._medium.write(name, value)

    def remove(self, name: str) -> None:
        """See the port."""
        self._medium.write(name, GONE)


class Firmware(Protocol):
    """What starts the machine."""

    def order(self, medium: Medium, asked: str) -> Iterator[Slot]:
        """Yield the slots it starts, the next one when that did not even start its kernel; then it stands still."""
        ...


@dataclass(frozen=True, slots=True)
class PiFirmware:
    """Reads autoboot.txt by its own lights; ``tries`` says whether its kernel can ask for a try at all."""

    tries: bool

    def order(self, medium: Medium, asked: str) -> Iterator[Slot]:
        """One slot; a kernel that does not start is found again by whoever pulls the plug, or the watchdog."""
        wanted = "[tryboot]" if self.tries and asked == "0 tryboot" else "[all]"
        found, section = {"[all]": "", "[tryboot]": ""}, "[all]"
        for line in medium.live["sector"].split(b"\0")[0].decode("ascii", "replace").splitlines():
            word = line.strip()
            if word in found:
                section = word
            elif word.startswith("boot_partition="):
                found[section] = word.partition("=")[2]
        numbers = {str(number): slot for slot, number in PARTITION.items()}
        slot = numbers.get(found[wanted] or found["[all]"])
        if slot is not None:
            yield slot


@dataclass(frozen=True, slots=True)
class UefiFirmware:
    """BootNext once, then BootOrder; an entry that does not start is passed over."""

    entries: dict[int, Slot] = field(default_factory=lambda: {1: Slot.A, 2: Slot.B})

    def order(self, medium: Medium, asked: str) -> Iterator[Slot]:
        """Removes BootNext before it goes there."""
        once = medium.live.get(NEXT, GONE)
        if once:
            medium.write(NEXT, GONE)
            yield from self._slots(once)
        yield from self._slots(medium.live.get(ORDER, GONE))

    def _slots(self, value: bytes) -> Iterator[Slot]:
        for (number,) in struct.iter_unpack("<H", value[: len(value) // 2 * 2]):
            if number in self.entries:
                yield self.entries[number]
