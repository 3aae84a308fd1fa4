"""What the image says of itself (``system.toml``, written by its builder) and what this start came from."""

from __future__ import annotations

import platform
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware.errors import BoxError, SlotsUnclear
from firmware.linux.boot_files import EfiVariables, SectorFile, boot_paths
from firmware.update.attempts import Attempts
from firmware.update.release import Version
from firmware.update.slots import Backend, Slot
from firmware.update.tryboot import Tryboot
from firmware.update.uefi import Uefi, missing_entries

SYSTEM: Final = Path("/usr/lib/locker-box/system.toml")
SLOT: Final = Path("/run/locker-box-image/slot")
AUTOBOOT: Final = Path("/boot/settings/autoboot.txt")
DISK: Final = Path("/run/locker-box-image/disk")
_LOADERS: Final = {"x86_64": r"\EFI\BOOT\BOOTX64.EFI", "aarch64": r"\EFI\BOOT\BOOTAA64.EFI"}
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Facts:
    """``boot`` names the back-end (uefi, tryboot, attempts); ``made`` is in seconds since 1970 UTC; ``source`` is the
    address (https://…/) below which ``BOARD.index`` lies, or nothing."""

    board: str
    version: Version
    boot: str
    made: int
    supported_until: str
    source: str = ""


def read_facts(path: Path = SYSTEM) -> Facts:
    """Read ``system.toml``; raises SlotsUnclear when this is no image of ours (a clone, a broken file)."""
    try:
        found = tomllib.loads(path.read_text())
        return Facts(
            str(found["board"]),
            Version.parse(str(found["version"])),
            str(found["boot"]),
            int(found["made"]),
            str(found["supported_until"]),
            str(found.get("source", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, BoxError):
        raise SlotsUnclear(why="this system was not made as an image.") from None


def backend(name: str, autoboot: Path = AUTOBOOT) -> Backend:
    """Return what speaks to the firmware; raises SlotsUnclear for a name nobody knows."""
    match name:
        case "uefi":
            return Uefi(EfiVariables())
        case "tryboot":
            return Tryboot(SectorFile(autoboot))
        case "attempts":
            return Attempts(SectorFile(autoboot))
        case _:
            raise SlotsUnclear(why=f"nothing starts a box by “{name}”.")


def introduce(running: Slot, disk: Path = DISK) -> None:
    """Tell the UEFI firmware of a new box about its two halves; one that knows them is left alone.

    Raises SlotsUnclear.
    """
    variables = EfiVariables()
    try:
        where = boot_paths(disk.read_text().strip(), _LOADERS[platform.machine()])
    except (OSError, KeyError) as error:
        raise SlotsUnclear(why="nobody said which disk this start came from.") from error
    for name, value in missing_entries(variables, where, running).items():
        variables.set(name, value)


def booted(path: Path = SLOT) -> Slot:
    """Return the slot of this start, as the first steps found it; raises SlotsUnclear."""
    try:
        return Slot(path.read_text().strip().upper())
    except (OSError, ValueError):
        raise SlotsUnclear(why="nobody said which half this start came from.") from None


def boot_id(path: Path = BOOT_ID) -> str:
    """Return the kernel's name of this start."""
    return path.read_text().strip()
