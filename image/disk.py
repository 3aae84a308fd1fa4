"""Partitions of a box, and the disk image that is flashed.

The image ends behind the first system: the second one's place and the data partition are made by systemd-repart at the
first start (``image/root/usr/lib/repart.d``), which takes what room the card has and never touches what is there.

A Raspberry Pi's has the old kind of table (``image/mbr.py``), which systemd-repart does not know: the second one's
place and a small data partition are on the image, and the first steps enlarge that to the end of the card.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from image import mbr
from image.board import Board, Boot
from image.programs import ImageTrouble, Tools

MIB: Final = 1 << 20
_SECTOR: Final = 512
_OURS: Final = uuid.UUID("6f1d8a52-7c0e-5b41-9a58-3f2a0c9be7d4")
"""Everything that has to be unique on a disk is derived from this and a name, so that two builds agree."""
_ESP: Final = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_BASIC_DATA: Final = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
_LINUX: Final = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of the flashed image; sizes in MiB."""

    name: str
    start_mib: int
    size_mib: int
    kind: str


def layout(boot: Boot = "uefi") -> tuple[Partition, ...]:
    """Return the partitions of the flashed image, in their order on the disk."""
    sizes = [("settings", 16, _BASIC_DATA), ("boot-a", 64, _ESP), ("boot-b", 64, _ESP), ("root-a", 512, _LINUX)]
    if boot == "raspberrypi":
        sizes += [("root-b", 512, _LINUX), ("data", 64, _LINUX)]
    found, at = [], 1
    for count, (name, size, kind) in enumerate(sizes):
        at += 1 if boot == "raspberrypi" and count >= mbr.PRIMARY else 0
        found.append(Partition(name, at, size, kind))
        at += size
    return tuple(found)


def numbers() -> dict[str, int]:
    """Return the numbers of the partitions where they have no names: on a Raspberry Pi's card."""
    names = [each.name for each in layout("raspberrypi")]
    return {name: count + (1 if count < mbr.PRIMARY else 2) for count, name in enumerate(names)}


def mark(board: str) -> bytes:
    """Return the four bytes by which the first steps know a disk of ``board`` without names."""
    return uuid.UUID(identifier(board, "disk")).bytes[:4]


def sectors() -> list[mbr.Part]:
    """Return the partitions of a Raspberry Pi's card in sectors."""
    each_mib = MIB // _SECTOR
    return [mbr.Part(each.start_mib * each_mib, each.size_mib * each_mib) for each in layout("raspberrypi")]


def identifier(board: str, name: str) -> str:
    """Return the identifier of a partition, a file system or the disk of ``board`` (lower case)."""
    return str(uuid.uuid5(_OURS, f"{board}/{name}"))


def slots(board: str) -> dict[str, str]:
    """Return the letter of the system that each boot partition starts."""
    return {identifier(board, f"boot-{letter}"): letter for letter in "ab"}


def table(board: str) -> str:
    """Return the partition table as sfdisk reads it."""
    lines = ["label: gpt", f"label-id: {identifier(board, 'disk')}", "unit: sectors", "sector-size: 512"]
    for each in layout():
        start, size = (mib * MIB // _SECTOR for mib in (each.start_mib, each.size_mib))
        name = identifier(board, each.name)
        lines.append(f'start={start}, size={size}, type={each.kind}, uuid={name}, name="{each.name}"')
    return "\n".join(lines) + "\n"


def size_mib(boot: Boot = "uefi") -> int:
    """Return the size of the flashed image: its partitions, and a MiB for the table at either end."""
    last = layout(boot)[-1]
    return last.start_mib + last.size_mib + 1


def assemble(tools: Tools, board: Board, parts: Mapping[str, Path], target: Path) -> None:
    """Write the disk image ``target`` out of the contents of its partitions; raises ImageTrouble."""
    with target.open("wb") as out:
        out.truncate(size_mib(board.boot) * MIB)
        if board.boot == "raspberrypi":
            for number, content in mbr.sectors(sectors(), mark(board.name)).items():
                os.pwrite(out.fileno(), content, number * _SECTOR)
    if board.boot != "raspberrypi":
        tools.call("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", target, text=table(board.name))
    with target.open("r+b") as out:
        for each in layout(board.boot):
            if (part := parts.get(each.name)) is None:
                continue
            if part.stat().st_size > each.size_mib * MIB:
                mib = part.stat().st_size / MIB
                raise ImageTrouble(f"{each.name} has {mib:.0f} MiB, more than the {each.size_mib} MiB of its partition")
            _copy(part, out.fileno(), each.start_mib * MIB)


def _copy(part: Path, target: int, offset: int) -> None:
    """Copy a file to ``offset``, leaving zeros out."""
    empty = bytes(MIB)
    with part.open("rb") as source:
        while piece := source.read(MIB):
            if piece != empty[: len(piece)]:
                os.pwrite(target, piece, offset)
            offset += len(piece)


def fat(
    tools: Tools, target: Path, mib: int, label: str, volume: str, files: Mapping[str, Path], wide: bool = False
) -> None:
    """Make a FAT file system of ``mib`` MiB with ``files`` (names to contents below the tools' folder).

    ``volume``: eight hexadecimal digits; ``wide``: FAT32, the kind all boot loaders of a Raspberry Pi read everywhere.
    Raises ImageTrouble.
    """
    with target.open("wb") as out:
        out.truncate(mib * MIB)
    kind = ("-F", "32", "-s", "1") if wide else ()
    tools.call("mkfs.vfat", "--invariant", *kind, "-n", label, "-i", volume, target)
    folders = {parent for name in files for parent in _above(name)}
    for folder in sorted(folders):
        tools.call("mmd", "-i", target, f"::{folder}")
    for name in sorted(files):
        tools.call("mcopy", "-m", "-i", target, files[name], f"::{name}")


def data(tools: Tools, target: Path, board: str) -> None:
    """Make the data partition of a Raspberry Pi's card, empty and prepared to grow to 2 TiB; raises ImageTrouble."""
    unique = identifier(board, "data")
    with target.open("wb") as out:
        out.truncate(layout("raspberrypi")[-1].size_mib * MIB)
    how = ("-t", "ext4", "-b", "4096", "-i", "16384", "-I", "256", "-J", "size=16", "-m", "1", "-L", "data")
    grows = f"hash_seed={unique},resize={(2 << 40) // 4096},nodiscard"
    tools.call("mke2fs", "-q", "-F", *how, "-U", unique, "-E", grows, target)


def _above(name: str) -> list[str]:
    steps = name.split("/")[:-1]
    return ["/".join(steps[: count + 1]) for count in range(len(steps))]
