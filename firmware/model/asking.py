"""What a person means who types into the one search box: kinds, days and a tag, and the words that are left.

"photos lake november 2025" asks for photos, of November 2025, with "lake". What stands in quotes is always words;
#holiday is a tag. English and German side by side. Pure: the present day comes in as a value.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

from firmware.lean import dataclass
from firmware.model.spans import span_at

LONGEST_ASKED = 200
"""Characters of one search that are looked at."""

_KINDS = {
    name: kind
    for kind, names in {
        "photo": "photo photos picture pictures image images pics foto fotos bild bilder photographien fotografien",
        "video": "video videos movies films filme clips",
        "audio": "audio music songs recordings musik lieder aufnahmen tonaufnahmen",
        "document": "document documents papers pdf pdfs dokument dokumente unterlagen papiere",
        "archive": "archives zips archive archiven",
    }.items()
    for name in names.split()
}
"""Words that name a kind. Words that as often mean something in a file (text, film, song) are left as words."""

_ENDINGS = frozenset({"pdf"})
"""Kinds that are also endings of names: the word stays, so that nothing but such files is found."""

_FILLERS = frozenset(
    {"in", "im", "of", "from", "on", "am", "vom", "von", "aus", "the", "der", "die", "das", "den", "and", "und"}
)
_TOKEN = re.compile(r'#"([^"]*)"?|#(\S+)|"([^"]*)"?|(\S+)')
_EDGES = ",;:!?()[]„“”«»'"


@dataclass(frozen=True, slots=True)
class Meant:
    """One piece that was understood: ``kind``, ``day`` or ``tag``; ``said`` as typed, at ``start`` to ``end``."""

    what: str
    said: str
    start: int
    end: int
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as the locker takes it. ``words`` is what must stand in the record; empty lists by the filters."""

    words: str = ""
    kinds: tuple[str, ...] = ()
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    tag: str | None = None
    meant: tuple[Meant, ...] = ()

    @property
    def sure(self) -> bool:
        """False when a year or month alone was taken for a time, and may have been meant as a word."""
        return all(piece.sure for piece in self.meant)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    plain: str
    """Lower case, without punctuation; empty inside quotes, where nothing is understood."""
    tag: bool
    start: int
    end: int


def understand(typed: str, today: dt.date) -> Asked:
    """Read what was typed. Never fails: what is not understood is words."""
    tokens = _tokens(typed[:LONGEST_ASKED])
    asked, words, at = Asked(), [], 0
    while at < len(tokens):
        token = tokens[at]
        took = _take(asked, tokens[at:], typed, today)
        if took is None or token.plain in _ENDINGS:
            words.append(token)
        if took is None:
            at += 1
        else:
            asked, count = took
            at += count
    if asked.meant:
        words = [token for token in words if token.plain not in _FILLERS]
    return replace(asked, words=_joined(words, typed))


def as_words(typed: str, piece: Meant) -> str:
    """Return ``typed`` with one understood piece in quotes: meant as words after all."""
    return f'{typed[: piece.start]}"{piece.said}"{typed[piece.end :]}'


def without(typed: str, piece: Meant) -> str:
    """Return ``typed`` without one understood piece."""
    return " ".join(f"{typed[: piece.start]} {typed[piece.end :]}".split())


def _take(asked: Asked, tokens: list[_Token], typed: str, today: dt.date) -> tuple[Asked, int] | None:
    """Understand the beginning of ``tokens``: the search with it, and how many tokens it took; None = it is a word."""
    token = tokens[0]
    if token.tag:
        return (_with(asked, "tag", tokens[:1], typed, tag=token.text), 1) if asked.tag is None else None
    kind = _KINDS.get(token.plain)
    if kind is not None:
        kinds = asked.kinds if kind in asked.kinds else (*asked.kinds, kind)
        found = _with(asked, "kind", tokens[:1], typed, kinds=kinds)
        return found, 1
    if asked.first_day is not None or asked.last_day is not None:
        return None
    plain = []
    for one in tokens:
        if one.tag or not one.plain:
            break
        plain.append(one.plain)
    span = span_at(plain, today) if plain else None
    if span is None:
        return None
    asked = _with(asked, "day", tokens[: span.words], typed, span.sure, first_day=span.first, last_day=span.last)
    return asked, span.words


def _with(asked: Asked, what: str, tokens: list[_Token], typed: str, sure: bool = True, **found: object) -> Asked:
    start, end = tokens[0].start, tokens[-1].end
    piece = Meant(what, typed[start:end], start, end, sure)
    return replace(asked, meant=(*asked.meant, piece), **found)  # type: ignore[arg-type]


def _joined(words: list[_Token], typed: str) -> str:
    """The words as typed; a blank behind the last one stays, because it ends a word that else is a beginning."""
    text = " ".join(token.text for token in words if token.text.strip())
    ended = bool(words) and (typed[words[-1].end :][:1].isspace() or typed[: words[-1].end].endswith('"'))
    return f"{text} " if text and ended else text


def _tokens(typed: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(typed):
        tag = match[1] if match[1] is not None else match[2]
        if tag is not None and tag.strip(_EDGES + "# "):
            found.append(_Token(tag.strip(), "", True, match.start(), match.end()))
        elif match[3] is not None:
            found.append(_Token(match[3], "", False, match.start(), match.end()))
        else:
            text = match[4] if match[4] is not None else match[0]
            found.append(_Token(text, text.strip(_EDGES).lower(), False, match.start(), match.end()))
    return found
