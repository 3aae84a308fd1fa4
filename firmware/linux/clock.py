"""Real time and randomness behind their ports."""

from __future__ import annotations

import os
import time


class SystemClock:
    """The system's clocks; ``now_ms`` never goes back within one process."""

    def __init__(self) -> None:
        """Start from the present."""
        self._latest = 0

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC, never earlier than before."""
        self._latest = max(self._latest, time.time_ns() // 1_000_000)
        return self._latest

    def ticks_ns(self) -> int:
        """Monotonic nanoseconds."""
        return time.perf_counter_ns()


def system_zone(time_ms: int) -> int:
    """Milliseconds the clocks of this machine are ahead of UTC at a moment (0 for one no clock can show)."""
    try:
        return 1000 * time.localtime(time_ms // 1000).tm_gmtoff
    except (OverflowError, ValueError, OSError):
        return 0


class SystemEntropy:
    """The kernel's random generator."""

    def bytes(self, count: int) -> bytes:
        """Return ``count`` random bytes (getrandom(2))."""
        return os.urandom(count)
