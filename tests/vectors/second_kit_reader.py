"""A second reader of capsules, book pages and kit questions, written from docs/formats/{capsule,book,peer}.md alone.

Imports nothing of the product; key files and HPKE are those of the second reader of key files.
"""

from __future__ import annotations

from typing import Any

import cbor2
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from mnemonic import Mnemonic

from tests.vectors.second_key_file_reader import house_hkdf, hpke_cipher, kem_secret
from tests.vectors.second_key_file_reader import read as read_key_file

SIZE = 65_536
ENC = 1120


def entropy_of(words: str) -> bytes:
    """The 32 bytes that the words encode."""
    return bytes(Mnemonic("english").to_entropy(words.split()))


def verify(public: bytes, signature: bytes, data: bytes) -> None:
    """Ed25519; raises InvalidSignature."""
    Ed25519PublicKey.from_public_bytes(public).verify(signature, data)


def public_of(seed: bytes) -> bytes:
    """The public half of an Ed25519 seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def opened(inbox: bytes, sealed: bytes, info: bytes) -> bytes:
    """HPKE to the inbox key, then a length, the item, and zeros."""
    cipher, nonce = hpke_cipher(kem_secret(inbox, sealed[:ENC]), info)
    plain = cipher.decrypt(nonce, sealed[ENC:], b"")
    length = int.from_bytes(plain[:4], "big")
    assert not any(plain[4 + length :])
    return plain[4 : 4 + length]


def read_capsule(data: bytes, words: str) -> dict[str, Any]:
    """Open a capsule as a restorer does, every check in the page's order; raises whatever fails."""
    assert len(data) == SIZE and data[:10] == bytes.fromhex("4c424341500d0a1a0001")
    length = int.from_bytes(data[10:14], "big")
    name, version, number, locker, kit, key_file, head, custody, handovers = cbor2.loads(data[14 : 14 + length])
    assert (name, version) == ("capsule", 1)
    secret = entropy_of(words)
    lookup, request, card, mac = kit
    assert blake3(b"lockerbox root card v1\n" + card, key=house_hkdf(secret, "kit/card")).digest() == mac
    what, one, identity, head_key, custody_key, about, kit_number = cbor2.loads(card)
    assert (what, one, about) == ("root card", 1, locker)
    assert house_hkdf(secret, "kit/lookup") == lookup
    assert public_of(house_hkdf(secret, "kit/request")) == request
    assert public_of(house_hkdf(secret, "kit/custody")) == custody_key
    end = 14 + length
    verify(head_key, data[end : end + 64], b"lockerbox capsule v1\n" + data[:end])
    secrets = read_key_file(key_file, "kit", secret=secret)
    assert (public_of(secrets["identity"]), public_of(secrets["head"])) == (identity, head_key)
    if head is not None:
        verify(head_key, head[1], b"lockerbox link v1\n" + head[0])
    payload, key, signature = cbor2.loads(custody)
    verify(key, signature, b"lockerbox custody v1\n" + payload)
    box = cbor2.loads(payload)[4]
    found = {"number": number, "locker": locker, "kit": kit_number, "handovers": handovers, "inbox": secrets["inbox"]}
    return found | _circle(data, end + 64, locker, box, secrets["inbox"])


def _circle(data: bytes, at: int, locker: bytes, box: bytes, inbox: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[at : at + 4], "big")
    body, signature = data[at + 4 : at + 4 + length], data[at + 4 + length : at + 68 + length]
    assert not any(data[at + 68 + length :])
    verify(box, signature, b"lockerbox circle v1\n" + locker + body)
    name, version, number, writer, sealed = cbor2.loads(body)
    assert (name, version, writer) == ("circle", 1, box)
    info = b"lockerbox/1/inbox" + locker + b"circle" + number.to_bytes(8, "big")
    again, written_ms, head, friends, pages, *split = cbor2.loads(opened(inbox, sealed, info))
    assert again == number
    boxes = []
    for card, _ in friends:
        payload, signed = cbor2.loads(card)
        boxes.append(cbor2.loads(payload)[3])
        verify(boxes[-1], signed, b"lockerbox card v1\n" + payload)
    return {
        "circle": number,
        "written_ms": written_ms,
        "head": head,
        "friends": [(key, label) for key, (_, label) in zip(boxes, friends, strict=True)],
        "pages": [(shard, size, [boxes[each] for each in peers]) for shard, size, peers in pages],
        "split": split[0] if split else b"",
    }


def read_page(sealed: bytes, inbox: bytes, locker: bytes) -> dict[str, Any]:
    """Open a page of the book."""
    data = opened(inbox, sealed, b"lockerbox/1/inbox" + locker + b"book")
    name, version, number, written_ms, boxes, packs = cbor2.loads(data)
    assert (name, version) == ("book", 1)
    found = []
    for pack, prelude, kind, size, digest, precious, k, n, shards in packs:
        assert len(shards) % 34 == 0
        cut = [shards[at : at + 34] for at in range(0, len(shards), 34)]
        places = [(each[0], each[2:], boxes[each[1]]) for each in cut]
        found.append((pack, prelude, kind, size, digest, precious, k, n, places))
    return {"number": number, "written_ms": written_ms, "packs": found}


def check_question(asked: dict[str, Any], host: bytes, request: bytes) -> None:
    """The signature of a kit_get, for the box with the endpoint key ``host``."""
    said = ["kit get", 1, asked["lookup"], host, blake3(asked["card"]).digest(), asked["time_ms"]]
    verify(request, asked["signature"], b"lockerbox kit v1\n" + cbor2.dumps(said))
