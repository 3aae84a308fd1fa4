"""The Python packages of the image: exactly the locked ones, for the board's processor and Debian's Python.

This machine's own pip fetches and unpacks them by their hashes; on a box there is no pip.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from image.programs import call

PYTHON: Final = "3.13"
_GLIBC: Final = (41, 39, 38, 36, 35, 34, 31, 28, 27, 26, 24, 17, 12, 5)
"""Versions 2.x of the C library that Debian trixie (2.41) can stand in for, newest first."""
_OLD: Final = ("2014", "2010", "1")
_WITHOUT: Final = ("bin", "tornado/test", "psutil/tests", "cffi/recompiler.py", "zstandard/_cffi*")


def words(machine: str, lock: Path, target: Path) -> list[str]:
    """Return the arguments of pip that lay the wheels in ``lock`` out in ``target`` for ``machine``."""
    tags = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC] + [f"manylinux{old}_{machine}" for old in _OLD]
    kind = ["--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp"]
    kind += [word for abi in ("cp313", "abi3", "none") for word in ("--abi", abi)]
    kind += [word for tag in tags for word in ("--platform", tag)]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-compile", "--no-warn-conflicts"]
    return ["install", *quiet, "--require-hashes", "--no-deps", *kind, "--target", str(target), "-r", str(lock)]


def lay_out(machine: str, lock: Path, target: Path) -> None:
    """Put the packages of ``lock`` into ``target``, without programs and tests; raises ImageTrouble."""
    call([sys.executable, "-m", "pip", *words(machine, lock, target)])
    for each in _WITHOUT:
        for place in sorted(target.glob(each)):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
