"""``python -m provisioning.card --disk NAME --told FILE``: run at every start before anything is kept.

Where the data partition was never used yet, the card has to be large enough and to keep what it is given up to its end;
otherwise nothing of it is used, and ``FILE`` says why, for the page of a box that cannot read its storage.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provisioning.card.disk import WholeDisk
from provisioning.card.proving import LEAST_BYTES, kept, places

_SECTOR: Final = 512
_SLACK: Final = 64 << 20
"""A file system that ends so much before its partition does has been enlarged already."""
_ROOT_BYTES: Final = 512 << 20
"""Of the place for the second system, which the first start makes (image/root/usr/lib/repart.d)."""
_TABLE_BYTES: Final = 1 << 20
"""Behind its last partition an image has the second copy of its table (GPT)."""
_EXT_MAGIC: Final = 0xEF53
_BLOCKS = Path("/sys/class/block")
_NAMES = Path("/run/locker-box-image/partitions")


@dataclass(frozen=True, slots=True)
class Partition:
    """In bytes from the beginning of its disk."""

    start: int
    size: int

    @property
    def end(self) -> int:
        """Where the next one could begin."""
        return self.start + self.size


def partitions(disk: str, blocks: Path = _BLOCKS, names: Path = _NAMES) -> dict[str, Partition]:
    """Return the partitions of ``disk`` (a name like ``mmcblk0``) by their names, as the kernel knows them.

    ``names``: where partitions have numbers alone, the first steps wrote there which is which.
    """
    told = dict(line.split(" ", 1) for line in names.read_text().splitlines() if " " in line) if names.exists() else {}
    found = {}
    for each in sorted((blocks / disk).glob("*/partition")):
        folder = each.parent
        said = dict(line.split("=", 1) for line in (folder / "uevent").read_text().splitlines() if "=" in line)
        start, size = (int((folder / name).read_text()) * _SECTOR for name in ("start", "size"))
        found[told.get(folder.name) or said.get("PARTNAME") or folder.name] = Partition(start, size)
    return found


def begin_of_unused(path: Path, known: dict[str, Partition]) -> int | None:
    """Return where the part of the disk begins that nobody used yet; None where all of it is in use. Only reads.

    A data partition that is there says it with the size of its file system, which grows when it is first mounted. One
    that cannot be read, whatever the reason, is check-data's business, which knows the second superblock.
    """
    data = known.get("data")
    if data is None:
        return max((each.end for each in known.values()), default=0) + _TABLE_BYTES
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(data.start)
            used = _file_system_bytes(file.read(4096))
    except OSError:
        return None
    return data.start + used if used is not None and used < data.size - _SLACK else None


def _file_system_bytes(head: bytes) -> int | None:
    """The size of an ext4 file system by its superblock (kernel: Documentation/filesystems/ext4/super.rst)."""
    if len(head) < 4096 or int.from_bytes(head[1080:1082], "little") != _EXT_MAGIC:
        return None
    low, log, high = (int.from_bytes(head[1024 + at : 1024 + at + 4], "little") for at in (0x4, 0x18, 0x150))
    return (high << 32 | low) * (1024 << min(log, 6))


def look(path: Path, size: int, known: dict[str, Partition]) -> dict[str, object] | None:
    """Return what is wrong with the card, None when nothing is: ``trouble``, ``says`` and ``keeps`` in bytes.

    Raises OSError for a disk that cannot be opened for writing.
    """
    begin, data = begin_of_unused(path, known), known.get("data")
    if begin is None:
        return None
    least = LEAST_BYTES + (0 if "root-b" in known else _ROOT_BYTES)
    if size - (data.start if data is not None else begin) < least:
        return {"trouble": "small", "says": size, "keeps": size}
    with WholeDisk(path) as disk:  # opened for writing only where marks are written
        wrong = kept(disk, places(begin, size), os.urandom(16))
    return None if wrong is None else {"trouble": "fake", "says": size, "keeps": wrong}


def main(words: list[str]) -> int:
    """Return 0 for a card that can be used, 1 for one that cannot."""
    parser = argparse.ArgumentParser(prog="provisioning.card")
    parser.add_argument("--disk", type=Path, required=True, help="the file that says which disk was started from")
    parser.add_argument("--told", type=Path, required=True, help="what is wrong with it")
    args = parser.parse_args(words)
    disk = args.disk.read_text().strip()
    size = int((_BLOCKS / disk / "size").read_text()) * _SECTOR
    try:
        told = look(Path("/dev") / disk, size, partitions(disk))
    except OSError as error:
        print(f"prove-card: {disk} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    if told is None:
        return 0
    args.told.write_text(json.dumps(told))
    print(f"prove-card: {json.dumps(told)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
