"""Runs inside a box: drives its shell commands in this very process, where starting Python anew would cost seconds."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

SECRET = "six plain words for a test box"
_BOX, _SECRET = Path("/run/inside/box"), Path("/run/inside/secret")


def say(line: str) -> None:
    """Tell the host."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def prepare() -> None:
    """Make a folder that looks to the shell like the data folder of ``./box run``."""
    _BOX.mkdir(parents=True, exist_ok=True)
    for name, target in (("box", "/var/lib/private/locker-box/box"), ("run", "/run/locker-box")):
        if not (_BOX / name).is_symlink():
            (_BOX / name).symlink_to(target)
    _SECRET.write_text(SECRET + "\n")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


def command(*words: str) -> tuple[int, str]:
    """Run one ``./box locker`` command; return its end and what it said."""
    from services.cli.__main__ import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main(["--data", str(_BOX), *words])
    return code, out.getvalue()


def first_member() -> tuple[int, str]:
    """Claim the box."""
    return command("init", "--passphrase-file", str(_SECRET), "--words-out", "/run/inside/words")


def enter() -> tuple[int, str]:
    """Open the locker."""
    return command("open", "--passphrase-file", str(_SECRET))
