"""Real input for simulations and benches: the files of a person's folder (``--data``), and what is left of a run."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path

_PIECES = 400


def plain_files(folder: Path) -> list[Path]:
    """Regular files below ``folder`` that can be read, by path; links are not followed, nothing stops it."""
    found = []
    for top, _, names in os.walk(folder):
        for name in names:
            path = Path(top, name)
            try:
                if stat.S_ISREG(path.lstat().st_mode) and os.access(path, os.R_OK):
                    found.append(path)
            except OSError:
                continue
    return sorted(found)


def files_below(folder: Path) -> list[Path]:
    """Like ``plain_files``; ends the program with a sentence when there are none."""
    found = plain_files(folder)
    if not found:
        raise SystemExit(f"There are no files to read in {folder}. Name a folder that has some with --data.")
    return found


def pieces(folder: Path | None, seed: int, most: int) -> tuple[bytes, ...]:
    """The first ``most`` bytes of up to ``_PIECES`` files of ``folder`` (drawn by ``seed``); none without a folder."""
    if folder is None:
        return ()
    files = files_below(folder)
    chosen = random.Random(seed).sample(files, min(_PIECES, len(files)))
    heads = []
    for path in sorted(chosen):
        with path.open("rb") as file:
            heads.append(file.read(most))
    return tuple(heads)


def new_folder(folder: Path) -> Path:
    """Make ``folder`` for what a run leaves; ends the program with a sentence when something is in it already."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"There is something in {folder} already. Name an empty or new folder with --keep.")
    return folder.resolve()
