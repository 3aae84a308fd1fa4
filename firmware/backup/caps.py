"""How much may flow, and when: caps of the owner by hour windows, and the token bucket that keeps them.

Pure: every function is told the time. Rates are bytes a second; minutes are those of the owner's local day.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MINUTES_A_DAY: Final = 1440
UNLIMITED: Final = -1
"""A rate without a cap."""


class Way(StrEnum):
    """Direction of traffic as the owner sees it."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class HourWindow:
    """From ``start`` to before ``end`` (minutes of the local day; across midnight when end <= start) other rates hold.

    A rate of 0 is a pause, UNLIMITED no cap.
    """

    start: int
    end: int
    up: int
    down: int

    def holds(self, minute: int) -> bool:
        """Whether ``minute`` of the day lies inside."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True, slots=True)
class Caps:
    """The owner's caps: rates outside of every window, the windows (the first that holds decides), and the pause."""

    up: int = UNLIMITED
    down: int = UNLIMITED
    windows: tuple[HourWindow, ...] = ()
    paused_until_ms: int = 0
    """Nothing flows before this time; 0 is not paused."""

    def rate(self, way: Way, now_ms: int, zone_minutes: int = 0) -> int:
        """Return the bytes a second that may flow now; 0 is a pause, UNLIMITED no cap."""
        if now_ms < self.paused_until_ms:
            return 0
        minute = (now_ms // 60_000 + zone_minutes) % MINUTES_A_DAY
        for window in self.windows:
            if window.holds(minute):
                return window.up if way is Way.UP else window.down
        return self.up if way is Way.UP else self.down


class Bucket:
    """A token bucket: never more than ``rate`` x time + one second's worth of bytes, over any span of time.

    ``take`` says how long to wait before bytes may go; nothing is taken until that is 0.
    """

    __slots__ = ("_at_ms", "_level", "_rate")

    def __init__(self, rate: int, now_ms: int) -> None:
        """Begin empty at ``now_ms`` with ``rate`` bytes a second (0 pause, UNLIMITED no cap)."""
        self._rate = rate
        self._level = 0  # thousandths of bytes
        self._at_ms = now_ms

    @property
    def burst(self) -> int:
        """Most bytes that can be taken at once."""
        return max(self._rate, 1)

    def set_rate(self, rate: int, now_ms: int) -> None:
        """Change the rate from now on; what was saved up beyond the new second's worth is lost."""
        self._fill(now_ms)
        self._rate = rate
        self._level = min(self._level, max(rate, 0) * 1000)

    def take(self, size: int, now_ms: int) -> int:
        """Take ``size`` bytes and return 0, or take nothing and return the ms to wait (at least 1; 60,000 in a pause).

        A ``size`` beyond ``burst`` waits for a full bucket and takes it below empty, so it is paid back afterwards.
        """
        if self._rate == UNLIMITED:
            return 0
        if self._rate <= 0:
            return 60_000
        self._fill(now_ms)
        wanted = min(size, self.burst) * 1000
        if self._level < wanted:
            return max(1, -(-(wanted - self._level) // self._rate))
        self._level -= size * 1000
        return 0

    def _fill(self, now_ms: int) -> None:
        passed = max(0, now_ms - self._at_ms)
        self._at_ms = max(self._at_ms, now_ms)
        if self._rate > 0:
            self._level = min(self._level + passed * self._rate, self._rate * 1000)
