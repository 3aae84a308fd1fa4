"""The 2048 words of recovery kits and labels (BIP-39, English) for processes that hold no key."""

from __future__ import annotations

import difflib
import hashlib
import unicodedata
from functools import lru_cache
from typing import Final

from mnemonic import Mnemonic

from firmware.errors import UnknownWord, WordsDoNotMatch, WrongWordCount
from firmware.limits import KIT_TEXT_CHARS

SIX_WORDS: Final = 6
_SHEET_WORDS: Final = 24
_CONTACT: Final = "lbh1"
"""What begins a text that says where friends' boxes are; no word of the list begins like it."""
_AROUND_A_WORD: Final = "0123456789.,;:!?()[]{}<>\"'“”‘’„-–—_*#/|\\"
_SHOWN_CHARS: Final = 24
_BITS: Final = 11
"""One word of 2048 says 11 bits."""


@lru_cache(maxsize=1)
def _list() -> Mnemonic:
    return Mnemonic("english")


@lru_cache(maxsize=1)
def listed() -> tuple[str, ...]:
    """Return all words in order."""
    return tuple(_list().wordlist)


def nearest(word: str) -> str:
    """Return the listed word that looks most like ``word`` (its first 24 characters count)."""
    return difflib.get_close_matches(word[:24].lower(), listed(), n=1, cutoff=0.0)[0]


def typed_words(text: str) -> list[str]:
    """Return the words in a typed text without numbers and punctuation around them, as ``firmware.seal`` reads it."""
    folded = unicodedata.normalize("NFKD", text[: KIT_TEXT_CHARS + 1]).lower()
    return [word for word in (piece.strip(_AROUND_A_WORD) for piece in folded.split()) if word]


def check_words(text: str, *, whole: bool = True) -> None:
    """Raise for a text that is no kit what ``words_to_entropy`` raises: UnknownWord, WrongWordCount, WordsDoNotMatch.

    A word off the list is named first. With ``whole`` false the last word may be half typed, and more may follow.
    """
    typed = typed_words(text)
    for position, word in enumerate(typed if whole or text[-1:].isspace() else typed[:-1], start=1):
        if word not in listed():
            shown = word[:_SHOWN_CHARS]
            raise UnknownWord(position=position, word=shown, nearest=nearest(shown))
    if len(typed) > _SHEET_WORDS or (whole and len(typed) != _SHEET_WORDS):
        raise WrongWordCount(count=len(typed))
    if len(typed) == _SHEET_WORDS and not _list().check(" ".join(typed)) and (whole or typed[-1] in listed()):
        raise WordsDoNotMatch


def words_on_sheet(text: str) -> str:
    """Return the words in what the square on a kit's page says; what stands behind them tells where friends are."""
    return " ".join(text.split()[:_SHEET_WORDS]) if contact_on_sheet(text) else text


def contact_on_sheet(text: str) -> str:
    """Return the part that tells where friends' boxes are (``lbh1...``); empty for words alone."""
    *_, last = text.split() or [""]
    return last.lower() if last.lower().startswith(_CONTACT) else ""


def six_words(certificate: bytes) -> str:
    """Return the six words that stand for a certificate (DER): the first 66 bits of its SHA-256.

    People compare them, on the label or in the terminal and on the page, before they trust a box for the first time.
    """
    bits = int.from_bytes(hashlib.sha256(certificate).digest(), "big")
    first = bits >> (256 - SIX_WORDS * _BITS)
    words = listed()
    return " ".join(words[first >> (_BITS * at) & 2047] for at in range(SIX_WORDS - 1, -1, -1))
