"""A second reader of key files, format 1, written from docs/formats/key-file.md alone; imports nothing of the product.

CBOR, HKDF, HPKE and the KEM combiner are spelled out here; only AEAD, curves, ML-KEM and Argon2id are a library's.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

PAGE = 4096


def read_cbor(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Decode the uints, byte strings, texts, arrays and maps the document uses; returns (item, next offset)."""
    major, short = data[at] >> 5, data[at] & 31
    at += 1
    if short < 24:
        number = short
    else:
        size = 1 << (short - 24)
        number, at = int.from_bytes(data[at : at + size], "big"), at + size
    if major == 0:
        return number, at
    if major in {2, 3}:
        raw = data[at : at + number]
        return (raw if major == 2 else raw.decode()), at + number
    items = []
    for _ in range(number * (2 if major == 5 else 1)):
        item, at = read_cbor(data, at)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2], strict=True))), at


def write_cbor(value: Any) -> bytes:
    """Encode what ``read_cbor`` decodes, deterministically."""
    if isinstance(value, dict):
        pairs = sorted((write_cbor(key), write_cbor(item)) for key, item in value.items())
        return _head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(write_cbor, value))
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    return _head(0, value)


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for short, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * size):
            return bytes([major << 5 | short]) + number.to_bytes(size, "big")
    raise ValueError(number)


def _extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), secret, "sha256")


def _expand(key: bytes, info: bytes, size: int) -> bytes:
    out = block = b""
    for counter in range(1, -(-size // 32) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        out += block
    return out[:size]


def house_hkdf(secret: bytes, label: str, salt: bytes = b"", tail: bytes = b"") -> bytes:
    """HKDF(secret, label) of the document, with the salt and suite byte of the sealed part where it has them."""
    return _expand(_extract(salt, secret), b"lockerbox/1/" + label.encode() + tail, 32)


def key_pair(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey, bytes]:
    """The KEM key pair of a seed: both private halves and the 1216-byte public key."""
    wide = hashlib.shake_256(seed).digest(96)
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(wide[:64]), X25519PrivateKey.from_private_bytes(wide[64:])
    return mlkem, x25519, mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def kem_secret(seed: bytes, enc: bytes) -> bytes:
    """The KEM's shared secret for an encapsulation."""
    mlkem, x25519, public = key_pair(seed)
    ephemeral = enc[1088:]
    halves = mlkem.decapsulate(enc[:1088]) + x25519.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    return hashlib.sha3_256(halves + ephemeral + public[1184:] + bytes.fromhex("5c2e2f2f5e5c")).digest()


def hpke_cipher(shared: bytes, info: bytes) -> tuple[ChaCha20Poly1305, bytes]:
    """RFC 9180, section 5.1, mode base: the AEAD under its key, and the nonce of sequence number 0."""
    suite = b"HPKE" + bytes.fromhex("647a00010003")

    def extract(salt: bytes, label: bytes, secret: bytes) -> bytes:
        return _extract(salt, b"HPKE-v1" + suite + label + secret)

    def expand(key: bytes, label: bytes, context: bytes, size: int) -> bytes:
        return _expand(key, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context, size)

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    return ChaCha20Poly1305(expand(secret, b"key", context, 32)), expand(secret, b"base_nonce", context, 12)


def _page(data: bytes, skip: int) -> dict[str, Any]:
    size = int.from_bytes(data[skip : skip + 2], "big")
    assert hashlib.sha256(data[:4064]).digest() == data[4064:]
    assert not any(data[skip + 2 + size : 4064])
    body = data[skip + 2 : skip + 2 + size]
    value, end = read_cbor(body)
    assert end == size
    assert write_cbor(value) == body
    assert isinstance(value, dict)
    return value


def passphrase_seed(slot: dict[str, Any], passphrase: str) -> bytes:
    """The seed a passphrase gives in a slot."""
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in passphrase)
    typed, kdf = unicodedata.normalize("NFC", spaced).encode(), slot["kdf"]
    assert 65536 <= kdf["memory_kib"] <= 262144
    assert 3 <= kdf["iterations"] <= 64
    argon = Argon2id(
        salt=kdf["salt"], length=32, iterations=kdf["iterations"], lanes=kdf["lanes"], memory_cost=kdf["memory_kib"]
    )
    return house_hkdf(argon.derive(typed), "slot/passphrase")


def read(data: bytes, kind: str, *, passphrase: str = "", secret: bytes = b"") -> dict[str, Any]:
    """Open a key file by a passphrase, or by the entropy of a kit or another 32-byte ``secret``; return map `secrets`.

    The locker key is added under "locker". Raises InvalidTag when no slot of ``kind`` opens.
    """
    assert data[:10] == bytes.fromhex("4c424b45590d0a1a0001")
    page0 = data[:PAGE]
    plain = _page(page0, 10)
    end = PAGE * (plain["slots"] + 1)
    assert len(data) == end + plain["sealed_size"]
    for at in range(PAGE, end, PAGE):
        slot = _page(data[at : at + PAGE], 0)
        if slot["kind"] != kind:
            continue
        label = "kit/slot" if kind == "kit" else f"slot/{kind}"
        seed = passphrase_seed(slot, passphrase) if kind == "passphrase" else house_hkdf(secret, label)
        if key_pair(seed)[2] != slot["public"]:
            continue
        bound = write_cbor({name: item for name, item in slot.items() if name != "sealed"})
        info = b"lockerbox/1/keyslot" + plain["locker"] + hashlib.sha256(bound).digest()
        cipher, nonce = hpke_cipher(kem_secret(seed, slot["sealed"][:1120]), info)
        locker_key = cipher.decrypt(nonce, slot["sealed"][1120:], b"")
        return _sealed_part(locker_key, plain, page0, data, end)
    raise InvalidTag


def _sealed_part(locker_key: bytes, plain: dict[str, Any], page0: bytes, data: bytes, end: int) -> dict[str, Any]:
    assert house_hkdf(locker_key, "key-file-commitment", plain["salt"], b"\2") == plain["commitment"]
    key = house_hkdf(locker_key, "key-file-key", plain["salt"], b"\2")
    secrets, _ = read_cbor(ChaCha20Poly1305(key).decrypt(bytes(12), data[end:], page0))
    assert isinstance(secrets, dict)
    digests = [hashlib.sha256(data[at : at + PAGE]).digest() for at in range(PAGE, end, PAGE)]
    assert [item[1] for item in secrets["pages"]] == digests
    return secrets | {"locker": locker_key}
