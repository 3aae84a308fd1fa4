"""One record that is no photo: its first page or words, note, tags, history, what is known, and what can be done."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from firmware.errors import Misused
from firmware.model import RecordState
from firmware.model.mime import is_text, needs_reader
from services.api.find_types import Excerpt
from services.api.household_types import Members
from services.api.records_types import Tags
from services.api.types import RecordInfo, VersionInfo, Versions
from webui.language import Language
from webui.pages.copies import copies_of
from webui.pages.found import format_of, look_of
from webui.pages.page import Page
from webui.pages.shown import readable

_EDGE = 1280
_SUGGESTED = 200
_EXCERPT_CHARS, _EXCERPT_ROWS, _EXCERPT_COLUMNS = 6000, 40, 12
_CELL_CHARS = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """The beginning of a text: paragraphs (with the depth of headings, 0 = none), or rows of a table."""

    paragraphs: tuple[tuple[int, str], ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    is_whole: bool = True


class RecordPage(Page):
    """``GET /record/<id>``."""

    async def get(self, record_id: str) -> None:
        """Show the record; words the address asks for are marked nowhere, so that it can be passed on."""
        record: RecordInfo = await self.ask("get", id=record_id)
        versions: Versions = await self.ask("versions", id=record_id)
        text: Excerpt = await self.ask("excerpt", id=record_id)
        tags: Tags = await self.ask("tags")
        members: Members = await self.ask("members")
        icon, tint = look_of(record.kind)
        in_bin = record.state is RecordState.BIN
        leaf = record.name.rpartition("/")[2]
        typed = self.kept(f"/record/{record_id}/name", f"/record/{record_id}/annotate")
        self.show(
            "record.html",
            record=record,
            leaf=readable(leaf),
            title=readable(title_of(leaf)),
            about=f"{format_of(record.name, record.kind, self.language)}, {self.language.size(record.size)}",
            sign=icon,
            look=tint,
            facts=facts_of(record, self.language, self.front.now_ms()),
            tags=[(tag, readable(tag)) for tag in record.tags],
            suggested=[one.tag for one in tags.tags if one.tag not in record.tags][:_SUGGESTED],
            history=[(one, _is_newest(one, record)) for one in versions.versions],
            reading=reading(text.text, record.mime, text.whole),
            is_read=bool(text.text),
            typed=typed,
            in_bin=in_bin,
            copies=None if in_bin else await copies_of(self, record_id),
            readable=readable,
            brought_back="back" in self.request.query_arguments,
            guarded=_guarded(members, self.member().member),
            edge=_EDGE,
            place="find",
        )


class RecordName(Page):
    """``POST /record/<id>/name``."""

    async def get(self, record_id: str) -> None:
        """The form stands on the record's page."""
        self.go(f"/record/{record_id}")

    async def post(self, record_id: str) -> None:
        """Give the record another name, inside the folder it lies in; an ending left out is kept."""
        name = self.field("name").strip()
        record: RecordInfo = await self.ask("get", id=record_id)
        folder, slash, leaf = record.name.rpartition("/")
        ending = leaf[len(title_of(leaf)) :]
        if name and ending and not name.lower().endswith(ending.lower()):
            name += ending
        await self.ask("rename", id=record_id, name=f"{folder}{slash}{name}")
        self.go(f"/record/{record_id}")


class RecordRevert(Page):
    """``POST /record/<id>/revert`` with ``version``: an older version becomes the newest one."""

    async def get(self, record_id: str) -> None:
        """The buttons stand on the record's page."""
        self.go(f"/record/{record_id}")

    async def post(self, record_id: str) -> None:
        """Bring it back."""
        number = self.field("version")
        if not (number.isascii() and number.isdigit() and 0 < len(number) < 10):
            raise Misused(why="this is not the number of a version.")
        await self.ask("revert", id=record_id, version=int(number))
        self.go(f"/record/{record_id}?back")


class RecordDelete(Page):
    """``POST /record/<id>/delete``: into the bin."""

    async def get(self, record_id: str) -> None:
        """The button stands on the record's page."""
        self.go(f"/record/{record_id}")

    async def post(self, record_id: str) -> None:
        """Delete, and say so on the page that follows, with a way back."""
        record: RecordInfo = await self.ask("get", id=record_id)
        await self.ask("delete_many", ids=(record_id,))
        if record.kind in ("photo", "video"):
            self.go(f"/photos?deleted={record_id}")
        else:
            self.go(f"/files?deleted={record_id}")


def title_of(leaf: str) -> str:
    """Return a file's name as a heading: without its ending."""
    stem, dot, ending = leaf.rpartition(".")
    return stem if dot and stem.strip(".") and 0 < len(ending) <= 5 and ending.isalnum() else leaf


def facts_of(record: RecordInfo, language: Language, now_ms: int) -> list[tuple[str, str]]:
    """Return what is known about a record as label and value; what is not known has no row."""
    facts, say = record.facts, language.say
    found = [
        (say("record.when"), language.date(record.when_ms, now_ms)),
        (say("record.title"), readable(facts.title or "")),
        (say("record.place"), readable(record.place or "")),
        (say("record.length"), language.duration(facts.duration_ms) if facts.duration_ms else ""),
        (say("record.dimensions"), f"{facts.width} × {facts.height}" if facts.width and facts.height else ""),
        (say("record.size"), language.say("record.bytes", count=record.size)),
        (say("record.stored"), language.time(record.stored_ms, now_ms)),
    ]
    return [(label, value) for label, value in found if value]


def reading(text: str, mime: str, is_whole: bool) -> Reading:
    """Lay the beginning of a text out: tables as rows, markdown with its headings, all else as paragraphs."""
    part = text[:_EXCERPT_CHARS]
    whole = is_whole and len(text) <= _EXCERPT_CHARS
    if mime in ("text/csv", "text/tab-separated-values"):
        return Reading(table=_table(part, mime), is_whole=whole)
    literal = is_text(mime) and not needs_reader(mime)
    lines = part.split("\n") if literal else [line.strip() for line in part.split("\n")]
    paragraphs = tuple(_paragraph(line, mime) for line in lines)
    return Reading(paragraphs=paragraphs if part.strip() else (), is_whole=whole)


def _paragraph(line: str, mime: str) -> tuple[int, str]:
    shown = "\t".join(readable(piece) for piece in line.rstrip("\r").split("\t"))
    depth = len(shown) - len(shown.lstrip("#"))
    if mime == "text/markdown" and 0 < depth <= 6 and shown[depth : depth + 1] == " ":
        return depth, shown[depth:].strip()
    return 0, shown


def _table(text: str, mime: str) -> tuple[tuple[str, ...], ...]:
    first = text.partition("\n")[0]
    comma = "\t" if mime.endswith("values") else max(",;\t", key=first.count)
    rows: list[tuple[str, ...]] = []
    try:
        for row in csv.reader(text.splitlines(), delimiter=comma):
            rows.append(tuple(readable(cell[:_CELL_CHARS]) for cell in row[:_EXCERPT_COLUMNS]))
            if len(rows) == _EXCERPT_ROWS:
                break
    except csv.Error:
        pass
    return tuple(row for row in rows if row)


def _guarded(members: Members, owner: str) -> tuple[str, str] | None:
    """Return who looks after the locker of ``owner``, and until which day; None when nobody does."""
    cards = {one.id: one for one in members.members}
    card = cards.get(owner)
    if card is None or card.guardian not in cards:
        return None
    return cards[card.guardian].name, card.guardian_until or ""


def _is_newest(version: VersionInfo, record: RecordInfo) -> bool:
    return version.number == record.version
