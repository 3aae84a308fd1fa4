"""The Photos place: pictures and videos by day. The first screen is drawn here, the timeline's module asks for more."""

from __future__ import annotations

import datetime
import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from firmware.errors import Misused
from webui.language import Language
from webui.pages.page import Page

KINDS = "photo,video"
_FIRST_SCREEN = 45
"""Pictures the server draws itself: more than fit on a phone or a laptop at first sight."""
_IN_SIGHT = 12
"""Of these a phone shows the first at once: they are asked for early, the others when somebody comes near."""
_MODULES = ("photos.js", "viewer.js", "badges.js")
_MOST_ITEMS, _MOST_PAGES = 2000, 50
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ID = re.compile("[0-9a-f]{32}")
_LED = 3
"""From this many pictures on, the first of a day is drawn twice as large."""
_GZIP_FROM, _GZIP_LEVEL = 4096, 1


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of the grid."""

    id: str
    is_video: bool
    length: str
    has_preview: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One day of the grid; ``count`` is of the whole day, ``tiles`` may be fewer."""

    day: str
    title: str
    count: int
    tiles: tuple[Tile, ...]

    @property
    def led(self) -> bool:
        """Whether the first picture takes four places."""
        return self.count >= _LED


class Days(Page):
    """``/days``: where this place used to be."""

    def get(self) -> None:
        """Lead to the photos."""
        self.go("/photos" + (f"?{self.request.query}" if self.request.query.startswith("deleted=") else ""))


class Photos(Page):
    """``/photos``: newest day first; ``?from=<day>&skip=<n>`` goes on there for browsers without JavaScript."""

    async def get(self) -> None:
        """Show the first screen."""
        counts = [(one.day, one.count) for one in (await self.ask("days", kinds=KINDS)).days]
        start, skip = self._start()
        part = _part(counts, start, skip)
        sections: list[Section] = []
        if part:
            items = await self._items(part[-1][0], part[0][0], skip + _FIRST_SCREEN)
            sections = self._sections(dict(counts), items[skip:])
        deleted = self.get_query_argument("deleted", "")
        self.show(
            "photos.html",
            sections=sections,
            in_sight={tile.id for tile in [tile for section in sections for tile in section.tiles][:_IN_SIGHT]},
            later=_MODULES,
            earlier=_earlier(counts, sections, start, skip),
            first=not start,
            total=sum(count for _, count in counts),
            deleted=deleted if _ID.fullmatch(deleted) else "",
            place="photos",
        )

    def _start(self) -> tuple[str, int]:
        start, skip = self.get_query_argument("from", ""), self.get_query_argument("skip", "0")
        if not _DAY.fullmatch(start):
            return "", 0
        return start, min(int(skip), _MOST_ITEMS) if re.fullmatch("[0-9]{1,4}", skip) else 0

    async def _items(self, from_day: str, to_day: str, limit: int) -> Sequence[Any]:
        most = min(limit, _MOST_ITEMS)
        found = await self.ask("day_items", kinds=KINDS, from_day=from_day, to_day=to_day, limit=most)
        items: Sequence[Any] = found.items
        return items

    def _sections(self, counts: dict[str, int], items: Sequence[Any]) -> list[Section]:
        this_year = datetime.datetime.fromtimestamp(self.front.now_ms() / 1000).astimezone().year
        made = []
        for day, of_day in groupby(items, key=lambda one: str(one.day)):
            tiles = tuple(_tile(one, self.language) for one in of_day)
            made.append(Section(day, day_title(day, self.language, this_year), counts.get(day, len(tiles)), tiles))
        return made


class _Json(Page):
    """What the timeline's module asks for; compressed, because days are many."""

    def answer(self, found: dict[str, Any]) -> None:
        """Send ``found`` as JSON."""
        body = json.dumps(found, separators=(",", ":")).encode()
        self.set_header("Content-Type", "application/json")
        self.set_header("Vary", "Accept-Encoding")
        if len(body) >= _GZIP_FROM and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        self.finish(body)


class PhotoDays(_Json):
    """``GET /photos/days``: ``{"days": [["2026-11-21", 23], …]}``, newest first, the whole locker."""

    async def get(self) -> None:
        """Count."""
        found = await self.ask("days", kinds=KINDS)
        self.answer({"days": [[one.day, one.count] for one in found.days]})


class PhotoItems(_Json):
    """``GET /photos/items?from=<day>&to=<day>``: ``{"items": [[id, day, is video, length, has preview], …]}``."""

    async def get(self) -> None:
        """List the pictures of some days, newest first; one day may hold very many."""
        first, last = self.get_query_argument("from", ""), self.get_query_argument("to", "")
        if not (_DAY.fullmatch(first) and _DAY.fullmatch(last)):
            raise Misused(why="“from” and “to” are days, like 2026-11-21.")
        items: list[Any] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            found = await self.ask(
                "day_items", kinds=KINDS, from_day=first, to_day=last, cursor=cursor, limit=_MOST_ITEMS
            )
            items += found.items
            cursor = found.next
            if cursor is None:
                break
        rows = ((one, _tile(one, self.language)) for one in items)
        self.answer({"items": [[t.id, str(one.day), int(t.is_video), t.length, int(t.has_preview)] for one, t in rows]})


def day_title(day: str, language: Language, this_year: int) -> str:
    """Name a calendar day (``2026-11-21``) as a heading; the year only if it is another one than ``this_year``."""
    date = datetime.date.fromisoformat(day)
    words = language.words
    key = "day.heading" if date.year == this_year else "day.heading-year"
    weekday, month = words[f"weekday.{date.weekday()}"], words[f"month.{date.month}"]
    return language.say(key, weekday=weekday, day=date.day, month=month, year=date.year)


def _tile(item: Any, language: Language) -> Tile:
    is_video = item.kind == "video"
    length = language.duration(item.duration_ms) if is_video and item.duration_ms else ""
    return Tile(item.id, is_video, length, item.has_preview)


def _part(counts: list[tuple[str, int]], start: str, skip: int) -> list[tuple[str, int]]:
    """Return the days from ``start`` (empty: the newest) on that hold the next screen."""
    part: list[tuple[str, int]] = []
    wanted = skip + _FIRST_SCREEN
    for day, count in counts:
        if start and day > start:
            continue
        if wanted <= 0:
            break
        part.append((day, count))
        wanted -= count
    return part


def _earlier(counts: list[tuple[str, int]], sections: list[Section], start: str, skip: int) -> str:
    """Return the query of the next screen, or an empty string at the end."""
    if not sections:
        return ""
    last = sections[-1]
    done = len(last.tiles) + (skip if last.day == start or len(sections) == 1 else 0)
    if done < last.count:
        return f"from={last.day}&skip={done}"
    older = next((day for day, _ in counts if day < last.day), "")
    return f"from={older}" if older else ""
