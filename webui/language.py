"""The words of the pages in every language: flat catalogues in ``locales/<code>/*.json``, loaded once.

A sentence is asked for by its key and filled with ``{fields}``; ``<key>.one`` and ``.many`` are chosen by ``count``.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path

from firmware.errors import BoxError

THIN = "\u202f"
"""Narrow no-break space between a number and its unit."""

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND = 1000
_TEN = 10
_HUNDRED = 100
_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_WEEK_DAYS = 7


class Language:
    """One language: sentences, and how it writes sizes, numbers, days and times."""

    def __init__(self, code: str, words: Mapping[str, str]) -> None:
        """Speak ``code`` (``en``, ``de``) with the sentences ``words``."""
        self.code = code
        self.words = words

    def say(self, key: str, **fields: object) -> str:
        """Return the sentence of ``key`` with its fields; raises KeyError when the catalogue lacks it."""
        if "count" in fields:
            key = f"{key}.one" if fields["count"] == 1 else f"{key}.many"
            fields["count"] = self.number(int(str(fields["count"])))
        sentence = self.words[key]
        return sentence.format_map(fields) if fields else sentence

    def number(self, value: int) -> str:
        """Write a whole number with the thousands mark of the language."""
        grouped = f"{value:,}"
        return grouped.replace(",", self.words["number.thousands"])

    def size(self, count: int) -> str:
        """Write ``count`` bytes in decimal units with at most three digits, as people compare disks."""
        value, unit = float(count), 0
        while value >= _THOUSAND and unit < len(_UNITS) - 1:
            value /= _THOUSAND
            unit += 1
        digits = 0 if unit == 0 or value >= _HUNDRED else (1 if value >= _TEN or unit < _UNITS.index("MB") else 2)
        text = f"{value:.{digits}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return f"{text.replace('.', self.words['number.point'])}{THIN}{_UNITS[unit]}"

    def day(self, when_ms: int, now_ms: int) -> str:
        """Name the local day of ``when_ms`` (ms since 1970) as a heading; the year only if it is another one."""
        when, now = _local(when_ms), _local(now_ms)
        weekday = self.words[f"weekday.{when.weekday()}"]
        month = self.words[f"month.{when.month}"]
        key = "day.heading" if when.year == now.year else "day.heading-year"
        return self.say(key, weekday=weekday, day=when.day, month=month, year=when.year)

    def time(self, when_ms: int, now_ms: int) -> str:
        """Say when something was: just now, 12 minutes ago, today 06:12, a weekday, a date."""
        ago = now_ms - when_ms
        if 0 <= ago < _MINUTE_MS:
            return self.say("time.now")
        if 0 <= ago < _HOUR_MS:
            return self.say("time.minutes", count=ago // _MINUTE_MS)
        when, now = _local(when_ms), _local(now_ms)
        clock = f"{when:%H:%M}"
        days = (now.date() - when.date()).days
        if days in (0, 1):
            return self.say("time.today" if days == 0 else "time.yesterday", clock=clock)
        if 0 < days < _WEEK_DAYS:
            return self.say("time.weekday", weekday=self.words[f"weekday.{when.weekday()}"], clock=clock)
        return self.date(when_ms, now_ms)

    def clock(self, when_ms: int) -> str:
        """Write the local time of day as 06:12."""
        return f"{_local(when_ms):%H:%M}"

    def date(self, when_ms: int, now_ms: int) -> str:
        """Write a date: 2 November, or 2 November 2019."""
        when, now = _local(when_ms), _local(now_ms)
        key = "day.date" if when.year == now.year else "day.date-year"
        return self.say(key, day=when.day, month=self.words[f"month.{when.month}"], year=when.year)

    def day_of(self, iso: str, now_ms: int) -> str:
        """Write the day ``iso`` (2027-12-26) as ``date`` does; what is no such day stays as it is."""
        try:
            noon = datetime.datetime.fromisoformat(iso).replace(hour=12)
        except ValueError:
            return iso
        return self.date(int(noon.timestamp() * _THOUSAND), now_ms)

    def duration(self, milliseconds: int) -> str:
        """Write a length as 0:42 or 1:03:20."""
        seconds = round(milliseconds / _THOUSAND)
        hours, rest = divmod(seconds, 3600)
        return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"

    def trouble(self, error: BoxError) -> tuple[str, str]:
        """Return sentence and advice of an error in this language; an unlisted one speaks for itself."""
        said = error.as_dict()
        fields = _Shown(error.fields)
        sentence = self.words.get(f"error.{error.code}.sentence", "").format_map(fields)
        advice = self.words.get(f"error.{error.code}.advice", "").format_map(fields)
        return sentence or str(said["sentence"]), advice or str(said["advice"])


class _Shown(dict[str, "str | int"]):
    def __missing__(self, key: str) -> str:
        return key


class Languages:
    """All catalogues, and the choice between them."""

    def __init__(self, folder: Path) -> None:
        """Load every ``<code>/*.json`` of ``folder``, one file per area; English is the one that must be there."""
        self.known = {code.name: Language(code.name, _words(code)) for code in sorted(folder.iterdir())}
        self.fallback = self.known["en"]

    def choose(self, accept: str, chosen: str | None) -> Language:
        """Pick the language the person chose, else the best of an ``Accept-Language`` header, else English."""
        if chosen in self.known:
            return self.known[str(chosen)]
        for code in sorted(_weighted(accept), key=lambda pair: -pair[1]):
            found = self.known.get(code[0])
            if found and code[1] > 0:
                return found
        return self.fallback


def _words(folder: Path) -> dict[str, str]:
    words: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        words |= json.loads(path.read_text("utf-8"))
    return words


def _weighted(accept: str) -> list[tuple[str, float]]:
    found = []
    for part in accept[:256].split(","):
        tag, _, rest = part.strip().partition(";")
        weight = 1.0
        if rest.strip().startswith("q="):
            try:
                weight = float(rest.strip()[2:])
            except ValueError:
                weight = 0.0
        found.append((tag.partition("-")[0].strip().lower(), weight))
    return found


def _local(when_ms: int) -> datetime.datetime:
    bounded = min(max(when_ms, -62_000_000_000_000), 253_000_000_000_000)
    return datetime.datetime.fromtimestamp(bounded / _THOUSAND).astimezone()
