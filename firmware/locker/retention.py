"""Which old versions may go: everything 30 days, then one a week for a year, never fewer than the newest three."""

from __future__ import annotations

from collections.abc import Sequence

from firmware.model import Version

DAY_MS = 86_400_000
ALL_DAYS, WEEKLY_DAYS, ALWAYS_KEPT = 30, 365, 3


def expired(versions: Sequence[Version], now_ms: int) -> list[int]:
    """Return the numbers of versions the rule gives up. ``versions`` newest first; time is the box's, ratcheted.

    In each week older than 30 days the *first* stored version stays, so that flooding a record with new versions
    can never push out what was there before.
    """
    gone, kept_weeks = [], set()
    ordered = sorted(versions[ALWAYS_KEPT:], key=lambda version: (version.stored_ms, version.number))
    for version in ordered:
        age_days = (now_ms - version.stored_ms) // DAY_MS
        if age_days <= ALL_DAYS:
            continue
        week = version.stored_ms // (7 * DAY_MS)
        if age_days <= WEEKLY_DAYS and week not in kept_weeks:
            kept_weeks.add(week)
            continue
        gone.append(version.number)
    return sorted(gone)
