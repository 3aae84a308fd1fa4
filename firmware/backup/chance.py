"""Draws from the Entropy port: nonces and fair numbers."""

from __future__ import annotations

from firmware.ports import Entropy


class Chance:
    """Randomness of one planning step, taken from the port in blocks."""

    def __init__(self, entropy: Entropy) -> None:
        """Draw from ``entropy``."""
        self._entropy = entropy
        self._block = b""

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound`` - 1 (bound below 2^40: the bias of 64 bits is nothing); 0 for bound 0."""
        if len(self._block) < 8:
            self._block = self._entropy.bytes(512)
        number, self._block = int.from_bytes(self._block[:8], "big"), self._block[8:]
        return number % bound if bound > 0 else 0

    def nonce(self) -> bytes:
        """Return 32 bytes nobody can foresee."""
        return self._entropy.bytes(32)
