"""Where a box's data folder is when nobody names one, and where its sockets are."""

from __future__ import annotations

import os
from pathlib import Path

from firmware.errors import NotRunning, Refused

ASLEEP = "peerd.asleep"
"""A file in the folder of the sockets while peerd has no circle: news of lockers are for nobody then."""


def default_data() -> Path:
    """The data folder when none is named: ``$XDG_DATA_HOME/locker-box`` or ``~/.local/share/locker-box``."""
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return root / "locker-box"


def run_folder(data: Path) -> Path:
    """Return the folder of the sockets of the box on ``data``; raises NotRunning, or Refused for somebody else's box.

    ``data/run`` is a link to a short path in memory: a socket's path has 107 bytes at most.
    """
    try:
        run = (data / "run").resolve(strict=True)
        (run / "lockerd.sock").stat()
    except PermissionError:
        raise Refused from None
    except OSError:
        raise NotRunning(where=str(data)) from None
    return run
