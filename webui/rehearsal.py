"""Rehearsals of a restore in words: how the last one ended, who gave what, what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from firmware.errors import BoxError
from services.api.drill_types import Drill, DrillDoes, DrillFriend, DrillIs
from webui.language import Language
from webui.pages.page import Page

_LOOKS = {
    DrillIs.NEVER: ("plain", "rotate-ccw"),
    DrillIs.PASSED: ("safe", "circle-check"),
    DrillIs.MENDED: ("safe", "circle-check"),
    DrillIs.SHORT: ("need", "circle-alert"),
    DrillIs.FAILED: ("need", "circle-alert"),
}
_NAMES = 3


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One rehearsal: ``look`` is safe, need or plain; ``lead`` is the sentence home and circle show."""

    look: str
    icon: str
    heading: str
    lead: str
    reason: str
    facts: tuple[tuple[str, str], ...]
    friends: tuple[tuple[str, str, str], ...]
    """Box key, name, what it gave."""
    running: str
    """How far the one under way is; empty while none is."""


def told(drill: Drill, language: Language, now_ms: int) -> Rehearsal:
    """Put it into words."""
    say, key = language.say, drill.state.value
    gave = [each for each in drill.friends if each.shards]
    fields = {
        "when": language.time(drill.ended_ms, now_ms) if drill.ended_ms else "",
        "names": names([each.label for each in gave], language),
        "away": names([each.label for each in drill.friends if each.away], language),
        "wrong": names([each.label for each in drill.friends if each.wrong or each.missing], language),
    }
    lead = language.words[f"drill.lead.{key}"].format(**fields)
    if drill.state in (DrillIs.PASSED, DrillIs.MENDED):
        what = "files" if drill.files else "packs"
        lead = say(f"drill.back.{what}", count=drill.files or drill.packs, **fields)
    look, icon = _LOOKS[drill.state]
    due = language.date(drill.due_ms, now_ms) if drill.due_ms and drill.due_ms > now_ms else say("drill.soon")
    reason = language.words[f"drill.is.{key}.text"].format(**fields)
    if drill.state is DrillIs.SHORT and not fields["away"]:
        reason = say("drill.short.nobody")
    return Rehearsal(
        look,
        icon,
        say("drill.is.never.nobody") if drill.due_ms is None and not drill.ended_ms else say(f"drill.is.{key}"),
        lead,
        reason,
        tuple(_facts(drill, language, fields["when"], due)),
        tuple((each.peer, each.label, _gave(each, language)) for each in drill.friends),
        "" if drill.does is DrillDoes.NOTHING else say("drill.running", done=drill.done, of=drill.of),
    )


def names(labels: list[str], language: Language) -> str:
    """List names as the language does; more than a few end in how many others."""
    if len(labels) > _NAMES:
        return language.say("drill.others", some=", ".join(labels[:_NAMES]), more=language.number(len(labels) - _NAMES))
    if len(labels) > 1:
        return language.say("circle.list.and", some=", ".join(labels[:-1]), last=labels[-1])
    return "".join(labels)


def _facts(drill: Drill, language: Language, when: str, due: str) -> list[tuple[str, str]]:
    say, number = language.say, language.number
    facts = []
    if drill.ended_ms:
        files = f"{number(drill.files)} · {language.size(drill.file_bytes)}" if drill.opened else say("drill.closed")
        facts = [(say("drill.when"), when)]
        # Where no pack came back there was nothing to open, whether the locker was open or not.
        facts += [(say("drill.files"), files)] if drill.packs else []
        facts += [(say("drill.packs"), f"{number(drill.packs)} · {language.size(drill.size)}")]
        facts += [(say("drill.wrong-files"), number(drill.wrong_files))] if drill.wrong_files else []
        facts += [(say("drill.lacking"), number(drill.lacking))] if drill.lacking else []
    return [*facts, (say("drill.due"), due)] if drill.due_ms is not None else facts


def _gave(each: DrillFriend, language: Language) -> str:
    if each.away:
        return language.say("drill.row.away")
    if each.wrong:
        return language.say("drill.row.wrong", count=each.wrong)
    if each.missing:
        return language.say("drill.row.missing", count=each.missing)
    return language.say("drill.row.gave", size=language.size(each.size))


async def rehearsal(page: Page) -> Rehearsal | None:
    """Return what home and circle show of it; None while there is nothing to show, or nobody can say."""
    if page.member().own is not None:
        return None
    try:
        found = await page.ask("drill")
    except BoxError:
        return None
    if not isinstance(found, Drill) or (found.due_ms is None and not found.ended_ms):
        return None
    return told(found, page.language, page.front.now_ms())
