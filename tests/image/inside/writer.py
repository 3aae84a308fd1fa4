"""Runs inside a box until the plug is pulled: puts files in, and says of each when it was acknowledged."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from household import command, first_member, prepare, say  # type: ignore[import-not-found]


def main() -> None:
    """Write without end."""
    prepare()
    while first_member()[0]:
        time.sleep(1)
    say("READY")
    for number in range(1_000_000):
        path = Path(f"/run/inside/file-{number}")
        path.write_bytes(os.urandom(20_000 + number % 7 * 90_000))
        code, told = command("put", str(path))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        say(f"ACK {path.name} {digest}" if code == 0 else f"REFUSED {path.name} {told.strip()[:200]!r}")
        path.unlink()


if __name__ == "__main__":
    main()
