"""The first minutes of a box: its claim code, whose home it is, five words, the spare key on paper."""

from __future__ import annotations

from firmware.errors import (
    AlreadyClaimed,
    ClaimExpired,
    Misused,
    TooManyTries,
    WeakPassphrase,
    WrongClaimCode,
    WrongPassphrase,
)
from services.api.types import NewMember
from webui.pages.page import Page
from webui.session import Session

_LONGEST_CODE = 64
_LONGEST_NAME = 80
_LONGEST_OFFER = 256
_KIT_WORDS = 24


class ClaimCode(Page):
    """``/claim``: the code on the label."""

    async def get(self) -> None:
        """Ask for the code; a claimed box has no such page."""
        if (await self.status_of_box()).claimed:
            self.go("/")
            return
        self.show("claim.html", typed="", mood="village")

    async def post(self) -> None:
        """Check the code; a wrong one stays in its field."""
        code = self.field("code").strip()[:_LONGEST_CODE]
        try:
            await self.front.box.call("check_claim", code=code)
        except (WrongClaimCode, ClaimExpired, TooManyTries, Misused) as error:
            self.show("claim.html", answer=error.http, typed=code, trouble=self.said(error), mood="village", brief=True)
            return
        except AlreadyClaimed:
            self.go("/")
            return
        session = self._begin(self.session)
        session.code = code
        self.go("/household")


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
        self.show("passphrase.html", step=2, offered=offered, typed="", name=session.name)

    async def post(self) -> None:
        """Claim the box. Sent twice, it happens once."""
        session = self._setup()
        try:
            await self.once(self._claim)
        except WeakPassphrase as error:
            offered = self.field("offered")[:_LONGEST_OFFER]
            values = {"offered": offered, "typed": self.field("passphrase"), "name": session.name}
            self.show("passphrase.html", step=2, answer=error.http, trouble=self.said(error), **values)
        except (WrongClaimCode, ClaimExpired):
            session.code = ""
            self.go("/claim")

    async def _claim(self) -> str:
        session = self._setup()
        if session.is_member:
            return "/kit"
        if not session.name:
            return "/household"
        passphrase = self.field("passphrase").strip()
        made: NewMember = await self.front.box.call(
            "claim", code=session.code, household=session.household, name=session.name, passphrase=passphrase
        )
        session.code, session.member, session.words, session.fresh_kit = "", made.member, made.words, True
        session.token = made.token or ""
        return "/kit"


class KitPage(Page):
    """``/kit``: the 24 words, shown once; afterwards only a new kit can be made."""

    async def get(self) -> None:
        """Show the words if they were never shown; they leave memory with this answer."""
        session = self.member()
        words, session.words = session.words.split(), ""
        if len(words) == _KIT_WORDS:
            self.show("kit.html", step=3, words=words, name=session.name, first=session.fresh_kit)
        else:
            self.show("kit-again.html", step=3)

    async def post(self) -> None:
        """Make a new kit: the passphrase once more, then 24 new words; the old page opens nothing any more."""
        try:
            await self.once(self._renew)
        except (WrongPassphrase, TooManyTries) as error:
            self.show("kit-again.html", step=3, answer=error.http, trouble=self.said(error))

    async def _renew(self) -> str:
        session = self.member()
        session.words = (await self.ask("kit", passphrase=self.field("passphrase"))).words
        session.fresh_kit = True
        return "/kit"


class KitWritten(Page):
    """``POST /kit/written``: she says that the words are on paper."""

    async def get(self) -> None:
        """The form stands on the kit's page."""
        self.go("/")

    async def post(self) -> None:
        """Believe her and go home."""
        self.member().fresh_kit = False
        self.go("/")
