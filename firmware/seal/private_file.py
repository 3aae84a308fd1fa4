"""A small file only the open locker reads and nobody else can write: docs/formats/doors.md.

Sealed under a key of its own from the locker's id key, which never changes, with a fresh salt for every write.
"""

from __future__ import annotations

from typing import Final

from firmware.errors import BadSeal, Damaged, NewerFormat
from firmware.ports import Entropy
from firmware.seal.aead import Sealer, Suite
from firmware.seal.kdf import committed_keys, derive, same_bytes
from firmware.seal.locker_secrets import LockerSecrets

_MAGIC: Final = b"LBPRV\r\n\x1a"
_FORMAT: Final = 1
_HEAD: Final = _MAGIC + _FORMAT.to_bytes(2, "big")
_SALT_AT: Final = len(_HEAD)
_SEALED_AT: Final = _SALT_AT + 64
_SUITE: Final = Suite.CHACHA20_POLY1305


def seal_private(secrets: LockerSecrets, use: str, plain: bytes, entropy: Entropy) -> bytes:
    """Return the file's bytes for ``plain``; ``use`` (such as ``doors``) keeps different files apart."""
    salt = entropy.bytes(32)
    key, commitment = committed_keys(derive(secrets.id_key, f"private/{use}"), salt, _SUITE, "private")
    head = _HEAD + salt + commitment
    return head + Sealer(_SUITE, key).seal(0, plain, head)


def open_private(secrets: LockerSecrets, use: str, data: bytes, what: str) -> bytes:
    """Return what was sealed; raises BadSeal, Damaged, NewerFormat naming ``what``."""
    if data[: len(_MAGIC)] != _MAGIC or len(data) < _SEALED_AT:
        raise Damaged(what=what)
    found = int.from_bytes(data[len(_MAGIC) : _SALT_AT], "big")
    if found > _FORMAT:
        raise NewerFormat(what=what, found=found, known=_FORMAT)
    salt, told = data[_SALT_AT : _SALT_AT + 32], data[_SALT_AT + 32 : _SEALED_AT]
    key, commitment = committed_keys(derive(secrets.id_key, f"private/{use}"), salt, _SUITE, "private")
    if not same_bytes(commitment, told):
        raise BadSeal(what=what)
    return Sealer(_SUITE, key).open(0, data[_SEALED_AT:], data[:_SEALED_AT], what)
