"""The first minutes of a box: its claim code, whose home it is, five words. The spare key is next (``kit``)."""

from __future__ import annotations

from typing import Any

from firmware.errors import AlreadyClaimed, ClaimExpired, Misused, TooManyTries, WeakPassphrase, WrongClaimCode
from services.api.types import NewMember
from webui.pages.door import device
from webui.pages.page import Page
from webui.session import Session

_LONGEST_CODE = 64
_LONGEST_NAME = 80
_LONGEST_OFFER = 256


class ClaimCode(Page):
    """``/claim``: the code on the label."""

    async def get(self) -> None:
        """Ask for the code; a claimed box has no such page."""
        if (await self.status_of_box()).claimed:
            self.go("/")
            return
        self.show("claim.html", typed="", kit=self._has_kit(), mood="village")

    async def post(self) -> None:
        """Check the code; a wrong one stays in its field."""
        code = self.field("code").strip()[:_LONGEST_CODE]
        try:
            await self.front.box.call("check_claim", code=code)
        except (WrongClaimCode, ClaimExpired, TooManyTries, Misused) as error:
            said, kit = self.said(error), self._has_kit()
            self.show("claim.html", answer=error.http, typed=code, kit=kit, trouble=said, mood="village", brief=True)
            return
        except AlreadyClaimed:
            self.go("/")
            return
        session = self._begin(self.session)
        session.code = code
        if self._has_kit():
            self.go("/restore/passphrase" if session.kit is not None and session.kit.found is not None else "/restore")
            return
        session.kit = None
        self.go("/passphrase" if session.name else "/household")

    def _has_kit(self) -> bool:
        """Whether somebody comes back with a kit: the form says so, or the address, or words that wait already."""
        if self.request.method == "POST":
            return self.get_body_argument("kit", "") == "1"
        asked, session = self.get_query_argument("kit", ""), self.session
        waits = session is not None and (session.kit is not None or "/restore" in session.kept)
        return asked == "1" or (waits and asked != "0")


class Household(Page):
    """``/household``: the name of the home and of its first member."""

    async def get(self) -> None:
        """Ask for both names, keeping what was typed before."""
        session, typed = self._setup(), self.kept("/passphrase", "/household")
        if session.is_member:
            self.go("/kit" if session.fresh_kit else "/")
            return
        home, name = typed.get("household", session.household), typed.get("name", session.name)
        self.show("household.html", step=1, home=home, name=name)

    async def post(self) -> None:
        """Keep both names and go on."""
        session = self._setup()
        home, name = self.field("household").strip(), self.field("name").strip()
        if not (0 < len(home) <= _LONGEST_NAME and 0 < len(name) <= _LONGEST_NAME):
            key = "household.missing" if not (home and name) else "household.long"
            trouble = {"sentence": self.language.say(key), "advice": "", "code": ""}
            self.show("household.html", step=1, answer=Misused.http, home=home, name=name, trouble=trouble)
            return
        session.household, session.name = home, name
        self.go("/passphrase")

    def _setup(self) -> Session:
        if self.session is None:
            raise Misused(why="the set-up has not begun.")
        return self.session


class Passphrase(Household):
    """``/passphrase``: five offered words, or a sentence of her own; then the box is hers."""

    async def get(self) -> None:
        """Offer five words."""
        session = self._setup()
        if session.is_member or not session.name:
            self.go("/household")
            return
        offered = (await self.front.box.call("offer")).passphrase
        own = self.get_query_argument("own", "") == "1"
        self.show("passphrase.html", step=2, typed="", **self._words(offered, own))

    async def post(self) -> None:
        """Claim the box. Sent twice, it happens once."""
        session = self._setup()
        try:
            await self.once(self._claim)
        except WeakPassphrase as error:
            offered = self.field("offered")[:_LONGEST_OFFER]
            values = self._words(offered, self.get_body_argument("own", "") == "1")
            typed, said = self.field("passphrase"), self.said(error)
            self.show("passphrase.html", step=2, answer=error.http, trouble=said, typed=typed, **values)
        except (WrongClaimCode, ClaimExpired):
            session.code = ""
            self.go("/claim")
        except AlreadyClaimed as error:
            session.code = ""
            household = (await self.status_of_box()).household or ""
            self.show("taken.html", answer=error.http, household=household, mood="village")

    def _words(self, offered: str, own: bool) -> dict[str, Any]:
        """Return what the page needs beside what was typed; both names travel along in case the session ends."""
        session = self._setup()
        carried = (("household", session.household), ("name", session.name))
        where = {"action": "/passphrase", "back": "/household", "carried": carried}
        return {"offered": offered, "own": own, "name": session.name, **where}

    async def _claim(self) -> str:
        session = self._setup()
        if session.is_member:
            return "/kit"
        if not session.name:
            return "/household"
        passphrase = self.field("passphrase").strip()
        made: NewMember = await self.front.box.call(
            "claim",
            code=session.code,
            household=session.household,
            name=session.name,
            passphrase=passphrase,
            device=device(self),
        )
        session.code, session.member, session.token = "", made.member, made.token or ""
        self.front.sessions.give_words(session, made.words)
        return "/kit"
