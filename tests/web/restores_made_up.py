"""Restores nobody has to wait for: how far they are, who answered what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.api.restore_types import (
    RestoreAsked,
    RestoreFound,
    RestoreFriend,
    RestoreIs,
    RestoreNeed,
    RestoreStatus,
)
from tests.web.circle_made_up import DAY_MS, GB, HOUR_MS, NAMES, NOW_MS

WORDS = "abandon " * 23 + "art"
CONTACT = "lbh1" + "k4tq7m2x" * 20


def asked(which: int, **more: Any) -> RestoreAsked:
    """One friend's answer: the newest capsule, unless told otherwise."""
    known: dict[str, Any] = {"number": NOW_MS - DAY_MS, "written_ms": NOW_MS - DAY_MS, "heard_ms": NOW_MS - DAY_MS}
    return RestoreAsked(f"{which + 1:x}" * 64, NAMES[which], **(known | more))


ASKED = (
    asked(0),
    asked(1, number=0, older=True),
    asked(2, forked=True),
    asked(3, number=0, error="peer-away", sentence="That box is not there just now."),
)
FOUND = RestoreFound("ab" * 16, 1, NOW_MS - DAY_MS, ASKED, 4, waits=True)


def friend(number: int, **more: Any) -> RestoreFriend:
    """One that is there and gave something, unless told otherwise."""
    known: dict[str, Any] = {"there": True, "shards": 300 - 40 * number, "bytes": (9 - number) * GB}
    return RestoreFriend(f"{number + 1:x}" * 64, NAMES[number], **(known | more))


FRIENDS = (friend(0), friend(1), friend(2, wrong=2), friend(3, there=False, shards=0, bytes=0))
REST = RestoreStatus(
    RestoreIs.REST, NOW_MS - HOUR_MS, NOW_MS - DAY_MS, NOW_MS - HOUR_MS + 40_000, 0, 14_208, 1902, 160 * GB, 9000, 1340,
    164 * GB, 24 * GB + 4 * GB // 10, 24 * GB, 139 * GB, 0, FRIENDS, ASKED,
)  # fmt: skip
NAMES_COME = replace(REST, state=RestoreIs.NAMES, names_ms=0, names_listed=0, files=0, here_bytes=0, now_bytes=0)
SHORT = replace(
    REST, state=RestoreIs.FRIENDS, now_bytes=0, error="too-few-friends", friends=(friend(0), *FRIENDS[3:]),
    needs=(RestoreNeed(1, NAMES[1:4]),), lost_bytes=3_000_000,
)  # fmt: skip
WAITS = replace(
    REST, state=RestoreIs.WAITING, waits_until_ms=NOW_MS + 2 * DAY_MS, error="custody-waits",
    friends=(friend(0, there=False, waits_until_ms=NOW_MS + 2 * DAY_MS),),
)  # fmt: skip
DONE = replace(
    REST, state=RestoreIs.DONE, done_ms=NOW_MS - 600_000, files=14_208, packs_here=9000, here_bytes=164 * GB,
    friends=tuple(replace(each, there=False) for each in FRIENDS),
)  # fmt: skip
STOPS = {"59-coming": REST, "59-coming-short": SHORT, "59-coming-waits": WAITS, "59-coming-done": DONE}
"""Stops of the walk (``walks.py``)."""
