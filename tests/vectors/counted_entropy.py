"""Randomness that repeats: SHAKE-256 of a seed and a counter, for golden files and properties."""

from __future__ import annotations

import hashlib


class CountedEntropy:
    """The Entropy port; the n-th call gives SHAKE-256(seed, n)."""

    def __init__(self, seed: bytes) -> None:
        """Start at call number one for ``seed``."""
        self._seed = seed
        self._calls = 0

    def bytes(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        self._calls += 1
        return hashlib.shake_256(self._seed + self._calls.to_bytes(8, "big")).digest(count)
