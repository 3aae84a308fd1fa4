"""Records as people see them: a name that cannot fool the eye, a size, a kind, a day."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from services.api.types import RecordInfo
from webui.language import Language

_MS = 1000
_KINDS = (
    ("image/", "image", "image"),
    ("video/", "film", "video"),
    ("audio/", "music", "audio"),
    ("application/pdf", "file-text", "paper"),
    ("text/", "file-text", "text"),
    ("application/vnd.openxmlformats", "file-text", "paper"),
    ("application/zip", "archive", "archive"),
    ("application/gzip", "archive", "archive"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """What a list shows of one record."""

    id: str
    name: str
    folder: str
    size: str
    kind: str
    icon: str
    when: str
    clock: str
    length: str
    has_preview: bool
    is_picture: bool


def readable(name: str) -> str:
    """Return ``name`` as text: undecodable bytes and control characters (direction marks too) become U+FFFD.

    Pages isolate names in ``<bdi>``; a mark inside a name could still turn round its own ending (``exe.gpj``).
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join("\ufffd" if _hidden(char) else char for char in text)


def shown(record: RecordInfo, language: Language, now_ms: int) -> Item:
    """Return what a list shows of ``record``."""
    folder, _, leaf = record.name.rpartition("/")
    mime = record.facts.mime or record.mime
    icon, kind = next(
        ((icon, kind) for start, icon, kind in _KINDS if mime.startswith(start)), ("file-question-mark", "other")
    )
    length = language.duration(record.facts.duration_ms) if record.facts.duration_ms else ""
    return Item(
        id=record.id,
        name=readable(leaf),
        folder=readable(folder),
        size=language.size(record.size),
        kind=language.words[f"kind.{kind}"],
        icon=icon,
        when=language.time(record.when_ms, now_ms),
        clock=f"{_local(record.when_ms):%H:%M}",
        length=length,
        has_preview=record.has_preview,
        is_picture=record.has_preview and icon in ("image", "film"),
    )


def _local(when_ms: int) -> datetime.datetime:
    bounded = min(max(when_ms, -62_000_000_000_000), 253_000_000_000_000)
    return datetime.datetime.fromtimestamp(bounded / _MS).astimezone()


def _hidden(char: str) -> bool:
    return (
        char < " "
        or char in "\x7f\u200e\u200f\u061c"
        or "\x80" <= char <= "\x9f"
        or "\u202a" <= char <= "\u202e"
        or "\u2066" <= char <= "\u2069"
    )
