"""Programs of another processor: Debian's packages of an arm64 board are set up by qemu-user on an x86-64 builder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from image.programs import ImageTrouble, call

_KNOWN: Final = Path("/proc/sys/fs/binfmt_misc")
_TOLD: Final = Path("/usr/lib/binfmt.d")


def ready(arch: str, machine: str) -> None:
    """Make sure that this machine runs programs of ``arch``; raises ImageTrouble when it cannot.

    Where no systemd registers qemu-user, as in a container, its own registration file is handed to the kernel here.
    """
    if call(["dpkg", "--print-architecture"]).strip() == arch:
        return
    name = f"qemu-{machine}"
    told = _TOLD / f"{name}.conf"
    if not told.exists():
        raise ImageTrouble(f"{arch} programs do not run here; the package qemu-user-static is missing")
    if not (_KNOWN / "register").exists():
        call(["mount", "-t", "binfmt_misc", "binfmt_misc", str(_KNOWN)])
    if not (_KNOWN / name).exists():
        for line in registrations(told.read_text()):
            (_KNOWN / "register").write_text(line)


def registrations(told: str) -> list[str]:
    """Return the lines of a binfmt.d file that the kernel is told."""
    return [line for line in told.splitlines() if line.startswith(":")]
