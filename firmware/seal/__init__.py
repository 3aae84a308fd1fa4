"""Seals and opens: AEAD suites, key derivation, signatures, ways in, the key file. Knows no files, no time, no network.

The only package that imports ``cryptography``; everything above it sees ``Secret``, ``Sealer`` and plain bytes.
"""

from firmware.seal.aead import OVERHEAD, Sealer, Suite, catalog_cipher, fastest_suite
from firmware.seal.kdf import Argon2Params, calibrate, derive, pack_keys, same_bytes
from firmware.seal.keyslot import open_from, public_key, seal_to
from firmware.seal.locker_secrets import LockerSecrets
from firmware.seal.secret import Secret
from firmware.seal.sign import SigningKey, did_key, verify_signature

__all__ = [
    "OVERHEAD",
    "Argon2Params",
    "LockerSecrets",
    "Sealer",
    "Secret",
    "SigningKey",
    "Suite",
    "calibrate",
    "catalog_cipher",
    "derive",
    "did_key",
    "fastest_suite",
    "open_from",
    "pack_keys",
    "public_key",
    "same_bytes",
    "seal_to",
    "verify_signature",
]
