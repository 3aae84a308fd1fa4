"""A second reader of friends' keys, written from docs/formats/friends-key.md and SLIP-39 alone; imports nothing of ours
but the second reader of key files. Reads, never writes, and checks no checksum of a part.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from blake3 import blake3

from tests.vectors.second_key_file_reader import house_hkdf, hpke_cipher, kem_secret, read_cbor

ENC = 1120


def _product(left: int, right: int) -> int:
    """In GF(2^8) with the polynomial of Rijndael."""
    found = 0
    while right:
        if right & 1:
            found ^= left
        left = left << 1 ^ (0x11B if left & 0x80 else 0)
        right >>= 1
    return found


def _inverse(value: int) -> int:
    return next(each for each in range(1, 256) if _product(value, each) == 1)


def _at_secret(points: Sequence[tuple[int, bytes]], x: int) -> bytes:
    found = bytes(32)
    for own, value in points:
        factor = 1
        for other, _ in points:
            if other != own:
                factor = _product(factor, _product(x ^ other, _inverse(own ^ other)))
        found = bytes(before ^ _product(byte, factor) for before, byte in zip(found, value, strict=True))
    return found


def join(parts: Sequence[str], words: Sequence[str]) -> bytes:
    """The secret of exactly as many parts as are needed; ``words`` is the list of SLIP-39."""
    points = []
    for part in parts:
        number = 0
        for word in part.split():
            number = number << 10 | words.index(word)
        numbers = number >> 30 >> 260  # checksum, value; before them 4 words: identifier, flags, and the numbers below
        index, needed = numbers >> 4 & 15, (numbers & 15) + 1
        assert needed == len(parts)
        assert numbers >> 20 & 31 == 0b10000, "extendable, exponent 0"
        points.append((index, (number >> 30 & (1 << 256) - 1).to_bytes(32, "big")))
    sealed, digest = _at_secret(points, 255), _at_secret(points, 254)
    left, right = sealed[:16], sealed[16:]
    for number in (3, 2, 1, 0):  # four rounds, backwards
        pad = hashlib.pbkdf2_hmac("sha256", bytes([number]), right, 2500, 16)
        left, right = right, bytes(a ^ b for a, b in zip(left, pad, strict=True))
    assert len(digest) == 32
    return right + left


def open_sealed(seed: bytes, sealed: bytes, info: bytes) -> bytes:
    """What HPKE sealed to the KEM key of a seed."""
    cipher, nonce = hpke_cipher(kem_secret(seed, sealed[:ENC]), info)
    return cipher.decrypt(nonce, sealed[ENC:], b"")


def open_part(seed: bytes, sealed: bytes, locker: bytes, reader: bytes) -> str:
    """The words of a part: ``reader`` is a box key, or the id of an ask."""
    return open_sealed(seed, sealed, b"lockerbox/1/friends-part" + locker + reader).decode()


def open_note(secret: bytes, sealed: bytes, locker: bytes) -> bytes:
    """The entropy of the kit's words."""
    return open_sealed(house_hkdf(secret, "slot/friends"), sealed, b"lockerbox/1/friends-note" + locker)


def read_file(data: bytes) -> dict[str, object]:
    """``lockers/<id>/friends``."""
    value, end = read_cbor(data)
    assert end == len(data)
    assert value[:2] == ["friends key", 1]
    names = ("number", "made_ms", "k", "label", "public", "note", "heir", "holders")
    return dict(zip(names, value[2:], strict=True))


def read_ticket(text: str) -> list[object]:
    """[card, locker, secret, until_ms]."""
    assert text.startswith("lbk1")
    letters = text[4:].upper()
    whole = base64.b32decode(letters + "=" * (-len(letters) % 8))
    assert blake3(whole[:-4]).digest()[:4] == whole[-4:]
    value, end = read_cbor(whole[:-4])
    assert end == len(whole) - 4
    return list(value)


def ask_of(locker: bytes, box: bytes, public: bytes, secret: bytes) -> tuple[bytes, str, bytes]:
    """The id of an ask, its six digits, the proof that the ticket was there."""
    ask = blake3(b"lockerbox part ask 1\n" + locker + box + public).digest()
    code = int.from_bytes(blake3(b"lockerbox part code 1\n" + ask).digest()[:8], "big") % 1_000_000
    keyed = blake3(b"lockerbox part ticket 1\n" + secret).digest()
    return ask, f"{code:06}", blake3(ask, key=keyed).digest()
