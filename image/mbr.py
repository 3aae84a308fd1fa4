"""The partition table of a Raspberry Pi's card: the old kind (MBR), which all versions of its boot loaders read alike.

Where a card has a GPT, ``start4.elf`` before 2025 looks for the kernel on the first boot partition whatever it is told
(raspberrypi/rpi-eeprom, issues 654 and 668); Debian has that of 2024. Three FAT partitions lie first, all others are
logical: each one's own table lies one MiB before it, and the last of them, data, is enlarged at the first start.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SECTOR: Final = 512
GAP: Final = 2048
"""Sectors between a logical partition's table and the partition."""
PRIMARY: Final = 3
_FAT, _LINUX, _EXTENDED, _NEXT = 0x0C, 0x83, 0x0F, 0x05
_TABLE: Final = 446
_SIZE: Final = 12
"""Where in an entry of 16 bytes the number of sectors stands."""
_MARK: Final = 440
_ENTRY: Final = struct.Struct("<B3sB3sII")
_NO_CYLINDERS: Final = b"\xfe\xff\xff"


@dataclass(frozen=True, slots=True)
class Part:
    """A partition: first sector and number of sectors."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class End:
    """Something that reaches to the end of the disk: its first sector, and the byte on the disk that says its size."""

    start: int
    size_at: int


def sectors(parts: Sequence[Part], mark: bytes) -> dict[int, bytes]:
    """Return the sectors of the table by their numbers; ``mark``: the four bytes by which the disk is known."""
    first, logical = parts[:PRIMARY], parts[PRIMARY:]
    outer = _outer(logical)
    entries = [_entry(_FAT, each.start, each.size) for each in first]
    entries.append(_entry(_EXTENDED, outer.start, outer.size))
    found = {0: bytes(_MARK) + mark + b"\0\0" + _four(entries)}
    for each, following in zip(logical, [*logical[1:], None], strict=True):
        own = [_entry(_LINUX, GAP, each.size)]
        if following:
            own.append(_entry(_NEXT, following.start - GAP - outer.start, following.size + GAP))
        found[each.start - GAP] = bytes(_TABLE) + _four(own)
    return found


def ends(parts: Sequence[Part]) -> tuple[End, End, End]:
    """Return what grows with the card: the extended partition, the way to the last logical one, and that one."""
    before, last = parts[-2:]
    entries = (0, PRIMARY * 16), (before.start - GAP, 16), (last.start - GAP, 0)
    sizes = [sector * SECTOR + _TABLE + entry + _SIZE for sector, entry in entries]
    starts = (_outer(parts[PRIMARY:]).start, last.start - GAP, last.start)
    outer, way, data = (End(start, size) for start, size in zip(starts, sizes, strict=True))
    return outer, way, data


def _outer(logical: Sequence[Part]) -> Part:
    start = logical[0].start - GAP
    return Part(start, logical[-1].start + logical[-1].size - start)


def _entry(kind: int, start: int, size: int) -> bytes:
    return _ENTRY.pack(0, _NO_CYLINDERS, kind, _NO_CYLINDERS, start, size)


def _four(entries: Sequence[bytes]) -> bytes:
    return b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"
