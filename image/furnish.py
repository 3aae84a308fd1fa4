"""Makes a box of a bare Debian: leaves out what a box has no use for, puts in this clone with packages and units."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from image.board import Board
from image.initrd import load_order
from image.packages import REMOVED
from image.programs import ImageTrouble, Tools, call
from image.wheels import PYTHON, lay_out

HOUSE: Final = Path(__file__).resolve().parents[1]
PRODUCT: Final = ("firmware", "provisioning", "services", "webui")
"""The folders of this clone that run on a box."""
PLACE: Final = "usr/lib/locker-box"
PACKAGES: Final = f"{PLACE}/.venv/lib/python{PYTHON}/site-packages"
_UNITS: Final = "usr/lib/systemd/system"
_UNIT_KINDS: Final = (".service", ".socket", ".slice", ".timer", ".path", ".target", ".mount")
_MORE: Final = ("image/root", "locks/run.txt")
_PAPERS: Final = ("ARCHITECTURE.md", "LICENSE", "README.md", "SECURITY.md")
_EMPTY: Final = (
    "boot/settings", "dev", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "var/tmp",
    "usr/local/lib", "usr/local/bin", "usr/local/sbin", "usr/local/share",
)  # fmt: skip
_MOUNTED: Final = "[Unit]\nWants=boot-settings.mount\nAfter=boot-settings.mount\n"
_ASK_FIRMWARE: Final = {
    "boxd.service": _MOUNTED,
    "turn-back.service": _MOUNTED,
    "boot-settings.mount": "[Mount]\nOptions=rw,nosuid,nodev,noexec,umask=0077\n",
}
ENABLED: Final = {
    "sysinit.target": ("nftables.service", "systemd-resolved.service"),
    "sockets.target": ("systemd-networkd.socket",),
    "multi-user.target": ("chrony.service", "systemd-networkd.service"),
}
"""What of Debian's is started beside what systemd cannot do without; nothing is enabled because it is installed."""
_LINKS: Final = {
    "etc/resolv.conf": "../run/systemd/resolve/resolv.conf",
    "etc/mtab": "../proc/self/mounts",
    "etc/localtime": "../usr/share/zoneinfo/Etc/UTC",
    "etc/systemd/system/default.target": "/usr/lib/systemd/system/multi-user.target",
    "etc/systemd/system/getty@.service": "/dev/null",
    "etc/systemd/system/serial-getty@.service": "/dev/null",
    f"{PLACE}/.venv/bin/python": f"/usr/bin/python{PYTHON}",
}


def committed(target: Path) -> None:
    """Lay out this clone as it was last committed below ``target``: what a version says is what a box runs."""
    target.mkdir()
    git = ["git", "-C", str(HOUSE), "-c", "tar.umask=0022", "archive", "--format=tar", f"--output={target}/clone.tar"]
    call([*git, "HEAD", *PRODUCT, *_PAPERS, *_MORE])
    call(["tar", "-C", str(target), "-xf", f"{target}/clone.tar"])
    (target / "clone.tar").unlink()


def furnish(root: Path, modules: Path, board: Board, tools: Tools) -> None:
    """Turn the bare tree ``root`` into the system of a box; ``modules``: the kernel's. Raises ImageTrouble."""
    remove(root, REMOVED)
    for each in _EMPTY:
        (root / each).mkdir(parents=True, exist_ok=True)
    version = _modules(root, modules, board)
    tools.call("depmod", "-b", root, version)
    clone = tools.work / "clone"
    committed(clone)
    ours = _product(root, clone)
    lay_out(board.machine, clone / "locks" / "run.txt", root / PACKAGES)
    (root / PACKAGES / "locker_box.pth").write_text(f"/{PLACE}\n")
    (root / PLACE / ".venv" / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {PYTHON}\n"
    )
    shutil.copytree(clone / "image" / "root", root, dirs_exist_ok=True)
    (root / "etc" / "machine-id").write_bytes(b"")
    (root / "usr" / "lib" / "clock-epoch").write_bytes(b"")
    asks_firmware(root / _UNITS, board)
    users(root, (root / "usr/lib/sysusers.d/locker-box.conf").read_text())
    _enable(root, ours)
    _shut(root)
    _compile(root, tools)


def remove(root: Path, patterns: Iterable[str]) -> None:
    """Take away what matches ``patterns`` below ``root``."""
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _modules(root: Path, modules: Path, board: Board) -> str:
    """Copy the kernel's modules but those the board has no use for; return the kernel's version."""
    versions = sorted(path.name for path in modules.iterdir())
    if len(versions) != 1:
        raise ImageTrouble(f"one kernel was wanted, these came: {', '.join(versions)}")
    source, target = modules / versions[0], root / "usr/lib/modules" / versions[0]
    shutil.copytree(source, target, symlinks=True)
    remove(
        target,
        [
            "build",
            "source",
            "dtb",
            "vmlinuz",
            "System.map",
            "config",
            *(f"kernel/{each}" for each in board.modules_left_out),
        ],
    )
    known = ((source / name).read_text() for name in ("modules.dep", "modules.builtin"))
    for each in load_order(board.modules_kept, *known):
        (target / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / each, target / each)
    return versions[0]


def _product(root: Path, clone: Path) -> list[Path]:
    """Lay out the clone's code, units and papers; return the units."""
    units = []
    for path in sorted(each.relative_to(clone) for folder in PRODUCT for each in (clone / folder).rglob("*")):
        if (clone / path).is_dir():
            continue
        target = root / PLACE / path
        if path.suffix in _UNIT_KINDS:
            target = root / _UNITS / path.name
            units.append(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(clone / path, target)
    papers = root / "usr/share/doc/locker-box"
    papers.mkdir(parents=True, exist_ok=True)
    for name in _PAPERS:
        shutil.copyfile(clone / name, papers / name)
    return units


def asks_firmware(units: Path, board: Board) -> None:
    """Where the firmware reads from the settings partition which system to start, those who tell it have that mounted.

    Elsewhere nobody but firstboot does, for a moment, and for reading.
    """
    for name, more in _ASK_FIRMWARE.items() if board.boot == "raspberrypi" else ():
        path = units / f"{name}.d" / "settings.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(more)


def users(root: Path, told: str) -> None:
    """Write the users and groups of a sysusers.d file (lines ``g NAME ID`` and ``u NAME ID``) into ``root``.

    The box itself could not: its ``/etc`` is read-only. Raises ImageTrouble for a line or a number it cannot take.
    """
    passwd, group, shadow = (root / "etc" / each for each in ("passwd", "group", "shadow"))
    taken = {line.split(":")[2] for path in (passwd, group) for line in path.read_text().splitlines()}
    for line in filter(None, (each.partition("#")[0].strip() for each in told.splitlines())):
        found = re.fullmatch(r"([gu]) ([a-z-]+) (\d+)", line)
        if not found or found[3] in taken:
            raise ImageTrouble(f"sysusers.d/locker-box.conf: “{line}” is not understood, or its number is taken")
        kind, name, number = found.groups()
        _append(group, f"{name}:x:{number}:\n")
        if kind == "u":
            _append(passwd, f"{name}:x:{number}:{number}:Locker Box {name}:/nonexistent:/usr/sbin/nologin\n")
            _append(shadow, f"{name}:!*:1::::::\n")
    passwordless = re.sub(r"(?m)^([^:\n]+):[^:\n]*:[^:\n]*:.*$", r"\1:!*:1::::::", shadow.read_text())
    shadow.write_text(passwordless)


def _append(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line)


def wants(unit: str) -> list[str]:
    """Return the targets that start a unit, as its text says at ``WantedBy=``."""
    return [target for line in re.findall(r"(?m)^WantedBy=(.*)$", unit) for target in line.split()]


def _enable(root: Path, ours: Iterable[Path]) -> None:
    links, wanted = dict(_LINKS), [(target, name) for target, names in ENABLED.items() for name in names]
    wanted += [(target, unit.name) for unit in ours for target in wants(unit.read_text())]
    for target, name in wanted:
        if not (root / _UNITS / name).exists():
            raise ImageTrouble(f"{target}: there is no unit {name} in the image")
        links[f"{_UNITS}/{target}.wants/{name}"] = f"../{name}"
    for name, target in links.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)


def _shut(root: Path) -> None:
    """No program gives its caller more rights than he has; what Python compiled elsewhere goes."""
    for folder, folders, files in os.walk(root):
        for name in files:
            path = Path(folder, name)
            info = path.lstat()
            if stat.S_ISREG(info.st_mode) and info.st_mode & (stat.S_ISUID | stat.S_ISGID):
                path.chmod(stat.S_IMODE(info.st_mode) & 0o755)
        if "__pycache__" in folders:
            shutil.rmtree(Path(folder, "__pycache__"))
            folders.remove("__pycache__")


def _compile(root: Path, tools: Tools) -> None:
    """Compile all Python: a read-only system cannot do it later. Checked by nothing: the system never changes."""
    inside = tools.inside(root)
    how = ["-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", inside, "-p", "/"]
    tools.call("python3", "-m", "compileall", *how, root / PLACE, root / f"usr/lib/python{PYTHON}")
