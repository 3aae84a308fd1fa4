"""``/circle/drill``: the rehearsal of a restore from friends alone: how the last one ended, and one now."""

from __future__ import annotations

from firmware.errors import BoxError
from services.api.drill_types import Drill
from webui.pages.circle import CirclePage
from webui.rehearsal import told


class DrillPage(CirclePage):
    """The page; a guardian in her ward's locker has nothing to do here."""

    async def get(self) -> None:
        """Show how the last one ended; while one is under way the page looks again by itself."""
        if self.member().own is not None:
            self.go("/circle")
            return
        await self._show()

    async def post(self) -> None:
        """Begin one now."""
        try:
            await self.ask("drill_now")
        except BoxError as error:
            await self._show(trouble=self.said(error), answer=error.http)
            return
        self.go("/circle/drill")

    async def _show(self, trouble: dict[str, str] | None = None, answer: int | None = None) -> None:
        found: Drill = await self.ask("drill")
        said = told(found, self.language, self.front.now_ms())
        self.show("drill.html", answer=answer, one=said, can=found.due_ms is not None, trouble=trouble, place="circle")
