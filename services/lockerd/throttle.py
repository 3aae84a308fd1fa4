"""Counts wrong tries and closes for the rest of the minute when there were too many."""

from __future__ import annotations

from collections import deque

from firmware import events
from firmware.errors import TooManyTries
from firmware.linux.journal import Journal
from firmware.ports import Clock

_MINUTE_NS = 60_000_000_000


class Throttle:
    """At most ``tries`` wrong ones a minute; ``what`` names it in the journal. Right answers do not count."""

    def __init__(self, what: str, tries: int, clock: Clock, journal: Journal) -> None:
        """Begin open."""
        self._what, self._tries, self._clock, self._journal = what, tries, clock, journal
        self._wrong: deque[int] = deque()
        self._told = False

    def check(self) -> None:
        """Raise TooManyTries while it is closed. Call before judging a try."""
        now = self._clock.ticks_ns()
        while self._wrong and now - self._wrong[0] >= _MINUTE_NS:
            self._wrong.popleft()
            self._told = False
        if len(self._wrong) < self._tries:
            return
        seconds = -(-(self._wrong[0] + _MINUTE_NS - now) // 1_000_000_000)
        if not self._told:
            self._told = True
            self._journal.tell(events.TOO_MANY_TRIES, what=self._what, seconds=seconds)
        raise TooManyTries(seconds=seconds)

    def wrong(self) -> int:
        """Note a wrong try; return how many are left this minute."""
        self._wrong.append(self._clock.ticks_ns())
        return max(0, self._tries - len(self._wrong))
