"""The door: opening a locker, locking it, leaving this browser."""

from __future__ import annotations

from typing import Any

from firmware import limits
from firmware.errors import BoxError, Misused, NoSuchMember, Refused, TooManyTries, Unreachable, WrongPassphrase
from services.api.types import Opened, Status
from webui.language import Language
from webui.pages.page import LANGUAGE_COOKIE, LOOK_COOKIE, LOOKS, Page
from webui.pages.rp import is_by_name

_FORGET = '"cache"'
"""Browsers drop the little pictures they kept (Clear-Site-Data)."""
_DEVICES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Macintosh", "Mac"),
    ("Windows", "Windows"),
    ("Linux", "Linux"),
)
_BROWSERS = (
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Edg", "Edge"),
    ("SamsungBrowser", "Samsung Internet"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_YEAR_DAYS = 365


class Start(Page):
    """``/``: leads to the claim, the door or home."""

    async def get(self) -> None:
        """Look at who is asking; nothing is shown to a stranger."""
        if self.session is not None and self.session.is_member:
            self.go("/home")
        elif (await self.status_of_box()).claimed:
            self.go("/open")
        else:
            self.go("/claim")


class Entering(Page):
    """What all doors share: a fresh session for whoever came in, and where to go then."""

    async def welcome(self, opened: Opened) -> None:
        """Begin a session for a locker that was just opened; what waits from before goes along."""
        status = await self.status_of_box()
        kept = dict(self.session.kept) if self.session else {}
        if self.session is not None:
            self.front.sessions.end(self.session)
        session = self.session = self.begin()
        session.token, session.member, session.kept = opened.token, opened.member, kept
        session.name = next((one.name for one in status.members if one.id == opened.member), "")
        session.household = status.household or ""
        session.sure_until_ms = self.front.now_ms() + limits.STEP_UP_SECONDS * 1000

    def then(self) -> str:
        """Return where to go after opening: a path of this box, never another address."""
        then = self.get_argument("then", "/home")
        return then if of_this_box(then) else "/home"


class Open(Entering):
    """``/open``: who are you, and your passphrase."""

    async def get(self) -> None:
        """List the members and ask."""
        if self.session is not None and self.session.is_member:
            self.go(self.then())
            return
        status = await self.status_of_box()
        if not status.claimed:
            self.go("/claim")
            return
        self._ask(status, chosen=status.members[0].id if status.members else "")

    async def post(self) -> None:
        """Open the locker; a wrong passphrase says so and the rest stays as it was."""
        member, passphrase = self.field("member"), self.field("passphrase")
        try:
            opened: Opened = await self.front.box.call(
                "open", member=member, passphrase=passphrase, device=device(self)
            )
        except (WrongPassphrase, TooManyTries, NoSuchMember, Misused) as error:
            status = await self.status_of_box()
            self._ask(status, chosen=member, error=error)
            return
        await self.welcome(opened)
        if self.request.headers.get("Accept") == "application/json":
            self.finish({"open": True})
            return
        self.go("/home?lit=1" if self.then() == "/home" else self.then())

    def _ask(self, status: Status, chosen: str, error: BoxError | None = None) -> None:
        said = self.said(error) if error else None
        if error is not None and self.request.headers.get("Accept") == "application/json":
            self.set_status(error.http)
            self.finish({"error": said})
            return
        anybody_open = any(member.open for member in status.members)
        self.show(
            "open.html",
            answer=error.http if error else None,
            members=status.members,
            household=status.household,
            chosen=chosen,
            trouble=said,
            then=self.then(),
            by_name=is_by_name(self.request.host),
            anybody_open=anybody_open,
            gone=bool(self.session and self.session.kept),
            mood="village",
        )


class Lock(Page):
    """``POST /lock``: the keys leave memory, everywhere."""

    async def get(self) -> None:
        """The button stands on every page."""
        self.go("/home")

    async def post(self) -> None:
        """Lock this member's locker and end her sessions in every browser."""
        member = self.member().member
        await self.ask("lock")
        for session in self.front.sessions.of_member(member):
            self.front.sessions.end(session)
        self.set_header("Clear-Site-Data", _FORGET)
        self.go("/open")


class Leave(Page):
    """``POST /leave``: this browser logs out; the locker stays open for the others."""

    async def get(self) -> None:
        """The button stands on the box's page."""
        self.go("/home")

    async def post(self) -> None:
        """End this session here and in the locker service."""
        session = self.member()
        try:
            found = await self.ask("session")
            await self.ask("end_session", session=found.id)
        except (Refused, Unreachable):
            session.token = ""
        self.front.sessions.end(session)
        self.set_header("Clear-Site-Data", _FORGET)
        self.go("/open")


class ChooseLanguage(Page):
    """``POST /language``: speak another language from now on."""

    async def post(self) -> None:
        """Remember the choice in this browser (no secret) and return to the page it came from."""
        chosen: Language | None = self.front.languages.known.get(self.field("language"))
        if chosen is None:
            raise Misused(why="this language is not known here.")
        flags: dict[str, Any] = {"secure": True, "httponly": True, "samesite": "Strict"}
        self.set_cookie(LANGUAGE_COOKIE, chosen.code, path="/", expires_days=_YEAR_DAYS, **flags)
        back = self.get_body_argument("back", "/")
        self.go(back if of_this_box(back) else "/")


class ChooseLook(Page):
    """``POST /look``: day, night, or as the device is."""

    async def post(self) -> None:
        """Remember the choice in this browser and return to the page it came from."""
        look = self.field("look")
        if look in LOOKS:
            flags: dict[str, Any] = {"secure": True, "httponly": True, "samesite": "Strict"}
            self.set_cookie(LOOK_COOKIE, look, path="/", expires_days=_YEAR_DAYS, **flags)
        else:
            self.clear_cookie(LOOK_COOKIE, path="/", secure=True)
        back = self.get_body_argument("back", "/")
        self.go(back if of_this_box(back) else "/")


def of_this_box(path: str) -> bool:
    """Say whether ``path`` is a path of this box and can be nothing else (no ``//host``, no backslash)."""
    return path[:1] == "/" and path[1:2] != "/" and "\\" not in path and path.isascii() and path.isprintable()


def device(page: Page) -> str:
    """Return what the list of log-ins calls the browser that asks."""
    agent = page.request.headers.get("User-Agent", "")
    system = next((name for sign, name in _DEVICES if sign in agent), "")
    browser = next((name for sign, name in _BROWSERS if sign in agent), "browser")
    return f"{browser}, {system}" if system else browser
