"""What is done with many records at once: into the bin and back, tags, one zip. Photos and Find both send here."""

from __future__ import annotations

import datetime
import re

from firmware.errors import Misused
from webui.pages.page import Page
from webui.pages.photo import tags_of
from webui.pages.record import SandboxedBytes

_IDS = re.compile(r"[0-9a-f]{32}(,[0-9a-f]{32}){0,999}", re.ASCII)


class _Many(Page):
    """A form with ``ids``: up to 1,000 record ids with commas between them."""

    async def get(self) -> None:
        """Nothing to see here: the buttons stand on other pages."""
        self.go("/photos")

    async def post(self) -> None:
        """Do it and say how many there were; the module goes on by itself."""
        count = await self.act(self.ids())
        self.finish({"count": count})

    def ids(self) -> tuple[str, ...]:
        """Return the ids; raises Misused when they are none or too many."""
        found = self.get_body_argument("ids", "")
        if not _IDS.fullmatch(found):
            raise Misused(why="“ids” are 1 to 1,000 record ids with commas between them.")
        return tuple(dict.fromkeys(found.split(",")))

    async def act(self, ids: tuple[str, ...]) -> int:
        """Do it; returns how many records changed."""
        raise NotImplementedError


class DeleteMany(_Many):
    """``POST /selection/delete``."""

    async def act(self, ids: tuple[str, ...]) -> int:
        """Put them into the bin."""
        return int((await self.ask("delete_many", ids=ids)).count)


class UndeleteMany(_Many):
    """``POST /selection/undelete``."""

    async def act(self, ids: tuple[str, ...]) -> int:
        """Take them out again."""
        return int((await self.ask("undelete", ids=ids)).count)


class TagMany(_Many):
    """``POST /selection/tag`` with ``tag``: one or more, with commas between them."""

    async def act(self, ids: tuple[str, ...]) -> int:
        """Add the tags."""
        tags = tags_of(self.field("tag"))
        if not tags:
            raise Misused(why="there is no tag in what was typed.")
        return int((await self.ask("annotate", ids=ids, add_tags=tags)).count)


class ZipMany(_Many, SandboxedBytes):
    """``POST /selection/zip``: one archive, streamed while it is made."""

    async def post(self) -> None:
        """Send it."""
        await self.pass_on("zip", {}, ids=self.ids())

    def describe(self, mime: str) -> None:
        """An attachment, named by the day."""
        del mime
        self.protect("application/zip", f"locker-box-{self.today()}.zip")

    def today(self) -> str:
        """Return the day, for the name."""
        moment = datetime.datetime.fromtimestamp(self.front.now_ms() / 1000).astimezone()
        return f"{moment:%Y-%m-%d}"
