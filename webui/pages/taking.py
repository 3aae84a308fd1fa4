"""``/take-home``: everything of one locker as one archive of open files."""

from __future__ import annotations

import datetime

from webui.pages.page import Page
from webui.pages.record import SandboxedBytes


class TakeHome(Page):
    """What it is, how large, and the button."""

    async def get(self) -> None:
        """Show it; the passphrase is asked once more before the download, on this page."""
        counts = (await self.ask("stats")).counts
        sure = self.member().sure_until_ms > self.front.now_ms()
        self.show("take-home.html", counts=counts, sure=sure, place="box")


class TakeHomeFile(SandboxedBytes):
    """``GET /take-home/file``: the archive, made while it is sent."""

    async def get(self) -> None:
        """Stream it."""
        await self.pass_on("export", {})

    def describe(self, mime: str) -> None:
        """Name it after its member and the day."""
        day = datetime.datetime.fromtimestamp(self.front.now_ms() / 1000).astimezone().date()
        self.protect(mime or "application/zip", f"{self.member().name} {day.isoformat()}.zip")
