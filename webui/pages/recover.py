"""``/recover``: the passphrase is forgotten; the 24 words of the kit open the locker and a new passphrase is chosen."""

from __future__ import annotations

from typing import Final

from firmware.errors import (
    BoxError,
    Misused,
    NoSuchMember,
    OtherKit,
    TooManyTries,
    UnknownWord,
    WeakPassphrase,
    WordsDoNotMatch,
    WrongWordCount,
)
from services.api.kit_words import words_on_sheet
from services.api.types import Opened
from webui.pages.door import Entering, device
from webui.pages.restore import replaced

_LONGEST_WORDS: Final = 4096
_SHOWN_AGAIN = (
    OtherKit,
    TooManyTries,
    UnknownWord,
    WeakPassphrase,
    WordsDoNotMatch,
    WrongWordCount,
    NoSuchMember,
    Misused,
)


class Recover(Entering):
    """Words first, then the passphrase, on one page: nothing is asked twice and nothing typed is lost."""

    async def get(self) -> None:
        """Ask for the words."""
        status = await self.status_of_box()
        if not status.claimed:
            self.go("/claim")
            return
        await self._ask(chosen=self.get_query_argument("member", ""))

    async def post(self) -> None:
        """Open with the words; every trouble has its own sentence and leaves the words where they are."""
        words, passphrase = words_on_sheet(self.field("words"))[:_LONGEST_WORDS], self.field("passphrase").strip()
        member = self.field("member")
        try:
            opened: Opened = await self.front.box.call(
                "recover", member=member, words=words, passphrase=passphrase, device=device(self)
            )
        except _SHOWN_AGAIN as error:
            await self._ask(chosen=member, words=words, passphrase=passphrase, error=error)
            return
        await self.welcome(opened)
        self.go("/home?lit=1")

    async def _ask(self, chosen: str, words: str = "", passphrase: str = "", error: BoxError | None = None) -> None:
        status = await self.status_of_box()
        offered = (await self.front.box.call("offer")).passphrase
        known = [one.id for one in status.members]
        about_words = error is not None and not isinstance(error, WeakPassphrase)
        near = error.fields if isinstance(error, UnknownWord) else {}
        fixed = replaced(words, str(near.get("word", "")), str(near.get("nearest", ""))) if near else ""
        self.show(
            "recover.html",
            answer=error.http if error else None,
            trouble=self.said(error) if error else None,
            members=status.members,
            chosen=chosen if chosen in known else known[0],
            words=words,
            typed=passphrase,
            offered=offered,
            about_words=about_words,
            nearest=str(near.get("nearest", "")),
            fixed=fixed,
            step=0,
        )
