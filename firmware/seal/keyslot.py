"""HPKE (RFC 9180) with the hybrid KEM MLKEM768-X25519: seals to a public key, opens with a 32-byte seed.

Key pairs are made from seeds as X-Wing does (draft-connolly-cfrg-xwing-kem, section 5.2), so that a passphrase or
24 words can stand for a private key. Suite: KEM 0x647a, KDF HKDF-SHA256, AEAD ChaCha20-Poly1305.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import Suite as HpkeSuite

from firmware.errors import BadSeal
from firmware.seal.secret import Secret

MLKEM_PUBLIC_BYTES: Final = 1184
PUBLIC_BYTES: Final = MLKEM_PUBLIC_BYTES + 32
ENC_BYTES: Final = 1120
SEAL_OVERHEAD: Final = ENC_BYTES + 16
"""Bytes that ``seal_to`` adds: the encapsulated key in front, the tag behind."""

_SUITE: Final = HpkeSuite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _halves(seed: Secret) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    if len(seed) != 32:
        raise ValueError("a KEM seed has 32 bytes")
    expanded = hashlib.shake_256(seed.reveal()).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])


def public_key(seed: Secret) -> bytes:
    """Return the 1216-byte public key (ML-KEM-768 1184, then X25519 32) of a 32-byte seed."""
    mlkem, x25519 = _halves(seed)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def seal_to(public: bytes, plain: bytes, info: bytes) -> bytes:
    """Seal ``plain`` to a public key; ``info`` must be the same at opening. Returns enc || ciphertext || tag.

    Randomised inside the library: two calls differ. Raises BadSeal for bytes that are no public key.
    """
    try:
        halves = (
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC_BYTES:]),
        )
        return _SUITE.encrypt(plain, MLKEM768X25519PublicKey(*halves), info)
    except ValueError:
        raise BadSeal(what="The public key of a way in") from None


def open_from(seed: Secret, sealed: bytes, info: bytes, what: str) -> bytes:
    """Open what ``seal_to`` sealed to this seed's public key; raises BadSeal naming ``what``."""
    try:
        return _SUITE.decrypt(sealed, MLKEM768X25519PrivateKey(*_halves(seed)), info)
    except (InvalidTag, ValueError):
        raise BadSeal(what=what) from None
