"""Official vectors of every primitive, what a Secret refuses, and the choice of suites and costs."""

from __future__ import annotations

import copy
import json
import pickle
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import BadSeal, Damaged
from firmware.limits import ARGON2_CEILING_KIB, ARGON2_FLOOR_ITERATIONS, ARGON2_FLOOR_KIB
from firmware.seal import (
    OVERHEAD,
    Argon2Params,
    Sealer,
    Secret,
    SigningKey,
    Suite,
    calibrate,
    catalog_cipher,
    derive,
    did_key,
    fastest_suite,
    open_from,
    pack_keys,
    public_key,
    seal_to,
    self_test,
    verify_signature,
)
from firmware.seal.kdf import hkdf_sha256, stretch
from tests.vectors import second_key_file_reader

VECTORS = Path(__file__).parent.parent / "vectors"
OFFICIAL = json.loads((VECTORS / "seal_official.json").read_text())
XWING = json.loads((VECTORS / "xwing_draft.json").read_text())


def _of(name: str) -> list[dict[str, Any]]:
    return list(OFFICIAL[name]["vectors"])


def _bytes(vector: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


# --- Secret


@pytest.mark.parametrize(
    "leak",
    [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, bytes, list, hash, lambda s: f"{s:>9}", lambda s: s + b""],
)
def test_a_secret_refuses_to_leave(leak: Any) -> None:
    with pytest.raises(TypeError):
        leak(Secret(b"canary-canary"))


def test_a_secret_prints_as_stars() -> None:
    secret = Secret(b"canary-canary")
    shown = f"{secret} {secret!r} {[secret]} {secret!s} " + "{0} %s".format(secret) % secret  # noqa: UP030, UP032
    assert "canary" not in shown
    assert shown.count("***") == 6
    assert not hasattr(secret, "__dict__")


def test_secrets_compare_by_their_bytes() -> None:
    assert Secret(b"a" * 32) == Secret(b"a" * 32)
    assert Secret(b"a" * 32) != Secret(b"b" * 32)
    assert Secret(b"a") != b"a"
    assert len(Secret(b"abc")) == 3


# --- AEAD


@pytest.mark.parametrize(
    ("suite", "vector"),
    [(Suite.AES_256_GCM, v) for v in _of("aes_256_gcm")]
    + [(Suite.CHACHA20_POLY1305, v) for v in _of("chacha20_poly1305")],
)
def test_aead_official(suite: Suite, vector: dict[str, Any]) -> None:
    key, nonce, aad, plain, sealed = _bytes(vector, "key", "nonce", "aad", "plain", "sealed")
    sealer = Sealer(suite, Secret(key))
    counter = int.from_bytes(nonce, "big")
    assert sealer.seal(counter, plain, aad) == sealed
    assert sealer.open(counter, memoryview(sealed), aad, "x") == plain
    assert len(sealed) == len(plain) + OVERHEAD


@pytest.mark.parametrize("suite", list(Suite))
def test_anything_changed_does_not_open(suite: Suite) -> None:
    sealer = Sealer(suite, Secret(b"k" * 32))
    sealed = sealer.seal(7, b"plain text", b"bound")
    flipped = [bytes(b ^ (1 << bit) * (at == i) for i, b in enumerate(sealed)) for at in range(26) for bit in range(8)]
    wrong = [(7, bad, b"bound") for bad in flipped]
    wrong += [(8, sealed, b"bound"), (7, sealed, b"bounD"), (7, sealed[:-1], b"bound"), (7, b"", b"bound")]
    for counter, data, aad in wrong:
        with pytest.raises(BadSeal, match="Segment 3 of a pack"):
            sealer.open(counter, data, aad, "Segment 3 of a pack")
    with pytest.raises(BadSeal):
        Sealer(suite, Secret(b"K" * 32)).open(7, sealed, b"bound", "x")


@pytest.mark.parametrize("suite", list(Suite))
@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_has_32_bytes(suite: Suite, size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(suite, Secret(bytes(size)))


def test_the_faster_suite_wins_and_a_draw_goes_to_chacha() -> None:
    def clock(gcm: int, chacha: int) -> Any:
        """Ticks as read before and after each seal, the two suites in turn."""
        now, turn = 0, count()
        spent = {1: gcm, 3: chacha}

        def ticks() -> int:
            nonlocal now
            now += spent.get(next(turn) % 4, 0)
            return now

        return ticks

    assert fastest_suite(clock(100, 900)) is Suite.AES_256_GCM
    assert fastest_suite(clock(900, 100)) is Suite.CHACHA20_POLY1305
    assert fastest_suite(clock(500, 500)) is Suite.CHACHA20_POLY1305
    assert catalog_cipher(Suite.AES_256_GCM) == "aegis"
    assert catalog_cipher(Suite.CHACHA20_POLY1305) == "chacha20"


# --- key derivation


@pytest.mark.parametrize("vector", _of("hkdf_sha256"))
def test_hkdf_official(vector: dict[str, Any]) -> None:
    ikm, salt, info, okm = _bytes(vector, "ikm", "salt", "info", "okm")
    assert hkdf_sha256(Secret(ikm), info, len(okm), salt).hex() == vector["okm"]


def test_derived_keys_are_separate_and_as_documented() -> None:
    root = Secret(b"r" * 32)
    assert derive(root, "a") != derive(root, "b")
    assert derive(root, "a", salt=b"s") != derive(root, "a")
    assert len(derive(root, "a", 96)) == 96
    assert derive(root, "kit/slot").reveal() == second_key_file_reader.house_hkdf(b"r" * 32, "kit/slot")


def test_pack_keys_differ_by_epoch_salt_suite_and_use() -> None:
    made = {
        value
        for epoch in (b"e" * 32, b"f" * 32)
        for salt in (bytes(32), b"s" * 32)
        for suite in Suite
        for key, commitment in [pack_keys(Secret(epoch), salt, suite)]
        for value in (key.reveal(), commitment)
    }
    assert len(made) == 16
    key, commitment = pack_keys(Secret(b"e" * 32), b"s" * 32, Suite.AES_256_GCM)
    theirs = second_key_file_reader.house_hkdf
    assert key.reveal() == theirs(b"e" * 32, "pack-key", b"s" * 32, b"\1")
    assert commitment == theirs(b"e" * 32, "pack-commitment", b"s" * 32, b"\1")


def test_argon2id_official() -> None:
    (vector,) = _of("argon2id")
    password, salt, pepper, bound, tag = _bytes(vector, "password", "salt", "secret", "ad", "tag")
    params = Argon2Params(vector["memory_kib"], vector["iterations"], vector["lanes"])
    assert stretch(Secret(password), salt, params, pepper=pepper, bound=bound).reveal() == tag


@pytest.mark.parametrize(
    ("spent_ns", "ram", "memory", "iterations"),
    [
        (10_000_000_000, 8 << 30, ARGON2_FLOOR_KIB, ARGON2_FLOOR_ITERATIONS),  # a slow board stays at the floor
        (100_000_000, 8 << 30, ARGON2_CEILING_KIB, 7),
        (100_000_000, 1 << 30, 128 * 1024, 15),  # memory first, as much as the board has
        (100_000_000, 1 << 20, ARGON2_FLOOR_KIB, 30),
        (1, 8 << 30, ARGON2_CEILING_KIB, 64),
    ],
)
def test_calibration(spent_ns: int, ram: int, memory: int, iterations: int) -> None:
    ticks = iter([0, spent_ns])
    params = calibrate(lambda: next(ticks), ram)
    assert (params.memory_kib, params.iterations) == (memory, iterations)
    params.check()


@pytest.mark.parametrize(
    "params",
    [
        Argon2Params(65535, 3, 4),
        Argon2Params(65536, 2, 4),
        Argon2Params(262145, 3, 4),
        Argon2Params(65536, 65, 4),
        Argon2Params(65536, 3, 0),
        Argon2Params(65536, 3, 17),
    ],
)
def test_costs_outside_the_bounds_are_refused(params: Argon2Params) -> None:
    with pytest.raises(Damaged, match="guessing"):
        params.check()


# --- signatures


@pytest.mark.parametrize("vector", _of("ed25519"))
def test_ed25519_official(vector: dict[str, Any]) -> None:
    seed, public, message, signature = _bytes(vector, "seed", "public", "message", "signature")
    key = SigningKey.from_seed(Secret(seed))
    assert key.public == public
    assert key.sign(message) == signature
    verify_signature(public, signature, message)
    for bad in (signature[:-1] + bytes([signature[-1] ^ 1]), signature[:-1], b""):
        with pytest.raises(BadSeal):
            verify_signature(public, bad, message)
    with pytest.raises(BadSeal):
        verify_signature(public, signature, message + b"!")
    with pytest.raises(BadSeal):
        verify_signature(b"short", signature, message)


def test_did_key_of_the_method_specification() -> None:
    # W3C did:key method, Ed25519 test vector (did-method-key repository, ed25519-x25519.json)
    seed = Secret(bytes(32))
    assert did_key(SigningKey.from_seed(seed).public) == "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"


# --- HPKE


@pytest.mark.parametrize("vector", XWING["vectors"])
def test_kem_official(vector: dict[str, Any]) -> None:
    """The draft fixes key generation and decapsulation; HPKE around it comes from the second reader (RFC 9180)."""
    seed, public, enc, shared = _bytes(vector, "sk", "pk", "ct", "ss")
    assert public_key(Secret(seed)) == public
    assert second_key_file_reader.kem_secret(seed, enc) == shared
    cipher, nonce = second_key_file_reader.hpke_cipher(shared, b"info")
    sealed = enc + cipher.encrypt(nonce, b"plain", b"")
    assert open_from(Secret(seed), sealed, b"info", "x") == b"plain"


def test_hpke_binds_info_and_key() -> None:
    seed = Secret(b"s" * 32)
    sealed = seal_to(public_key(seed), b"plain", b"info")
    assert open_from(seed, sealed, b"info", "x") == b"plain"
    assert sealed != seal_to(public_key(seed), b"plain", b"info")
    for key, data, info in (
        (seed, sealed, b"inf0"),
        (Secret(b"t" * 32), sealed, b"info"),
        (seed, sealed[:-1], b"info"),
        (seed, sealed[:100], b"info"),
        (seed, bytes([sealed[0] ^ 1]) + sealed[1:], b"info"),
        (seed, sealed[:1100] + bytes([sealed[1100] ^ 1]) + sealed[1101:], b"info"),
    ):
        with pytest.raises(BadSeal, match="The kit keyslot"):
            open_from(key, data, info, "The kit keyslot")


def test_what_is_no_public_key_seals_nothing() -> None:
    for public in (b"", bytes(1215), b"\xff" * 1216):
        with pytest.raises(BadSeal):
            seal_to(public, b"plain", b"info")
    with pytest.raises(ValueError, match="32 bytes"):
        public_key(Secret(bytes(31)))


# --- self-test


def test_self_test_passes_here() -> None:
    self_test()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("_GCM_SEALED", bytes(76), "aeads"),
        ("_CHACHA_SEALED", bytes(130), "aeads"),
        ("_HKDF_OKM", bytes(42), "hkdf"),
        ("_ED25519_SIGNATURE", bytes(64), "ed25519"),
        ("_ARGON2_TAG", bytes(32), "argon2id"),
        ("_KEM_PUBLIC_END", bytes(32), "hpke"),
    ],
)
def test_self_test_names_what_is_wrong(monkeypatch: pytest.MonkeyPatch, name: str, value: bytes, says: str) -> None:
    monkeypatch.setitem(self_test.__globals__, name, value)
    with pytest.raises(Damaged, match=says):
        self_test()
