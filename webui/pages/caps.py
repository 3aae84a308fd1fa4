"""How much may flow and be kept: room for friends, speed out and in, at which hours; pausing and sending now."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace
from typing import Any

from firmware.errors import BoxError, Misused
from services.api.circle_types import CapWindow, Circle, CircleCaps, LockerSafety
from webui.language import Language
from webui.pages.copies import circle_of
from webui.pages.page import Page
from webui.pages.peer import Step, size_steps
from webui.pages.safety import is_owner

_MBIT = (1, 2, 4, 8, 16, 25, 50, 100, 250, 500, 1000)
"""Speeds people know from their contracts, in Mbit/s."""
_NIGHT, _MORNING = 22 * 60, 7 * 60
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_HOUR_MS = 3_600_000
_FOR_EVER_MS = 253_370_764_800_000
"""The first day of the year 9999: until somebody says otherwise."""
_YEAR_MS = 366 * 24 * _HOUR_MS
_MOST_KIB = 1 << 24


@dataclass(frozen=True, slots=True)
class Hours:
    """The part of the day with limits of its own, as the form shows it. ``mode``: any, only, other, keep."""

    mode: str
    start: str
    to: str
    up: int | None
    down: int | None


class CapsPage(Page):
    """``/circle/caps``."""

    async def get(self) -> None:
        """Show what flows and what may flow; owners can change it."""
        await self._show()

    async def post(self) -> None:
        """Keep limits, pause, go on, or send at once."""
        act = {"save": self._save, "pause": self._pause, "go-on": self._go_on, "now": self._now}.get(self.field("do"))
        if act is None:
            raise Misused(why="a button on the page says what to do.")
        unclear = self._unclear() if self.field("do") == "save" else ""
        if unclear:
            await self._show({"sentence": unclear, "advice": "", "code": ""}, 400)
            return
        await act()
        self.go("/home" if self.get_body_argument("back", "") == "home" else f"/circle/caps?done={self.field('do')}")

    async def _now(self) -> None:
        await self.ask("circle_now")

    async def _pause(self) -> None:
        now_ms, until = self.front.now_ms(), self.field("until")
        ends = {"hour": now_ms + _HOUR_MS, "morning": _next_morning(now_ms), "me": _FOR_EVER_MS}.get(until)
        if ends is None:
            raise Misused(why="a button on the page says how long.")
        await self._keep(replace(await self._caps(), paused_until_ms=ends))

    async def _go_on(self) -> None:
        await self._keep(replace(await self._caps(), paused_until_ms=0))

    async def _save(self) -> None:
        up, down, total = self._rate("up"), self._rate("down"), self._size("total")
        caps, mode = await self._caps(), self.field("when")
        kept: tuple[CapWindow, ...] = ()
        if mode == "keep":
            kept = caps.windows
        elif mode == "only":
            kept, up, down = (CapWindow(*self._hours("only"), up, down),), 0, 0
        elif mode == "other":
            kept = (CapWindow(*self._hours("other"), self._rate("up2"), self._rate("down2")),)
        await self._keep(CircleCaps(up, down, kept, total, caps.paused_until_ms))

    async def _caps(self) -> CircleCaps:
        found: CircleCaps = await self.ask("circle_caps")
        return found

    async def _keep(self, caps: CircleCaps) -> None:
        await self.ask(
            "set_circle_caps",
            up_kib_s=caps.up_kib_s,
            down_kib_s=caps.down_kib_s,
            windows=caps.windows,
            total=caps.total,
            paused_until_ms=caps.paused_until_ms,
        )

    def _rate(self, name: str) -> int | None:
        text = self.field(name)
        if text == "":
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= _MOST_KIB):
            raise Misused(why="this is not a speed on the list.")
        return int(text)

    def _size(self, name: str) -> int | None:
        text = self.field(name)
        if text == "":
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Misused(why="this is not a size on the list.")
        return int(text)

    def _unclear(self) -> str:
        """Return what is unclear about the hours that were typed; empty when nothing is."""
        mode = self.field("when")
        if mode not in ("only", "other"):
            return ""
        start, to = self._hours(mode)
        if start < 0 or to < 0:
            return self.language.say("caps.hours.unclear")
        return self.language.say("caps.hours.same") if start == to else ""

    def _hours(self, mode: str) -> tuple[int, int]:
        """Return the typed hours as minutes of the day, -1 for what is no time."""
        found = [_TIME.fullmatch(self.field(f"{mode}-{end}")) for end in ("from", "to")]
        start, to = (int(each[1]) * 60 + int(each[2]) if each else -1 for each in found)
        return start, to

    async def _with_mine(self, circle: Circle) -> Circle:
        """Return the circle with what waits in this member's open pack, of which peerd knows nothing yet."""
        try:
            mine: LockerSafety = await self.ask("safety")
        except BoxError:
            return circle
        return replace(circle, waits_bytes=max(circle.waits_bytes, mine.here_bytes + mine.going_bytes))

    async def _show(self, trouble: dict[str, str] | None = None, answer: int | None = None) -> None:
        circle = await circle_of(self)
        if circle is None:
            self.go("/circle")
            return
        owner = await is_owner(self)
        caps = await self._caps() if owner else CircleCaps()
        circle = await self._with_mine(circle)
        language, now_ms = self.language, self.front.now_ms()
        hours = hours_of(caps)
        base = caps.windows[0] if hours.mode == "only" else caps
        kept = {name: self.get_body_argument(name) for name in self.request.body_arguments} if trouble else {}
        done = self.get_query_argument("done", "")
        self.show(
            "caps.html",
            answer=answer,
            owner=owner,
            lead=lead_of(circle, caps, language, now_ms),
            waits=language.size(circle.waits_bytes) if circle.waits_bytes else "",
            moving=circle.moving,
            paused=caps.paused_until_ms > now_ms,
            hosted=language.size(circle.hosted_bytes),
            free=language.size(circle.free_bytes),
            totals=_totals(caps.total, circle, language),
            total="" if caps.total is None else str(caps.total),
            rates=lambda chosen: rate_steps(chosen, language),
            up=base.up_kib_s,
            down=base.down_kib_s,
            hours=hours,
            mode=kept.get("when", hours.mode),
            listed=[_listed(each, language) for each in caps.windows] if hours.mode == "keep" else [],
            kept=kept,
            trouble=trouble,
            done=done if done in ("save", "now") else "",
            place="circle",
        )


def lead_of(circle: Circle, caps: CircleCaps, language: Language, now_ms: int) -> str:
    """Return the sentence of truth: does anything flow, and what waits?"""
    say = language.say
    if caps.paused_until_ms > now_ms + _YEAR_MS:
        return say("caps.lead.paused")
    if caps.paused_until_ms > now_ms:
        return say("caps.lead.paused-until", when=_until(caps.paused_until_ms, language, now_ms))
    if not circle.waits_bytes:
        return say("caps.lead.all")
    size = language.size(circle.waits_bytes)
    if circle.paused:
        return say("caps.lead.hours", size=size)
    return say("caps.lead.moving" if circle.moving else "caps.lead.waits", size=size)


def _until(when_ms: int, language: Language, now_ms: int) -> str:
    day, clock = language.date(when_ms, now_ms), language.clock(when_ms)
    return clock if day == language.date(now_ms, now_ms) else f"{day}, {clock}"


def hours_of(caps: CircleCaps) -> Hours:
    """Return which of the form's choices these limits are."""
    if len(caps.windows) > 1:
        return Hours("keep", _clock(_NIGHT), _clock(_MORNING), None, None)
    if not caps.windows:
        return Hours("any", _clock(_NIGHT), _clock(_MORNING), caps.up_kib_s, caps.down_kib_s)
    (window,) = caps.windows
    mode = "only" if caps.up_kib_s == 0 and caps.down_kib_s == 0 else "other"
    return Hours(mode, _clock(window.start), _clock(window.to), window.up_kib_s, window.down_kib_s)


def rate_steps(chosen: int | None, language: Language) -> list[Step]:
    """Return the steps of a slider for speed, in KiB a second: nothing, round Mbit/s, the present one, no limit."""
    known = {each * 1_000_000 // 8 // 1024: each for each in _MBIT}
    values = sorted({0, *known} | ({chosen} if chosen is not None else set()))
    steps = [Step(str(each), rate_words(each, language)) for each in values]
    return [*steps, Step("", language.say("caps.no-limit"))]


def rate_words(kib_s: int | None, language: Language) -> str:
    """Write a speed as contracts do."""
    if kib_s is None:
        return language.say("caps.no-limit")
    if kib_s == 0:
        return language.say("caps.nothing")
    mbit = kib_s * 1024 * 8 / 1_000_000
    text = f"{mbit:.0f}" if mbit >= 9.5 else f"{mbit:.1f}".removesuffix(".0") if mbit >= 0.05 else "0.1"
    return language.say("caps.rate", mbit=text.replace(".", language.words["number.point"]))


def _totals(total: int | None, circle: Circle, language: Language) -> list[Step]:
    steps = size_steps(total or 0, circle.free_bytes + circle.hosted_bytes, language)
    return [*steps, Step("", language.say("caps.total.all"))]


def _listed(window: CapWindow, language: Language) -> str:
    fields: dict[str, Any] = {"start": _clock(window.start), "to": _clock(window.to)}
    up, down = rate_words(window.up_kib_s, language), rate_words(window.down_kib_s, language)
    return language.say("caps.hours.listed", up=up, down=down, **fields)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _next_morning(now_ms: int) -> int:
    now = datetime.datetime.fromtimestamp(now_ms / 1000).astimezone()
    morning = now.replace(hour=7, minute=0, second=0, microsecond=0)
    return int((morning if morning > now else morning + datetime.timedelta(days=1)).timestamp() * 1000)
