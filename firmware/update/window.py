"""The hours in which the box may write and restart: at night, unless its owner says now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Final

from firmware.errors import Misused

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From ``begins`` to ``ends`` by the clock on the wall; it may pass midnight. Equal ends mean: all day."""

    begins: time = time(2)
    ends: time = time(5)

    @classmethod
    def parse(cls, begins: str, ends: str) -> Window:
        """Read two times like ``02:00``; raises Misused."""
        return cls(_time(begins), _time(ends))

    def open_at(self, now: time) -> bool:
        """Whether ``now`` is inside."""
        if self.begins < self.ends:
            return self.begins <= now < self.ends
        return now >= self.begins or now < self.ends

    def begin_after(self, now: time, jitter: float) -> float:
        """Seconds until this box begins, 0 when it is past its moment in an open window.

        ``jitter`` (0 to 1, fixed for each box) spreads boxes over the first half of the window: not all ask at once.
        """
        length = (_since(self.begins, self.ends) or _DAY) / 2
        late = length * jitter
        if self.open_at(now) and _since(self.begins, now) >= late:
            return 0.0
        return (_since(now, self.begins) + late).total_seconds() % _DAY.total_seconds()


def _time(text: str) -> time:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise Misused(why=f"“{text}” is no time like 02:00.")
    return time(int(found[1]), int(found[2]))


def _since(begin: time, end: time) -> timedelta:
    def of(moment: time) -> timedelta:
        return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)

    return (of(end) - of(begin)) % _DAY
