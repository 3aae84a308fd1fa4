"""One photo or video, as large as the screen: what is known about it, its note and tags, and the way to its bytes."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import asdict, dataclass

from firmware.errors import Misused
from firmware.model import RecordState
from services.api.types import RecordInfo
from webui.language import Language
from webui.pages.copies import Copies, copies_of
from webui.pages.page import Page
from webui.pages.photos import day_title
from webui.pages.shown import readable

_DRAWN_BY_BROWSERS = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif")
"""Originals a browser can draw; of all others the largest preview is as near as one gets."""
_MS = 1000


@dataclass(frozen=True, slots=True)
class PhotoView:
    """What the viewer says of one photo; all words are in the reader's language."""

    id: str
    day: str
    title: str
    when: str
    is_video: bool
    is_drawable: bool
    mime: str
    width: int
    height: int
    bytes: int
    facts: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]
    note: str
    in_bin: bool
    has_preview: bool
    copies: Copies | None


class PhotoPage(Page):
    """``GET /photo/<id>``: a plain page that the viewer's module makes into a full screen."""

    async def get(self, record_id: str) -> None:
        """Show it; whatever is neither photo nor video has its own page."""
        record: RecordInfo = await self.ask("get", id=record_id)
        if record.kind not in ("photo", "video"):
            self.go(f"/record/{record_id}")
            return
        view = await _view(self, record)
        typed = self.kept(f"/photo/{record_id}/annotate")
        self.show("photo.html", photo=view, typed=typed, photo_json=json.dumps(asdict(view)).replace("<", "\\u003c"))


class PhotoFacts(Page):
    """``GET /photos/item/<id>``: the same for the module."""

    async def get(self, record_id: str) -> None:
        """Send it as JSON."""
        record: RecordInfo = await self.ask("get", id=record_id)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(asdict(await _view(self, record))))


class Annotate(Page):
    """``POST …/annotate``: ``note``, ``add`` (tags with commas between them), ``remove`` (a tag), of any record."""

    async def get(self, record_id: str) -> None:
        """The forms stand on the page above."""
        del record_id
        self.go(self.request.path.removesuffix("/annotate"))

    async def post(self, record_id: str) -> None:
        """Write it down; answers what is known now to the module, leads back to the page otherwise."""
        note = self.get_body_argument("note", None, strip=False)
        add, remove = tags_of(self.get_body_argument("add", "")), tags_of(self.get_body_argument("remove", ""))
        if note is not None or add or remove:
            note = None if note is None else note.replace("\r\n", "\n").strip()
            await self.ask("annotate", ids=(record_id,), add_tags=add, remove_tags=remove, note=note)
        if "application/json" in self.request.headers.get("Accept", ""):
            record: RecordInfo = await self.ask("get", id=record_id)
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps({"note": record.note, "tags": record.tags}))
            return
        await self.get(record_id)


class PhotoDelete(Page):
    """``POST /photo/<id>/delete``: into the bin, for browsers without JavaScript."""

    async def get(self, record_id: str) -> None:
        """The button stands on the photo's page."""
        self.go(f"/photo/{record_id}")

    async def post(self, record_id: str) -> None:
        """Delete, and say so on the page that follows, with a way back."""
        await self.ask("delete_many", ids=(record_id,))
        self.go(f"/photos?deleted={record_id}")


def tags_of(typed: str) -> tuple[str, ...]:
    """Return the tags in what was typed (commas between them, ``#`` allowed). Raises Misused for one too long."""
    found = dict.fromkeys(tag for part in typed.split(",") if (tag := " ".join(part.split()).lstrip("#").strip()))
    for tag in found:
        if not re.fullmatch(r"[^\x00-\x1f\x7f,]{1,64}", tag):
            raise Misused(why="a tag has at most 64 characters.")
    return tuple(found)


def photo_view(record: RecordInfo, language: Language, now_ms: int, copies: Copies | None) -> PhotoView:
    """Return what the viewer says of ``record``."""
    facts = record.facts
    moment = _moment(record)
    title = day_title(moment.date().isoformat(), language, 0)
    leaf = readable(record.name.rpartition("/")[2])
    mime = facts.mime or record.mime
    return PhotoView(
        id=record.id,
        day=moment.date().isoformat(),
        title=readable(facts.title) if facts.title else leaf,
        when=f"{title}, {moment:%H:%M}",
        is_video=record.kind == "video",
        is_drawable=mime in _DRAWN_BY_BROWSERS,
        mime=mime,
        width=facts.width or 0,
        height=facts.height or 0,
        bytes=record.size,
        facts=tuple(_facts(record, leaf, language, now_ms)),
        tags=record.tags,
        note=record.note,
        in_bin=record.state is RecordState.BIN,
        has_preview=record.has_preview,
        copies=copies,
    )


def _facts(record: RecordInfo, leaf: str, language: Language, now_ms: int) -> list[tuple[str, str]]:
    facts, say = record.facts, language.say
    size = f" · {facts.width}\u00a0×\u00a0{facts.height}" if facts.width and facts.height else ""
    found = [
        (say("photo.place"), readable(record.place or "")),
        (say("photo.length"), language.duration(facts.duration_ms) if facts.duration_ms else ""),
        (say("photo.file"), f"{leaf} · {language.size(record.size)}{size}"),
        (say("photo.folder"), readable(record.name.rpartition("/")[0])),
        (say("photo.came"), language.time(record.stored_ms, now_ms)),
    ]
    return [(label, value) for label, value in found if value]


def _moment(record: RecordInfo) -> datetime.datetime:
    """When it was taken, on the clock of the camera where the file names no zone, else on the clock of the box."""
    when = record.facts.taken_ms if record.facts.taken_local and record.facts.taken_ms is not None else record.when_ms
    bounded = min(max(when, -62_000_000_000_000), 253_000_000_000_000)
    moment = datetime.datetime.fromtimestamp(bounded / _MS, datetime.UTC)
    return moment if record.facts.taken_local else moment.astimezone()


async def _view(page: Page, record: RecordInfo) -> PhotoView:
    copies = None if record.state is RecordState.BIN else await copies_of(page, record.id)
    return photo_view(record, page.language, page.front.now_ms(), copies)
