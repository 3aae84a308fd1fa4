"""Whether a new version does what the one before did: it is kept only then.

Some things every system has to do. The rest is asked of it only if it worked before: a household without internet, or
whose friends are away, must be able to keep a new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware import limits

ALWAYS: frozenset[str] = frozenset({"disk", "lockers", "pages"})
"""The data partition takes writes; lockerd answers (lockers may be closed); the pages answer."""
BEFORE: frozenset[str] = frozenset({"name", "peers"})
"""The box is found by its name; a friend's box was reached."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``healthy`` is None while it is worth looking again; ``check`` names the first one that keeps failing."""

    healthy: bool | None
    check: str = ""


def judge(passed_before: frozenset[str], found: Mapping[str, bool], looks: int) -> Verdict:
    """Judge what ``looks`` rounds of checks (one a minute) found last; a check that was not made counts as failed."""
    missing = sorted(each for each in ALWAYS | (BEFORE & passed_before) if not found.get(each, False))
    if not missing:
        return Verdict(healthy=True)
    return Verdict(None if looks < limits.UPDATE_CHECKS else False, missing[0])
