"""Runs inside a box at every start: tells boxd what the test wishes, and says what comes of it.

Every hour is good for a new version. A stick with a file ``reset`` wishes for the step of a reset that stands in it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

_STICKS = Path("/media/locker-box")
_BOX = Path("/var/lib/private/locker-box")
_NAME = Path("/run/locker-box-name/name")
_ALL_DAY = {"automatic": True, "begins": "00:00", "ends": "00:00"}


def seen(boxd: Any, sticks: list[str] | None) -> tuple[dict[str, Any], list[str] | None]:
    """Return what is the case; boxd is poked when a stick came or went."""
    from firmware.errors import BoxError

    now = sorted(path.parent.name for path in _STICKS.glob("*/locker-box-update"))
    told: dict[str, Any] = {
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "slot": Path("/run/locker-box-image/slot").read_text().strip(),
        "sticks": now,
        "household": (_BOX / "household.json").exists(),
        "keys": len([path for name in ("key", "key.copy") for path in _BOX.glob(f"*/*/{name}")]),
    }
    with contextlib.suppress(BoxError, OSError):
        if now != sticks:
            boxd.call("at_boxd_set_update", **_ALL_DAY)
        update = boxd.call("at_boxd_update")
        told |= {"version": update.version, "refused": update.refused, "step": update.step.value}
        for wish in _STICKS.glob("*/reset") if told["household"] and told["keys"] else ():
            boxd.call("at_boxd_reset", step=int(wish.read_text()), box=_NAME.read_text().strip())
        told["returned"] = update.returned and dataclasses.asdict(update.returned)
        return told, now
    return told, None


def main() -> None:
    """Say every change, without end."""
    from services.api.blocking import Blocking

    boxd, last, sticks = Blocking(Path("/run/locker-box")), "", None
    while True:
        told, sticks = seen(boxd, sticks)
        if (line := json.dumps(told, sort_keys=True)) != last:
            sys.stdout.write(f"STATE {line}\n")
            sys.stdout.flush()
            last = line
        time.sleep(1)


if __name__ == "__main__":
    main()
