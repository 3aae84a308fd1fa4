"""Inside an open locker: home, the days, finding, the bin, this box."""

from __future__ import annotations

import re

from firmware import limits
from firmware.errors import Misused
from firmware.model import RecordState
from services.api.types import Counts, Records
from webui.pages.guide import guide
from webui.pages.page import Page
from webui.pages.shown import shown

_LATELY = 24
_LATELY_PICTURES = 8
_LATELY_OTHERS = 5
_PAGE = 90
_LONGEST_QUERY = 200
_DAY_MS = 24 * 3600 * 1000


class Home(Page):
    """``/home``: one sentence of truth, adding, what came lately."""

    async def get(self) -> None:
        """Show how much is kept and the newest of it."""
        session = self.member()
        counts = (await self._stats()).counts
        lately: Records = await self.ask("list", limit=_LATELY)
        if not session.household:
            session.household = (await self.status_of_box()).household or ""
        now_ms = self.front.now_ms()
        items = [shown(record, self.language, now_ms) for record in lately.records]
        self.show(
            "home.html",
            counts=counts,
            kept=counts.get("records", 0),
            size=self.language.size(counts.get("bytes", 0)),
            pictures=[item for item in items if item.is_picture][:_LATELY_PICTURES],
            items=[item for item in items if not item.is_picture][:_LATELY_OTHERS],
            waking=self.get_query_argument("lit", "") == "1",
            mood="village",
            place="home",
        )

    async def _stats(self) -> Counts:
        found: Counts = await self.ask("stats")
        return found


class Find(Page):
    """``/find``: every word must match, the last one may be a beginning."""

    async def get(self) -> None:
        """Show the search field and what was found."""
        words = " ".join(self.get_query_argument("q", "").split())[:_LONGEST_QUERY]
        records: Records | None = None
        if words:
            records = await self.ask("search", q=words, cursor=self.get_query_argument("from", None))
        now_ms = self.front.now_ms()
        items = [shown(record, self.language, now_ms) for record in records.records] if records else []
        total = records.total if records and records.total is not None else len(items)
        more = records.next if records else None
        self.show("find.html", words=words, items=items, total=total, next=more, marked=marked, place="find")


class Bin(Page):
    """``/bin``: what was deleted and can still come back."""

    async def get(self) -> None:
        """List the bin with the days each record has left."""
        found: Records = await self.ask(
            "list", state=RecordState.BIN, limit=_PAGE, cursor=self.get_query_argument("from", None)
        )
        now_ms = self.front.now_ms()
        entries = []
        for record in found.records:
            left = limits.BIN_DAYS - max(0, now_ms - (record.deleted_ms or now_ms)) // _DAY_MS
            entries.append((shown(record, self.language, now_ms), max(0, left)))
        self.show("bin.html", entries=entries, next=found.next, place="box")


class BinEmpty(Page):
    """``/bin/empty``: the one question before something cannot be undone."""

    async def get(self) -> None:
        """Ask."""
        counts = (await self.ask("stats")).counts
        self.show("bin-empty.html", count=counts.get("bin", 0), place="box")

    async def post(self) -> None:
        """Empty the bin."""
        await self.ask("empty")
        self.go("/bin")


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
        self.go({"photos": "/photos", "record": f"/record/{found}"}.get(back, "/bin"))


class ThisBox(Page):
    """``/box``: facts, the spare key, the certificate, the language, leaving."""

    async def get(self) -> None:
        """Show what is true about this box for this member."""
        counts = (await self.ask("stats")).counts
        status = await self.status_of_box()
        self.show("box.html", counts=counts, status=status, place="box", **guide(self))


def marked(name: str, words: str) -> list[tuple[str, bool]]:
    """Split ``name`` into pieces and say which of them were searched for."""
    parts = [re.escape(word) for word in words.split()]
    if not parts:
        return [(name, False)]
    return [
        (piece, index % 2 == 1)
        for index, piece in enumerate(re.split(f"({'|'.join(parts)})", name, flags=re.IGNORECASE))
        if piece
    ]
