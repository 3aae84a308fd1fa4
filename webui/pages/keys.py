"""A key split among friends: splitting mine, saying no, helping a friend back, a friend's box that was stolen.

Parts on paper and the words of a new kit are shown in the one answer that makes them; the page that made them cannot
show them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import segno

from firmware.errors import BoxError, OtherKit, UnknownWord, WordsDoNotMatch, WrongWordCount
from firmware.limits import FRIENDS_LEAST, FRIENDS_MOST
from services.api.circle_types import PeerInfo
from services.api.key_types import KeptPart, KeyAsk, KeyMade, Keys, KeyTicket, OwnKey, PartBox
from webui.language import Language
from webui.pages.page import Page
from webui.pages.peer import FriendPage
from webui.pages.regain import remember, show_regained
from webui.pages.safety import is_owner
from webui.pages.shown import readable

_PAPERS = 4
_LONGEST = 4096
_TYPED = (OtherKit, UnknownWord, WordsDoNotMatch, WrongWordCount)


@dataclass(frozen=True, slots=True)
class Told:
    """One ask as its page tells it: fact, reason, whether somebody may still say no."""

    said: str
    text: str
    open: bool
    ask: str
    locker: str


async def keys_of(page: Page) -> Keys:
    """Return what the box knows of split keys; nothing where it cannot say."""
    try:
        found: Keys = await page.ask("keys")
    except BoxError:
        return Keys((), (), ())
    return found


def told(keys: Keys, names: dict[str, str], language: Language, now_ms: int) -> list[Told]:
    """Return every ask for a key of this home once, those that somebody may still stop first."""
    found: dict[str, Told] = {}
    for own in keys.own:
        for each in own.asks:
            known = found.get(each.ask)
            if known is None or (each.state == "waiting" and not known.open):
                found[each.ask] = _told(own, each, names.get(own.member, ""), language, now_ms)
    return sorted(found.values(), key=lambda one: not one.open)


def _told(own: OwnKey, each: KeyAsk, name: str, language: Language, now_ms: int) -> Told:
    say, box = language.say, readable(each.label)
    said = say("keys.asked.heir", box=box, name=name) if each.heir else say("keys.asked.of", box=box, name=name)
    if each.no:
        text = say("keys.asked.said")
    elif each.state == "waiting":
        text = say("keys.asked.until", when=language.date(each.until_ms, now_ms))
    elif each.state == "open":
        text = say("keys.asked.open")
    else:
        text = say("keys.asked.no") if each.state == "no" else say("keys.asked.confirm")
    return Told(said, text, each.state in ("waiting", "confirm") and not each.no, each.ask, own.locker)


class KeysPage(Page):
    """``/circle/keys``: how my key is split, who asks for one of this home, and saying no."""

    async def get(self) -> None:
        """Show it."""
        session, keys, now_ms = self.member(), await keys_of(self), self.front.now_ms()
        own = next((each for each in keys.own if each.member == session.member and each.holders), None)
        names = {each.id: each.name for each in (await self.status_of_box()).members}
        self.show(
            "keys.html",
            own=own,
            asks=told(keys, names, self.language, now_ms),
            when=self.language.date(own.made_ms, now_ms) if own is not None else "",
            readable=readable,
            place="circle",
        )

    async def post(self) -> None:
        """Say no to an ask, or take the parts back (which asks for the passphrase first)."""
        if self.field("do") == "no":
            await self.ask("key_no", locker=self.field("locker"), ask=self.field("ask"))
        else:
            await self.ask("key_drop")
        self.go("/circle/keys")


@dataclass(frozen=True, slots=True)
class Typed:
    """What was chosen and typed to split a key; it stands there again when something is wrong with it."""

    k: int = FRIENDS_LEAST
    papers: int = 0
    heir: str = ""
    words: str = field(default="", repr=False)


class KeySplit(Page):
    """``/circle/keys/split``: who gets a part, how many open it, an heir. The passphrase comes first."""

    async def get(self) -> None:
        """Ask."""
        if self._proven():
            await self._ask(None)

    async def post(self) -> None:
        """Split; what cannot be split that way is said where it was chosen."""
        if not self._proven():
            return
        boxes = [each.peer for each in (await self.ask("part_boxes")).boxes if each.public and self._says(each.peer)]
        k, papers = self._number("need"), min(self._number("papers"), _PAPERS)
        heir, words = self.get_body_argument("heir", ""), self.get_body_argument("words", "")[:_LONGEST]
        chosen = heir if heir in boxes else None
        typed = Typed(k, papers, chosen or "", words)
        if not FRIENDS_LEAST <= k <= len(boxes) + papers <= FRIENDS_MOST:
            await self._ask(typed, self.language.say("keys.too-few"))
            return
        try:
            made: KeyMade = await self.ask(
                "key_make", k=k, boxes=tuple(boxes), papers=papers, heir=chosen, words=words.strip() or None
            )
        except _TYPED as error:
            said = self.said(error)
            await self._ask(typed, f"{said['sentence']} {said['advice']}")
            return
        session = self.member()
        if made.words is not None:
            self.front.sessions.give_words(session, made.words)
        n = len(boxes) + papers
        self.show("keys-made.html", made=made, k=k, n=n, whose=session.name, place="circle")

    def _proven(self) -> bool:
        """Words that were typed are kept nowhere, so nothing may come between the form and what it does."""
        if self.member().sure_until_ms > self.front.now_ms():
            return True
        self.go("/sure?then=/circle/keys/split")
        return False

    def _says(self, name: str) -> bool:
        return self.get_body_argument(name, "") == "yes"

    def _number(self, name: str) -> int:
        text = self.field(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0

    async def _ask(self, typed: Typed | None, trouble: str = "") -> None:
        boxes: tuple[PartBox, ...] = (await self.ask("part_boxes")).boxes
        there = sum(each.public is not None for each in boxes)
        chosen = {each.peer for each in boxes if self._says(each.peer)} if typed else {each.peer for each in boxes}
        self.show(
            "keys-split.html",
            answer=400 if trouble else 200,
            boxes=boxes,
            chosen=chosen,
            needs=range(FRIENDS_LEAST, max(FRIENDS_LEAST, there + 1) + 1),
            typed=typed or Typed(),
            papers=range(_PAPERS + 1),
            few=there < FRIENDS_LEAST,
            least=FRIENDS_LEAST,
            wrong=trouble,
            readable=readable,
            place="circle",
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """A part kept here, as its card says it."""

    part: KeptPart
    name: str
    box: str
    lines: tuple[str, ...]
    may_ask: bool
    """As the heir, since the box was silent for so long."""
    asks: tuple[tuple[KeyAsk, str, str], ...]
    """An ask, what is said of it, what is said below."""


class KeptParts(Page):
    """``/circle/keys/kept``: parts kept for friends: a ticket for who stands before us, comparing digits, saying no."""

    async def get(self) -> None:
        """Show them."""
        await self._show(None, "")

    async def post(self) -> None:
        """Make a ticket, answer an ask, or ask as the heir (which asks for the passphrase first)."""
        place = self.field("place")
        if self.field("do") == "ticket":
            await self._show(await self.ask("key_ticket", place=place), place)
            return
        if self.field("do") == "heir":
            found = await self.ask("key_heir", place=place)
            remember(self, found.handle)
            await show_regained(self, found)
            return
        await self.ask("key_answer", place=place, ask=self.field("ask"), yes=self.field("do") == "yes")
        self.go("/circle/keys/kept")

    async def _show(self, ticket: KeyTicket | None, place: str) -> None:
        keys, now_ms = await keys_of(self), self.front.now_ms()
        qr = lasts = ""
        if ticket is not None:
            code = segno.make(ticket.text.upper(), error="l", micro=False)
            qr = code.svg_inline(omitsize=True, border=0, svgclass="qr", lineclass="dark", dark="#101512")
            lasts = self.language.date(ticket.until_ms, now_ms)
        self.show(
            "keys-kept.html",
            kept=[_kept(each, self.language, now_ms) for each in keys.kept],
            ticket=ticket,
            ticket_of=place,
            qr=qr,
            lasts=lasts,
            owner=await is_owner(self),
            place="circle",
        )


def _kept(part: KeptPart, language: Language, now_ms: int) -> Shown:
    say, name, box = language.say, readable(part.label), readable(part.box_label)
    lines = [say("keys.kept.one", n=part.n, k=part.k)]
    lines.append(say("keys.kept.heard", when=language.time(part.heard_ms, now_ms)))
    if part.heir:
        lines.append(say("keys.kept.heir", day=language.date(part.heir_after_ms, now_ms)))
    asks = tuple((each, *_said(each, name, language, now_ms)) for each in part.asks)
    may_ask = part.heir and part.heir_after_ms <= now_ms
    return Shown(part, name, box, tuple(lines), may_ask, asks)


def _said(each: KeyAsk, name: str, language: Language, now_ms: int) -> tuple[str, str]:
    say, box = language.say, readable(each.label)
    if each.state == "confirm":
        return say("keys.kept.confirm", code=each.code or ""), say("keys.kept.confirm.text", box=box, name=name)
    if each.state == "waiting":
        when = language.date(each.until_ms, now_ms)
        return say("keys.kept.waiting.heir" if each.heir else "keys.kept.waiting", when=when), ""
    return (say("keys.kept.open", box=box) if each.state == "open" else say("keys.kept.refused", box=box)), ""


class PeerStolen(FriendPage):
    """``/circle/peer/<key>/stolen``: what happens to a box that was stolen, and the one question."""

    async def get(self, peer: str) -> None:
        """Ask, or say since when it is so; the passphrase comes before words are typed, which are kept nowhere."""
        found = await self.friend(peer)
        if found is not None and await self._owns(peer) and self._proven(peer):
            await self._ask(found[0])

    async def post(self, peer: str) -> None:
        """Report it, or take that back."""
        if not await self._owns(peer):
            return
        if self.field("do") == "back":
            await self.ask("key_theft", peer=peer, stolen=False)
            self.go(f"/circle/peer/{peer}")
            return
        if not self._proven(peer):
            return
        words = self.get_body_argument("words", "")[:_LONGEST].strip()
        try:
            await self.ask("key_theft", peer=peer, stolen=True, words=words or None)
        except _TYPED as error:
            found = await self.friend(peer)
            if found is not None:
                said = self.said(error)
                await self._ask(found[0], f"{said['sentence']} {said['advice']}", words)
            return
        self.go(f"/circle/peer/{peer}/stolen")

    def _proven(self, peer: str) -> bool:
        if self.member().sure_until_ms > self.front.now_ms():
            return True
        self.go(f"/sure?then=/circle/peer/{peer}/stolen")
        return False

    async def _owns(self, peer: str) -> bool:
        if await is_owner(self):
            return True
        self.go(f"/circle/peer/{peer}")
        return False

    async def _ask(self, known: PeerInfo, wrong: str = "", words: str = "") -> None:
        keys = await keys_of(self)
        since = next((each.when_ms for each in keys.stolen if each.peer == known.peer), 0)
        when = self.language.date(since, self.front.now_ms()) if since else ""
        shown = {"peer": known, "called": readable(known.label), "since": when, "wrong": wrong, "words": words}
        self.show("keys-stolen.html", answer=400 if wrong else 200, place="circle", **shown)
