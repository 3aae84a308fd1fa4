"""The door: opening a locker, locking it, leaving this browser."""

from __future__ import annotations

from typing import Any

from firmware.errors import BoxError, Misused, NoSuchMember, Refused, TooManyTries, Unreachable, WrongPassphrase
from services.api.types import Opened, Status
from webui.language import Language
from webui.pages.page import LANGUAGE_COOKIE, Page

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


class Open(Page):
    """``/open``: who are you, and your passphrase."""

    async def get(self) -> None:
        """List the members and ask."""
        if self.session is not None and self.session.is_member:
            self.go(self._then())
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
                "open", member=member, passphrase=passphrase, device=self._device()
            )
        except (WrongPassphrase, TooManyTries, NoSuchMember, Misused) as error:
            status = await self.status_of_box()
            self._ask(status, chosen=member, error=error)
            return
        status = await self.status_of_box()
        kept = dict(self.session.kept) if self.session else {}
        if self.session is not None:
            self.front.sessions.end(self.session)
        session = self.begin()
        session.token, session.member, session.kept = opened.token, opened.member, kept
        session.name = next((one.name for one in status.members if one.id == opened.member), "")
        session.household = status.household or ""
        if self.request.headers.get("Accept") == "application/json":
            self.finish({"open": True})
            return
        self.go(self._then())

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
            then=self._then(),
            anybody_open=anybody_open,
            gone=bool(self.session and self.session.kept),
            mood="village",
        )

    def _then(self) -> str:
        """Return where to go after opening: a path of this box, never another address."""
        then = self.get_argument("then", "/home")
        return then if of_this_box(then) else "/home"

    def _device(self) -> str:
        agent = self.request.headers.get("User-Agent", "")
        return next((name for sign, name in _DEVICES if sign in agent), "browser")


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


def of_this_box(path: str) -> bool:
    """Say whether ``path`` is a path of this box and can be nothing else (no ``//host``, no backslash)."""
    return path[:1] == "/" and path[1:2] != "/" and "\\" not in path and path.isascii() and path.isprintable()
