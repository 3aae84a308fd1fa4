"""Start the reader: ``python -I services/reader/__main__.py`` with the caller's socket as standard input.

Started by exec, so that no byte of a key comes along with inherited memory. Isolated mode ignores the environment
and the current folder; the code beside this file is found from this file's own place.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from services.reader.parsers import TASKS, warm_up
from services.reader.zygote import serve


def main() -> None:
    """Import every parser, then serve jobs from descriptor 0 until the caller goes or falls silent."""
    warm_up()
    with socket.socket(fileno=0) as sock:
        serve(sock, TASKS)


if __name__ == "__main__":
    main()
