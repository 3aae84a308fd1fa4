"""A clock that does not begin in 1970: at a start it is put to the latest time this box knows to be past.

That is when its system was made, or when it last ran. Setting it right is chrony's. A time that is far off (ten years
after the system was made) is not kept, so that one wrong answer does not make every later index too old.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Final

from firmware.box_events import CLOCK_MOVED
from firmware.errors import BoxError
from firmware.ports import Disk

KEPT: Final = "clock.json"
_SIZE_MAX: Final = 4096
_FAR: Final = 10 * 366 * 86_400


def kept_seconds(disk: Disk) -> int:
    """Return the time kept last, 0 when there is none."""
    with contextlib.suppress(BoxError, ValueError, KeyError, TypeError):
        return int(json.loads(disk.read(KEPT, 0, _SIZE_MAX))["seconds"])
    return 0


def begin(disk: Disk, made: int, put: Callable[[int], None], now: int, tell: Callable[..., None]) -> int:
    """Put the clock forward if it is behind; return the time it is then (seconds since 1970 UTC)."""
    kept = kept_seconds(disk)
    floor = max(made, kept if kept < made + _FAR else 0)
    if now >= floor:
        return now
    put(floor)
    tell(CLOCK_MOVED, seconds=floor - now)
    return floor


def keep(disk: Disk, made: int, now: int) -> None:
    """Keep ``now`` if it is later than what is kept and not far off; a full disk keeps nothing."""
    if kept_seconds(disk) < now < made + _FAR:
        with contextlib.suppress(BoxError):
            disk.replace(KEPT, json.dumps({"format": 1, "seconds": now}).encode() + b"\n")


def put_system(seconds: int) -> None:
    """Set the machine's clock; without the right to do so it stays as it is."""
    with contextlib.suppress(OSError):
        time.clock_settime(time.CLOCK_REALTIME, seconds)
