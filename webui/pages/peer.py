"""One friend's box: who, since when, what each keeps for the other, what may be decided about it, and parting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from firmware.errors import Misused
from services.api.circle_types import Circle, PeerInfo, PeerIs, Reach
from webui.language import Language
from webui.pages.copies import AWAY, circle_of, friends_of
from webui.pages.page import Page
from webui.pages.safety import DAY_MS, days_dark, is_owner
from webui.pages.shown import readable

GB = 1_000_000_000
SIZES = (1, 2, 5, 10, 20, 40, 60, 80, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000)
"""Room people give each other, in GB: round numbers, closer together where they are small."""
_NOTICES = 6
_NAME_CHARS = 63
_NEEDS = {"alarm", "wrong", "suspended", "lost", "leaving", "key-waiting", "key-tried", "stolen", "reported"}
"""Notices that somebody should read."""
_LEAVE_DAYS = 30
_WAYS = {Reach.HOME: "peer.way.home", Reach.DIRECT: "peer.way.direct", Reach.RELAY: "peer.way.relay"}


@dataclass(frozen=True, slots=True)
class Side:
    """One way of the exchange: icon, colour, words, share of the room in use in percent."""

    icon: str
    look: str
    title: str
    used: str
    room: str
    share: int


@dataclass(frozen=True, slots=True)
class Told:
    """One notice: icon, sentence, when."""

    icon: str
    look: str
    said: str
    when: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a slider: what is sent, what is said."""

    value: str
    words: str


class FriendPage(Page):
    """What the pages about one friend's box share."""

    async def friend(self, peer: str) -> tuple[PeerInfo, Circle] | None:
        """Return the friend and the circle; leads back to the circle when there is no such friend (any more)."""
        circle = await circle_of(self)
        known = {} if circle is None else {each.peer: each for each in friends_of(circle)}
        if circle is None or peer not in known:
            self.go("/circle")
            return None
        return known[peer], circle


class PeerPage(FriendPage):
    """``/circle/peer/<key>``."""

    async def get(self, peer: str) -> None:
        """Show the box; owners find what they decide about it below."""
        found = await self.friend(peer)
        if found is not None:
            await self._show(*found)

    async def post(self, peer: str) -> None:
        """Write down what the owner decided."""
        changes: dict[str, Any] = {name: self._name(name) for name in ("label", "place", "household")}
        room = self.field("room")
        if not (room.isascii() and room.isdigit() and int(room) <= SIZES[-1] * GB):
            raise Misused(why="this is not a size on the list.")
        delegate = self.get_body_argument("delegate", "") == "yes"
        await self.ask("peer_set", peer=peer, gets=int(room), delegate=delegate, **changes)
        self.go(f"/circle/peer/{peer}?kept")

    def _name(self, name: str) -> str:
        text = " ".join(self.field(name).split())
        if len(text) > _NAME_CHARS:
            raise Misused(why=f"a name has at most {_NAME_CHARS} characters.")
        return text

    async def _show(self, known: PeerInfo, circle: Circle) -> None:
        now_ms, language = self.front.now_ms(), self.language
        owner = await is_owner(self)
        self.show(
            "peer.html",
            peer=known,
            called=readable(known.label),
            lead=lead_of(known, language, now_ms),
            trouble_said=_trouble(known, language, now_ms),
            sides=sides_of(known, language),
            facts=_facts(known, language, now_ms),
            notices=_notices(known, circle, language, now_ms),
            owner=owner,
            steps=size_steps(known.gets, circle.free_bytes + known.gets_used, language),
            chosen=str(known.gets),
            free=language.size(circle.free_bytes),
            typed=self.kept(f"/circle/peer/{known.peer}"),
            done="kept" in self.request.query_arguments,
            leaving=known.state is PeerIs.LEAVING,
            place="circle",
        )


class PeerParting(FriendPage):
    """``/circle/peer/<key>/leave``: what happens when two households part, and the one question."""

    async def get(self, peer: str) -> None:
        """Say what happens next, and ask."""
        found = await self.friend(peer)
        if found is None:
            return
        known, circle = found
        if not await is_owner(self) or known.state is PeerIs.LEAVING:
            self.go(f"/circle/peer/{peer}")
            return
        others = [each for each in friends_of(circle) if each.peer != peer and each.state is not PeerIs.LEAVING]
        day = self.language.date(self.front.now_ms() + _LEAVE_DAYS * DAY_MS, self.front.now_ms())
        self.show(
            "peer-leave.html",
            peer=known,
            called=readable(known.label),
            day=day,
            others=len(others),
            freed=self.language.size(known.gets_used),
            there=known.reach not in AWAY,
            place="circle",
        )

    async def post(self, peer: str) -> None:
        """Part; the box asks for the passphrase first."""
        await self.ask("peer_leave", peer=peer)
        self.go(f"/circle/peer/{peer}")


def lead_of(peer: PeerInfo, language: Language, now_ms: int) -> str:
    """Return the one sentence a person comes for: is it there, and does it keep what it took?"""
    say = language.say
    if peer.state is PeerIs.LEAVING:
        return say("peer.lead.leaving", day=language.date(peer.leaves_ms or now_ms, now_ms))
    if peer.reach is Reach.REFUSED:
        return say("peer.lead.refused")
    if peer.reach in AWAY:
        return (
            say("peer.lead.away", when=language.time(peer.seen_ms, now_ms)) if peer.seen_ms else say("peer.lead.never")
        )
    if peer.audited_ms:
        return say("peer.lead.proved", when=language.time(peer.audited_ms, now_ms))
    return say("peer.lead.new")


def _trouble(peer: PeerInfo, language: Language, now_ms: int) -> tuple[str, str] | None:
    """Fact and reason of what is wrong with a box; None while nothing is."""
    say = language.say
    if peer.state is PeerIs.LEAVING:
        return say("peer.leaving"), say("peer.leaving.text", day=language.date(peer.leaves_ms or now_ms, now_ms))
    if peer.state is PeerIs.LOST:
        return say("peer.lost"), say("peer.lost.text")
    if peer.strikes:
        return language.say("peer.wrong", count=peer.strikes), say("peer.wrong.text")
    if peer.reach is Reach.REFUSED:
        return say("peer.refused"), say("peer.refused.text")
    days = days_dark(peer, now_ms)
    return (language.say("peer.dark", count=days), say("peer.dark.text")) if days else None


def sides_of(peer: PeerInfo, language: Language) -> tuple[Side, Side]:
    """Return both ways of the exchange: what it keeps for us, what we keep for it."""
    say = language.say
    return (
        _side("arrow-up-right", "theirs", say("peer.keeps"), peer.gives_used, peer.gives, language),
        _side("arrow-down-left", "ours", say("peer.kept"), peer.gets_used, peer.gets, language),
    )


def _side(icon: str, look: str, title: str, used: int, room: int, language: Language) -> Side:
    share = min(100, max(1 if used else 0, round(100 * used / room))) if room else 0
    return Side(icon, look, title, language.size(used), language.say("peer.of", room=language.size(room)), share)


def _facts(peer: PeerInfo, language: Language, now_ms: int) -> list[tuple[str, str]]:
    say = language.say
    way = say(_WAYS[peer.reach]) if peer.reach in _WAYS else ""
    if way and peer.rtt_ms is not None:
        way = say("peer.way.time", way=way, ms=max(1, peer.rtt_ms))
    found = [
        (say("peer.since"), language.date(peer.since_ms, now_ms)),
        (say("peer.place"), readable(peer.place)),
        (say("peer.household"), readable(peer.household)),
        (say("peer.way"), way),
        (say("peer.address"), peer.address or ""),
        (say("peer.heard"), language.time(peer.seen_ms, now_ms) if peer.seen_ms else say("peer.never")),
        (say("peer.proof"), language.time(peer.audited_ms, now_ms) if peer.audited_ms else say("peer.never")),
    ]
    return [(label, value) for label, value in found if value]


def _notices(peer: PeerInfo, circle: Circle, language: Language, now_ms: int) -> list[Told]:
    found = []
    for each in circle.notices:
        key = f"peer.notice.{each.kind}"
        if each.peer == peer.peer and key in language.words:
            needs = each.kind in _NEEDS
            when = language.time(each.time_ms, now_ms)
            icon = "circle-alert" if needs else "info"
            found.append(Told(icon, "need" if needs else "", language.words[key], when))
    return found[:_NOTICES]


def size_steps(chosen: int, most: int, language: Language) -> list[Step]:
    """Return the steps of a slider for room: round sizes up to ``most`` bytes, and the present one among them."""
    sizes = {each * GB for each in SIZES if each * GB <= max(most, GB)} | {chosen}
    return [Step(str(each), language.size(each) if each else language.say("caps.nothing")) for each in sorted(sizes)]
