"""The root that containers of the lab share, read-only: Debian trixie, built once by debootstrap and kept in the cache,
or the one of an image.

Python's packages are the locked ones, fetched by this machine's own pip (which knows its proxies) and installed there
offline with their hashes.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Final

from tests.lab.shell import LabTrouble, run

SUITE: Final = "trixie"
HOUSE: Final = Path(__file__).resolve().parents[2]
INSIDE: Final = "/locker-box"
"""Where a container finds the clone."""
PACKAGES: Final = "/opt/box/lib/python3.13/site-packages"
VENV: Final = "/opt/box/bin/python"
PYTHON: Final = "/usr/bin/python3.13"
_WANTED: Final = "python3,python3-venv,iproute2,ffmpeg,faketime,procps"
_GLIBC: Final = ("2_34", "2_28", "2_17", "2_12", "2_5")
_LOCK: Final = HOUSE / "locks" / "run.txt"


def cache() -> Path:
    """Where the root and the generated phones are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "locker-box-lab"


def trixie() -> Path:
    """Return the root, built when it is missing or made of other packages (some minutes); raises LabTrouble."""
    key = hashlib.sha256(_LOCK.read_bytes() + _WANTED.encode()).hexdigest()[:12]
    final = cache() / f"{SUITE}-{key}"
    if final.is_dir():
        return final
    print(f"lab: building the {SUITE} root once (some minutes, about 900 MB) in {final}", file=sys.stderr)
    making = final.with_name(f"{final.name}.{os.getpid()}")
    try:
        _build(making)
        making.rename(final)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return final


def _build(root: Path) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    run("debootstrap", "--variant=minbase", f"--include={_WANTED}", SUITE, str(root), _mirror(), wait_s=1800)
    (root / INSIDE.lstrip("/")).mkdir()
    wheels, lock = root / "opt" / "wheels", root / "opt" / "run.txt"
    shutil.copy(_LOCK, lock)
    run("chroot", str(root), "python3", "-m", "venv", "/opt/box")
    tags = [word for each in _GLIBC for word in ("--platform", f"manylinux_{each}_{platform.machine()}")]
    old = [word for each in ("2014", "1") for word in ("--platform", f"manylinux{each}_{platform.machine()}")]
    abis = [word for each in ("cp313", "abi3", "none") for word in ("--abi", each)]
    kind = ["--only-binary", ":all:", "--python-version", "3.13", "--implementation", "cp", *abis, *tags, *old]
    locked = ["--require-hashes", "--no-deps", "-q", "--disable-pip-version-check", "-r"]
    run(sys.executable, "-m", "pip", "download", *kind, *locked, str(_LOCK), "-d", str(wheels))
    there = ["/opt/box/bin/python", "-m", "pip", "install", "--no-index", "--find-links", "/opt/wheels"]
    run("chroot", str(root), *there, *locked, "/opt/run.txt")
    (root / PACKAGES.lstrip("/") / "locker_box.pth").write_text(INSIDE + "\n")
    shutil.rmtree(wheels)


def of_image(erofs: Path, folder: Path) -> Path:
    """Return the root in an image's ``root.erofs``, mounted below ``folder``; raises LabTrouble.

    What the lab itself needs (mount points, libfaketime) lies over it, in memory.
    """
    if not erofs.is_file():
        raise LabTrouble(f"there is no {erofs}; ./box image makes it")
    lower, over, base = (folder / name for name in ("image-root", "image-over", "image"))
    for each in (lower, over, base):
        each.mkdir()
    run("mount", "-t", "erofs", "-o", "loop,ro", str(erofs), str(lower))
    run("mount", "-t", "tmpfs", "lab", str(over))
    for each in (over / "upper", over / "work"):
        each.mkdir()
    run("mount", "-t", "overlay", "lab", "-o", f"lowerdir={lower},upperdir={over}/upper,workdir={over}/work", str(base))
    for found in trixie().glob("usr/lib/*/faketime"):
        shutil.copytree(found, base / found.relative_to(trixie()), symlinks=True)
    return base


def unmount(base: Path) -> None:
    """Take away what ``of_image`` mounted."""
    for name in ("image", "image-over", "image-root"):
        run("umount", str(base.with_name(name)))


def _mirror() -> str:
    """The first archive this machine's own apt takes Debian from; raises LabTrouble."""
    told = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(COMPONENT)", "Created-By: Packages")
    for line in told.splitlines():
        uri, _, rest = line.partition(" ")
        if rest == "Debian main" and "security" not in uri:
            return uri
    raise LabTrouble("apt knows no Debian archive")
