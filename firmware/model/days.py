"""Calendar days as numbers: how many days after 1970-01-01 a moment lies, in a zone or by the clock of a camera."""

from __future__ import annotations

import datetime
from collections.abc import Callable

DAY_MS = 86_400_000

Zone = Callable[[int], int]
"""ms since 1970 UTC -> ms that the clocks of the place are ahead of UTC at that moment."""

_FIRST = datetime.date(1970, 1, 1).toordinal()
_LOWEST, _HIGHEST = datetime.date.min.toordinal() - _FIRST, datetime.date.max.toordinal() - _FIRST


def greenwich(time_ms: int) -> int:  # noqa: ARG001 the same at every moment
    """The zone that is never ahead."""
    return 0


def day_of(local_ms: int) -> int:
    """Return the day a local time (ms since 1970 on the clocks of the place) lies in, within years 1 to 9999."""
    return min(max(local_ms // DAY_MS, _LOWEST), _HIGHEST)


def day_text(day: int) -> str:
    """Return a day as ``YYYY-MM-DD``."""
    return datetime.date.fromordinal(day + _FIRST).isoformat()


def day_number(text: str) -> int:
    """Read ``YYYY-MM-DD``; raises ValueError for a day no calendar has."""
    return datetime.date.fromisoformat(text).toordinal() - _FIRST
