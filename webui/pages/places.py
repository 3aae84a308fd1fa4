"""Inside an open locker: home, and this box."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.api.types import Records
from webui.pages import coming
from webui.pages.activity import Line, line
from webui.pages.page import Page
from webui.pages.safety import standing
from webui.pages.shown import shown
from webui.rehearsal import rehearsal
from webui.rings import ring

_LATELY = 24
_LATELY_PICTURES = 8
_LATELY_OTHERS = 5
_HAPPENED = 4
_WAYS = (
    ("/box/passphrase", "key-round", "passphrase"),
    ("/box/passkeys", "fingerprint", "passkeys"),
    ("/kit", "life-buoy", "kit"),
    ("/box/log-ins", "smartphone", "log-ins"),
    ("/box/apps", "folder-open", "apps"),
    ("/box/activity", "history", "activity"),
    ("/box/update", "refresh-cw", "update"),
    ("/box/cost", "zap", "cost"),
    ("/take-home", "download", "take-home"),
    ("/guide", "shield-check", "guide"),
)
"""What the box's page leads to: address, icon, key of its words."""
_CAME_HOME = ("/restore/progress", "house", "restored")
_WARD_WAYS = ("/guide",)
"""Of these, what a guardian is shown in her ward's locker."""


class Home(Page):
    """``/home``: one sentence of truth, what needs the member, adding, what came lately."""

    async def get(self) -> None:
        """Show how much is kept, how much room is left, and the newest of it."""
        session = self.member()
        counts = (await self.ask("stats")).counts
        lately: Records = await self.ask("list", limit=_LATELY)
        status = await self.status_of_box()
        session.household = status.household or ""
        now_ms = self.front.now_ms()
        items = [shown(record, self.language, now_ms) for record in lately.records]
        self.show(
            "home.html",
            **self._room(counts),
            kept=counts.get("records", 0),
            size=self.language.size(counts.get("bytes", 0)),
            members=status.members,
            standing=await standing(self, counts),
            rehearsal=await rehearsal(self),
            coming=await coming.home_of(self),
            pictures=[item for item in items if item.is_picture][:_LATELY_PICTURES],
            items=[item for item in items if not item.is_picture][:_LATELY_OTHERS],
            happened=await self._happened(),
            waking=self.get_query_argument("lit", "") == "1",
            mood="village",
            place="home",
        )

    def _room(self, counts: Mapping[str, int]) -> dict[str, Any]:
        """Return the tile of the disk: ring, free and whole size in words, and whether little is left."""
        whole, free = counts.get("disk_bytes", 0), counts.get("free_bytes", 0)
        mine = counts.get("stored_bytes", 0)
        size, others = self.language.size, max(0, whole - free - mine)
        said = self.language.say("home.ring", mine=size(mine), others=size(others), free=size(free))
        parts = [("mine", mine / whole), ("others", others / whole)] if whole else []
        return {"ring": ring(parts, said), "free": size(free), "whole": size(whole), "tight": free * 20 < whole}

    async def _happened(self) -> list[Line]:
        if self.member().own is not None:
            return []
        found = await self.ask("activity", limit=_HAPPENED)
        now_ms = self.front.now_ms()
        return [line(one, self.language, now_ms) for one in found.items]


class ThisBox(Page):
    """``/box``: one's own locker, the people, the look of the pages, leaving."""

    async def get(self) -> None:
        """Show what is true about this box for this member."""
        counts = (await self.ask("stats")).counts
        guarding = self.member().own is not None
        ways = [way for way in _WAYS if not guarding or way[0] in _WARD_WAYS]
        if not guarding and await coming.ever(self):
            ways.append(_CAME_HOME)
        done = "passphrase" if self.get_query_argument("done", "") == "passphrase" else ""
        status = await self.status_of_box()
        self.show("box.html", counts=counts, status=status, ways=ways, done=done, guarding=guarding, place="box")
