"""UEFI: BootNext starts a slot once, BootOrder says what is started otherwise (UEFI specification 2.10, section 3.1).

A slot's entry is the ``Boot####`` variable whose description is the slot's letter. One variable is written at a time;
the firmware writes each whole or not at all.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Final, Protocol
from uuid import UUID

from firmware.errors import SlotsUnclear
from firmware.update.slots import Slot

NEXT: Final = "BootNext"
ORDER: Final = "BootOrder"
_ENTRY: Final = re.compile(r"Boot([0-9A-F]{4})", re.ASCII)
_HEAD: Final = struct.Struct("<IH")
_WORD: Final = struct.Struct("<H")


class Variables(Protocol):
    """The firmware's variables of the global vendor, without the attributes in front; durable on return."""

    def names(self) -> list[str]:
        """Return the names that are there."""
        ...

    def get(self, name: str) -> bytes | None:
        """Return a value, None when there is none; raises SlotsUnclear."""
        ...

    def set(self, name: str, value: bytes) -> None:
        """Write a value whole; raises BoxError."""
        ...

    def remove(self, name: str) -> None:
        """Remove one; an absent one is fine."""
        ...


def entry(description: str, path: bytes) -> bytes:
    """Return an EFI_LOAD_OPTION that is active, with ``path`` as its device path."""
    return _HEAD.pack(1, len(path)) + description.encode("utf-16-le") + b"\0\0" + path


def loader(number: int, start: int, size: int, identifier: UUID, path: str) -> bytes:
    """Return the device path of a file on a GPT partition (10.3.5.1 and 10.3.5.4); sizes in sectors of 512 bytes."""
    disk = struct.pack("<BBHIQQ16sBB", 4, 1, 42, number, start, size, identifier.bytes_le, 2, 2)
    name = path.encode("utf-16-le") + b"\0\0"
    return disk + struct.pack("<BBH", 4, 4, 4 + len(name)) + name + struct.pack("<BBH", 0x7F, 0xFF, 4)


def missing_entries(variables: Variables, paths: Mapping[Slot, bytes], running: Slot) -> dict[str, bytes]:
    """Return the entries, by the name they get, that the firmware of a new box lacks; and BootOrder, as the last one,
    if it names neither half: then ``running`` comes first. Nothing that is there changes otherwise.
    """
    known = Uefi(variables).numbers()
    order = variables.get(ORDER) or b""
    there = [_WORD.unpack_from(order, at)[0] for at in range(0, len(order) - 1, 2)]
    names = set(variables.names())
    free = (number for number in range(0x10000) if number not in there and f"Boot{number:04X}" not in names)
    made, numbers = {}, dict(known)
    for slot, path in paths.items():
        if slot not in known:
            numbers[slot] = next(free)
            made[f"Boot{numbers[slot]:04X}"] = entry(slot.value, path)
    if not set(there) & set(numbers.values()):
        made[ORDER] = (
            b"".join(_WORD.pack(each) for each in (numbers[slot] for slot in (running, running.other))) + order
        )
    return made


def description_of(option: bytes) -> str:
    """Return the description in an EFI_LOAD_OPTION, "" when it is none."""
    text = option[_HEAD.size :]
    end = next((at for at in range(0, len(text) - 1, 2) if text[at : at + 2] == b"\0\0"), None)
    return "" if end is None else text[:end].decode("utf-16-le", "replace")


class Uefi:
    """BootNext is consumed by the start it asks for, whatever becomes of that start."""

    tries = 1
    reboot_words = ""

    def __init__(self, variables: Variables) -> None:
        """Find the entries of both slots when they are needed."""
        self._variables = variables

    def committed(self) -> Slot:
        """See ``Backend``: the first slot of ours in BootOrder."""
        ours = self._ours()
        for number in self._order():
            if number in ours:
                return ours[number]
        raise SlotsUnclear(why="BootOrder names neither half.")

    def armed(self) -> Slot | None:
        """See ``Backend``."""
        value = self._variables.get(NEXT)
        return self._ours().get(_WORD.unpack(value)[0]) if value is not None and len(value) == _WORD.size else None

    def good(self, slot: Slot) -> bool:
        """See ``Backend``."""
        return self._number(slot) in self._order()

    def retire(self, slot: Slot) -> None:
        """First no try, then no falling back to it either."""
        if self.armed() is slot:
            self._variables.remove(NEXT)
        number = self._number(slot)
        order = self._order()
        if number in order:
            self._set_order([each for each in order if each != number])

    def arm(self, slot: Slot) -> None:
        """See ``Backend``."""
        self._variables.set(NEXT, _WORD.pack(self._number(slot)))

    def commit(self, slot: Slot) -> None:
        """The slot before stays in the order behind: the firmware falls back to it should this one be unreadable."""
        mine, before = self._number(slot), self._number(slot.other)
        others = [each for each in self._order() if each not in (mine, before)]
        self._set_order([mine, before, *others])

    def turn_back(self) -> None:
        """The firmware has forgotten the try by itself."""
        if self.armed() is not None:
            self._variables.remove(NEXT)

    def numbers(self) -> dict[Slot, int]:
        """Return the entry of each slot, as far as there is one."""
        return {slot: number for number, slot in sorted(self._ours().items(), reverse=True)}

    def _ours(self) -> dict[int, Slot]:
        found = {}
        letters = {slot.value: slot for slot in Slot}
        for name in sorted(self._variables.names(), reverse=True):
            number = _ENTRY.fullmatch(name)
            if number is not None:
                slot = letters.get(description_of(self._variables.get(name) or b""))
                if slot is not None:
                    found[int(number[1], 16)] = slot
        return found

    def _number(self, slot: Slot) -> int:
        numbers = [number for number, each in self._ours().items() if each is slot]
        if not numbers:
            raise SlotsUnclear(why=f"the firmware has no entry for {slot.value}.")
        return min(numbers)

    def _order(self) -> list[int]:
        value = self._variables.get(ORDER) or b""
        return [_WORD.unpack_from(value, at)[0] for at in range(0, len(value) - 1, 2)]

    def _set_order(self, order: list[int]) -> None:
        self._variables.set(ORDER, b"".join(_WORD.pack(each) for each in order))
