"""How safe things are with friends' boxes, in words: one record, many at once, everything.

A badge never says more than lockerd knows: with friends is only what every pack of a record is, receipted and lately
proved. When peerd does not answer, nothing is claimed but that the thing is on this box.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from firmware import limits
from firmware.errors import BoxError, Misused
from services.api.circle_types import Circle, PackState, PeerInfo, PeerIs, Reach, SafetyIs
from services.api.tint import tint_of
from webui.language import Language
from webui.pages.page import Page
from webui.rings import Segment, segments

_ID = re.compile("[0-9a-f]{32}")
_CHIPS = 6
"""More friends than this are not shown one by one."""
AWAY = (Reach.AWAY, Reach.REFUSED)


@dataclass(frozen=True, slots=True)
class Friend:
    """A friend's box as a small square: initial, colour, name."""

    initial: str
    tint: str
    name: str


@dataclass(frozen=True, slots=True)
class Copies:
    """What a page says of the copies of one record; all words are in the reader's language."""

    state: str
    """``alone`` without a circle, else ``here``, ``going``, ``safe``, or ``shelf``."""
    look: str
    icon: str
    badge: str
    line: str
    title: str
    text: str
    ring: tuple[Segment, ...]
    friends: tuple[Friend, ...]


class CopiesMany(Page):
    """``POST /copies`` with ``ids``: which of the records in sight are with friends; one call for a screenful."""

    async def post(self) -> None:
        """Answer ``{"alone": true}`` without a circle, else the state of each id, in order."""
        ids = tuple(self.field("ids").split(","))
        if len(ids) > limits.BADGES_AT_ONCE or not all(_ID.fullmatch(each) for each in ids):
            raise Misused(why=f"up to {limits.BADGES_AT_ONCE} ids of records are taken at once.")
        self.set_header("Content-Type", "application/json")
        circle = await circle_of(self)
        if circle is None:
            self.finish(json.dumps({"alone": True, "states": []}))
            return
        states: Sequence[PackState] = (await self.ask("copies", ids=ids)).states
        self.finish(json.dumps({"alone": False, "states": [each.state.value for each in states]}))


async def circle_of(page: Page) -> Circle | None:
    """Return the circle as this member may see it; None while there is none, or while nobody can say."""
    try:
        found: Circle = await page.ask("circle")
    except BoxError:
        return None
    return found if friends_of(found) else None


def friends_of(circle: Circle) -> list[PeerInfo]:
    """Return the boxes that belong to the circle now."""
    return [each for each in circle.peers if each.state is not PeerIs.LEFT]


async def copies_of(page: Page, id: str) -> Copies:
    """Return what a page says of the copies of record ``id``."""
    try:
        circle: Circle = await page.ask("circle")
        if circle.asleep:
            return _alone(page.language)
        state: PackState = (await page.ask("copies", ids=(id,))).states[0]
    except BoxError:
        return _alone(page.language)
    if state.shelf is not None and state.state is not SafetyIs.SAFE:
        return on_shelf(state, page.language, page.front.now_ms())
    return told(state, circle, page.language) if friends_of(circle) else _alone(page.language)


def on_shelf(state: PackState, language: Language, now_ms: int) -> Copies:
    """Say that a disk has a second copy; that is less than safe with friends, and a state of its own."""
    say, words = language.say, {"name": state.shelf or "", "seen": language.time(state.shelf_ms, now_ms)}
    line, text = say("shelf.badge.line", **words), say("shelf.badge.text", **words)
    return Copies("shelf", "move", "hard-drive", say("shelf.badge"), line, say("shelf.badge.title"), text, (), ())


def told(state: PackState, circle: Circle, language: Language) -> Copies:
    """Say what ``state`` means while the circle stands as it does."""
    say, friends = language.say, friends_of(circle)
    if state.state is SafetyIs.SAFE:
        return _safe(state, friends, language)
    if state.state is SafetyIs.GOING:
        line = say("badges.going.paused" if circle.paused else "badges.going.line")
        return Copies(
            "going", "move", "arrow-up-right", say("badges.going"), line, say("badges.going.title"), line, (), ()
        )
    has_kit = not circle.lockers or all(each.custody for each in circle.lockers)
    line = say("badges.here.no-kit" if not has_kit else "badges.here.paused" if circle.paused else "badges.here.line")
    return Copies("here", "move", "on-this-box", say("badges.here"), line, say("photo.copies.title"), line, (), ())


def _alone(language: Language) -> Copies:
    say = language.say
    line, text = say("record.only-here"), say("photo.copies.text")
    return Copies("alone", "move", "on-this-box", say("badges.here"), line, say("photo.copies.title"), text, (), ())


def _safe(state: PackState, friends: list[PeerInfo], language: Language) -> Copies:
    say, enough = language.say, state.of - state.may_fail
    ring = segments([True] * state.of)
    faces = tuple(face(each) for each in friends) if len(friends) == state.of <= _CHIPS else ()
    if state.may_fail == 0:
        line, title = say("badges.safe.copy"), say("badges.safe.copy.title")
        text = say("badges.safe.copy.text") if not faces else say("badges.safe.copy.at", name=faces[0].name)
    else:
        line = language.say("badges.safe.line", count=state.may_fail, of=state.of)
        title = language.say("badges.safe.title", count=state.may_fail, may=number_word(state.may_fail, language))
        text = language.say("badges.safe.text", of=state.of, count=enough)
    return Copies("safe", "safe", "circle-check", say("badges.safe"), line, title, text, ring, faces)


def face(peer: PeerInfo) -> Friend:
    """Return a friend's box as a small square."""
    return Friend(peer.label[:1].upper() or "?", f"t{tint_of(peer.peer)}", peer.label)


def number_word(number: int, language: Language) -> str:
    """Write a small number as the word a sentence begins with, a larger one in digits."""
    return language.words.get(f"badges.word.{number}", language.number(number))
