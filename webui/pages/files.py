"""``/files``: papers and everything else in the folders they came in. Folders are what names have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from firmware.model import MAX_NAME_BYTES
from firmware.model.kinds import kind_of
from firmware.model.mime import has_preview
from services.api.folder_types import FolderPage, Item
from webui.language import Language
from webui.pages.found import address, format_of, look_of
from webui.pages.page import Page
from webui.pages.record import SandboxedBytes
from webui.pages.shown import readable

_READ, _MOST = 500, 5000
"""Entries asked for at once, and looked at in one folder; the rest of a larger one is found by searching."""
_SHOWN = 200
_SORTS = ("name", "when", "size")
_ID = "[0-9a-f]{32}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder. ``id`` is empty for a folder."""

    id: str
    href: str
    name: str
    about: str
    icon: str
    look: str
    is_upright: bool
    has_preview: bool
    size: int
    when_ms: int


class Files(Page):
    """``GET /files``."""

    async def get(self) -> None:
        """Show one folder."""
        folder = self._folder()
        sort = self.get_query_argument("sort", "name")
        sort = sort if sort in _SORTS else "name"
        everything = self.get_query_argument("all", "") == "1"
        items = await self._inside(folder)
        folders = [entry_of_folder(item, folder, self.language, everything) for item in items if item.file is None]
        files = [entry_of(item, self.language, self.front.now_ms()) for item in items if item.file is not None]
        papers = files if everything else [one for one in files if one.icon not in ("image", "film")]
        start = self._start(len(papers))
        deleted = self.get_query_argument("deleted", "")
        self.show(
            "files.html",
            folder=folder,
            crumbs=_crumbs(folder),
            files_href=files_href,
            folders=sorted(folders, key=lambda one: one.name.lower()) if not start else [],
            files=_sorted(papers, sort)[start : start + _SHOWN],
            count=len(papers),
            hidden=len(files) - len(papers),
            sort=sort,
            sorts=_SORTS,
            everything=everything,
            here=lambda **changes: files_href(folder, **({"sort": sort, "all": "1" if everything else ""} | changes)),
            next=start + _SHOWN if start + _SHOWN < len(papers) else 0,
            deleted=deleted if re.fullmatch(_ID, deleted) else "",
            place="find",
        )

    def _folder(self) -> str:
        raw = self.request.query_arguments.get("in", [b""])[-1]
        return raw.decode("utf-8", "surrogateescape").strip("/")[:MAX_NAME_BYTES]

    def _start(self, count: int) -> int:
        text = self.get_query_argument("from", "0")
        return min(int(text), count) if text.isascii() and text.isdigit() and len(text) < 8 else 0

    async def _inside(self, folder: str) -> Sequence[Item]:
        items: list[Item] = []
        cursor: dict[str, str] = {}
        while len(items) < _MOST:
            page: FolderPage = await self.ask("inside", path=folder, limit=_READ, **cursor)
            items += page.items
            if page.next is None:
                break
            cursor = {"cursor": page.next}
        return items


class FilesMany(SandboxedBytes):
    """``POST /files/many``: what is ticked, for browsers without JavaScript."""

    async def get(self) -> None:
        """The ticks stand in the list."""
        self.go("/files")

    async def post(self) -> None:
        """Put them into the bin, or send them as one archive."""
        ids = tuple(dict.fromkeys(self.get_body_arguments("id")))
        back = self.get_body_argument("back", "/files")
        back = back if re.fullmatch(r"/files(\?[!-~]*)?", back) else "/files"
        if ids and self.get_body_argument("act", "") == "zip":
            await self.pass_on("zip", {}, ids=ids)
            return
        if ids:
            await self.ask("delete_many", ids=ids)
        self.go(back)

    def describe(self, mime: str) -> None:
        """An attachment."""
        del mime
        self.protect("application/zip", "locker-box.zip")


def entry_of_folder(item: Item, folder: str, language: Language, everything: bool) -> Entry:
    """Return what a list shows of a folder."""
    path = f"{folder}/{item.leaf}" if folder else item.leaf
    href = files_href(path, all="1" if everything else "")
    return Entry("", href, readable(item.leaf), language.say("files.folder"), "folder-open", "t5", False, False, 0, 0)


def entry_of(item: Item, language: Language, now_ms: int) -> Entry:
    """Return what a list shows of a file."""
    assert item.file is not None
    file, kind = item.file, kind_of(item.file.mime)
    icon, tint = look_of(kind)
    when_ms = file.mtime_ns // 1_000_000
    about = f"{format_of(item.leaf, kind, language)}, {language.size(file.size)} · {language.date(when_ms, now_ms)}"
    return Entry(
        file.id, address(file.id, kind), readable(item.leaf), about, icon, tint, kind == "document",
        has_preview(file.mime), file.size, when_ms,
    )  # fmt: skip


def files_href(folder: str, **fields: str) -> str:
    """Return the address of a folder."""
    filled = {name: value for name, value in fields.items() if value and (name, value) != ("sort", "name")}
    query = ({"in": folder.encode("utf-8", "surrogateescape")} if folder else {}) | filled
    return "/files" + (f"?{urlencode(query)}" if query else "")


def _sorted(files: list[Entry], sort: str) -> list[Entry]:
    if sort == "name":
        return sorted(files, key=lambda one: one.name.lower())
    return sorted(files, key=lambda one: (-one.when_ms if sort == "when" else -one.size, one.name.lower()))


def _crumbs(folder: str) -> list[tuple[str, str]]:
    """Return every folder above and the folder itself: name and address."""
    parts = folder.split("/") if folder else []
    return [(readable(part), files_href("/".join(parts[: at + 1]))) for at, part in enumerate(parts)]
