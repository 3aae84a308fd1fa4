"""``/bin``: what was deleted and can still come back, and the two ways to let go of it for good."""

from __future__ import annotations

import re

from firmware import limits
from firmware.errors import Misused
from firmware.model import RecordState
from services.api.types import RecordInfo, Records
from webui.pages.found import about, address, look_of
from webui.pages.page import Page
from webui.pages.shown import readable

_PAGE = 90
_DAY_MS = 24 * 3600 * 1000
_IDS = re.compile(r"[0-9a-f]{32}(,[0-9a-f]{32}){0,99}", re.ASCII)
"""Named in the address while the box asks; a hundred at once is a long address already."""


class Bin(Page):
    """``GET /bin``."""

    async def get(self) -> None:
        """List the bin with the day each record leaves it."""
        found: Records = await self.ask(
            "list", state=RecordState.BIN, limit=_PAGE, cursor=self.get_query_argument("from", None)
        )
        rows = [(one, *look_of(one.kind), self._leaves(one)) for one in found.records]
        self.show(
            "bin.html", rows=rows, next=found.next, readable=readable, about=lambda one: about(one, self.language),
            address=address, place="find",
        )  # fmt: skip

    def _leaves(self, record: RecordInfo) -> str:
        now_ms = self.front.now_ms()
        leaves_ms = (record.deleted_ms or now_ms) + limits.BIN_DAYS * _DAY_MS
        if leaves_ms - now_ms < _DAY_MS:
            return self.language.say("bin.leaves.today")
        return self.language.say("bin.leaves", day=self.language.date(leaves_ms, now_ms))


class BinEmpty(Page):
    """``/bin/empty``: the one question before something cannot be undone."""

    async def get(self) -> None:
        """Ask."""
        counts = (await self.ask("stats")).counts
        self.show("bin-empty.html", count=counts.get("bin", 0), place="find")

    async def post(self) -> None:
        """Empty the bin."""
        await self.ask("empty")
        self.go("/bin")


class BinGone(Page):
    """``/bin/gone?ids=…``: destroy records and the key of every copy. The box asks who you are before."""

    async def get(self) -> None:
        """Ask, naming the thing."""
        ids = self._ids(self.get_query_argument("ids", ""))
        first: RecordInfo = await self.ask("get", id=ids[0])
        leaf = readable(first.name.rpartition("/")[2])
        self.show("bin-gone.html", ids=",".join(ids), count=len(ids), leaf=leaf, place="find")

    async def post(self) -> None:
        """Destroy them."""
        await self.ask("gone", ids=self._ids(self.field("ids")))
        self.go("/bin")

    def _ids(self, text: str) -> tuple[str, ...]:
        if not _IDS.fullmatch(text):
            raise Misused(why="these are not the ids of 1 to 100 records.")
        return tuple(dict.fromkeys(text.split(",")))


class Undelete(Page):
    """``POST /bin/undelete``: take one record back and stay in the bin."""

    async def get(self) -> None:
        """The buttons stand in the bin."""
        self.go("/bin")

    async def post(self) -> None:
        """Take it back."""
        found = self.field("id")
        if not re.fullmatch("[0-9a-f]{32}", found):
            raise Misused(why="this is not the id of a record.")
        await self.ask("undelete", ids=(found,))
        back = self.get_body_argument("back", "")
        self.go({"photos": "/photos", "files": "/files", "record": f"/record/{found}"}.get(back, "/bin"))
