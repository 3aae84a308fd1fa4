"""``/box/activity``: what happened to this locker and to the ways into it, newest first; only its member reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from services.api.household_types import Happening
from webui.language import Language
from webui.pages.page import Page

_PAGE = 60
_DAY_MS = 86_400_000
_LOOKS = {
    "wrong": ("circle-alert", "need"),
    "recovered": ("life-buoy", "need"),
    "passkey_refused": ("circle-alert", "need"),
    "verify_found": ("triangle-alert", "risk"),
    "worker": ("circle-alert", "need"),
    "kit": ("life-buoy", ""),
    "key_ask": ("circle-alert", "need"),
    "friends_key": ("users", ""),
    "locker_opened": ("lock-open", ""),
    "locker_locked": ("lock", ""),
    "locker_exported": ("download", ""),
    "upload": ("image-plus", ""),
    "record": ("trash-2", ""),
    "bin": ("trash-2", ""),
    "gone": ("trash-2", ""),
    "pass": ("key-round", ""),
    "app": ("key-round", ""),
    "session": ("log-out", ""),
    "stepped": ("fingerprint", ""),
    "ward": ("eye", "need"),
    "verify": ("shield-check", ""),
}
"""How an event's name begins: its icon and its level."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, as people read it."""

    said: str
    when: str
    icon: str
    level: str


class ActivityPage(Page):
    """Words instead of a log."""

    async def get(self) -> None:
        """Show one page of it, by day."""
        found = await self.ask("activity", cursor=self.get_query_argument("from", None), limit=_PAGE)
        now = self.front.now_ms()
        days = [
            (day, [line(one, self.language) for one in group])
            for day, group in groupby(found.items, key=lambda one: self.language.day(one.time_ms, now))
        ]
        self.show("activity.html", days=days, next=found.next, place="box")


def line(happening: Happening, language: Language, now_ms: int = 0) -> Line:
    """Return how ``happening`` is shown: with the time of day, or with ``now_ms`` how long ago it was."""
    icon, level = next((look for start, look in _LOOKS.items() if happening.event.startswith(start)), ("history", ""))
    when = language.time(happening.time_ms, now_ms) if now_ms else language.clock(happening.time_ms)
    return Line(said(happening, language), when, icon, level)


def said(happening: Happening, language: Language) -> str:
    """Return the sentence of an event: counted if it says how many, with its device if it names one."""
    fields: Mapping[str, str] = happening.fields
    key = f"activity.{happening.event.replace('_', '-')}"
    number = next((fields[name] for name in ("files", "records", "problems", "times") if name in fields), "")
    what = fields.get("device") or fields.get("label") or fields.get("name") or fields.get("role") or ""
    if f"{key}.many" in language.words and number.isdigit() and int(number) != 0:
        return language.say(key, count=int(number), what=what)
    if what and f"{key}.what" in language.words:
        return language.say(f"{key}.what", what=what)
    if key in language.words:
        return language.say(key)
    return language.say("activity.other", event=happening.event)
