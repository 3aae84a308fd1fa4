"""Seeded prose for the data sets: a vocabulary with a long tail, so that searching it is like searching notes."""

from __future__ import annotations

import random
from itertools import accumulate
from typing import Final

_ONSETS: Final = [
    "b",
    "br",
    "c",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "sh",
    "st",
    "t",
    "tr",
    "v",
    "w",
    "z",
]
_VOWELS: Final = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
_CODAS: Final = ["", "n", "r", "s", "l", "t", "m", "nd", "st", "rk"]
_FAMILIAR: Final = [
    "the",
    "and",
    "of",
    "to",
    "in",
    "for",
    "with",
    "garden",
    "school",
    "doctor",
    "invoice",
    "holiday",
    "grandmother",
    "recipe",
    "bicycle",
    "passport",
    "birthday",
    "insurance",
    "kitchen",
    "concert",
    "teacher",
    "harbour",
    "mountain",
    "winter",
    "summer",
    "letter",
    "photo",
    "train",
    "ticket",
    "dentist",
    "contract",
    "garage",
    "piano",
    "swimming",
    "market",
    "neighbour",
]
VOCABULARY_WORDS: Final = 6000


def vocabulary(seed: int) -> list[str]:
    """Return ``VOCABULARY_WORDS`` distinct lower-case words, most frequent first."""
    dice = random.Random(f"words-{seed}")
    words = list(_FAMILIAR)
    seen = set(words)
    while len(words) < VOCABULARY_WORDS:
        word = "".join(
            dice.choice(_ONSETS) + dice.choice(_VOWELS) + dice.choice(_CODAS) for _ in range(dice.choice((1, 2, 2, 3)))
        )
        if word not in seen:
            seen.add(word)
            words.append(word)
    return words


class Prose:
    """Draws words by Zipf's law (rank r with weight 1/r) from one seeded vocabulary."""

    def __init__(self, seed: int, stream: str) -> None:
        self.words = vocabulary(seed)
        self._dice = random.Random(f"prose-{seed}-{stream}")
        self._weights = list(accumulate(1 / (rank + 1) for rank in range(len(self.words))))

    def draw(self, count: int) -> list[str]:
        """Return ``count`` words."""
        return self._dice.choices(self.words, cum_weights=self._weights, k=count)

    def text(self, size: int) -> str:
        """Return about ``size`` characters (ASCII) of words in lines of twelve, never fewer."""
        words = self.draw(size // 4 + 1)
        text = "\n".join(" ".join(words[start : start + 12]) for start in range(0, len(words), 12))
        return text[:size].ljust(size, ".")
