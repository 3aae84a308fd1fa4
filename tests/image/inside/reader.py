"""Runs inside a box after the plug was pulled: opens the locker and says what is in it, every byte read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from household import command, enter, say  # type: ignore[import-not-found]


def main() -> None:
    """Say which files there are, by their digests."""
    told = enter()
    back = Path("/run/inside/back")
    back.mkdir()
    code, said = command("get", "--all", str(back))
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in back.rglob("file-*")}
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    say("FOUND " + json.dumps({"files": files, "code": code, "told": (told + said)[-300:], "uptime_s": uptime}))


if __name__ == "__main__":
    main()
