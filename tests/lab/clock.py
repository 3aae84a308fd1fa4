"""Time that must pass, passed: whole boxes live under Debian's libfaketime, all by one file; the product knows nothing.

A box is started with an interpreter of the lab's own, a few lines of shell that set what libfaketime reads and become
the real Python. Every process of the box goes through it, as each is started with ``sys.executable``; only the reader's
walled-in children keep the real time (they may open no file). Wall time alone moves: monotonic time, and with it
time-outs, threads of the transport and sleeps, stays what it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

HOUR_S = 3600
_LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
_WRAPPER = """#!/bin/bash
case "$*" in
*services?reader*) ;;
*) {moved};;
esac
exec -a {here} {python} "$@"
"""
_MOVED = (
    "export LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={file} FAKETIME_NO_CACHE=1"
    " FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1; "
)


_SLEEP = "import select, time; time.sleep = lambda seconds, wait=select.select: wait([], [], [], seconds) and None"
"""libfaketime 0.9.10 breaks clock_nanosleep(2) where monotonic time is left alone (EINVAL), but not select(2)."""


def library(root: Path = Path("/")) -> str | None:
    """Where libfaketime stands below ``root``, as a path inside it."""
    found = sorted(root.glob(_LIBRARIES.lstrip("/")))
    return f"/{found[0].relative_to(root)}" if found else None


class LabClock:
    """One offset for all boxes of the lab."""

    def __init__(self, folder: Path) -> None:
        """The file lies in ``folder``; it begins with no offset."""
        self.file = folder / "clock"
        self.moved_s = 0
        self._write()

    def _write(self) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"+{self.moved_s}\n")
        fresh.replace(self.file)

    def now_ms(self) -> int:
        """What the boxes take for the present."""
        return time.time_ns() // 1_000_000 + self.moved_s * 1000

    def jump(self, seconds: int) -> None:
        """All boxes are later at once."""
        self.moved_s += seconds
        self._write()

    def pass_hours(
        self,
        hours: int,
        poke: Callable[[], None],
        *,
        until: Callable[[], bool] = lambda: False,
        pause_s: float = 0.25,
    ) -> int:
        """Let hours go by one at a time; a box counts an hour at most for each of its steps, ``poke`` causes one.

        Stops early once ``until()``, asked every sixth hour. Returns the hours that went by.
        """
        for hour in range(hours):
            if hour % 6 == 0 and until():
                return hour
            self.jump(HOUR_S)
            began = time.monotonic()
            poke()
            time.sleep(max(0.0, pause_s - (time.monotonic() - began)))
        return hours


def interpreter(
    folder: Path, python: str, packages: str, *, moved: tuple[str, Path] | None, lines: Iterable[str] = ()
) -> str:
    """Make an interpreter in ``folder`` that is ``python`` with another clock; returns its path.

    ``python`` is no venv's; ``packages`` is the folder everything is taken from, ``moved`` libfaketime and its file;
    ``lines`` are run when it starts (a box of another version of the protocol is one whose interpreter says so).
    """
    here = folder / "bin" / "python"
    here.parent.mkdir(parents=True)
    export = _MOVED.format(library=moved[0], file=moved[1]) if moved is not None else ""
    here.write_text(_WRAPPER.format(moved=export, here=here, python=python))
    here.chmod(0o755)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(python).parent}\ninclude-system-site-packages = false\n")
    own = folder / "lib" / Path(packages).parent.name / "site-packages"
    own.mkdir(parents=True)
    started = [f"import site; site.addsitedir({packages!r})", *([_SLEEP] if moved is not None else ()), *lines]
    (own / "lab.pth").write_text("\n".join([*started, ""]))
    return str(here)
