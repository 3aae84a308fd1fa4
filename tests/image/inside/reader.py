"""Runs inside a box after the plug was pulled: opens the locker and says what is in it, every byte read."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from household import command, enter, prepare, say  # type: ignore[import-not-found]


def main() -> None:
    """Say which files there are, by their digests."""
    prepare()
    for _ in range(120):
        code, told = enter()
        if code == 0:
            break
        time.sleep(1)
    back = Path("/run/inside/back")
    back.mkdir()
    code, told = command("get", "--all", str(back))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in back.rglob("file-*")}
    say("FOUND " + json.dumps({"files": found, "code": code, "told": told[-300:]}))


if __name__ == "__main__":
    main()
