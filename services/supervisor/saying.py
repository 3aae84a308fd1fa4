"""What the supervisor says while it runs."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Write one line of what happens to standard error."""
    print(f"supervisor: {line}", file=sys.stderr, flush=True)
