"""``/find``: one box for words, days, kinds, tags, places and notes; the page is whole without JavaScript."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from firmware import limits
from firmware.model.asking import LONGEST_ASKED, Asked, Meant, as_words, understand, without
from services.api.find_types import Lines, Near
from services.api.records_types import Facets
from services.api.types import RecordInfo, Records
from webui.language import Language
from webui.pages.found import GROUPS, Row, row_of
from webui.pages.page import Page

_PICTURES, _ROWS = 8, 6
"""Shown of each group while everything is shown."""
_PICTURE_PAGE, _ROW_PAGE = 60, 24
_TIMES = ("today", "this week", "this month")
_TAG_CHARS = 64
_NEAR_WORDS = 3


@dataclass(frozen=True, slots=True)
class Search:
    """What the address of the page says, and what it means."""

    typed: str
    group: str
    when: str
    tag: str
    cursor: str
    asked: Asked

    def filters(self, *, kinds: bool = True, days: bool = True, tag: bool = True) -> dict[str, Any]:
        """Return arguments of ``search`` and ``facets``; each filter can be left out, to see what others would find."""
        first, last = self.asked.first_day, self.asked.last_day
        chosen = self.kinds if kinds else ()
        found = {
            "q": self.asked.words,
            "kinds": ",".join(chosen) or None,
            "from_day": str(first) if days and first else None,
            "to_day": str(last) if days and last else None,
            "tag": self.asked.tag if tag else None,
        }
        return {name: value for name, value in found.items() if value is not None}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds asked for, by chip or by word; empty = all. Text files are papers too."""
        if self.group:
            return GROUPS[self.group]
        said = self.asked.kinds
        return (*said, "text") if "document" in said else said

    @property
    def shown_group(self) -> str:
        """The group whose chip is pressed; empty = everything."""
        return next((name for name, kinds in GROUPS.items() if set(kinds) == set(self.kinds)), "")

    @property
    def is_empty(self) -> bool:
        """True when nothing is asked."""
        return not (self.asked.words.strip() or self.kinds or self.asked.tag or self.has_days)

    @property
    def has_days(self) -> bool:
        """True when a time is asked for."""
        return self.asked.first_day is not None or self.asked.last_day is not None

    def href(self, **changes: str) -> str:
        """Return the address of this search with changes; a further page is never kept."""
        fields = {"q": self.typed, "kind": self.group, "when": self.when, "tag": self.tag} | changes
        filled = {name: value for name, value in fields.items() if value}
        return "/find" + (f"?{urlencode(filled)}" if filled else "")

    def pieces(self, *what: str) -> tuple[Meant, ...]:
        """Return what was understood of the words typed."""
        return tuple(piece for piece in self.asked.meant if piece.what in what)

    def as_words(self, today: datetime.date) -> Search:
        """Return the same search with what was not sure taken as words."""
        typed = self.typed
        for piece in reversed([piece for piece in self.asked.meant if not piece.sure]):
            typed = as_words(typed, piece)
        return search_of(typed, self.group, self.when, self.tag, "", today)

    def without_kinds(self) -> str:
        """Return the address of the same search for every kind."""
        typed = self.typed
        for piece in reversed(self.pieces("kind")):
            typed = without(typed, piece)
        return self.href(q=typed, kind="")


def search_of(typed: str, group: str, when: str, tag: str, cursor: str, today: datetime.date) -> Search:
    """Understand the fields of the page; a field nobody could have chosen counts as not chosen."""
    asked = understand(typed, today)
    time = understand(when, today) if when else None
    if time and not asked.first_day and not asked.last_day and (time.first_day or time.last_day):
        asked = replace(asked, first_day=time.first_day, last_day=time.last_day)
    if tag and asked.tag is None:
        asked = replace(asked, tag=tag)
    return Search(typed, group if group in GROUPS else "", when, tag, cursor, asked)


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter to press."""

    label: str
    href: str
    count: int | None = None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One group of what was found."""

    name: str
    rows: tuple[Row, ...]
    total: int
    more: str = ""
    """Address of all of it."""


class Find(Page):
    """``GET /find``."""

    async def get(self) -> None:
        """Show the box, its filters, and what was found."""
        today = datetime.datetime.fromtimestamp(self.front.now_ms() / 1000).astimezone().date()
        typed = " ".join(self.get_query_argument("q", "", strip=False).split(" "))[:LONGEST_ASKED]
        search = search_of(
            typed if typed.strip() else "",
            self.get_query_argument("kind", ""),
            self.get_query_argument("when", "")[:32],
            self.get_query_argument("tag", "")[:_TAG_CHARS],
            self.get_query_argument("from", ""),
            today,
        )
        facets, years, tags = await asyncio.gather(*self._facets(search))
        literal, also = await self._literal(search, facets, today)
        if literal is not None:
            search, facets = literal, also
        sections, following = ([], None) if search.is_empty else await self._sections(search, facets)
        self.show(
            "find.html",
            search=search,
            chips=list(self._chips(search, facets)),
            years=sorted(years.years.items(), reverse=True),
            tags=tags.tags,
            times=_TIMES,
            time_label=lambda: span_label(search.asked, self.language),
            sections=sections,
            total=_sum(facets, search.kinds),
            next=following,
            also=also if literal is None and not search.asked.sure else None,
            also_href=search.as_words(today).href() if not search.asked.sure else "",
            near=await self._near(search) if not sections and not search.is_empty else (),
            without=without,
            later=("badges.js",),
            place="find",
        )

    def _facets(self, search: Search) -> Sequence[Any]:
        """Count what was found by kind, by year and by tag, each without its own filter."""
        ask = self.ask
        return (
            ask("facets", **search.filters(kinds=False)),
            ask("facets", **search.filters(days=False)),
            ask("facets", **search.filters(tag=False)),
        )

    async def _literal(self, search: Search, found: Facets, today: datetime.date) -> tuple[Search | None, Facets]:
        """A year or month may be meant as a word: look that up too, and take it when else nothing is found."""
        if search.asked.sure:
            return None, found
        plain = search.as_words(today)
        facets: Facets = await self.ask("facets", **plain.filters(kinds=False))
        if not _sum(found, search.kinds) and facets.total:
            return plain, facets
        return None, facets

    def _chips(self, search: Search, facets: Facets) -> Sequence[Chip]:
        say = self.language.say
        chosen, home = search.shown_group, search.without_kinds()
        chips = [Chip(say("find.everything"), home, facets.total, not chosen and not search.kinds)]
        if search.kinds and not chosen:
            label = ", ".join(piece.said for piece in search.pieces("kind"))
            chips.append(Chip(label, search.href(), _sum(facets, search.kinds), True))
        typed_without = search_typed_without_kinds(search)
        for name, kinds in GROUPS.items():
            count = _sum(facets, kinds)
            if count or name == chosen:
                href = search.href(q=typed_without, kind=name)
                chips.append(Chip(self.language.words[f"find.group.{name}"], href, count, name == chosen))
        return chips

    async def _sections(self, search: Search, facets: Facets) -> tuple[list[Section], str | None]:
        if search.shown_group or search.kinds:
            return await self._one_group(search, facets)
        names = [("pictures", ("photo", "video"), _PICTURES), ("papers", GROUPS["papers"], _ROWS)]
        names.append(("rest", (*GROUPS["sound"], *GROUPS["others"]), _ROWS))
        wanted = [(name, kinds, count) for name, kinds, count in names if _sum(facets, kinds)]
        filters = search.filters(kinds=False)
        pages: Sequence[Records] = await asyncio.gather(
            *(self.ask("search", **filters, kinds=",".join(kinds), limit=count) for _, kinds, count in wanted)
        )
        lines = await self._lines(search, [one for page in pages for one in page.records])
        more = {"pictures": "photos", "papers": "papers", "rest": "others"}
        found = []
        for (name, kinds, count), page in zip(wanted, pages, strict=True):
            total = _sum(facets, kinds)
            href = search.href(kind=more[name]) if total > count else ""
            found.append(Section(name, self._rows(search, page, lines), total, href))
        return found, None

    async def _one_group(self, search: Search, facets: Facets) -> tuple[list[Section], str | None]:
        pictures = set(search.kinds) <= {"photo", "video"}
        limit = _PICTURE_PAGE if pictures else _ROW_PAGE
        cursor = {"cursor": search.cursor} if search.cursor else {}
        page: Records = await self.ask("search", **search.filters(), limit=limit, **cursor)
        total = _sum(facets, search.kinds)
        if not page.records:
            return [], None
        rows = self._rows(search, page, {} if pictures else await self._lines(search, page.records))
        name = "pictures" if pictures else search.shown_group or "rest"
        return [Section(name, rows, total)], page.next

    def _rows(self, search: Search, page: Records, lines: dict[str, str]) -> tuple[Row, ...]:
        now_ms, words = self.front.now_ms(), search.asked.words
        return tuple(row_of(one, self.language, now_ms, words, lines.get(one.id, "")) for one in page.records)

    async def _lines(self, search: Search, records: Sequence[RecordInfo]) -> dict[str, str]:
        """Ask in which line the words stand, of those records that have lines."""
        ids = tuple(one.id for one in records if one.kind not in ("photo", "video"))[: limits.LINES_RECORDS]
        if not ids or not search.asked.words.strip():
            return {}
        found: Lines = await self.ask("lines", ids=ids, q=search.asked.words)
        return {line.id: line.line for line in found.lines}

    async def _near(self, search: Search) -> list[Chip]:
        """Offer words of this locker that look like the ones nothing was found with."""
        offered = []
        for word in search.asked.words.split()[-_NEAR_WORDS:]:
            found: Near = await self.ask("near", word=word[:64])
            offered += [Chip(near, search.href(q=search.typed.replace(word, near))) for near in found.words]
        return offered[:_NEAR_WORDS]


def search_typed_without_kinds(search: Search) -> str:
    """Return what was typed without the words that name a kind: a chip says it now."""
    typed = search.typed
    for piece in reversed(search.pieces("kind")):
        typed = without(typed, piece)
    return typed


def span_label(asked: Asked, language: Language) -> str:
    """Name the days asked for: 2025, November 2025, 21 November 2025, 3 May 2023 – 8 June 2024, since …, until …."""
    first, last = asked.first_day, asked.last_day
    if first is None or last is None:
        key = "find.since" if last is None else "find.until"
        return language.say(key, day=_day_label(first or last, language))
    after = last + datetime.timedelta(1)
    if first.day == 1 and after.day == 1:
        if (first.month, after.month) == (1, 1):
            return str(first.year) if first.year == last.year else f"{first.year} – {last.year}"
        if (first.year, first.month) == (last.year, last.month):
            return f"{language.words[f'month.{first.month}']} {first.year}"
    if first == last:
        return _day_label(first, language)
    return f"{_day_label(first, language)} – {_day_label(last, language)}"


def _day_label(day: datetime.date | None, language: Language) -> str:
    assert day is not None
    return language.say("day.date-year", day=day.day, month=language.words[f"month.{day.month}"], year=day.year)


def _sum(facets: Facets, kinds: Sequence[str]) -> int:
    return sum(facets.kinds.get(kind, 0) for kind in kinds) if kinds else facets.total
