"""The catalog's lists, searches and counts. SQL only; what is asked for is decided above."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence, Sized
from typing import Any

from firmware.errors import Misused
from firmware.linux.schema import AFTER_DAY, BY_DAY, RECORD_COLUMNS
from firmware.linux.sqlite import Connection, Row
from firmware.model import Page, Record, RecordState, SafeName
from firmware.model.days import day_text
from firmware.model.finding import Facets, Filter, GridItem
from firmware.model.kinds import KIND_NUMBERS
from firmware.model.record import Facts

_KINDS = {number: kind for kind, number in KIND_NUMBERS.items()}
_TOP_TAGS = 12


class Finding(Connection):
    """The part of the catalog that answers questions about many records."""

    def page(self, only: Filter, *, state: RecordState, cursor: str | None, limit: int, order: str) -> Page:
        """One page by day (newest first) or by name."""
        inside, bounds = _only(only)
        args: list[Any] = [int(state), *bounds]
        if order == "name":
            by, after = "r.name, r.rid", " AND (r.name, r.rid) > (?, ?)"
        else:
            by, after = BY_DAY, AFTER_DAY
        if cursor is not None:
            args += _cursor_values(cursor, order)
        where = f"r.state=?{inside}{after if cursor is not None else ''}"
        sql = f"SELECT {RECORD_COLUMNS} FROM record r WHERE {where} ORDER BY {by} LIMIT ?"  # noqa: S608 constant parts
        rows = self._all(sql, *args, limit + 1)
        following = None
        if len(rows) > limit:
            last = rows[limit - 1]
            following = f"{last[2].hex()}.{last[0]}" if order == "name" else self._day_cursor(last[0])
        return Page(tuple(record_of(row) for row in rows[:limit]), following)

    def _day_cursor(self, rid: int) -> str:
        found = self._row("SELECT day, when_ms, kind, size, rid FROM record WHERE rid=?", rid)
        return ".".join(map(str, found or ()))

    def find(self, match: str, only: Filter, *, cursor: str | None, limit: int) -> Page:
        """Records whose words match (an FTS5 expression), the newest stored first."""
        inside, bounds = _only(only)
        sql = (
            f"SELECT {RECORD_COLUMNS} FROM words w JOIN record r ON r.rid=w.rowid WHERE w.words MATCH ? "  # noqa: S608
            f"AND w.rowid < ? AND r.state=1{inside} ORDER BY w.rowid DESC LIMIT ?"
        )
        before = _cursor_values(cursor, "name")[1] if cursor else sys.maxsize
        rows = self._all(sql, match, before, *bounds, limit + 1)
        following = f"00.{rows[limit - 1][0]}" if len(rows) > limit else None
        return Page(tuple(record_of(row) for row in rows[:limit]), following)

    def terms(self, start: str, limit: int) -> list[tuple[str, int]]:
        """Indexed words that begin with ``start``, each with the number of records that hold it."""
        self._all("CREATE VIRTUAL TABLE IF NOT EXISTS temp.term USING fts5vocab('main', 'words', 'row')")
        sql = "SELECT term, doc FROM temp.term WHERE term >= ? AND term < ? LIMIT ?"
        return self._all(sql, start, start + "\U0010ffff", limit)

    def facets(self, match: str | None, only: Filter) -> Facets:
        """Count what a search would find by kind, year and tag."""
        inside, bounds = _only(only)
        words = "" if match is None else " JOIN words w ON w.rowid=r.rid"
        where = f"{'' if match is None else 'w.words MATCH ? AND '}r.state=1{inside}"
        args = (*(() if match is None else (match,)), *bounds)
        sql = f"SELECT r.day, r.kind, count(*) FROM record r{words} WHERE {where} GROUP BY 1, 2"  # noqa: S608
        numbers: Counter[int] = Counter()
        days: Counter[int] = Counter()
        for day, kind, count in self._all(sql, *args):
            numbers[kind] += count
            days[day] += count
        kinds = {_KINDS[kind].value: count for kind, count in numbers.most_common()}
        years: Counter[str] = Counter()
        for day, count in days.items():
            years[day_text(day)[:4]] += count
        sql = (
            f"SELECT t.tag, count(*) FROM tag t JOIN record r ON r.rid=t.rid{words} WHERE {where} "  # noqa: S608
            "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"
        )
        tags = [(tag, count) for tag, count in self._all(sql, *args, _TOP_TAGS)]
        newest = dict(sorted(years.items(), reverse=True))
        return Facets(kinds, newest, tags, numbers.total())

    def tags(self) -> list[tuple[str, int]]:
        """Every tag of live records, by name, with how many carry it."""
        sql = "SELECT t.tag, count(*) FROM tag t JOIN record r ON r.rid=t.rid WHERE r.state=1 GROUP BY 1 ORDER BY 1"
        return [(tag, count) for tag, count in self._all(sql)]

    def days(self, only: Filter) -> list[tuple[int, int]]:
        """Days that have live records, newest first, with how many."""
        inside, bounds = _only(only)
        sql = f"SELECT r.day, count(*) FROM record r WHERE r.state=1{inside} GROUP BY 1 ORDER BY 1 DESC"  # noqa: S608
        return [(day, count) for day, count in self._all(sql, *bounds)]

    def day_items(self, only: Filter, *, cursor: str | None, limit: int) -> tuple[list[GridItem], str | None]:
        """Live records as a grid shows them, newest first, and where to go on."""
        inside, bounds = _only(only)
        after = ""
        if cursor is not None:
            after, bounds = AFTER_DAY, [*bounds, *_cursor_values(cursor, "when")]
        sql = (
            "SELECT r.id, r.day, r.when_ms, r.kind, r.size, r.rid, r.width, r.height, r.duration_ms, r.has_preview "  # noqa: S608
            f"FROM record r WHERE r.state=1{inside}{after} ORDER BY {BY_DAY} LIMIT ?"
        )
        rows = self._all(sql, *bounds, limit + 1)
        following = ".".join(map(str, rows[limit - 1][1:6])) if len(rows) > limit else None
        found = (
            GridItem(row[0].hex(), row[1], row[2], _KINDS[row[3]], row[6], row[7], row[8], bool(row[9]))
            for row in rows[:limit]
        )
        return list(found), following

    def sized(self, sizes: Sequence[int]) -> list[tuple[str, int, int]]:
        """Live records of one of these sizes: (id, size, version); the index alone is searched."""
        sql = (
            "SELECT id, size, version FROM record WHERE rid IN (SELECT rid FROM record INDEXED BY record_day "  # noqa: S608
            f"WHERE state=1 AND size IN ({marks(sizes)}))"
        )
        return [(id.hex(), size, version) for id, size, version in self._all(sql, *sizes)]


def record_of(row: Row) -> Record:
    """Read a Record from RECORD_COLUMNS."""
    facts = Facts(row[4], row[11], bool(row[12]), row[13], row[14], row[15], row[16], row[17], row[18], row[20])
    name = SafeName(row[2].decode("utf-8", "surrogateescape"))
    return Record(
        row[1].hex(), name, row[3], row[4], row[5], row[6], row[7], row[8], RecordState(row[9]), row[10], facts,
        bool(row[19]), tuple(row[21].split("\n")) if row[21] else (), row[22] or "",
    )  # fmt: skip


def folder_range(folder: str | None) -> tuple[str, list[Any]]:
    """Return the condition, and its values, of lying in a folder."""
    if not folder:
        return "", []
    prefix = folder.rstrip("/").encode("utf-8", "surrogateescape") + b"/"
    return " AND r.name>=? AND r.name<?", [prefix, prefix[:-1] + b"0"]


def _only(only: Filter) -> tuple[str, list[Any]]:
    sql, args = folder_range(only.folder)
    if only.kinds is not None:
        sql += f" AND r.kind IN ({marks(only.kinds)})"
        args += sorted(KIND_NUMBERS[kind] for kind in only.kinds)
    for day, condition in ((only.from_day, " AND r.day>=?"), (only.to_day, " AND r.day<=?")):
        if day is not None:
            sql += condition
            args.append(day)
    if only.tag is not None:
        sql += " AND r.rid IN (SELECT rid FROM tag WHERE tag=?)"
        args.append(only.tag)
    return sql, args


def marks(values: Sized) -> str:
    """As many question marks as there are values."""
    return ",".join("?" * len(values))


def _cursor_values(cursor: str, order: str) -> list[Any]:
    key, *rest = cursor.split(".", 5)
    try:
        values = [bytes.fromhex(key) if order == "name" else _int64(key), *map(_int64, rest)]
    except ValueError:
        values = []
    if len(values) != (2 if order == "name" else 5):
        raise Misused(why="this page does not exist any more")
    return values


def _int64(text: str) -> int:
    """Read an integer SQLite can hold; raises ValueError."""
    if len(text) > 20 or not -(1 << 63) <= int(text) < 1 << 63:
        raise ValueError(text)
    return int(text)
