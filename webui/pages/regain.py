"""``/regain``: friends give the kit's words back, on whatever box whoever lost them stands before.

Nothing but tickets that friends gave is proven here. What is under way lies in the box, under a handle that the page
shows to be written down: it stands in forms, never in an address.
"""

from __future__ import annotations

from typing import Final

from firmware.errors import BoxError
from services.api.key_types import Regained
from webui.language import Language
from webui.pages.page import Page
from webui.pages.shown import readable

_LONGEST: Final = 4096
_FIELDS: Final = ("ticket", "part", "code", "handle")


class Regain(Page):
    """A ticket from each friend, six digits to compare, and three days later the words."""

    async def get(self) -> None:
        """Ask for the first ticket, or for what was written down."""
        await self._show(None)

    async def post(self) -> None:
        """Ask friends; what was typed is shown again only when something is wrong with it."""
        typed = {name: self.get_body_argument(name, "")[:_LONGEST].strip() for name in _FIELDS}
        try:
            found: Regained = await self.front.box.call(
                "regain",
                tickets=(typed["ticket"],) if typed["ticket"] else (),
                parts=(typed["part"],) if typed["part"] else (),
                code=typed["code"] or None,
                handle=typed["handle"].replace(" ", "").lower() or None,
            )
        except BoxError as error:
            await self._show(None, typed, error)
            return
        await self._show(found)

    async def _show(
        self, found: Regained | None, typed: dict[str, str] | None = None, error: BoxError | None = None
    ) -> None:
        await show_regained(self, found, typed, error)


async def show_regained(
    page: Page, found: Regained | None, typed: dict[str, str] | None = None, error: BoxError | None = None
) -> None:
    """Show how far it is, or ask for the first ticket."""
    claimed, now_ms = (await page.status_of_box()).claimed, page.front.now_ms()
    page.show(
        "regain.html",
        answer=error.http if error else None,
        trouble=page.said(error) if error else None,
        typed=typed or {},
        found=found,
        at=[_line(found, number, page.language, now_ms) for number in range(len(found.at))] if found else [],
        whose=readable(found.label) if found else "",
        claimed=claimed,
        step=0,
    )


def _line(found: Regained, number: int, language: Language, now_ms: int) -> tuple[str, str, bool]:
    """A friend's box: its name, how far it is there, whether its part is here."""
    each, say = found.at[number], language.say
    if each.state == "waiting":
        said = say("regain.waiting", when=language.date(each.until_ms, now_ms))
    elif each.state == "confirm":
        said = say("regain.confirm", code=found.code)
    elif each.state in ("open", "no"):
        said = say("regain.open" if each.state == "open" else "regain.no")
    else:
        said = say("regain.other")
    return readable(each.label) or say("regain.friend"), said, each.state == "open"
