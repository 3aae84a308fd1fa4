"""A locker on its way home: ``/restore/progress`` says what is here, what comes from whom, and who must come back.

It ends as the page that tells when, and from whom, every piece came; home and the box's page lead to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware.errors import BoxError, TooFewFriends
from services.api.restore_types import RestoreAsked, RestoreFriend, RestoreIs, RestoreNeed, RestoreStatus
from webui.language import Language
from webui.pages.circle import spell
from webui.pages.page import Page
from webui.pages.restore import answered, plain
from webui.pages.shown import readable

_SHOWN_MS: Final = 7 * 86_400_000
"""So long home tells of a restore that ended; the box's page always does."""
_SETTLED_MS: Final = 30_000
"""Before, friends may not have answered yet, and nobody is called missing."""
_PERCENT: Final = 100
_HOUSES: Final = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One line of what is here: ``look`` is done, now or later; ``share`` in percent while it is under way."""

    look: str
    title: str
    text: str
    share: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """One friend's box: what came from it, how it stands, what was odd about it."""

    peer: str
    name: str
    amount: str
    pieces: str
    says: str
    copy: str
    """As of when its copy is."""
    look: str
    """``lit`` while it gives, ``need`` when somebody should know, ``dark`` else."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Home:
    """What home says of it: its sentence while it is under way, one line, how far, whether it is done."""

    heading: str
    lead: str
    title: str
    text: str
    share: int
    done: bool


class Progress(Page):
    """``/restore/progress``."""

    async def get(self) -> None:
        """Show how far it is; a locker that never came back has no such page."""
        found: RestoreStatus = await self.ask("restore_status")
        if found.state is RestoreIs.NONE:
            self.go("/home")
            return
        language, now_ms = self.language, self.front.now_ms()
        session = self.member()
        if not session.household:
            session.household = (await self.status_of_box()).household or ""
        done = found.state is RestoreIs.DONE
        sources = sources_of(found, language, now_ms)
        there = [each.look == "lit" for each in sources]
        self.show(
            "coming.html",
            found=found,
            done=done,
            heading=language.say("coming.done" if done else "coming.heading", name=session.name),
            lead=lead_of(found, language, now_ms),
            until=language.time(found.until_ms, now_ms) if found.until_ms else "",
            ended=language.time(found.done_ms, now_ms) if found.done_ms else "",
            bar=share_of(found),
            amount=amount_of(found, language),
            steps=steps_of(found, language),
            need=need_of(found, language, now_ms),
            sources=sources,
            houses=tuple("lit" if each or done else "dark" for each in there)[:_HOUSES],
            scene_said=language.say("coming.scene", there=sum(there), all=len(there)),
            lost=language.size(found.lost_bytes) if found.lost_bytes else "",
            mood="village",
            place="home",
        )


async def home_of(page: Page) -> Home | None:
    """Return what home says of a restore; None where none was, or where it ended long ago."""
    if page.member().own is not None:
        return None
    try:
        found: RestoreStatus = await page.ask("restore_status")
    except BoxError:
        return None
    language, now_ms = page.language, page.front.now_ms()
    if found.state is RestoreIs.NONE or (found.done_ms and now_ms - found.done_ms > _SHOWN_MS):
        return None
    if found.done_ms:
        when = language.time(found.done_ms, now_ms)
        return Home("", "", language.say("coming.home.done"), language.say("coming.home.done.text", when=when), 0, True)
    heading, lead = language.say("coming.heading", name=page.member().name), lead_of(found, language, now_ms)
    return Home(heading, lead, language.say("coming.home"), amount_of(found, language), share_of(found), False)


async def ever(page: Page) -> bool:
    """Say whether this locker ever came back from friends."""
    try:
        found: RestoreStatus = await page.ask("restore_status")
    except BoxError:
        return False
    return found.state is not RestoreIs.NONE


def share_of(found: RestoreStatus) -> int:
    """Return how much of all packs is here, in percent; 100 only when all is."""
    if found.state is RestoreIs.DONE:
        return _PERCENT
    return min(_PERCENT - 1, _PERCENT * found.here_bytes // found.needed_bytes) if found.needed_bytes else 0


def amount_of(found: RestoreStatus, language: Language) -> str:
    """Say how much of how much is here."""
    if not found.needed_bytes:
        return language.say("coming.amount.none")
    return language.say("coming.amount", here=language.size(found.here_bytes), all=language.size(found.needed_bytes))


def lead_of(found: RestoreStatus, language: Language, now_ms: int) -> str:
    """Answer the question she comes with: does it all come home?"""
    say, there = language.say, sum(each.there for each in found.friends)
    if found.state is RestoreIs.DONE:
        return say("coming.lead.done", until=language.time(found.until_ms, now_ms))
    if found.state is RestoreIs.WAITING:
        return say("coming.lead.waiting")
    if found.state is RestoreIs.FULL:
        return say("coming.lead.full")
    if not there:
        return say("coming.lead.nobody")
    ending = "only" if len(found.friends) == 1 else "one" if there == 1 else "many"
    spelled = {"some": spell(language, there), "all": spell(language, len(found.friends))}
    answered_by = language.words[f"coming.lead.answered.{ending}"].format(**spelled)
    if found.names_ms and found.here_bytes + found.now_bytes < found.needed_bytes:
        left = language.size(found.needed_bytes - found.here_bytes - found.now_bytes)
        enough = say("coming.lead.short", size=left)
    else:
        enough = say("coming.lead.enough") if found.names_ms else say("coming.lead.names")
    return f"{answered_by[:1].upper()}{answered_by[1:]} {enough}"


def steps_of(found: RestoreStatus, language: Language) -> list[Step]:
    """Return the four lines of what is here, in the order it comes."""
    say, number = language.say, language.number
    done, named = found.state is RestoreIs.DONE, bool(found.names_ms)
    small_done = done or (named and found.state is RestoreIs.REST)
    steps = [Step("done", say("coming.step.you"), say("coming.step.you.text"))]
    if named:
        so_far = say("coming.step.names.done" if done else "coming.step.names.here")
        steps.append(Step("done", language.say("coming.step.names", count=found.names_listed), so_far))
    else:
        look = "now" if found.state is RestoreIs.NAMES else "later"
        steps.append(Step(look, say("coming.step.names.title"), say("coming.step.names.text")))
    look = "done" if small_done else "now" if named else "later"
    steps.append(Step(look, say("coming.step.small"), say(f"coming.step.small.{look}"), share_of(found)))
    whole = say("coming.step.all.of", files=number(found.files), all=number(found.names_listed))
    look = "done" if done else "now" if small_done else "later"
    steps.append(Step(look, say("coming.step.all"), whole if named else say("coming.step.all.later"), share_of(found)))
    return steps


def need_of(found: RestoreStatus, language: Language, now_ms: int) -> tuple[str, str] | None:
    """Return fact and next step of what keeps it from going on; None while it goes on by itself."""
    say = language.say
    if found.state is RestoreIs.DONE:
        return None
    if found.state is RestoreIs.WAITING:
        when = language.date(found.waits_until_ms, now_ms) if found.waits_until_ms else ""
        clock = language.clock(found.waits_until_ms) if found.waits_until_ms else ""
        text = say("coming.waits.text", when=when, clock=clock) if when else say("coming.waits.soon")
        return say("coming.waits"), text
    need = next((each for each in found.needs if each.labels), None)
    if need is None and found.error == TooFewFriends.code and found.friends:
        need = RestoreNeed(1, tuple(each.label for each in found.friends))
    settled = now_ms - found.began_ms > _SETTLED_MS and found.names_ms
    if need is not None and (found.error is not None or settled):
        names = ", ".join(readable(each) for each in need.labels)
        now = language.size(found.now_bytes)
        had = say("coming.need.now", size=now) if found.now_bytes else say("coming.need.none")
        if need.wanted >= len(need.labels):
            return say("coming.need.all", names=names), had
        return say("coming.need.some", number=spell(language, need.wanted), names=names), had
    if found.error is None:
        return None
    start = f"error.{found.error}"
    return plain(language, f"{start}.sentence", found.sentence), plain(language, f"{start}.advice", found.advice)


def sources_of(found: RestoreStatus, language: Language, now_ms: int) -> list[Source]:
    """Return every friend: those who gave most first."""
    known = {each.peer: each for each in found.asked}
    ordered = sorted(found.friends, key=lambda each: (-each.bytes, each.label))
    return [_source(each, known.get(each.peer), found, language, now_ms) for each in ordered]


def _source(
    each: RestoreFriend, asked: RestoreAsked | None, found: RestoreStatus, language: Language, now_ms: int
) -> Source:
    say, notes = language.say, []
    if each.wrong:
        notes.append(language.say("coming.wrong", count=each.wrong))
    if asked is not None and (asked.older or asked.forked):
        notes.append(answered(asked, language, now_ms).said)
    if found.state is RestoreIs.DONE:
        says, look = say("coming.gave" if each.bytes else "coming.gave.nothing"), "lit" if each.bytes else "dark"
    elif each.there:
        says, look = say("coming.gives"), "lit"
    elif each.waits_until_ms:
        says, look = say("coming.friend.waits", when=language.date(each.waits_until_ms, now_ms)), "need"
    else:
        says, look = say("coming.away"), "dark"
    return Source(
        each.peer,
        readable(each.label) or say("restore.friend"),
        language.size(each.bytes) if each.bytes else "",
        language.say("coming.pieces", count=each.shards) if each.shards else "",
        says,
        say("coming.copy", when=language.time(asked.number, now_ms)) if asked is not None and asked.number else "",
        "need" if notes and look == "dark" else look,
        tuple(notes),
    )
