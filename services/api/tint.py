"""The colour a person keeps for life: it follows from her id, and ids are drawn so that a household's differ.

Here because both sides need it: lockerd draws the ids, pages show the colours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

TINTS = 6
"""How many colours there are for faces."""


def tint_of(key: str) -> int:
    """Return the number of the colour of ``key``: 1 to TINTS."""
    return sum(key.encode()) % TINTS + 1


def distinct(draw: Callable[[], str], taken: Iterable[str]) -> str:
    """Return an id from ``draw`` with a colour none of ``taken`` has; when all are taken, one the fewest have."""
    used = Counter(map(tint_of, taken))
    fewest = min(used[tint] for tint in range(1, TINTS + 1))
    while used[tint_of(found := draw())] > fewest:
        pass
    return found
