"""A board: what one kind of machine needs that others do not. Read from ``image/boards/NAME.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from image.packages import SUITE
from image.programs import ImageTrouble

BOARDS: Final = Path(__file__).resolve().parent / "boards"
Boot = Literal["uefi", "raspberrypi"]
_OWN_MODULES: Final = ("mmc_block", "sd_mod", "usb_storage", "uas", "vfat", "nls_cp437", "nls_ascii", "erofs")
"""What Raspberry Pi's own kernel must have to reach the card; what the card hangs on is built into it."""
_ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Board:
    """One kind of machine."""

    name: str
    title: str
    """What it is called in words."""
    arch: str
    """Debian's name of the processor: amd64 or arm64."""
    boot: Boot
    """Who starts the kernel: UEFI firmware, or the Raspberry Pi's own."""
    tries: Literal["uefi", "tryboot", "attempts"]
    """How a new system is tried: the back-end of ``firmware/update``."""
    kernel: str
    """The Debian package of the kernel."""
    kernel_suite: str
    """The suite it comes from: trixie, or trixie-backports."""
    cmdline: str
    """What the kernel is told beside what all boards tell it."""
    initrd_modules: tuple[str, ...]
    """What the kernel needs to reach the disk; what they need themselves is found."""
    modules_left_out: tuple[str, ...]
    """Folders below ``kernel/`` of the modules this board has no use for."""
    modules_kept: tuple[str, ...] = ()
    """Modules it does need out of these folders; what they need themselves is found."""
    beside: tuple[str, ...] = ()
    """Packages unpacked for the boot partition alone."""
    firmware: tuple[str, ...] = ()
    """Files of the package raspi-firmware that go onto the boot partition (raspberrypi)."""
    device_trees: Mapping[str, str] = field(default_factory=dict)
    """Device trees that go onto the boot partition (raspberrypi): the names the firmware asks for, to the kernel's."""

    own_kernel: Path | None = None
    """Where Raspberry Pi's own kernel lies, if the builder was given one (``image/own_kernel.py``)."""

    def given(self, kernel: Path) -> Board:
        """The same board with Raspberry Pi's own kernel, which can ask for a try; raises ImageTrouble for others."""
        if self.boot != "raspberrypi":
            raise ImageTrouble(f"{self.name} is no Raspberry Pi; its kernel is Debian's")
        return replace(
            self, own_kernel=kernel, tries="tryboot", kernel="", kernel_suite=SUITE, modules_kept=(),
            initrd_modules=_OWN_MODULES,
        )  # fmt: skip

    @property
    def machine(self) -> str:
        """What the kernel and pip call the processor."""
        return _ARCHITECTURES[self.arch]


def boards() -> tuple[str, ...]:
    """The names of all boards."""
    return tuple(sorted(path.stem for path in BOARDS.glob("*.toml")))


def read_board(name: str, folder: Path = BOARDS) -> Board:
    """Return the board called ``name``; raises ImageTrouble when there is none or its file is not a board's."""
    try:
        found = tomllib.loads((folder / f"{name}.toml").read_text())
    except FileNotFoundError:
        raise ImageTrouble(f"there is no board called {name}; there are: {', '.join(boards())}") from None
    known = {each.name for each in fields(Board)} - {"name", "own_kernel"}
    if strange := set(found) - known:
        raise ImageTrouble(f"boards/{name}.toml: nothing is called {min(strange)}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
    try:
        board = Board(name=name, **values)
    except TypeError as error:
        raise ImageTrouble(f"boards/{name}.toml: {error}") from None
    if board.arch not in _ARCHITECTURES or board.boot not in get_args(Boot):
        raise ImageTrouble(f"boards/{name}.toml: {board.arch}, {board.boot} is not known here")
    return board
