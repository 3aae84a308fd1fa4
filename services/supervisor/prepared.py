"""A data folder that is ready: its paths, the lock that is held, files only the owner may read."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

RUN_PREFIX = "locker-box-"


@dataclass(frozen=True, slots=True)
class BoxFolder:
    """A prepared and locked data folder."""

    data: Path
    run: Path
    box_id: str
    host: str
    lock_fd: int

    @property
    def keys(self) -> Path:
        """The folder of the box key, the private authority and the claim code."""
        return self.data / "box"

    def claimed(self) -> bool:
        """Say whether a household owns this box (lockerd wrote its first member)."""
        try:
            household = json.loads((self.data / "household.json").read_bytes())
        except FileNotFoundError:
            return False
        except ValueError:
            return True
        return bool(household.get("members"))

    def leave(self) -> None:
        """Remove the run folder and give the lock back."""
        drop_run(self.data / "run")
        os.close(self.lock_fd)


def write_private(path: Path, content: bytes) -> None:
    """Write ``content`` under ``path`` with mode 0600, atomically and durably."""
    temporary = path.with_name(f".new-{path.name}-{os.getpid()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def drop_run(link: Path) -> None:
    """Remove the folder of the sockets ``link`` leads to, if it is one of ours, and the link."""
    if not link.is_symlink():
        if link.is_dir():
            _remove(link)
        return
    target = link.readlink()
    link.unlink()
    try:
        info = target.lstat()
    except FileNotFoundError:
        return
    if target.name.startswith(RUN_PREFIX) and stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid():
        _remove(target)


def _remove(folder: Path) -> None:
    """Remove a folder with everything in it; links in it are removed, not followed."""
    for place, folders, files in os.walk(folder, topdown=False):
        for name in files:
            Path(place, name).unlink()
        for name in folders:
            inside = Path(place, name)
            inside.unlink() if inside.is_symlink() else inside.rmdir()
    folder.rmdir()
