"""The recovery kit's 24 words: BIP-39, English list, 256 bits of entropy and 8 bits of checksum."""

from __future__ import annotations

import difflib
import unicodedata
from enum import StrEnum
from functools import lru_cache
from typing import Final

from mnemonic import Mnemonic

from firmware.errors import UnknownWord, WordsDoNotMatch, WrongWordCount
from firmware.limits import KIT_TEXT_CHARS
from firmware.ports import Entropy
from firmware.seal.kdf import derive
from firmware.seal.secret import Secret

KIT_WORDS: Final = 24
_SHOWN_CHARS: Final = 24
AROUND_A_WORD: Final = "0123456789.,;:!?()[]{}<>\"'“”‘’„-–—_*#/|\\"
"""Numbering and punctuation that printed pages and dictating people put around words."""


class KitUse(StrEnum):
    """HKDF labels of the keys that come from the words; distinct labels make them independent of each other."""

    LOOKUP = "kit/lookup"
    REQUEST = "kit/request"
    CUSTODY = "kit/custody"
    SLOT = "kit/slot"
    CARD = "kit/card"


@lru_cache(maxsize=1)
def _list() -> Mnemonic:
    return Mnemonic("english")


def word_list() -> list[str]:
    """Return the 2048 English words of BIP-39, in order."""
    return list(_list().wordlist)


def new_words(entropy: Entropy) -> str:
    """Return a new kit: 24 words, separated by single spaces, for 32 random bytes."""
    return str(_list().to_mnemonic(entropy.bytes(32)))


def words_to_entropy(words: str) -> Secret:
    """Return the 32 bytes that 24 typed words stand for.

    Case, numbering, punctuation and white space around words do not matter. Raises WrongWordCount, UnknownWord
    (position from 1 and the nearest listed word) or WordsDoNotMatch (checksum: swapped or misread words).
    """
    folded = unicodedata.normalize("NFKD", words[: KIT_TEXT_CHARS + 1]).lower()
    typed = [word for word in (piece.strip(AROUND_A_WORD) for piece in folded.split()) if word]
    if len(typed) != KIT_WORDS or len(words) > KIT_TEXT_CHARS:
        raise WrongWordCount(count=len(typed))
    known = _list().wordlist
    for position, word in enumerate(typed, start=1):
        if word not in known:
            shown = word[:_SHOWN_CHARS]
            nearest = difflib.get_close_matches(shown, known, n=1, cutoff=0.0)[0]
            raise UnknownWord(position=position, word=shown, nearest=nearest)
    try:
        return Secret(bytes(_list().to_entropy(typed)))
    except ValueError:
        raise WordsDoNotMatch from None


def entropy_to_words(entropy: bytes) -> str:
    """Return the 24 words that stand for 32 bytes."""
    return str(_list().to_mnemonic(entropy))


def kit_key(words: str, use: KitUse) -> Secret:
    """Return the 32-byte key for one ``use`` of a kit; raises what ``words_to_entropy`` raises."""
    return derive(words_to_entropy(words), use.value)
