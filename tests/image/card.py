"""Reads a flashed card as a Raspberry Pi's firmware does: the old kind of partition table, FAT, and the files in it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

_SECTOR: Final = 512
_EXTENDED: Final = (0x05, 0x0F)
_ENTRY: Final = struct.Struct("<BxxxBxxxII")


def partitions(card: Path) -> dict[int, tuple[int, int]]:
    """Return the partitions of a disk image by their numbers as Linux counts them: first sector, number of sectors.

    Raises ValueError when there is no table.
    """
    with card.open("rb") as file:

        def table(sector: int) -> list[tuple[int, int, int]]:
            file.seek(sector * _SECTOR)
            data = file.read(_SECTOR)
            if data[510:] != b"\x55\xaa":
                raise ValueError(f"sector {sector} holds no table of partitions")
            return [_ENTRY.unpack_from(data, 446 + 16 * each)[1:] for each in range(4)]

        found, outer = {}, 0
        for number, (kind, start, size) in enumerate(table(0), 1):
            if kind in _EXTENDED:
                outer = start
            elif kind:
                found[number] = (start, size)
        at, number = outer, 5
        while at:
            own, following = table(at)[:2]
            found[number] = (at + own[1], own[2])
            at, number = (outer + following[1] if following[0] else 0), number + 1
    return found


class Fat:
    """A FAT16 or FAT32 file system inside a disk image, read only."""

    def __init__(self, card: Path, first: int) -> None:
        """``first``: its first sector in ``card``; raises ValueError when none begins there."""
        self._card, self._at = card, first * _SECTOR
        head = self._read(0, _SECTOR)
        each, self._cluster, kept, tables, entries = struct.unpack_from("<HBHBH", head, 11)
        total, size = (
            struct.unpack_from(small, head, at)[0] or struct.unpack_from("<I", head, more)[0]
            for small, at, more in (("<H", 19, 32), ("<H", 22, 36))
        )
        if each != _SECTOR or head[510:] != b"\x55\xaa" or not self._cluster:
            raise ValueError("no FAT file system begins here")
        begin = kept + tables * size
        self._data = begin + entries * 32 // _SECTOR
        clusters = (total - self._data) // self._cluster
        self.bits = 32 if clusters >= 65_525 else 16
        self._width = self.bits // 8
        self._fat = self._read(kept, size * _SECTOR)
        self._root = self._read(begin, entries * 32) if entries else self._chain(struct.unpack_from("<I", head, 44)[0])

    def files(self) -> dict[str, bytes]:
        """Return all files: their names with folders, as they are written, to their bytes."""
        return self._folder(self._root, "")

    def _folder(self, data: bytes, above: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        long = ""
        for at in range(0, len(data), 32):
            entry = data[at : at + 32]
            if entry[0] == 0:
                break
            if entry[11] == 0x0F:
                part = (entry[1:11] + entry[14:26] + entry[28:32]).decode("utf-16-le")
                long = part.partition("\0")[0] + long
                continue
            name, long = long or _short(entry), ""
            if entry[0] in b"\xe5." or entry[11] & 0x08:
                continue
            high, low, size = struct.unpack_from("<H4xHI", entry, 20)
            content = self._chain(high << 16 | low)
            if entry[11] & 0x10:
                found |= self._folder(content, f"{above}{name}/")
            else:
                found[above + name] = content[:size]
        return found

    def _chain(self, cluster: int) -> bytes:
        parts = []
        while 2 <= cluster < (0xFFF8 if self.bits == 16 else 0x0FFF_FFF8):
            parts.append(self._read(self._data + (cluster - 2) * self._cluster, self._cluster * _SECTOR))
            at = cluster * self._width
            cluster = int.from_bytes(self._fat[at : at + self._width], "little") & 0x0FFF_FFFF
        return b"".join(parts)

    def _read(self, sector: int, size: int) -> bytes:
        with self._card.open("rb") as file:
            file.seek(self._at + sector * _SECTOR)
            return file.read(size)


def _short(entry: bytes) -> str:
    """A short name; bits 3 and 4 of byte 12 say that name or ending are written small."""
    name, ending = entry[:8].decode("ascii", "replace").rstrip(), entry[8:11].decode("ascii", "replace").rstrip()
    name, ending = (name.lower() if entry[12] & 8 else name), (ending.lower() if entry[12] & 16 else ending)
    return f"{name}.{ending}" if ending else name
