"""``/circle/moves``: somebody with her kit wants another box to act for her locker; or one does already."""

from __future__ import annotations

from services.api.circle_types import LockerSafety
from webui.language import Language
from webui.pages.page import Page


class Moves(Page):
    """What friends told this box, and the one tap that spares the new box three days."""

    async def get(self) -> None:
        """Show it; nothing to see when friends said nothing of the kind."""
        mine: LockerSafety = await self.ask("safety")
        if mine.moves_ms is None and mine.moved_ms is None:
            self.go("/circle")
            return
        self.show("moves.html", moved=mine.moved_ms is not None, when=_when(mine, self.language, self.front.now_ms()))

    async def post(self) -> None:
        """She says yes."""
        await self.ask("agree_move")
        self.go("/circle/moves")


def _when(mine: LockerSafety, language: Language, now_ms: int) -> str:
    """Return since when another box acts, or from when on; empty where it only needs to ask once more."""
    at = mine.moved_ms or mine.moves_ms or 0
    return language.date(at, now_ms) if at else ""
