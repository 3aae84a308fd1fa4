"""What the starting firmware reads, written so that the current may go at any moment: one sector, one variable.

Implements ``firmware.update.tryboot.Sector`` on a file and ``firmware.update.uefi.Variables`` on efivarfs.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from firmware.errors import SlotsUnclear
from firmware.update.autoboot import SECTOR
from firmware.update.slots import Slot
from firmware.update.uefi import loader

EFIVARS = Path("/sys/firmware/efi/efivars")
_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
_ATTRIBUTES = struct.pack("<I", 0x7)
"""Kept without current, readable by the boot services, readable at run time."""
_GETFLAGS, _SETFLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10


class SectorFile:
    """One file of 512 bytes that is overwritten in place: never longer, shorter, renamed or truncated."""

    def __init__(self, path: Path) -> None:
        """Read and write ``path`` on the first partition."""
        self._path = path

    def read(self) -> bytes:
        """Return its bytes; raises SlotsUnclear."""
        try:
            with self._path.open("rb") as file:
                return file.read(SECTOR + 1)
        except OSError as error:
            raise SlotsUnclear(why=f"{self._path.name}: {error.strerror}.") from error

    def write(self, data: bytes) -> None:
        """Overwrite it by one write that is on the medium when this returns; raises SlotsUnclear."""
        if len(data) != SECTOR:
            raise ValueError("a sector has 512 bytes")
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_SYNC | os.O_CLOEXEC)
            try:
                if os.fstat(fd).st_size != SECTOR or os.pwrite(fd, data, 0) != SECTOR:
                    raise SlotsUnclear(why=f"{self._path.name} is not one sector.")
            finally:
                os.close(fd)
        except OSError as error:
            raise SlotsUnclear(why=f"{self._path.name}: {error.strerror}.") from error


class EfiVariables:
    """The global variables in efivarfs; one write(2) is one SetVariable of the firmware."""

    def __init__(self, folder: Path = EFIVARS) -> None:
        """Use the efivarfs mounted at ``folder``."""
        self._folder = folder

    def names(self) -> list[str]:
        """Return the names that are there; raises SlotsUnclear."""
        try:
            found = os.listdir(self._folder)
        except OSError as error:
            raise SlotsUnclear(why=f"the firmware's variables: {error.strerror}.") from error
        return [name.removesuffix(f"-{_GLOBAL}") for name in found if name.endswith(f"-{_GLOBAL}")]

    def get(self, name: str) -> bytes | None:
        """Return a value without its attributes; None when there is none."""
        try:
            return self._place(name).read_bytes()[len(_ATTRIBUTES) :]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SlotsUnclear(why=f"{name}: {error.strerror}.") from error

    def set(self, name: str, value: bytes) -> None:
        """Write a value whole; raises SlotsUnclear."""
        try:
            self._let_change(name)
            fd = os.open(self._place(name), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.write(fd, _ATTRIBUTES + value)
                if self._folder != EFIVARS:
                    os.ftruncate(fd, len(_ATTRIBUTES) + len(value))  # efivarfs does that by itself
            finally:
                os.close(fd)
        except OSError as error:
            raise SlotsUnclear(why=f"{name}: {error.strerror}.") from error

    def remove(self, name: str) -> None:
        """Remove a variable; an absent one is fine. Raises SlotsUnclear."""
        try:
            self._let_change(name)
            self._place(name).unlink(missing_ok=True)
        except OSError as error:
            raise SlotsUnclear(why=f"{name}: {error.strerror}.") from error

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}-{_GLOBAL}"

    def _let_change(self, name: str) -> None:
        """Linux marks variables it does not know as immutable; these it knows, but distributions differ."""
        with suppress(OSError):
            fd = os.open(self._place(name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                flags = struct.unpack("I", fcntl.ioctl(fd, _GETFLAGS, b"\0\0\0\0"))[0]
                if flags & _IMMUTABLE:
                    fcntl.ioctl(fd, _SETFLAGS, struct.pack("I", flags & ~_IMMUTABLE))
            finally:
                os.close(fd)


def boot_paths(
    disk: str,
    path: str,
    sysfs: Path = Path("/sys/class/block"),
    udev: Path = Path("/run/udev/data"),
) -> dict[Slot, bytes]:
    """Return where UEFI finds the file ``path`` on each boot partition of ``disk`` (``vda``), as udev knows them.

    Raises SlotsUnclear when one of the two is not there, or udev does not know it (yet).
    """
    found = {}
    for part in sorted((sysfs / disk).glob(f"{disk}*")):
        told = _told(part / "uevent", "")
        slot = {f"boot-{each.value.lower()}": each for each in Slot}.get(told.get("PARTNAME", ""))
        if slot is None:
            continue
        known = _told(udev / f"b{told.get('MAJOR')}:{told.get('MINOR')}", "E:")
        try:
            number, start, size = (int(known[f"ID_PART_ENTRY_{each}"]) for each in ("NUMBER", "OFFSET", "SIZE"))
            found[slot] = loader(number, start, size, UUID(known["ID_PART_ENTRY_UUID"]), path)
        except (KeyError, ValueError):
            raise SlotsUnclear(why=f"nobody knows where {told['PARTNAME']} begins.") from None
    if len(found) != len(Slot):
        raise SlotsUnclear(why=f"{disk} does not have both boot partitions.")
    return found


def _told(path: Path, before: str) -> dict[str, str]:
    """Return the lines NAME=VALUE of a file that begin with ``before``; none when there is no such file."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    pairs = (line.removeprefix(before).partition("=") for line in lines if line.startswith(before))
    return {name: value for name, _, value in pairs}
