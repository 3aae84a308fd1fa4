"""Ed25519 signatures (RFC 8032) and the did:key form of their public keys."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firmware.errors import BadSeal
from firmware.seal.secret import Secret

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class SigningKey:
    """An Ed25519 private key made from a 32-byte seed."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        """Use ``from_seed``; the primitive's own object never leaves this package."""
        self._private = private
        self._public = private.public_key().public_bytes_raw()

    @classmethod
    def from_seed(cls, seed: Secret) -> SigningKey:
        """Make the key from 32 secret bytes; raises ValueError for another length."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed.reveal()))

    @property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature of ``data``; the same data always gives the same signature."""
        return self._private.sign(data)


def verify_signature(public: bytes, signature: bytes, data: bytes) -> None:
    """Return if ``signature`` over ``data`` was made by the owner of ``public``; raises BadSeal otherwise."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        raise BadSeal(what="A signature") from None


def did_key(public: bytes) -> str:
    """Return the ``did:key`` of an Ed25519 public key (W3C did:key method: base58btc of 0xed01 and the key)."""
    number = int.from_bytes(b"\xed\x01" + public, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return f"did:key:z{digits}"
