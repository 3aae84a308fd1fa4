"""Runs inside a box: drives its shell commands in this very process, where starting Python anew would cost seconds."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from pathlib import Path

SECRET = "six plain words for a test box"
BOX = Path("/run/inside/box")
SECRET_FILE = Path("/run/inside/secret")


def say(line: str) -> None:
    """Tell the host."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def prepare() -> None:
    """Make a folder that looks to the shell like the data folder of ``./box run``."""
    BOX.mkdir(parents=True, exist_ok=True)
    for name, target in (("box", "/var/lib/private/locker-box/box"), ("run", "/run/locker-box")):
        if not (BOX / name).is_symlink():
            (BOX / name).symlink_to(target)
    SECRET_FILE.write_text(SECRET + "\n")


def command(*words: str) -> tuple[int, str]:
    """Run one ``./box locker`` command; return its end and what it said."""
    from services.cli.__main__ import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main(["--data", str(BOX), *words])
    return code, out.getvalue()


def enter(limit_s: float = 600) -> str:
    """Open the locker as soon as lockerd answers; return what it said last, "" when it is open.

    A box nobody claimed yet is claimed.
    """
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    prepare()
    end = time.monotonic() + limit_s
    first = not Path("/var/lib/private/locker-box/household.json").exists()
    begin = ("init", "--words-out", "/run/inside/words") if first else ("open",)
    while True:
        code, told = command(*begin, "--passphrase-file", str(SECRET_FILE))
        if code == 0 or time.monotonic() > end:
            return "" if code == 0 else told
        time.sleep(1)
