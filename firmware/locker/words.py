"""What is searched: from names to words, and from what a person typed to an index expression."""

from __future__ import annotations

import re
from collections.abc import Iterable

SHORT_PREFIX = "\ue000"
"""Marks the one- and two-letter beginnings indexed beside a name's words: a private letter to FTS5's unicode61, and no
letter at all to ``_WORD``, so nobody's search can name it."""

_BETWEEN = f" {SHORT_PREFIX}"
_WORD = re.compile(r"[^\W_]+")
_DIACRITICS = re.compile("[\u0300-\u0304\u0306-\u030c\u030f\u0311\u031b\u0323-\u0328\u032d\u032e\u0330\u0331]")
"""Combining marks that FTS5's unicode61 drops inside a word (``sqlite3Fts5UnicodeIsdiacritic``); macOS names use them,
and so does the lower case of a Turkish capital dotted I."""

_MAX_WORDS = 16
"""Words of one search; guards the index against a pasted book."""


def search_expression(words: str) -> str | None:
    """Turn what a person typed into an FTS5 expression: every word must match, the last one as a beginning.

    None when nothing in ``words`` can be searched. One- and two-letter beginnings match names only, and a space
    behind the last word ends it.
    """
    found = _words(words)[:_MAX_WORDS]
    if not found:
        return None
    *whole, last = found
    terms = [f'"{word}"' for word in whole]
    if not words[-1:].strip():
        terms.append(f'"{last}"')
    elif len(last) <= 2:
        terms.append(f'("{last}" OR "{SHORT_PREFIX}{last}")')
    else:
        terms.append(f'"{last}"*')
    return " AND ".join(terms)


def name_words(name: bytes) -> str:
    """Return the text to index for a name: the name itself and the short beginnings of its words."""
    text = name.decode("utf-8", "replace")
    words = set(_words(text))
    prefixes = {word[:1] for word in words}
    prefixes.update([word[:2] for word in words])
    return f"{text} {SHORT_PREFIX}{_BETWEEN.join(sorted(prefixes))}" if prefixes else text


def plain_word(word: str) -> str:
    """Return the first word of ``word`` as the index holds it; empty without one."""
    return next(iter(_words(word)), "")


def nearest(word: str, terms: Iterable[tuple[str, int]], count: int = 3) -> list[str]:
    """Return the ``terms`` (with the number of records that hold each) that are a slip of the finger from ``word``.

    One slip in four letters, two from eight letters on; the fewest slips first, then the most used.
    """
    allowed = 1 if len(word) < 8 else 2
    found = []
    for term, records in terms:
        if abs(len(term) - len(word)) <= allowed and len(word) > 2 and term != word:
            slips = _slips(word, term)
            if slips <= allowed:
                found.append((slips, -records, term))
    return [term for _, _, term in sorted(found)[:count]]


def _slips(one: str, other: str) -> int:
    """Letters added, left out, changed or swapped with their neighbour (optimal string alignment distance)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        here = [row]
        for column, facing in enumerate(other, 1):
            best = min(last[column] + 1, here[-1] + 1, last[column - 1] + (letter != facing))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == facing:
                best = min(best, before[column - 2] + 1)
            here.append(best)
        before, last = last, here
    return last[-1]


def _words(text: str) -> list[str]:
    lower = text.lower()
    return _WORD.findall(lower if lower.isascii() else _DIACRITICS.sub("", lower))
