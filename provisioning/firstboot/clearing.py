"""``python -m provisioning.firstboot.clearing --card DIR``: takes the settings file that was kept off the card.

The settings partition is mounted for reading: a mount for writing alone writes (FAT keeps there that it is in use), and
nothing but the data partition shall be written at every start. So it is for the moment in which a file has to go.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from provisioning.firstboot.durable import sync_folder
from provisioning.firstboot.settings import FILE


def main(words: list[str]) -> int:
    """Clear the card; returns 0 also when its file stays there, which the next start tries again."""
    parser = argparse.ArgumentParser(prog="provisioning.firstboot.clearing")
    parser.add_argument("--card", type=Path, required=True, help="the folder the settings partition is mounted at")
    args = parser.parse_args(words)
    try:
        clear(args.card, _mount_to_write)
    except OSError as error:
        print(f"firstboot: {FILE} stays on the card: {error.strerror}", file=sys.stderr)
    return 0


def clear(card: Path, mount_to_write: Callable[[Path], None]) -> None:
    """Erase the file; ``mount_to_write`` makes ``card`` writable where it is not. Raises OSError.

    Nobody mounts it for reading again: it is unmounted once nobody has a use for it, which is when this ends.
    """
    if os.statvfs(card).f_flag & os.ST_RDONLY:
        mount_to_write(card)
    erase(card / FILE)


def erase(path: Path) -> None:
    """Overwrite a file, then remove it, durably: FAT would leave the bytes where they were.

    One that is not there is no error. Raises OSError.
    """
    try:
        with path.open("r+b") as out:
            out.write(bytes(os.fstat(out.fileno()).st_size))
            out.flush()
            os.fsync(out.fileno())
    except FileNotFoundError:
        return
    path.unlink()
    sync_folder(path.parent)


def _mount_to_write(card: Path) -> None:
    words = ["/usr/bin/mount", "-o", "remount,rw", str(card)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.returncode, done.stderr.strip() or "it cannot be mounted for writing")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
