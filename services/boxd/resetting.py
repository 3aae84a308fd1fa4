"""Four steps back, each at the next start, before anything else runs; none of them opens anything for anybody.

A wish (``reset`` in boxd's folder, with its step) is made durable, then the box restarts. ``python -m
services.boxd.resetting`` runs before lockerd: it does what the wish says and removes the wish last, so a power cut in
between makes it go on. Step 4 first takes away what opens lockers - every copy of every key file -, then the rest: what
a cut leaves in between is sealed bytes without a key.

1 network     what the box was told about networks        2 household   who lives here; each locker stays, sealed
3 settings    the owner's settings, besides 1             4 everything  all of it: the box is new
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from firmware.errors import BoxError, Misused
from firmware.linux.disk import LinuxDisk

WISH: Final = "reset"
STEPS: Final = (1, 2, 3, 4)
_NETWORK: Final = ("locker-box-settings",)
_SETTINGS: Final = ("locker-box/settings.toml", "locker-box-update/wishes.json")
_KEYS: Final = ("key", "key.copy", "custody-key", "doors")
_EVERYTHING: Final = (
    "locker-box",
    "locker-box-circle",
    "locker-box-authority",
    "locker-box-news",
    "locker-box-settings",
)
_ZEROS: Final = 1 << 16


def wish(disk: LinuxDisk, step: int) -> None:
    """Make the wish for ``step`` durable; raises Misused."""
    if step not in STEPS:
        raise Misused(why="a reset has the steps 1 to 4.")
    disk.replace(WISH, f"{step}\n".encode())


def wished(disk: LinuxDisk) -> int:
    """Return the step that is wished for, 0 for none."""
    try:
        found = disk.read(WISH, 0, 8).decode("ascii", "replace").strip()
    except BoxError:
        return 0
    return int(found) if found in map(str, STEPS) else 0


def carry_out(root: Path, step: int) -> None:
    """Do ``step`` below ``root`` (``/var/lib``); again after a cut, it goes on. Raises OSError."""
    private = root / "private"
    base = private if private.is_dir() else root
    if step in (1, 3):
        _remove(base, _NETWORK)
        _remove(root, _NETWORK)
    if step == 3:
        _remove(base, _SETTINGS)
        _remove(root, _SETTINGS)
    if step == 2:
        _household(base / "locker-box")
    if step == 4:
        for path in _keys(base / "locker-box"):
            _overwrite(path)
        _sync(base)
        _remove(base, _EVERYTHING)
        _remove(root, (*_NETWORK, "locker-box-update/wishes.json", "locker-box-update/update.json"))
    _sync(base)


def _household(box: Path) -> None:
    """Nobody lives here any more: each locker is put by as it is, sealed, like that of a member who left."""
    left = box / "left"
    for path in sorted((box / "lockers").glob("*")):
        left.mkdir(mode=0o700, exist_ok=True)
        for door in ("doors",):
            (path / door).unlink(missing_ok=True)
        os.rename(path, left / path.name)
    _sync(left)
    _sync(box / "lockers")
    for name in ("household.json", "box/claim"):
        (box / name).unlink(missing_ok=True)
    _sync(box)


def _keys(box: Path) -> Iterator[Path]:
    """Every file that opens a locker, here and of those who left; the box's own secrets."""
    for home in (*box.glob("lockers/*"), *box.glob("left/*")):
        yield from (home / name for name in _KEYS if (home / name).is_file())
    yield from (path for path in (box.parent / "locker-box-circle").glob("peer.seed"))


def _overwrite(path: Path) -> None:
    """Zeros in place, synced, before the name goes. A medium that writes elsewhere keeps the old bytes for a while."""
    with path.open("r+b") as file:
        left = path.stat().st_size
        while left > 0:
            left -= file.write(bytes(min(left, _ZEROS)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _remove(base: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = base / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    if folder.is_dir():
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def main(words: list[str]) -> int:
    """Do what was wished for, if anything; 0, also when there was nothing."""
    parser = argparse.ArgumentParser(prog="locker-box-reset")
    parser.add_argument("--root", type=Path, default=Path("/var/lib"))
    parser.add_argument("--own", type=Path, default=Path("/var/lib/locker-box-update"))
    args = parser.parse_args(words)
    disk = LinuxDisk(args.own)
    step = wished(disk)
    if step:
        carry_out(args.root, step)
        disk.remove(WISH)
        disk.sync_folder("")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
