"""``/circle``: friends' boxes: who keeps how much for whom, who is away, and the one thing to do about it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tornado.escape import xhtml_escape

from services.api.circle_types import Circle, PeerInfo
from services.api.restore_types import RestoreContact
from services.api.types import Role
from webui import circle_map
from webui.circle_health import Health, Level, Standing, health, in_circle, is_there, needy_first
from webui.language import Language
from webui.pages.kit import qr
from webui.pages.page import Page, tint
from webui.rehearsal import rehearsal

_WORDS = 12
_COULD_GO = ("nothing", "going", "more-going")
_DRAWN = 12
_MS = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list; ``keeps`` and ``kept`` are empty while neither keeps anything."""

    peer: str
    label: str
    level: Level
    says: str
    keeps: str
    kept: str
    ask: str
    """Where a message to this household begins; empty where nobody needs to be asked."""
    message: str = ""


class CirclePage(Page):
    """What the pages about friends' boxes share."""

    async def owns(self) -> bool:
        """Whether the member may decide about the circle; a guardian in her ward's locker may not."""
        session = self.member()
        if session.own is not None:
            return False
        members = (await self.status_of_box()).members
        return any(one.id == session.member and one.role is Role.OWNER for one in members)

    async def found(self) -> Circle:
        """Return the circle as this member may see it."""
        circle: Circle = await self.ask("circle")
        return circle


class CircleHome(CirclePage):
    """``/circle``."""

    async def get(self) -> None:
        """Show the circle, or what it is for."""
        found, owner = await self.found(), await self.owns()
        if not in_circle(found):
            self.member().circle_needs = False
            self.show(
                "circle-empty.html", owner=owner, left=self._lines(found), map=self._map(found, ""), place="circle"
            )
            return
        now_ms = self.front.now_ms()
        judged = health(found, now_ms)
        said = Said(self.language, judged)
        self.member().circle_needs = judged.level is Level.NEED
        self.show(
            "circle.html",
            owner=owner,
            health=judged,
            touch=said.touch(),
            reason=said.reason(),
            back=said.back(),
            map=self._map(found, said.touch()),
            may_hurry=owner and judged.reason[0] in _COULD_GO,
            lines=self._lines(found),
            short_until=self.language.date(found.short_until_ms, now_ms) if found.short_until_ms else "",
            spare_places=max(0, 6 - len(in_circle(found))),
            rehearsal=await rehearsal(self),
            care=len(found.care),
            **self._balance(found),
            place="circle",
        )

    def _lines(self, found: Circle) -> list[Line]:
        now_ms = self.front.now_ms()
        return [self._line(peer, stands, now_ms) for peer, stands in needy_first(found.peers, now_ms)]

    def _line(self, peer: PeerInfo, stands: Standing, now_ms: int) -> Line:
        language, key = self.language, stands.key
        write = {"proved": language.time, "away": language.time, "leaves": language.date}.get(key)
        when = write(stands.when_ms, now_ms) if write else since(language, stands.when_ms, now_ms)
        says = language.words[f"circle.row.{key}"].format(when=when)
        needs = stands.level is Level.NEED and not is_there(peer)
        message = language.say("circle.ask.text", name=peer.label, when=when) if needs and stands.when_ms else ""
        ask = f"mailto:?subject={quote(language.say('circle.ask.subject'))}&body={quote(message)}" if message else ""
        used = (peer.gives_used, peer.gets_used)
        keeps, kept = (language.size(one) if any(used) else "" for one in used)
        return Line(peer.peer, peer.label, stands.level, says, keeps, kept, ask, message)

    def _map(self, found: Circle, sentence: str) -> str:
        now_ms = self.front.now_ms()
        ordered = needy_first(found.peers, now_ms)
        levels = {peer.peer: stands.level for peer, stands in ordered}
        peers = in_circle(found)
        if len(peers) > _DRAWN:
            peers = tuple(peer for peer, stands in ordered if stands.level is not Level.GONE)
        friends = [
            circle_map.Friend(each.label, tint(each.peer), is_there(each), levels[each.peer] is Level.NEED)
            for each in peers
        ]
        return circle_map.draw(friends, xhtml_escape(sentence or self.language.say("circle.map.empty")))

    def _balance(self, found: Circle) -> dict[str, Any]:
        """Return both directions in words and as shares of their sum."""
        gives = sum(each.gives_used for each in found.peers)
        gets = sum(each.gets_used for each in found.peers)
        share = round(100 * gives / (gives + gets)) if gives + gets else 50
        return {
            "kept_for_us": self.language.size(gives),
            "kept_by_us": self.language.size(gets),
            "share": min(96, max(4, share)),
            "moves": bool(gives or gets),
        }


class SendNow(CirclePage):
    """``POST /circle/now``: do not wait for the night."""

    async def post(self) -> None:
        """Close what is open and let it go, inside the caps."""
        await self.ask("circle_now")
        self.go("/circle")


class HelpRestore(CirclePage):
    """``/circle/help``: a friend's box burnt down; this one says where it is to whoever comes back with a kit."""

    async def get(self) -> None:
        """Show the code as a square, to send and as text; nothing in it is secret."""
        if not await self.owns():
            self.go("/circle")
            return
        found: RestoreContact = await self.ask("contact")
        until = self.language.time(found.until_ms, self.front.now_ms())
        self.show("circle-help.html", code=found.text, qr=qr(found.text), until=until, place="circle")


class LetGo(CirclePage):
    """``POST /circle/let-go``: it was the owner who deleted so much."""

    async def post(self) -> None:
        """Friends may delete what waits for a yes; the box asks for the passphrase first."""
        await self.ask("let_go")
        self.go("/circle")

    @property
    def stands_on(self) -> str:
        """Where the passphrase leads back to."""
        return "/circle"


class Said:
    """The sentences of a judged circle in one language."""

    def __init__(self, language: Language, judged: Health) -> None:
        """Speak ``language``."""
        self._language, self._judged = language, judged

    def touch(self) -> str:
        """Who is in touch, as one sentence."""
        key, fields = self._judged.touch
        if "name" in fields:
            return self._language.say(f"circle.touch.{key}.name", **fields)
        spelled = {name: spell(self._language, int(value)) for name, value in fields.items()}
        if "some" in fields:
            ending = "one" if fields["some"] == 1 else "many"
            return _upper(self._language.say(f"circle.touch.some.{ending}", **spelled))
        ending = "two" if fields.get("all") == 2 and key == "all" else "many"
        return self._language.say(f"circle.touch.{key}.{ending}", **spelled)

    def reason(self) -> str:
        """What may fail, or what is under way."""
        key, fields = self._judged.reason
        if "bytes" in fields:
            return self._language.say(f"circle.reason.{key}", size=self._language.size(int(fields["bytes"])))
        if "count" in fields:
            count = int(fields["count"])
            words = self._language.words[f"circle.reason.{key}.{'one' if count == 1 else 'many'}"]
            return _upper(words.format(number=spell(self._language, count)))
        return self.back() if key == "short" else self._language.words[f"circle.reason.{key}"]

    def back(self) -> str:
        """Exactly who has to come back before all could be had again without this box; empty if nobody has to."""
        judged, say = self._judged, self._language.say
        names = [each.label for each in judged.back]
        if not names:
            return ""
        if len(names) == 1:
            return say("circle.back.this", name=names[0])
        listed = say("circle.list.and", some=", ".join(names[:-1]), last=names[-1])
        if judged.back_count == len(names):
            return say("circle.back.all", names=listed)
        return say("circle.back.some", number=spell(self._language, judged.back_count), names=listed)


def spell(language: Language, count: int) -> str:
    """Write a small number as a word."""
    return language.words[f"number.word.{count}"] if 1 <= count <= _WORDS else language.number(count)


def since(language: Language, when_ms: int, now_ms: int) -> str:
    """Say since when something lasts: a clock time today, yesterday, a weekday, a date; empty for 0."""
    if not when_ms:
        return ""
    when = datetime.datetime.fromtimestamp(when_ms / _MS).astimezone()
    days = (datetime.datetime.fromtimestamp(now_ms / _MS).astimezone().date() - when.date()).days
    if days <= 0:
        return language.clock(when_ms)
    if days == 1:
        return language.words["time.since.yesterday"]
    return language.words[f"weekday.{when.weekday()}"] if days < 7 else language.date(when_ms, now_ms)


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
