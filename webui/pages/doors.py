"""Ways into one's own locker: passphrase, passkeys, where it is open right now, passwords of programs."""

from __future__ import annotations

import json

from firmware import limits
from firmware.errors import Misused, TooManyTries, WeakPassphrase, WrongPassphrase
from services.api.types import Opened
from webui.pages.door import Entering, device
from webui.pages.page import Page
from webui.pages.rp import is_by_name

_LONGEST_LABEL = 80


class NewPassphrase(Page):
    """``/box/passphrase``: another passphrase; the present one proves who asks."""

    async def get(self) -> None:
        """Offer five words."""
        self.member()
        offered = (await self.front.box.call("offer")).passphrase
        self.show("passphrase-new.html", offered=offered, typed="", wrong="", place="box")

    async def post(self) -> None:
        """Change it; what was typed as the new one stays when something is wrong."""
        offered, new = self.field("offered")[:256], self.field("new").strip()
        try:
            await self.ask("passwd", passphrase=self.field("passphrase"), new=new)
        except (WrongPassphrase, TooManyTries, WeakPassphrase, Misused) as error:
            wrong = "new" if isinstance(error, WeakPassphrase) else "passphrase"
            values = {"offered": offered, "typed": new, "wrong": wrong}
            self.show("passphrase-new.html", answer=error.http, trouble=self.said(error), **values, place="box")
            return
        self.go("/box?done=passphrase")


class LogIns(Page):
    """``/box/log-ins``: every browser and program in which this locker is in use."""

    async def get(self) -> None:
        """List them, this one first."""
        found = (await self.ask("sessions")).sessions
        self.show("log-ins.html", sessions=sorted(found, key=lambda one: not one.current), place="box")

    async def post(self) -> None:
        """End one, or all but this one."""
        if self.get_body_argument("others", ""):
            await self.ask("end_others")
        else:
            await self.ask("end_session", session=self.field("session"))
        self.go("/box/log-ins")


class Passkeys(Page):
    """``/box/passkeys``: opening with a finger or a face."""

    async def get(self) -> None:
        """List them; the button to add one is the browser's affair."""
        found = (await self.ask("passkey_list")).passkeys
        self.show("passkeys.html", passkeys=found, by_name=is_by_name(self.request.host), place="box")

    async def post(self) -> None:
        """Drop one."""
        await self.ask("passkey_drop", id=self.field("id"))
        self.go("/box/passkeys")


class PasskeyOptions(Page):
    """``POST /box/passkeys/options``: what the browser makes a new passkey from."""

    async def post(self) -> None:
        """Send the options as JSON."""
        self.set_header("Content-Type", "application/json")
        self.finish((await self.ask("passkey_options")).options)


class PasskeyAdd(Page):
    """``POST /box/passkeys/add``: the passkey the browser made."""

    async def post(self) -> None:
        """Keep it; with a PRF output it opens the locker also when it is locked."""
        label = self.field("label").strip()[:_LONGEST_LABEL] or self.language.say("passkeys.unnamed")
        prf = self.get_body_argument("prf", "") or None
        made = await self.ask("passkey_add", credential=_json(self.field("credential")), label=label, prf=prf)
        self.finish({"opens": made.opens})


class PasskeyAsk(Page):
    """``POST /open/passkey/options``: begin to open with a passkey."""

    async def post(self) -> None:
        """Send the options as JSON."""
        self.set_header("Content-Type", "application/json")
        self.finish((await self.front.box.call("passkey_login_options", member=self.field("member"))).options)


class PasskeyOpen(Entering):
    """``POST /open/passkey``: open with what the passkey answered."""

    async def post(self) -> None:
        """Open the locker and say where to go."""
        opened: Opened = await self.front.box.call(
            "passkey_login",
            member=self.field("member"),
            credential=_json(self.field("credential")),
            prf=self.get_body_argument("prf", "") or None,
            device=device(self),
        )
        await self.welcome(opened)
        self.finish({"go": self.then() + ("?lit=1" if self.then() == "/home" else "")})


class Apps(Page):
    """``/box/apps``: passwords for programs that bring and fetch files."""

    async def get(self) -> None:
        """List them, and the one just made, once."""
        session = self.member()
        made, session.app_password = session.app_password, None
        found = (await self.ask("app_passwords")).app_passwords
        typed, address = self.kept("/box/apps"), f"https://{self.request.host}/dav/"
        self.show("apps.html", found=found, made=made, typed=typed, address=address, place="box")

    async def post(self) -> None:
        """Make one, or drop one."""
        if self.get_body_argument("drop", ""):
            await self.ask("drop_app_password", id=self.field("drop"))
        else:
            await self.once(self._make)
            return
        self.go("/box/apps")

    async def _make(self) -> str:
        made = await self.ask("add_app_password", device=self.field("device").strip()[:_LONGEST_LABEL])
        self.member().app_password = (made.device, made.password)
        return "/box/apps"


def _json(text: str) -> str:
    """Return ``text`` if it is one JSON object of bounded size; raises Misused."""
    try:
        found = json.loads(text) if len(text) <= limits.PASSKEY_CHARS else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Misused(why="this is not what a browser answers to a request for a passkey.")
    return text
