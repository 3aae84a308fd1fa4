"""A Raspberry Pi's card: what its firmware would start, and whether everything for that is there.

Nothing here runs what is on it: QEMU has no firmware of a Raspberry Pi and no Pi 4 that Debian's kernel runs on. See
``emulated.py`` for what can be run.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from firmware.update.autoboot import PARTITION, Autoboot
from image import disk
from image.board import Board
from tests.image.card import Fat, partitions

_SECTOR: Final = 512
_WORDS: Final = ("cgroup_enable=memory", "psi=1", "panic=5")


@dataclass(frozen=True, slots=True)
class Start:
    """What the firmware starts: the files of the boot partition it chose, and what its config.txt names of them."""

    letter: str
    files: Mapping[str, bytes]
    config: Mapping[str, str]
    initrd: str

    @property
    def kernel(self) -> bytes:
        """The kernel as it lies on the card."""
        return self.files[self.config["kernel"]]

    @property
    def cmdline(self) -> str:
        """What the kernel is told."""
        return self.files["cmdline.txt"].decode().strip()


def settings(card: Path) -> Autoboot:
    """Return what autoboot.txt on the first partition says; raises BoxError, KeyError, ValueError."""
    return Autoboot.parse(Fat(card, partitions(card)[1][0]).files()["autoboot.txt"])


def start(card: Path) -> Start:
    """Choose as the firmware does; raises BoxError, KeyError, ValueError when something it needs is not there."""
    first = settings(card).first
    files = Fat(card, partitions(card)[PARTITION[first]][0]).files()
    config, initrd = {}, ""
    for line in files["config.txt"].decode().splitlines():
        if line.startswith("initramfs "):
            initrd = line.split()[1]
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            config[name] = value
    return Start(first.value.lower(), files, config, initrd)


def structure(card: Path, board: Board) -> dict[str, bool]:
    """Return what was looked at on a flashed image, and whether it is as it must be."""
    parts, numbers = partitions(card), disk.numbers()
    size = card.stat().st_size // _SECTOR
    found, now = start(card), settings(card)
    steps = unpacked(gzip.decompress(found.files[found.initrd]))
    modules = steps["modules/order"].decode().split()
    kinds = [Fat(card, parts[number][0]).bits for number in (1, 2, 3)]
    lines = (card.parent / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    return {
        "partitions_are_those_of_the_layout": sorted(parts) == sorted(numbers.values()),
        "partitions_lie_in_the_image_one_after_the_other": _ordered(list(parts.values()), size),
        "boot_partitions_are_fat32": kinds == [16, 32, 32],
        "a_is_started_and_good": (now.first.value, now.good.value, now.left, now.bad) == ("A", "A", 0, None),
        "kernel_is_a_64_bit_image": gzip.decompress(found.kernel)[0x38:0x3C] == b"ARMd",
        "kernel_is_told_what_all_are_told": set(_WORDS) <= set(found.cmdline.split()),
        "config_says_64_bit": found.config.get("arm_64bit") == "1",
        "device_trees_are_there": all(
            found.files.get(name, b"")[:4] == b"\xd0\r\xfe\xed" for name in board.device_trees
        ),
        "firmware_is_there": all(found.files.get(name) for name in board.firmware),
        "first_steps_have_all_their_modules": all(f"modules/{name}.ko" in steps for name in modules),
        "first_steps_know_the_card": {"mark", "numbers", "ends"} <= set(steps),
        "starts_are_counted": ("counted" in steps) == (board.tries == "attempts"),
        "root_a_is_erofs": _at(card, parts[numbers["root-a"]][0], 1024, 4) == b"\xe2\xe1\xf5\xe0",
        "data_is_ext4": _at(card, parts[numbers["data"]][0], 1080, 2) == b"\x53\xef",
        "b_is_empty": not Fat(card, parts[numbers["boot-b"]][0]).files(),
        "checksums_are_right": all(_sum(card.parent / name) == value for name, value in sums.items()),
        "bundle_and_list_of_parts_are_there": {".raucb", ".json"} <= {Path(name).suffix for name in sums},
    }


def _ordered(parts: list[tuple[int, int]], size: int) -> bool:
    ends = [0, *(first + length for first, length in parts)]
    return all(end <= first for end, (first, _) in zip(ends, parts, strict=False)) and ends[-1] <= size


def _at(card: Path, first: int, offset: int, size: int) -> bytes:
    with card.open("rb") as file:
        file.seek(first * _SECTOR + offset)
        return file.read(size)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Return the files of a newc archive."""
    found: dict[str, bytes] = {}
    at = 0
    while True:
        size, named = (int(archive[at + 6 + 8 * each : at + 14 + 8 * each], 16) for each in (6, 11))
        name = archive[at + 110 : at + 109 + named].decode()
        body = (at + 110 + named + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = archive[body : body + size]
        at = (body + size + 3) // 4 * 4


def look(board: Board, image: Path) -> dict[str, Any]:
    """Return what was looked at on a flashed image, and ``ok``."""
    checks = structure(image, board)
    failed = sorted(name for name, ok in checks.items() if not ok)
    return {"structure_checks": len(checks), "structure_failed": failed, "structure_ok": not failed, "ok": not failed}
