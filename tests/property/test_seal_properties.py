"""Properties of sealing: what goes in comes out, nothing else does; 10,000 corruptions of a key file are noticed."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import BadSeal, BoxError, Damaged, Misused
from firmware.seal import (
    Argon2Params,
    KeyFile,
    Sealer,
    Secret,
    SlotKind,
    Suite,
    add_kit_slot,
    add_passphrase_slot,
    add_secret_slot,
    check_passphrase,
    guess_bits,
    new_key_file,
    new_words,
    open_from,
    open_with_secret,
    open_with_words,
    public_key,
    seal_to,
    slot_states,
    words_to_entropy,
)
from firmware.seal.kdf import Argon2Floor
from firmware.seal.key_file_format import PAGE_BYTES, Plain, Slot, decode, encode, page
from firmware.seal.passphrase import passphrase_bytes
from tests.vectors import second_key_file_reader
from tests.vectors.counted_entropy import CountedEntropy

ENTROPY = CountedEntropy(b"key file properties")
WORDS = new_words(ENTROPY)
FRIENDS = Secret(b"f" * 32)
KEYS = st.binary(min_size=32, max_size=32).map(Secret)
few = settings(max_examples=60, deadline=None)


def _key_file() -> tuple[KeyFile, bytes]:
    kf, secrets = new_key_file(ENTROPY)
    kf = add_kit_slot(kf, secrets, WORDS, ENTROPY)
    kf = add_secret_slot(kf, secrets, SlotKind.FRIENDS, FRIENDS, ENTROPY)
    cheap = Argon2Params(32, 1, 1)
    kf = add_passphrase_slot(kf, secrets, Secret(b"p"), cheap, ENTROPY, floor=Argon2Floor(8, 1))
    return kf, kf.to_bytes()


FULL, DATA = _key_file()
SECRETS = open_with_words(FULL, WORDS)
SEALED_AT = PAGE_BYTES * 4


@few
@given(st.sampled_from(list(Suite)), KEYS, st.integers(0, 2**96 - 1), st.binary(max_size=300), st.binary(max_size=40))
def test_sealed_opens_to_the_same(suite: Suite, key: Secret, counter: int, plain: bytes, aad: bytes) -> None:
    assert Sealer(suite, key).open(counter, Sealer(suite, key).seal(counter, plain, aad), aad, "x") == plain


@few
@given(st.data(), st.sampled_from(list(Suite)), KEYS, st.binary(max_size=100))
def test_any_flipped_bit_is_noticed(data: st.DataObject, suite: Suite, key: Secret, plain: bytes) -> None:
    sealed = bytearray(Sealer(suite, key).seal(5, plain, b"a"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadSeal):
        Sealer(suite, key).open(5, sealed, b"a", "x")


@few
@given(KEYS, st.binary(max_size=200), st.binary(max_size=50))
def test_hpke_agrees_with_the_second_reader(seed: Secret, plain: bytes, info: bytes) -> None:
    sealed = seal_to(public_key(seed), plain, info)
    shared = second_key_file_reader.kem_secret(seed.reveal(), sealed[:1120])
    cipher, nonce = second_key_file_reader.hpke_cipher(shared, info)
    assert cipher.decrypt(nonce, sealed[1120:], b"") == plain == open_from(seed, sealed, info, "x")


@few
@given(st.binary(min_size=32, max_size=32))
def test_words_and_entropy_are_each_others_inverse(entropy: bytes) -> None:
    class Once:
        def bytes(self, count: int) -> bytes:
            return entropy[:count]

    assert words_to_entropy(new_words(Once())).reveal() == entropy


@few
@given(st.text(max_size=300))
def test_typed_words_never_surprise(text: str) -> None:
    with pytest.raises(Misused):
        words_to_entropy(text)


@few
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_passphrases_have_one_form(text: str) -> None:
    once = passphrase_bytes(Secret(text.encode()))
    assert passphrase_bytes(once) == once


@few
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=120))
def test_judging_any_text_ends_in_yes_or_a_reason(text: str) -> None:
    if guess_bits(text) >= 50:
        check_passphrase(text)
        return
    with pytest.raises(Misused) as caught:
        check_passphrase(text)
    assert str(caught.value.as_dict()["sentence"]).endswith(".")


_items = st.recursive(
    st.integers(0, 2**64 - 1) | st.binary(max_size=40) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("abcdefgh", max_size=10), inner, max_size=5),
    max_leaves=12,
)


@few
@given(_items)
def test_cbor_is_deterministic_and_agrees_with_the_second_reader(value: object) -> None:
    data = encode(value)
    assert decode(data, "x") == value
    assert second_key_file_reader.write_cbor(value) == data
    assert second_key_file_reader.read_cbor(data) == (value, len(data))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_pages_of_rubbish_under_a_sound_checksum_are_damage(body: bytes) -> None:
    with pytest.raises(Damaged):
        Slot.from_page(page(b"", body))
    with pytest.raises(Damaged):
        Plain.from_page(page(DATA[:10], body))
    with pytest.raises(Damaged):
        KeyFile.parse(body)


def _corrupt(number: int) -> tuple[bytes, set[int]]:
    """Flip 1 to 8 bits, or rewrite up to 512 bytes, anywhere; returns the bytes and which page numbers were touched."""
    draw = int.from_bytes(hashlib.shake_256(number.to_bytes(4, "big")).digest(64), "big")

    def pick(bound: int) -> int:
        nonlocal draw
        draw, value = divmod(draw, bound)
        return value

    data = bytearray(DATA)
    if pick(4):
        for _ in range(1 if pick(2) else 1 + pick(8)):
            bit = pick(len(DATA) * 8)
            data[bit // 8] ^= 1 << bit % 8
    else:
        at, size = pick(len(DATA)), 1 + pick(512)
        rubbish = hashlib.shake_256(draw.to_bytes(64, "big")).digest(size)
        data[at : at + size] = rubbish[: len(DATA) - at]
    bounds = [*range(0, SEALED_AT + 1, PAGE_BYTES), len(DATA)]
    touched = {n for n, (at, end) in enumerate(pairwise(bounds)) if data[at:end] != DATA[at:end]}
    return bytes(data), touched


@pytest.mark.slow
def test_ten_thousand_corruptions_are_noticed_and_stop_no_other_slot() -> None:
    opened = noticed = 0
    for number in range(10_000):
        data, touched = _corrupt(number)
        if not touched:
            continue
        noticed += 1
        if touched & {0, 4}:
            with pytest.raises(BoxError):
                open_with_words(KeyFile.parse(data), WORDS)
            continue
        kf = KeyFile.parse(data)
        assert {at + 1 for at, slot in enumerate(kf.slots) if slot is None} == touched
        if number % 10 == 0 and not touched >= {1, 2}:
            opened += 1
            ways = [open_with_words(kf, WORDS)] if 1 not in touched else []
            ways += [open_with_secret(kf, SlotKind.FRIENDS, FRIENDS)] if 2 not in touched else []
            assert ways
            assert all(way == SECRETS for way in ways)
            assert {at + 1 for at, state in enumerate(slot_states(kf, SECRETS)) if not state.sound} == touched
    assert noticed > 9_900
    assert opened > 500
