"""What home says about the circle: one sentence of truth, the one thing to do, what is on its way, who is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from firmware.errors import BoxError
from services.api.circle_types import Circle, LockerSafety, PeerInfo, PeerIs
from services.api.key_types import Keys
from services.api.types import Role
from webui.language import Language
from webui.pages.copies import AWAY, circle_of, friends_of
from webui.pages.page import Page
from webui.rings import Segment, segments

DAY_MS = 86_400_000
DARK_MS = DAY_MS
"""A box that was silent for so long needs a look; before, it may just sleep."""
_SEEN_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs the member: fact, reason, action."""

    title: str
    text: str
    button: str
    href: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """The tile of the circle: ring, one number, one caption."""

    ring: tuple[Segment, ...]
    said: str
    big: str
    small: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What still has to go to friends, if anything."""

    title: str
    text: str
    can_send: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything home says about friends; all words are in the reader's language."""

    heading: str
    lead: str
    need: Need | None
    tile: Tile
    waiting: Waiting | None
    houses: tuple[str, ...]
    """Friends' houses in the village: ``lit``, ``dark`` or ``alarm``, at most six, those that need a look first."""
    scene: str
    is_owner: bool


async def standing(page: Page, counts: Mapping[str, int]) -> Standing | None:
    """Return what home says about friends, None while this box has none or nobody can say."""
    circle = await circle_of(page)
    if circle is None:
        return None
    try:
        mine: LockerSafety = await page.ask("safety")
    except BoxError:
        return None
    found = said(circle, mine, counts, page.language, page.front.now_ms(), is_owner=await is_owner(page))
    return replace(found, need=await _asked(page) or found.need)


async def _asked(page: Page) -> Need | None:
    """Somebody asks friends for a key of this home: everybody in it hears that first, on every screen."""
    if page.member().own is not None:
        return None
    try:
        keys: Keys = await page.ask("keys")
    except BoxError:
        return None
    waits = [each for own in keys.own for each in own.asks if each.state == "waiting" and not each.no]
    if not waits:
        return None
    say, until = page.language.say, max(each.until_ms for each in waits)
    when = page.language.date(until, page.front.now_ms())
    title, text = say("keys.asked.title"), say("keys.asked.until", when=when)
    return Need(title, text, say("keys.asked.look"), "/circle/keys")


async def is_owner(page: Page) -> bool:
    """Return whether the member who asks decides about the circle; a guardian in her ward's locker does not."""
    session = page.member()
    if session.own is not None:
        return False
    members = (await page.status_of_box()).members
    return any(one.id == session.member and one.role is Role.OWNER for one in members)


def said(
    circle: Circle, mine: LockerSafety, counts: Mapping[str, int], language: Language, now_ms: int, *, is_owner: bool
) -> Standing:
    """Put it into words."""
    say, friends = language.say, friends_of(circle)
    need = need_of(circle, mine, language, now_ms)
    rest = mine.here_bytes + mine.going_bytes
    there = [each.reach not in AWAY for each in friends]
    waiting = None
    if rest and mine.moved_ms is None:
        reason = "badges.home.wait.paused" if circle.paused else "badges.home.wait.text"
        can_send = is_owner and not circle.paused and mine.custody
        fact = "badges.home.wait.still" if circle.paused else "badges.home.wait"
        waiting = Waiting(say(fact, size=language.size(rest)), say(reason), can_send)
    amount = {"there": sum(there), "all": len(friends)}
    return Standing(
        _heading(need, rest, language),
        _lead(circle, mine, counts, need, language, now_ms),
        need,
        Tile(
            segments(there),
            say("badges.home.ring", **amount),
            say("badges.home.tile.of", **amount),
            _fail(mine, language),
        ),
        waiting,
        _houses(friends, now_ms),
        say("badges.home.scene", **amount),
        is_owner,
    )


def _heading(need: Need | None, rest: int, language: Language) -> str:
    if need is not None:
        return language.say("home.heading.need" if rest else "badges.home.need.safe")
    return language.say("badges.home.going" if rest else "badges.home.safe")


def _lead(
    circle: Circle, mine: LockerSafety, counts: Mapping[str, int], need: Need | None, language: Language, now_ms: int
) -> str:
    say, size = language.say, language.size
    rest = mine.here_bytes + mine.going_bytes
    proved = max((each.audited_ms for each in friends_of(circle)), default=0)
    when = language.time(proved, now_ms) if proved else ""
    checked = say("badges.home.checked", when=when) if proved else say("badges.home.unchecked")
    if need is not None:
        return say("badges.home.lead.need", checked=checked)
    if not rest:
        return language.say("badges.home.lead.safe", count=counts.get("records", 0), checked=checked)
    if circle.paused:
        return say("badges.home.lead.paused", safe=size(mine.safe_bytes), rest=size(rest))
    if not mine.safe_bytes:
        return say("badges.home.lead.first", rest=size(rest))
    return say("badges.home.lead.going", safe=size(mine.safe_bytes), rest=size(rest))


def _fail(mine: LockerSafety, language: Language) -> str:
    if mine.may_fail:
        return language.say("badges.home.tile.fail", count=mine.may_fail)
    return language.say("badges.home.tile.copy" if mine.of else "badges.home.tile.touch")


def need_of(circle: Circle, mine: LockerSafety, language: Language, now_ms: int) -> Need | None:
    """Return the one thing about the circle that needs somebody, the worst first; None when nothing does."""
    say, acts = language.say, _who_acts(mine, language)
    if acts is not None:
        return acts
    friends = friends_of(circle)
    for peer in friends:
        if peer.state is PeerIs.LOST:
            return _about(peer, say("badges.home.lost", name=peer.label), say("badges.home.lost.text"), language)
        if peer.state is PeerIs.SUSPENDED and peer.strikes:
            return _about(peer, say("badges.home.wrong", name=peer.label), say("badges.home.wrong.text"), language)
    for peer in friends:
        if peer.state is PeerIs.LEAVING and peer.leaves_ms:
            title = say("badges.home.leaving", name=peer.label, day=language.date(peer.leaves_ms, now_ms))
            return _about(peer, title, say("badges.home.leaving.text"), language)
    dark = [each for each in friends if days_dark(each, now_ms)]
    if not dark:
        return None
    peer = min(dark, key=lambda each: each.seen_ms)
    title = language.say("badges.home.dark", name=peer.label, count=days_dark(peer, now_ms))
    still = mine.safe_bytes > 0 and not mine.here_bytes + mine.going_bytes
    return _about(peer, title, say("badges.home.dark.still" if still else "badges.home.dark.text"), language)


def _who_acts(mine: LockerSafety, language: Language) -> Need | None:
    """Return what is to be done before friends do anything for her: another box acts, or wants to, or none may yet."""
    say = language.say
    if mine.moved_ms is not None:
        return Need(say("moves.gone.need"), say("moves.gone.need.text"), say("moves.need.look"), "/circle/moves")
    if mine.moves_ms:
        return Need(say("moves.need.title"), say("moves.need.text"), say("moves.need.look"), "/circle/moves")
    if not mine.custody:
        return Need(say("badges.home.kit"), say("badges.home.kit.text"), say("badges.home.kit.button"), "/kit")
    return None


def days_dark(peer: PeerInfo, now_ms: int) -> int:
    """Return for how many whole days a box has been silent; 0 while it is there or may just sleep."""
    silent = now_ms - (peer.seen_ms or peer.since_ms)
    return silent // DAY_MS if peer.reach in AWAY and silent >= DARK_MS else 0


def _about(peer: PeerInfo, title: str, text: str, language: Language) -> Need:
    look, another = language.say("badges.home.look", name=peer.label), language.say("badges.home.another")
    return Need(title, text, look, f"/circle/peer/{peer.peer}", another)


def _houses(friends: list[PeerInfo], now_ms: int) -> tuple[str, ...]:
    looks = ["lit" if each.reach not in AWAY else "alarm" if days_dark(each, now_ms) else "dark" for each in friends]
    first = sorted(range(len(looks)), key=lambda at: ("alarm", "dark", "lit").index(looks[at]))[:_SEEN_AT_ONCE]
    return tuple(looks[at] for at in sorted(first))
