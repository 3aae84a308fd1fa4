"""A capsule opens with its own words alone, and says which peer lied: any changed bit is noticed."""

from __future__ import annotations

import random

import pytest

from firmware.errors import BadSeal, Damaged, NewerFormat
from firmware.limits import CAPSULE_KEY_BYTES, PEER_CAPSULE_BYTES
from firmware.peer.capsules import Filling, KitCard, open_capsule, read_capsule
from firmware.seal import new_words
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.peer_examples import CUSTODY, HANDED, HANDOVER, HEAD, LOCKER, NOW, key

ENTROPY = CountedEntropy(b"capsules")
WORDS, OTHER = new_words(ENTROPY), new_words(ENTROPY)
KIT = KitCard.made(WORDS, key("identity").public, key("head").public, LOCKER, 1)
FILLING = Filling(NOW, LOCKER, KIT, b"key file" * 100, HEAD, HANDED, (HANDOVER,))


def test_what_was_put_in_comes_out_with_the_words() -> None:
    data = FILLING.sealed(key("head"))
    filling, root = open_capsule(data, WORDS)
    assert len(data) == PEER_CAPSULE_BYTES and filling == read_capsule(data) == FILLING
    assert (root.identity, root.locker, root.number) == (key("identity").public, LOCKER, 1)
    with pytest.raises(BadSeal):
        open_capsule(data, OTHER)


@pytest.mark.parametrize(
    "made_up",
    [
        FILLING.sealed(key("thief")),
        Filling(NOW, bytes(16), KIT, b"k", None, CUSTODY, ()).sealed(key("head")),
        Filling(
            NOW, LOCKER, KitCard.made(OTHER, bytes(32), key("head").public, LOCKER, 1), b"k", None, CUSTODY, ()
        ).sealed(key("head")),
    ],
)
def test_nobody_makes_one_up(made_up: bytes) -> None:
    with pytest.raises(BadSeal):
        open_capsule(made_up, WORDS)


def test_any_changed_bit_is_noticed() -> None:
    data, rng = FILLING.sealed(key("head")), random.Random(1)
    for at in [*range(80), *(rng.randrange(len(data)) for _ in range(300))]:
        spoilt = bytearray(data)
        spoilt[at] ^= 1 << rng.randrange(8)
        with pytest.raises((BadSeal, Damaged, NewerFormat)):
            open_capsule(bytes(spoilt), WORDS)
    for short in (b"", data[:-1], data + b"\0"):
        with pytest.raises(Damaged):
            read_capsule(short)


def test_a_key_file_that_is_too_long_has_no_capsule() -> None:
    longest = Filling(NOW, LOCKER, KIT, bytes(CAPSULE_KEY_BYTES), HEAD, HANDED, (HANDOVER,) * 16)
    assert read_capsule(longest.sealed(key("head"))) == longest
    with pytest.raises(ValueError, match="too long"):
        Filling(NOW, LOCKER, KIT, bytes(CAPSULE_KEY_BYTES + (1 << 15)), HEAD, HANDED, ()).sealed(key("head"))
