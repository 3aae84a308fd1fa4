"""``/regain``: friends give the kit's words back, on whatever box whoever lost them stands before.

Nothing but tickets that friends gave is proven here. What is under way lies in the box, under a handle: this browser
keeps it in a cookie for the days it takes, and the page shows it for another one. It never stands in an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware.errors import BoxError, ClaimExpired, Missing, WrongClaimCode
from services.api.key_types import Regained
from webui.language import Language
from webui.pages.page import Page
from webui.pages.shown import readable

HANDLE_COOKIE: Final = "__Host-regain"
_DAYS: Final = 30
"""Three days everybody may say no; friends may need some more until each was asked."""
_LONGEST: Final = 4096
_FIELDS: Final = ("ticket", "part", "code", "handle")
_GROUP: Final = 4


@dataclass(frozen=True, slots=True)
class UnderWay:
    """How far it is, as the page says it."""

    heading: str
    lead: str
    digits: tuple[str, ...]
    """The six digits in twos, while a friend has to compare them: then something may change within seconds."""
    lines: tuple[tuple[str, str, bool], ...]
    """A friend's box: its name, how far it is there, whether its part is here."""
    enough: bool
    """Nobody else has to be asked."""
    handle: str
    """In groups, as people copy it."""


class Regain(Page):
    """A ticket from each friend, six digits to compare, and three days later the words."""

    async def get(self) -> None:
        """Ask for the first ticket; a browser that asked before sees how far it is."""
        handle = self.get_cookie(HANDLE_COOKIE)
        if not handle:
            await self._show(None)
            return
        try:
            found: Regained = await self.front.box.call("regain", tickets=(), parts=(), code=None, handle=handle)
        except BoxError as error:
            if isinstance(error, Missing):
                self._forget()
            await self._show(None, error=None if isinstance(error, Missing) else error)
            return
        await self._show(found)

    async def post(self) -> None:
        """Ask friends; what was typed is shown again only when something is wrong with it."""
        typed = {name: self.get_body_argument(name, "")[:_LONGEST].strip() for name in _FIELDS}
        if self.get_body_argument("do", "") == "forget":
            self._forget()
            self.go("/regain")
            return
        handle = "".join(typed["handle"].split()).lower() or None
        try:
            found: Regained = await self.front.box.call(
                "regain",
                tickets=(typed["ticket"],) if typed["ticket"] else (),
                parts=(typed["part"],) if typed["part"] else (),
                code=None if handle else typed["code"] or self._code() or None,
                handle=handle,
            )
        except BoxError as error:
            if self.session is not None and isinstance(error, (WrongClaimCode, ClaimExpired)):
                self.session.code = ""
            await self._show(None, typed, error)
            return
        remember(self, found.handle)
        await self._show(found)

    def _code(self) -> str:
        """The claim code, where this browser typed it already."""
        return self.session.code if self.session is not None else ""

    def _forget(self) -> None:
        self.clear_cookie(HANDLE_COOKIE, path="/", secure=True, httponly=True, samesite="Strict")

    async def _show(
        self, found: Regained | None, typed: dict[str, str] | None = None, error: BoxError | None = None
    ) -> None:
        await show_regained(self, found, typed, error, known_code=bool(self._code()))


def remember(page: Page, handle: str) -> None:
    """Let this browser find back to what is under way."""
    page.set_cookie(HANDLE_COOKIE, handle, path="/", secure=True, httponly=True, samesite="Strict", expires_days=_DAYS)


async def show_regained(
    page: Page,
    found: Regained | None,
    typed: dict[str, str] | None = None,
    error: BoxError | None = None,
    *,
    known_code: bool = False,
) -> None:
    """Show how far it is, or ask for the first ticket; ``known_code``: nobody needs to type the claim code again."""
    claimed, now_ms = (await page.status_of_box()).claimed, page.front.now_ms()
    page.show(
        "regain.html",
        answer=error.http if error else None,
        trouble=page.said(error) if error else None,
        typed=typed or {},
        words=found.words if found else None,
        handle=found.handle if found else "",
        under=under_way(found, page.language, now_ms) if found and not found.words else None,
        whose=readable(found.label) if found else "",
        claimed=claimed,
        known_code=known_code,
        step=0,
    )


def under_way(found: Regained, language: Language, now_ms: int) -> UnderWay:
    """Put into words how far it is: digits to compare first, then whom else to ask, then when to come back."""
    say, states = language.say, [each.state for each in found.at]
    asked = found.have + sum(state in ("waiting", "confirm") for state in states)
    enough = bool(found.k) and asked >= found.k
    untils = sorted(each.until_ms for each in found.at if each.until_ms and each.state != "open")
    lacks = max(0, found.k - found.have)
    digits: tuple[str, ...] = ()
    if "confirm" in states:
        names = [readable(each.label) for each in found.at if each.state == "confirm"]
        heading, lead = say("regain.digits"), say("regain.digits.lead", name=" · ".join(filter(None, names)))
        digits = tuple(found.code[at : at + 2] for at in range(0, 6, 2))
    elif enough and len(untils) >= lacks:
        when = _when(untils[lacks - 1], language, now_ms) if lacks else ""
        heading, lead = say("regain.told"), say("regain.told.lead", when=when)
    else:
        heading = say("regain.heading")
        lead = say("regain.asked", have=asked, k=found.k) if found.k else say("regain.lead")
    lines = tuple(_line(found, number, language, now_ms) for number in range(len(found.at)))
    handle = " ".join(found.handle[at : at + _GROUP] for at in range(0, len(found.handle), _GROUP))
    return UnderWay(heading, lead, digits, lines, enough, handle)


def _when(at_ms: int, language: Language, now_ms: int) -> str:
    return f"{language.date(at_ms, now_ms)}, {language.clock(at_ms)}"


def _line(found: Regained, number: int, language: Language, now_ms: int) -> tuple[str, str, bool]:
    each, say = found.at[number], language.say
    when = _when(each.until_ms, language, now_ms) if each.until_ms else ""
    if each.state == "waiting":
        said = say("regain.waiting", when=when)
    elif each.state == "confirm":
        said = say("regain.confirm")
    elif each.state in ("open", "no"):
        said = say("regain.open" if each.state == "open" else "regain.no")
    else:
        said = say("regain.away", when=when) if when else say("regain.other")
    return readable(each.label) or say("regain.friend"), said, each.state == "open"
