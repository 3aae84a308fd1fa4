"""``/sure``: the passphrase once more, before what cannot be undone; then the form goes on by itself."""

from __future__ import annotations

from firmware.errors import TooManyTries, WrongPassphrase
from webui.pages.door import of_this_box
from webui.pages.page import Page


class Sure(Page):
    """One page for every action that needs a step-up. What was typed before waits in the session."""

    async def get(self) -> None:
        """Ask for the passphrase."""
        self.member()
        self.show("sure.html", then=self._then(), place="box")

    async def post(self) -> None:
        """Prove it; then repeat the waiting form, or go where the member was heading."""
        session, then = self.member(), self._then()
        try:
            proven = await self.ask("step_up", proof=self.field("passphrase"))
        except (WrongPassphrase, TooManyTries) as error:
            self.show("sure.html", answer=error.http, trouble=self.said(error), then=then, place="box")
            return
        session.sure_until_ms = proven.until_ms
        waiting, session.waiting = session.waiting, None
        if waiting is None or waiting[0] != then:
            self.go(then)
            return
        self.show("sure-again.html", action=then, fields=waiting[1], place="box")

    def _then(self) -> str:
        then = self.get_argument("then", "/home")
        return then if of_this_box(then) else "/home"
