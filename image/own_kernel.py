"""Raspberry Pi's own kernel, out of what the builder names: its Debian packages, a tree, or an archive of either.

Debian has no such kernel and no address stands in this tree. A tree is as it lies on a card or in the project's own
collection of firmware: ``kernel8.img`` (or ``vmlinuz-VERSION``) with device trees, and ``modules/VERSION`` somewhere.
"""

from __future__ import annotations

import gzip
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from image.programs import ImageTrouble, call

_IMAGES: Final = ("kernel8.img", "vmlinuz-*-rpi-v8", "vmlinuz-*v8*", "vmlinuz-*")
"""Names of a 64-bit kernel with pages of 4 KiB, best first; it runs on the 4 and the 5."""
_VERSION: Final = re.compile(rb"Linux version (\S+) ")


@dataclass(frozen=True, slots=True)
class OwnKernel:
    """What was found: ``image`` (not compressed), the folder of its modules, and the tree everything else lies in."""

    image: Path
    version: str
    modules: Path
    tree: Path


def take(given: Path, target: Path) -> OwnKernel:
    """Lay out ``given`` in the new folder ``target`` and find the kernel in it; raises ImageTrouble."""
    _lay_out(given, target)
    image = target / "Image"
    image.write_bytes(_plain(_first(given, target)))
    found = _VERSION.search(image.read_bytes())
    if not found:
        raise ImageTrouble(f"{given}: the kernel in it does not say its version; is it a 64-bit one?")
    version = found[1].decode("ascii", "replace")
    folders = [path for path in target.glob(f"**/modules/{version}") if (path / "kernel").is_dir()]
    if not folders:
        raise ImageTrouble(f"{given}: there is the kernel {version}, but no folder modules/{version} for it")
    return OwnKernel(image, version, min(folders), target)


def _lay_out(given: Path, target: Path) -> None:
    target.mkdir()
    if given.is_dir():
        packages = sorted(given.glob("*.deb"))
        for each in packages:
            call(["dpkg-deb", "-x", str(each), str(target)])
        if not packages:
            shutil.copytree(given, target, symlinks=True, dirs_exist_ok=True)
    elif given.suffix == ".deb":
        call(["dpkg-deb", "-x", str(given), str(target)])
    elif given.exists():
        call(["tar", "-C", str(target), "-xf", str(given)])
    else:
        raise ImageTrouble(f"there is no {given}")


def _first(given: Path, target: Path) -> Path:
    for name in _IMAGES:
        if found := sorted(target.glob(f"**/{name}")):
            return found[0]
    raise ImageTrouble(f"{given}: there is no kernel8.img or vmlinuz-VERSION in it")


def _plain(image: Path) -> bytes:
    data = image.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
