"""Draws from the Entropy port: nonces and fair numbers."""

from __future__ import annotations

from struct import Struct
from typing import Final

from firmware.ports import Entropy

_BLOCK: Final = Struct(">64Q")


class Chance:
    """Randomness of one planning step, taken from the port in blocks."""

    def __init__(self, entropy: Entropy) -> None:
        """Draw from ``entropy``."""
        self._entropy = entropy
        self._drawn: list[int] = []

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound`` - 1 (bound below 2^40: the bias of 64 bits is nothing); 0 for bound 0."""
        drawn = self._drawn
        if not drawn:
            drawn += _BLOCK.unpack(self._entropy.bytes(_BLOCK.size))
        number = drawn.pop()
        return number % bound if bound > 0 else 0

    def nonce(self) -> bytes:
        """Return 32 bytes nobody can foresee."""
        return self._entropy.bytes(32)
