"""What was found, as people see it: rows with the words marked, groups, and where each thing opens."""

from __future__ import annotations

from dataclasses import dataclass

from firmware.model.folding import beginnings, folded
from services.api.types import RecordInfo
from webui.language import Language
from webui.pages.shown import readable

GROUPS: dict[str, tuple[str, ...]] = {
    "photos": ("photo",),
    "videos": ("video",),
    "papers": ("document", "text"),
    "sound": ("audio",),
    "others": ("archive", "other"),
}
"""What the chips filter by; ``services.api`` knows the kinds inside."""

_LOOKS = {
    "photo": ("image", "t4"),
    "video": ("film", "t4"),
    "audio": ("music", "t6"),
    "document": ("file-text", "t3"),
    "text": ("file-text", "t2"),
    "archive": ("archive", "t5"),
}
_WORDS = {"photo": "image", "document": "paper"}
_LONGEST_ENDING = 5

Pieces = tuple[tuple[str, bool], ...]
"""Text in pieces; True where a word stands that was searched for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record in a list. ``line`` is where the words stand, else empty."""

    id: str
    href: str
    name: str
    pieces: Pieces
    line: Pieces
    about: str
    when: str
    size: str
    icon: str
    tint: str
    length: str
    has_preview: bool
    is_upright: bool
    """A page rather than a picture: its preview is cut at the bottom."""
    tags: tuple[str, ...]


def row_of(record: RecordInfo, language: Language, now_ms: int, words: str = "", line: str = "") -> Row:
    """Return what a list shows of ``record``."""
    leaf = readable(record.name.rpartition("/")[2])
    icon, tint = _LOOKS.get(record.kind, ("file-question-mark", "t1"))
    length = language.duration(record.facts.duration_ms) if record.facts.duration_ms else ""
    return Row(
        id=record.id,
        href=address(record.id, record.kind),
        name=leaf,
        pieces=marked(leaf, words),
        line=marked(line, words) if line else (),
        about=about(record, language),
        when=language.date(record.when_ms, now_ms),
        size=language.size(record.size),
        icon=icon,
        tint=tint,
        length=length,
        has_preview=record.has_preview,
        is_upright=record.kind == "document",
        tags=tuple(readable(tag) for tag in record.tags),
    )


def address(id: str, kind: str) -> str:
    """Return where a record opens: photos and videos as large as the screen, all else on a page."""
    return f"/photo/{id}" if kind in ("photo", "video") else f"/record/{id}"


def look_of(kind: str) -> tuple[str, str]:
    """Return icon and tint of a kind."""
    return _LOOKS.get(kind, ("file-question-mark", "t1"))


def format_of(name: str, kind: str, language: Language) -> str:
    """Return what kind of file it is in one word: PDF, DOCX, or its kind."""
    leaf = name.rpartition("/")[2]
    ending = leaf.rpartition(".")[2] if "." in leaf.strip(".") else ""
    if (
        kind not in ("photo", "video", "other")
        and ending.isalnum()
        and ending.isascii()
        and len(ending) < _LONGEST_ENDING
    ):
        return ending.upper()
    return language.words[f"kind.{_WORDS.get(kind, kind)}"]


def about(record: RecordInfo, language: Language) -> str:
    """Return format and size: ``PDF, 212 kB``."""
    return f"{format_of(record.name, record.kind, language)}, {language.size(record.size)}"


def marked(text: str, words: str) -> Pieces:
    """Split ``text`` into pieces and say which of them begin like the words searched for."""
    pattern = beginnings(words)
    if pattern is None or not text:
        return ((text, False),)
    pieces: list[tuple[str, bool]] = []
    at = 0
    for found in pattern.finditer(folded(text)):
        if found.start() > at:
            pieces.append((text[at : found.start()], False))
        pieces.append((text[found.start() : found.end()], True))
        at = found.end()
    if at < len(text):
        pieces.append((text[at:], False))
    return tuple(pieces)
