"""A clock for promises that end on a day: it never goes back, not even over a restart with a wrong system time.

The latest time ever seen is kept in one small file, written at most once an hour. Nothing is deleted by this clock.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

from firmware.errors import BoxError
from firmware.linux.disk import LinuxDisk
from firmware.ports import Clock

_HOUR_MS = 3_600_000
_SIZE_MAX = 4096


class Ratchet:
    """The latest of the system's time and every time seen before."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Read what was seen before from ``path``; a file that is missing or damaged counts as nothing seen."""
        self._disk, self._name, self._clock = LinuxDisk(path.parent), path.name, clock
        self._kept = self._latest = self._read()

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC, never earlier than any returned before (by this box, to the hour)."""
        self._latest = max(self._latest, self._clock.now_ms())
        if self._latest - self._kept >= _HOUR_MS:
            try:
                self._disk.replace(self._name, json.dumps({"format": 1, "latest_ms": self._latest}).encode() + b"\n")
            except BoxError:
                return self._latest  # a full disk must not stop the clock
            self._kept = self._latest
        return self._latest

    def today(self) -> date:
        """Return the day it is in the box's own time zone."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC).astimezone().date()

    def _read(self) -> int:
        try:
            found = json.loads(self._disk.read(self._name, 0, _SIZE_MAX))["latest_ms"]
        except (BoxError, ValueError, KeyError, TypeError):
            return 0
        return found if isinstance(found, int) else 0
