"""Authenticated encryption of segments: two suites, counted nonces, one measurement that chooses."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from firmware.errors import BadSeal
from firmware.seal.secret import Secret

KEY_BYTES: Final = 32
OVERHEAD: Final = 16
"""Bytes a seal adds: the authentication tag of either suite."""

Buffer = bytes | bytearray | memoryview


class Suite(IntEnum):
    """AEAD suites by the number that packs and key files record."""

    AES_256_GCM = 1
    CHACHA20_POLY1305 = 2


class Sealer:
    """Seals under one key with the caller's counter as nonce (12 bytes, big-endian).

    A key must see each counter value once: packs take a fresh key per salt and never write under a salt again.
    """

    def __init__(self, suite: Suite, key: Secret) -> None:
        """Take ``key`` (32 bytes); raises ValueError for another length."""
        if len(key) != KEY_BYTES:
            raise ValueError("a sealing key has 32 bytes")
        make = AESGCM if suite is Suite.AES_256_GCM else ChaCha20Poly1305
        self._aead: AESGCM | ChaCha20Poly1305 = make(key.reveal())

    def seal(self, counter: int, plain: Buffer, aad: Buffer) -> bytes:
        """Return ``plain`` encrypted and followed by its tag; ``aad`` is authenticated, not kept."""
        return self._aead.encrypt(counter.to_bytes(12, "big"), plain, aad)

    def seal_into(self, room: memoryview, counter: int, plain: Buffer, aad: Buffer) -> None:
        """As ``seal``, into ``room``, which has exactly the bytes of ``plain`` and OVERHEAD more."""
        self._aead.encrypt_into(counter.to_bytes(12, "big"), plain, aad, room)

    def open(self, counter: int, sealed: Buffer, aad: Buffer, what: str) -> bytes:
        """Return the plain bytes, or raise BadSeal naming ``what`` when key, counter, bytes or ``aad`` differ."""
        try:
            return self._aead.decrypt(counter.to_bytes(12, "big"), sealed, aad)
        except InvalidTag:
            raise BadSeal(what=what) from None

    def open_into(self, room: memoryview, counter: int, sealed: Buffer, aad: Buffer, what: str) -> None:
        """As ``open``, into ``room``, which has OVERHEAD bytes less than ``sealed``; unreadable after a BadSeal."""
        try:
            self._aead.decrypt_into(counter.to_bytes(12, "big"), sealed, aad, room)
        except InvalidTag:
            raise BadSeal(what=what) from None


def fastest_suite(ticks_ns: Callable[[], int]) -> Suite:
    """Seal 1 MiB a few times under each suite and return the one whose best run is shorter.

    ``ticks_ns`` is the monotonic counter of the Clock port. AES-256-GCM wins where the processor has AES
    instructions, ChaCha20-Poly1305 elsewhere; a draw goes to ChaCha20, which needs no instructions to be safe.
    """
    plain = bytes(1 << 20)
    best: dict[Suite, int] = {}
    sealers = {suite: Sealer(suite, Secret(bytes(KEY_BYTES))) for suite in Suite}
    for round_number in range(4):
        for suite, sealer in sealers.items():
            start = ticks_ns()
            sealer.seal(round_number, plain, b"")
            spent = ticks_ns() - start
            best[suite] = min(spent, best.get(suite, spent))
    faster = best[Suite.AES_256_GCM] < best[Suite.CHACHA20_POLY1305]
    return Suite.AES_256_GCM if faster else Suite.CHACHA20_POLY1305


def catalog_cipher(suite: Suite) -> str:
    """Return the catalog's cipher for a device whose ``fastest_suite`` is ``suite``.

    AEGIS is built on AES rounds, so it is the right one exactly where AES-GCM won.
    """
    return "aegis" if suite is Suite.AES_256_GCM else "chacha20"
