"""``/members/restore``: somebody moves in with a recovery kit, on a box that is owned already."""

from __future__ import annotations

from typing import Final

from firmware import limits
from firmware.errors import BoxError, ContactMistyped, Locked, NoContact, NoFriendReached, Refused, WeakPassphrase
from services.api.kit_words import contact_on_sheet, words_on_sheet
from services.api.restore_types import RestoreBegun
from webui.pages.page import Page
from webui.pages.restore import contact_in, judged
from webui.pages.safety import is_owner

_LONGEST: Final = limits.CONTACT_CHARS
_SURE_MS: Final = 60_000
"""Left of the time in which nothing asks for the owner's passphrase, so that nothing comes between form and deed."""
_FIELDS: Final = ("words", "contact", "name", "passphrase", "offered")


class MemberRestore(Page):
    """Her words, a friend's box, her name, her new passphrase; the owner's passphrase comes first."""

    async def get(self) -> None:
        """Ask, on one page that is handed over."""
        if await self._may():
            await self._ask({})

    async def post(self) -> None:
        """Bring her locker here; what was typed stays where it is when something is wrong with it."""
        if not await self._may():
            return
        typed = {name: self.get_body_argument(name, "")[:_LONGEST].strip() for name in _FIELDS}
        words, contact = words_on_sheet(typed["words"]), contact_on_sheet(typed["words"])
        trouble = judged(words, self.language)
        if trouble is not None:
            await self._ask(typed, "words", trouble.said, trouble.answer)
            return
        codes = tuple(each for each in (contact_in(typed["contact"]), contact) if each)
        try:
            begun: RestoreBegun = await self.ask(
                "restore_member", words=words, contacts=codes, passphrase=typed["passphrase"], name=typed["name"]
            )
        except (Locked, Refused):
            raise
        except BoxError as error:
            await self._ask(typed, _where(error), self.said(error), error.http)
            return
        self.go(f"/members?returned={begun.member}")

    async def _may(self) -> bool:
        if not await is_owner(self):
            self.go("/members")
        elif self.member().sure_until_ms - self.front.now_ms() < _SURE_MS:
            self.go("/sure?then=/members/restore")
        else:
            return True
        return False

    async def _ask(
        self, typed: dict[str, str], beside: str = "", trouble: dict[str, str] | None = None, answer: int | None = None
    ) -> None:
        offered = typed.get("offered", "") or (await self.front.box.call("offer")).passphrase
        self.show(
            "members-restore.html",
            typed=typed,
            beside=beside,
            trouble=trouble,
            answer=answer,
            offered=offered,
            place="box",
        )


def _where(error: BoxError) -> str:
    """Return beside which field an error is said."""
    if isinstance(error, WeakPassphrase):
        return "passphrase"
    return "contact" if isinstance(error, (ContactMistyped, NoContact, NoFriendReached)) else "here"
