"""The bare system of another processor than the builder's, made without running a single program of it.

Its packages are unpacked here. What their maintainer scripts would make (users, alternatives, certificates, defaults)
does not depend on the processor: it is taken from the tree that was installed for this machine's own, whose packages
are the same. Setting up some 280 packages under emulation instead takes a quarter of an hour and more.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from image.packages import NEVER_UNPACKED, STILL_UNPACKED
from image.programs import ImageTrouble, call

ESSENTIAL: Final = "?and(?essential,?not(?name(^apt$)))"
"""apt's pattern for what Debian does not do without; it counts itself among that."""
_TRIPLETS: Final = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_NOT_MADE: Final = ("dev", "proc", "run", "sys", "tmp", "var")
_OF_A_PROCESSOR: Final = ("etc/ld.so.cache", "usr/lib/*-linux-gnu/*")
"""Lists of libraries; without them the libraries are found in the folders they are always looked for in."""


def tree(root: Path, packages: Path, native: Path, arch: str, native_arch: str) -> None:
    """Make the tree ``root`` of ``arch`` of the packages in a folder, and of what ``native`` has beyond packages.

    Raises ImageTrouble.
    """
    root.mkdir()
    paragraphs = []
    for each in sorted(packages.glob("*.deb"), key=lambda path: (not path.name.startswith("base-files_"), path.name)):
        call(["dpkg-deb", "-x", str(each), str(root)])
        name, _, rest = call(["dpkg-deb", "-f", str(each)]).strip().partition("\n")
        paragraphs.append(f"{name}\nStatus: install ok installed\n{rest}\n")
    if not (root / "bin").is_symlink():
        raise ImageTrouble(f"the packages of {arch} do not make a system whose programs lie below /usr")
    _leave_out(root)
    for place in made(native):
        _take_over(native, root, place, _TRIPLETS[native_arch], _TRIPLETS[arch])
    status = root / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True, exist_ok=True)
    status.write_text("\n".join(paragraphs))


def made(native: Path) -> list[str]:
    """Return what no package of the installed tree ``native`` brought, but its maintainer scripts; sorted."""
    known: set[str] = set()
    for each in (native / "var/lib/dpkg/info").glob("*.list"):
        known |= {line.lstrip("/") for line in each.read_text().splitlines()}
    return sorted(place for place in _places(native) if place not in known)


def _places(root: Path) -> Iterator[str]:
    """All files and links of a tree but what is made anew at every start, and what Python compiled."""
    for folder, folders, files in os.walk(root):
        inside = Path(folder).relative_to(root)
        links = [name for name in folders if Path(folder, name).is_symlink()]
        gone = _NOT_MADE if inside == Path() else ("__pycache__",)
        folders[:] = [name for name in folders if name not in gone and name not in links]
        yield from (str(inside / name) for name in (*files, *links))


def _leave_out(root: Path) -> None:
    """What dpkg is told not to unpack; its patterns go across folders."""
    for place in list(_places(root)):
        never, still = (
            any(fnmatchcase(f"/{place}", each) for each in list_) for list_ in (NEVER_UNPACKED, STILL_UNPACKED)
        )
        if never and not still:
            (root / place).unlink()


def _take_over(native: Path, root: Path, place: str, old: str, new: str) -> None:
    source, target = native / place, root / place.replace(old, new)
    if target.exists() or target.is_symlink():
        return
    if source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(os.readlink(source).replace(old, new))
    elif not any(fnmatchcase(place, each) for each in _OF_A_PROCESSOR):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
