"""Days and spans of days as people write them, in English and German. Pure: today comes in as a value."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Sequence

from firmware.lean import dataclass

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jänner", "feb february februar feber", "mar march mär märz maerz mrz", "apr april",
            "may mai", "jun june juni", "jul july juli", "aug august", "sep sept september", "oct october okt oktober",
            "nov november", "dec december dez dezember",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_SEASONS = {
    "spring": 3, "frühling": 3, "frühjahr": 3, "summer": 6, "sommer": 6, "autumn": 9, "fall": 9, "herbst": 9,
    "winter": 12,
}  # fmt: skip
"""First months, by the weather of the northern half."""
_LAST = frozenset({"last", "letzte", "letzten", "letzter", "letztes", "vorige", "vorigen", "voriges"})
_THIS = frozenset({"this", "diese", "diesen", "dieser", "dieses"})
_WEEK, _MONTH, _YEAR = frozenset({"week", "woche"}), frozenset({"month", "monat"}), frozenset({"year", "jahr"})
_NEAR = {"today": 0, "heute": 0, "yesterday": 1, "gestern": 1, "vorgestern": 2}
_AFTER = frozenset({"after", "nach"})
_SINCE = frozenset({"since", "from", "seit", "ab"})
_BEFORE = frozenset({"before", "vor"})
_UNTIL = frozenset({"until", "till", "bis"})
_TO = frozenset({"to", "-", "–", "until", "bis"})

FIRST_YEAR = 1840
"""Older than every photograph: a smaller number is no year."""
_ISO = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?")
_DOTTED = re.compile(r"([0-9]{1,2})[./]([0-9]{1,2})[./]([0-9]{4}|[0-9]{2})?")
_MONTH_YEAR = re.compile(r"([0-9]{1,2})[./]([0-9]{4})")
_DAY = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th|\.)?")
_PLAIN_YEAR = re.compile(r"[0-9]{4}")
_YEARS = re.compile(r"([0-9]{4})[-–]([0-9]{4})")


@dataclass(frozen=True, slots=True)
class Span:
    """Days ``first`` to ``last``, both included; None is open. ``words`` tokens said so.

    ``sure`` is False when the words may as well be meant as words: a year or a month standing alone.
    """

    first: dt.date | None
    last: dt.date | None
    words: int
    sure: bool = True


def span_at(tokens: Sequence[str], today: dt.date) -> Span | None:
    """Return the span that the beginning of ``tokens`` (lower case) names, the longest reading first, else None."""
    return _open_ended(tokens, today) or _between(tokens, today) or _simple(tokens, today)


def _simple(tokens: Sequence[str], today: dt.date) -> Span | None:
    return next((found for read in _READERS if (found := read(tokens, today))), None)


def _open_ended(tokens: Sequence[str], today: dt.date) -> Span | None:
    """``since march 2024``, ``vor 2020``, ``bis 3.5.2021``."""
    found = _simple(tokens[1:], today) if len(tokens) > 1 else None
    if found is None or found.first is None or found.last is None:
        return None
    word, words, day = tokens[0], found.words + 1, dt.timedelta(1)
    if word in _AFTER:
        return Span(found.last + day, None, words)
    if word in _SINCE:
        return Span(found.first, None, words)
    if word in _BEFORE:
        return Span(None, found.first - day, words)
    return Span(None, found.last, words) if word in _UNTIL else None


def _between(tokens: Sequence[str], today: dt.date) -> Span | None:
    """``2023 to 2025``, ``march 2023 bis mai 2024``, ``2023-2025``."""
    years = _YEARS.fullmatch(tokens[0])
    if years and FIRST_YEAR <= int(years[1]) <= int(years[2]) <= today.year + 1:
        return Span(dt.date(int(years[1]), 1, 1), dt.date(int(years[2]), 12, 31), 1)
    first = _simple(tokens, today)
    if first is None or len(tokens) < first.words + 2 or tokens[first.words] not in _TO:
        return None
    last = _simple(tokens[first.words + 1 :], today)
    if last is None or first.first is None or last.last is None or first.first > last.last:
        return None
    return Span(first.first, last.last, first.words + 1 + last.words)


def _iso(tokens: Sequence[str], today: dt.date) -> Span | None:
    found = _ISO.fullmatch(tokens[0])
    if not found:
        return None
    if found[3]:
        return _day(int(found[1]), int(found[2]), int(found[3]), 1)
    return _month(int(found[1]), int(found[2]), 1, today)


def _dotted(tokens: Sequence[str], today: dt.date) -> Span | None:
    """``21.11.2026``, ``21.11.26``, ``21.11.``, ``11.2026``; of a day without a year the latest one."""
    found = _MONTH_YEAR.fullmatch(tokens[0])
    if found:
        return _month(int(found[2]), int(found[1]), 1, today)
    found = _DOTTED.fullmatch(tokens[0])
    if not found:
        return None
    day, month = int(found[1]), int(found[2])
    return _day(_year(found[3], today), month, day, 1) if found[3] else _latest(month, day, 1, today)


def _worded(tokens: Sequence[str], today: dt.date) -> Span | None:
    """``21 november 2025``, ``21. November``, ``november 21st 2025``, ``november 2025``, ``november``."""
    if tokens[0] in _MONTHS:
        day, used = (_DAY.fullmatch(tokens[1]) if len(tokens) > 1 else None), 1
        month = _MONTHS[tokens[0]]
    elif len(tokens) > 1 and tokens[1] in _MONTHS:
        day, used = _DAY.fullmatch(tokens[0]), 1
        month = _MONTHS[tokens[1]]
        if not day:
            return None
    else:
        return None
    used += 1 if day else 0
    year = _plain_year(tokens[used], today) if len(tokens) > used else None
    used += 1 if year else 0
    if day:
        return _day(year, month, int(day[1]), used) if year else _latest(month, int(day[1]), used, today)
    if year:
        return _month(year, month, used, today)
    return _month(today.year - (month > today.month), month, used, today, sure=False)


def _season(tokens: Sequence[str], today: dt.date) -> Span | None:
    """``summer 2025``, ``last winter``, ``letzten Sommer``: a winter is named by the year it begins in."""
    if tokens[0] in _SEASONS:
        year = _plain_year(tokens[1], today) if len(tokens) > 1 else None
        return Span(*_quarter(year, _SEASONS[tokens[0]]), 2) if year else None
    start = _SEASONS.get(tokens[1]) if len(tokens) > 1 and tokens[0] in _LAST | _THIS else None
    if start is None:
        return None
    ended = tokens[0] in _LAST
    year = today.year
    while _quarter(year, start)[ended] > today:
        year -= 1
    return Span(*_quarter(year, start), 2)


def _near(tokens: Sequence[str], today: dt.date) -> Span | None:
    """``today``, ``gestern``, ``last week``, ``dieses Jahr``."""
    if tokens[0] in _NEAR:
        day = today - dt.timedelta(_NEAR[tokens[0]])
        return Span(day, day, 1)
    if len(tokens) < 2 or tokens[0] not in _LAST | _THIS:
        return None
    back = 1 if tokens[0] in _LAST else 0
    if tokens[1] in _WEEK:
        monday = today - dt.timedelta(today.weekday() + 7 * back)
        return Span(monday, monday + dt.timedelta(6), 2)
    if tokens[1] in _MONTH:
        year, month = divmod(today.year * 12 + today.month - 1 - back, 12)
        return _month(year, month + 1, 2, today)
    if tokens[1] in _YEAR:
        return Span(dt.date(today.year - back, 1, 1), dt.date(today.year - back, 12, 31), 2)
    return None


def _lone_year(tokens: Sequence[str], today: dt.date) -> Span | None:
    year = _plain_year(tokens[0], today)
    return Span(dt.date(year, 1, 1), dt.date(year, 12, 31), 1, sure=False) if year else None


_READERS: tuple[Callable[[Sequence[str], dt.date], Span | None], ...] = (
    _iso, _dotted, _worded, _season, _near, _lone_year,
)  # fmt: skip


def _plain_year(token: str, today: dt.date) -> int | None:
    return int(token) if _PLAIN_YEAR.fullmatch(token) and FIRST_YEAR <= int(token) <= today.year + 1 else None


def _year(text: str, today: dt.date) -> int:
    year = int(text)
    return year if len(text) > 2 else year + (2000 if year + 2000 <= today.year + 1 else 1900)


def _day(year: int, month: int, day: int, words: int) -> Span | None:
    try:
        when = dt.date(year, month, day)
    except ValueError:
        return None
    return Span(when, when, words) if year >= FIRST_YEAR else None


def _latest(month: int, day: int, words: int, today: dt.date) -> Span | None:
    """The latest such day until today; 29 February goes back to a year that had it."""
    for year in range(today.year, today.year - 9, -1):
        found = _day(year, month, day, words)
        if found and found.first and found.first <= today:
            return found
    return None


def _month(year: int, month: int, words: int, today: dt.date, *, sure: bool = True) -> Span | None:
    if not (1 <= month <= 12 and FIRST_YEAR <= year <= today.year + 1):
        return None
    last = calendar.monthrange(year, month)[1]
    return Span(dt.date(year, month, 1), dt.date(year, month, last), words, sure)


def _quarter(year: int, month: int) -> tuple[dt.date, dt.date]:
    """Three months from ``month`` on."""
    last_year, last_month = divmod(year * 12 + month + 1, 12)
    last = calendar.monthrange(last_year, last_month + 1)[1]
    return dt.date(year, month, 1), dt.date(last_year, last_month + 1, last)
