"""Runs inside a box until the plug is pulled: puts files in, and says of each when it was acknowledged."""

from __future__ import annotations

import hashlib
import os
from itertools import count
from pathlib import Path

from household import command, enter, say  # type: ignore[import-not-found]

_SMALL, _STEP, _STEPS = 3_000, 40_000, 6


def main() -> None:
    """Write without end."""
    say(f"READY {enter()}".strip())
    for number in count():
        path = Path(f"/run/inside/file-{number}")
        path.write_bytes(os.urandom(_SMALL + number % _STEPS * _STEP))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        code, told = command("put", str(path))
        say(f"ACK {path.name} {digest}" if code == 0 else f"REFUSED {path.name} {told.strip()[-200:]!r}")
        path.unlink()


if __name__ == "__main__":
    main()
