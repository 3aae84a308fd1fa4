"""Looking for words the way people read them: without regard to case and accents, from the beginnings of words."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def beginnings(words: str) -> re.Pattern[str] | None:
    """Return what finds a word of ``folded`` text that begins like one of ``words``; None when there is none."""
    sought = {folded(word) for word in _WORD.findall(words)}
    if not sought:
        return None
    return re.compile(r"(?<![^\W_])(?:" + "|".join(map(re.escape, sorted(sought, key=len, reverse=True))) + ")")


def folded(text: str) -> str:
    """Lower case without accents, character by character, so that places in it are places in ``text``."""
    if text.isascii():
        return text.lower()
    return "".join(_fold(char) for char in text)


def _fold(char: str) -> str:
    if char < "\x80":
        return char.lower()
    plain = unicodedata.normalize("NFD", char)[0].lower()
    return plain if len(plain) == 1 else char
