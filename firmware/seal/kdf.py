"""Keys from keys (HKDF-SHA256, RFC 5869) and keys from passphrases (Argon2id, RFC 9106)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from firmware.errors import Damaged
from firmware.limits import (
    ARGON2_CEILING_KIB,
    ARGON2_FLOOR_ITERATIONS,
    ARGON2_FLOOR_KIB,
    ARGON2_MAX_ITERATIONS,
    ARGON2_MAX_LANES,
    ARGON2_TARGET_NS,
)
from firmware.seal.aead import Suite
from firmware.seal.secret import Secret

LABEL_PREFIX: Final = b"lockerbox/1/"
"""Begins every HKDF info of the house, so that no key of ours equals a key of another product."""


def hkdf_sha256(secret: Secret, info: bytes, size: int, salt: bytes) -> bytes:
    """Return ``size`` bytes of HKDF-SHA256 with a full ``info``; use ``derive`` for anything of the house."""
    return HKDF(algorithm=SHA256(), length=size, salt=salt or None, info=info).derive(secret.reveal())


def derive(secret: Secret, label: str, size: int = 32, salt: bytes = b"") -> Secret:
    """Return ``size`` bytes bound to ``label``: HKDF-SHA256 (RFC 5869) with info = ``lockerbox/1/`` + label."""
    return Secret(hkdf_sha256(secret, LABEL_PREFIX + label.encode(), size, salt))


def committed_keys(secret: Secret, salt: bytes, suite: Suite, use: str) -> tuple[Secret, bytes]:
    """Return (sealing key, public commitment to it), 32 bytes each, for one ``use`` such as ``pack``.

    Neither AEAD suite binds a ciphertext to one key; comparing the commitment first does (docs/formats/pack.md).
    """
    tail = bytes([suite])
    key = hkdf_sha256(secret, LABEL_PREFIX + use.encode() + b"-key" + tail, 32, salt)
    return Secret(key), hkdf_sha256(secret, LABEL_PREFIX + use.encode() + b"-commitment" + tail, 32, salt)


def pack_keys(epoch_key: Secret, salt: bytes, suite: Suite) -> tuple[Secret, bytes]:
    """Return (key, commitment) of the pack whose header carries ``salt`` (32 bytes) and ``suite``.

    HKDF-SHA256 with info ``lockerbox/1/pack-key`` resp. ``lockerbox/1/pack-commitment``, each followed by the
    suite's number as one byte.
    """
    return committed_keys(epoch_key, salt, suite, "pack")


def same_bytes(left: bytes, right: bytes) -> bool:
    """Compare in constant time, for commitments and tags."""
    return hmac.compare_digest(left, right)


@dataclass(frozen=True)
class Argon2Floor:
    """Cheapest parameters a reader accepts; only tests ever pass another one."""

    memory_kib: int = ARGON2_FLOOR_KIB
    iterations: int = ARGON2_FLOOR_ITERATIONS


FLOOR: Final = Argon2Floor()


@dataclass(frozen=True)
class Argon2Params:
    """Cost of one passphrase guess: memory in KiB, passes over it, lanes computed in parallel."""

    memory_kib: int
    iterations: int
    lanes: int

    def check(self, floor: Argon2Floor = FLOOR) -> None:
        """Raise Damaged for parameters cheaper than ``floor`` (a downgrade) or dear enough to exhaust the box."""
        memory = floor.memory_kib <= self.memory_kib <= ARGON2_CEILING_KIB
        passes = floor.iterations <= self.iterations <= ARGON2_MAX_ITERATIONS
        if not (memory and passes and 1 <= self.lanes <= ARGON2_MAX_LANES and self.memory_kib >= 8 * self.lanes):
            raise Damaged(what="The cost of guessing the passphrase in the key file")


def stretch(
    passphrase: Secret, salt: bytes, params: Argon2Params, *, pepper: bytes | None = None, bound: bytes | None = None
) -> Secret:
    """Return 32 bytes of Argon2id (RFC 9106, version 0x13); takes about a second and ``memory_kib`` of memory.

    ``pepper`` (Argon2's secret) and ``bound`` (its associated data) are for the official vector; key files use neither.
    """
    kdf = Argon2id(
        salt=salt,
        length=32,
        iterations=params.iterations,
        lanes=params.lanes,
        memory_cost=params.memory_kib,
        secret=pepper,
        ad=bound,
    )
    return Secret(kdf.derive(passphrase.reveal()))


def calibrate(ticks_ns: Callable[[], int], ram_bytes: int) -> Argon2Params:
    """Choose parameters that take about a second on this device.

    One run at the floor is measured with ``ticks_ns``; then memory grows to at most an eighth of ``ram_bytes`` and
    the ceiling (memory costs a guesser more than time does), then iterations. Never below the floor.
    """
    lanes = 4
    params = Argon2Params(ARGON2_FLOOR_KIB, ARGON2_FLOOR_ITERATIONS, lanes)
    start = ticks_ns()
    stretch(Secret(b"calibration"), bytes(16), params)
    spent = max(1, ticks_ns() - start)
    room = min(ARGON2_CEILING_KIB, max(ARGON2_FLOOR_KIB, ram_bytes // 8 // 1024))
    memory = ARGON2_FLOOR_KIB
    while memory * 2 <= room and spent * 2 <= ARGON2_TARGET_NS:
        memory, spent = memory * 2, spent * 2
    passes = ARGON2_FLOOR_ITERATIONS * ARGON2_TARGET_NS // spent
    return Argon2Params(memory, max(ARGON2_FLOOR_ITERATIONS, min(ARGON2_MAX_ITERATIONS, passes)), lanes)
