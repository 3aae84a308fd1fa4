"""Which disks are mounted that could be a shelf: the kernel's list of mounts, and what it says of their devices."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_DEVICES: Final = Path("/sys/dev/block")
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")
_FAT: Final = frozenset({"vfat", "msdos"})
_NOT_DISKS: Final = frozenset({"squashfs", "erofs", "iso9660", "udf", "overlay"})
_SYSTEM: Final = ("/", "/boot", "/boot/efi", "/efi", "/home", "/nix", "/opt", "/srv", "/usr", "/var")


@dataclass(frozen=True, slots=True)
class Mounted:
    """One mounted file system with a device of its own. ``at`` is where, ``device`` major:minor of its device."""

    at: Path
    device: str
    source: str
    kind: str
    read_only: bool
    removable: bool
    total: int
    free: int

    @property
    def is_fat(self) -> bool:
        """Whether it is FAT: no journal, so a pulled plug can hurt the file system itself."""
        return self.kind in _FAT


def mounted() -> list[Mounted]:
    """Return the mounted disks, the removable ones first; the one mounted last at a place counts."""
    found: dict[Path, Mounted] = {}
    for line in _MOUNTS.read_bytes().splitlines():
        each = _read(line)
        if each is not None:
            found[each.at] = each
    return sorted(found.values(), key=lambda each: (not each.removable, str(each.at)))


def _read(line: bytes) -> Mounted | None:
    before, _, after = line.partition(b" - ")
    fields, (kind, source, more) = before.split(), after.split()[:3]
    if not source.startswith(b"/dev/") or kind.decode() in _NOT_DISKS or fields[3] != b"/":
        return None
    at, device = Path(os.fsdecode(_plain(fields[4]))), fields[2].decode()
    if str(at) in _SYSTEM or not at.is_dir():
        return None
    read_only = b"ro" in (*fields[5].split(b","), *more.split(b","))
    name = os.fsdecode(_plain(source))
    kind_word = "exfat" if kind == b"fuseblk" and _is_exfat(name) else kind.decode("ascii", "replace")
    try:
        room = os.statvfs(at)
    except OSError:
        return None
    total, free = room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize
    return Mounted(at, device, name, kind_word, read_only, is_removable(name, device), total, free)


def _plain(field: bytes) -> bytes:
    return _OCTAL.sub(lambda match: bytes((int(match[1], 8),)), field)


def _is_exfat(source: str) -> bool:
    try:
        with open(source, "rb") as device:
            return device.read(11)[3:11] == b"EXFAT   "
    except OSError:
        return False


def is_removable(source: str, device: str) -> bool:
    """Whether a device can be unplugged: it says so, or hangs on USB, or is an SD card."""
    if device.startswith("0:"):  # a file system in a process: its device is found by its name
        try:
            number = os.stat(source).st_rdev
        except OSError:
            return False
        device = f"{os.major(number)}:{os.minor(number)}"
    try:
        path = (_DEVICES / device).resolve(strict=True)
    except OSError:
        return False
    return "/usb" in str(path) or any(_says_one(each / "removable") for each in (path, path.parent))


def _says_one(path: Path) -> bool:
    try:
        return path.read_bytes().strip() == b"1"
    except OSError:
        return False


def mount_of(at: Path) -> Mounted | None:
    """Return the disk whose top is ``at``; None when that is no top of a disk."""
    return next((each for each in mounted() if each.at == at), None)


def tops(known: Iterator[Path]) -> list[Path]:
    """Return where shelves may be found again: places named before, then every mounted disk that can be unplugged."""
    return list(dict.fromkeys([*known, *(each.at for each in mounted() if each.removable)]))
