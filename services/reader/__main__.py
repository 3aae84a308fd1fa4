"""Start one mother of the reader: ``python -I services/reader/__main__.py FAMILY``, the caller's socket as stdin.

Started by exec, so that no byte of a key comes along with inherited memory. Isolated mode ignores the environment
and the current folder; the code beside this file is found from this file's own place.
"""

from __future__ import annotations

import os
import sys


def _bear_in_silence() -> None:
    """Let no import ask to be called after a fork: children start no threads, draw no dice and write no log.

    ``threading``, ``random`` and ``logging`` do ask; a new seed and new locks would be a quarter of a child's work.
    """
    setattr(os, "register_at_fork", lambda **_: None)  # noqa: B010 - the type of a function is no place to assign to


_bear_in_silence()

import socket  # noqa: E402 - whatever is imported from here on stays silent
from pathlib import Path  # noqa: E402

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from services.reader.families import Family  # noqa: E402
from services.reader.parsers import tasks  # noqa: E402
from services.reader.zygote import serve  # noqa: E402


def main() -> None:
    """Import the parsers of one family, then serve jobs from descriptor 0 until the caller goes or falls silent."""
    with socket.socket(fileno=0) as sock:
        serve(sock, tasks(Family(sys.argv[1])))


if __name__ == "__main__":
    main()
