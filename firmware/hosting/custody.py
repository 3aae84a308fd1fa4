"""When another box may take over a locker: at once where the old one is silent, else after 72 hours or one tap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware.limits import CUSTODY_HEARD_SECONDS, CUSTODY_WAIT_SECONDS
from firmware.peer import Custody, HeldCustody, Verdict, custody_verdict

_DAY: Final = CUSTODY_HEARD_SECONDS * 1000
_WAIT: Final = CUSTODY_WAIT_SECONDS * 1000


@dataclass(frozen=True)
class Waiting:
    """A record that was shown first at ``first_ms`` and may take over at ``free_ms``."""

    held: HeldCustody
    first_ms: int
    free_ms: int


def waiting_for(known: Waiting | None, shown: HeldCustody, heard_ms: int, now_ms: int) -> Waiting:
    """Return since when, and until when, ``shown`` waits; ``heard_ms``: when the box in force was last heard.

    A record that was shown before goes on waiting; the same one is not made to wait anew, another one is.
    """
    if known is not None and known.held.data == shown.data:
        return known
    return Waiting(shown, now_ms, now_ms + _WAIT if heard_ms >= now_ms - _DAY else 0)


@dataclass(frozen=True)
class Judgement:
    """What becomes of a record that was shown, until when it waits, and which record waits from now on."""

    verdict: Verdict
    until_ms: int
    waiting: Waiting | None


def judge(held: Custody | None, known: Waiting | None, shown: HeldCustody, heard_ms: int, now_ms: int) -> Judgement:
    """Decide about ``shown`` where ``held`` is in force and ``known`` waits; the highest epoch wins among those too."""
    waits = waiting_for(known, shown, heard_ms, now_ms)
    verdict, until_ms = custody_verdict(held, shown.record, now_ms, waits.free_ms)
    behind = known is not None and known.held.record.epoch >= shown.record.epoch and known.held.data != shown.data
    if known is not None and behind and verdict is Verdict.WAITING:
        same = known.held.record.epoch == shown.record.epoch
        return Judgement(Verdict.FORKED if same else Verdict.OLDER, 0, known)
    if verdict is Verdict.TAKEN:
        return Judgement(verdict, until_ms, known if behind else None)
    return Judgement(verdict, until_ms, waits if verdict is Verdict.WAITING else known)


def agreed(waiting: Waiting) -> Waiting:
    """The old box's owner tapped: it waits no longer."""
    return Waiting(waiting.held, waiting.first_ms, 0)
