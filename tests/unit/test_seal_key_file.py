"""The key file: golden bytes, a second reader, ways in and out, and what a bad disk or a bad neighbour can do to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import pytest

from firmware.errors import (
    BadSeal,
    BoxError,
    Conflict,
    Damaged,
    Misused,
    NewerFormat,
    OtherKit,
    TooLarge,
    UnknownWord,
    WordsDoNotMatch,
    WrongPassphrase,
    WrongWordCount,
)
from firmware.limits import KEY_FILE_SLOTS
from firmware.seal import (
    Argon2Params,
    KeyFile,
    LockerSecrets,
    Secret,
    SlotKind,
    SlotState,
    add_kit_slot,
    add_passphrase_slot,
    add_secret_slot,
    destroy_epoch,
    drop_slots,
    for_peers,
    new_epoch,
    new_key_file,
    new_words,
    open_with_passphrase,
    open_with_secret,
    open_with_words,
    public_key,
    slot_states,
)
from firmware.seal.kdf import Argon2Floor
from firmware.seal.key_file_format import PAGE_BYTES, Plain, Slot, encode, page
from tests.vectors import second_key_file_reader
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.make_key_file_v1 import secrets_as_hex

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent.parent / "vectors" / "key_file_v1.json").read_text())
CHEAP = Argon2Params(memory_kib=32, iterations=1, lanes=1)
TEST_FLOOR = Argon2Floor(memory_kib=8, iterations=1)
PASSPHRASE = Secret(b"seven parrots hum at dawn")
FRIENDS = Secret(b"f" * 32)
ENTROPY = CountedEntropy(b"key file tests")
WORDS = new_words(ENTROPY)


def _full() -> tuple[KeyFile, LockerSecrets]:
    """A key file with passphrase, kit and friends slots, in this order."""
    kf, secrets = new_key_file(ENTROPY)
    kf = add_passphrase_slot(kf, secrets, PASSPHRASE, CHEAP, ENTROPY, floor=TEST_FLOOR)
    kf = add_kit_slot(kf, secrets, WORDS, ENTROPY)
    return add_secret_slot(kf, secrets, SlotKind.FRIENDS, FRIENDS, ENTROPY), secrets


FULL, SECRETS = _full()
Way = Callable[[KeyFile], LockerSecrets]
WAYS: dict[SlotKind, Way] = {
    SlotKind.PASSPHRASE: lambda kf: open_with_passphrase(kf, PASSPHRASE, floor=TEST_FLOOR),
    SlotKind.KIT: lambda kf: open_with_words(kf, WORDS),
    SlotKind.FRIENDS: lambda kf: open_with_secret(kf, SlotKind.FRIENDS, FRIENDS),
}


def _with_page(kf: KeyFile, number: int, data: bytes) -> KeyFile:
    """Put another slot page (from 0) into the file, as somebody who writes the disk could."""
    return KeyFile.parse((replace(kf, pages=(*kf.pages[:number], data, *kf.pages[number + 1 :]))).to_bytes())


# --- golden file


def test_the_golden_file_opens_by_every_way() -> None:
    kf = KeyFile.parse(bytes.fromhex(GOLDEN["file"]))
    opened = [
        open_with_passphrase(kf, Secret(GOLDEN["passphrase_decomposed_with_nbsp"].encode())),
        open_with_words(kf, GOLDEN["words"]),
        open_with_secret(kf, SlotKind.FRIENDS, Secret(bytes.fromhex(GOLDEN["friends"]))),
        open_with_secret(kf, SlotKind.MEMBER, Secret(bytes.fromhex(GOLDEN["member"]))),
    ]
    assert all(secrets_as_hex(secrets) == GOLDEN["secrets"] for secrets in opened)
    assert kf.to_bytes().hex() == GOLDEN["file"]
    assert (kf.locker_id, kf.identity) == (GOLDEN["locker_id"], GOLDEN["identity"])
    with pytest.raises(WrongPassphrase):
        open_with_secret(kf, SlotKind.PASSKEY, Secret(b"\1" * 32))


def test_a_key_file_without_slots_is_made_byte_for_byte() -> None:
    kf, secrets = new_key_file(CountedEntropy(GOLDEN["entropy_seed"].encode()))
    assert kf.to_bytes().hex() == GOLDEN["empty_file"]
    assert secrets_as_hex(secrets) == GOLDEN["empty_secrets"]


def test_the_second_reader_opens_what_the_product_wrote() -> None:
    golden = bytes.fromhex(GOLDEN["file"])
    theirs = second_key_file_reader.read(golden, "passphrase", passphrase=GOLDEN["passphrase"])
    ours = GOLDEN["secrets"]
    assert theirs["locker"].hex() == ours["locker_key"]
    assert theirs["id"].hex() == ours["id_key"]
    assert theirs["catalog"].hex() == ours["catalog_key"]
    assert theirs["inbox"].hex() == ours["inbox_seed"]
    assert theirs["identity"].hex() == ours["identity_seed"]
    assert theirs["head"].hex() == ours["head_seed"]
    assert [key.hex() for key in theirs["epochs"]] == ours["epochs"]
    assert theirs["current"] == ours["current_epoch"] == 2
    for name in ("friends", "member"):
        assert second_key_file_reader.read(golden, name, secret=bytes.fromhex(GOLDEN[name])) == theirs
    fresh = second_key_file_reader.read(FULL.to_bytes(), "friends", secret=FRIENDS.reveal())
    assert fresh["locker"] == SECRETS.locker_key.reveal()


# --- ways in


@pytest.mark.parametrize("kind", list(WAYS))
def test_every_way_in_gives_the_same_secrets(kind: SlotKind) -> None:
    assert WAYS[kind](KeyFile.parse(FULL.to_bytes())) == SECRETS


def test_a_new_locker_has_distinct_secrets_and_no_way_in() -> None:
    kf, secrets = new_key_file(ENTROPY)
    named = secrets_as_hex(secrets)
    assert len({*[v for v in named.values() if isinstance(v, str)], *named["epochs"]}) == 7
    assert kf.slots == ()
    assert kf.plain.inbox == public_key(secrets.inbox_seed)
    for way, error in ((SlotKind.PASSPHRASE, WrongPassphrase), (SlotKind.KIT, OtherKit)):
        with pytest.raises(error):
            WAYS[way](kf)


def test_wrong_answers() -> None:
    words = WORDS.split()
    for wrong in (b"Seven parrots hum at dawn", b"", b"seven parrots hum at dawn ", b"x" * 1024):
        with pytest.raises(WrongPassphrase):
            open_with_passphrase(FULL, Secret(wrong), floor=TEST_FLOOR)
    with pytest.raises(OtherKit):
        open_with_words(FULL, new_words(ENTROPY))
    with pytest.raises(WrongWordCount):
        open_with_words(FULL, " ".join(words[:23]))
    with pytest.raises(UnknownWord):
        open_with_words(FULL, " ".join(["lockerbox", *words[1:]]))
    with pytest.raises((WordsDoNotMatch, OtherKit)):
        open_with_words(FULL, " ".join([words[1], words[0], *words[2:]]))
    with pytest.raises(WrongPassphrase):
        open_with_secret(FULL, SlotKind.FRIENDS, Secret(b"g" * 32))
    with pytest.raises(TooLarge):
        open_with_passphrase(FULL, Secret(b"x" * 1025), floor=TEST_FLOOR)
    for kind, secret in ((SlotKind.KIT, FRIENDS), (SlotKind.PASSPHRASE, FRIENDS), (SlotKind.PASSKEY, Secret(b"short"))):
        with pytest.raises(Misused, match="32 bytes"):
            open_with_secret(FULL, kind, secret)


def test_two_passphrases_and_two_kits_may_stand_side_by_side() -> None:
    other, words = Secret(b"another way to say it"), new_words(ENTROPY)
    kf = add_passphrase_slot(FULL, SECRETS, other, CHEAP, ENTROPY, floor=TEST_FLOOR)
    kf = add_kit_slot(kf, SECRETS, words, ENTROPY)
    assert open_with_passphrase(kf, other, floor=TEST_FLOOR) == SECRETS == WAYS[SlotKind.PASSPHRASE](kf)
    assert open_with_words(kf, words) == SECRETS == WAYS[SlotKind.KIT](kf)


def test_equal_passphrases_of_two_lockers_do_not_show() -> None:
    one, two = (_full()[0] for _ in range(2))
    publics = [slot.public for kf in (one, two) for slot in kf.slots if slot and slot.kind is SlotKind.PASSPHRASE]
    assert len(set(publics)) == 2


def test_the_number_of_slots_is_bounded() -> None:
    kf, secrets = new_key_file(ENTROPY)
    full = replace(kf.plain, slots=KEY_FILE_SLOTS + 1)
    with pytest.raises(Damaged):
        Plain.from_page(full.to_page())
    for _ in range(KEY_FILE_SLOTS):
        kf = add_secret_slot(kf, secrets, SlotKind.FRIENDS, FRIENDS, ENTROPY)
    with pytest.raises(Misused, match="64"):
        add_secret_slot(kf, secrets, SlotKind.FRIENDS, FRIENDS, ENTROPY)
    assert WAYS[SlotKind.FRIENDS](KeyFile.parse(kf.to_bytes())) == secrets


# --- revocation and epochs


def test_dropping_a_slot_locks_it_out_and_keeps_the_others() -> None:
    kf, fresh = drop_slots(FULL, SECRETS, SlotKind.PASSPHRASE, ENTROPY)
    kf = KeyFile.parse(kf.to_bytes())
    assert fresh.locker_key != SECRETS.locker_key
    assert fresh.id_key == SECRETS.id_key
    assert fresh.epochs[:1] == SECRETS.epochs
    assert (len(fresh.epochs), fresh.current_epoch) == (2, 2)
    assert WAYS[SlotKind.KIT](kf) == WAYS[SlotKind.FRIENDS](kf) == fresh
    with pytest.raises(WrongPassphrase):
        WAYS[SlotKind.PASSPHRASE](kf)
    kf = add_passphrase_slot(kf, fresh, Secret(b"a new one"), CHEAP, ENTROPY, floor=TEST_FLOOR)
    assert open_with_passphrase(kf, Secret(b"a new one"), floor=TEST_FLOOR) == fresh
    assert kf.plain.revision == FULL.plain.revision + 2


def test_old_secrets_cannot_write_a_newer_file() -> None:
    kf, _ = drop_slots(FULL, SECRETS, SlotKind.FRIENDS, ENTROPY)
    for attempt in (
        lambda: add_kit_slot(kf, SECRETS, WORDS, ENTROPY),
        lambda: drop_slots(kf, SECRETS, SlotKind.KIT, ENTROPY),
        lambda: slot_states(kf, SECRETS),
    ):
        with pytest.raises(Conflict, match="replaced"):
            attempt()


def test_epochs_begin_and_end() -> None:
    kf, two = new_epoch(FULL, SECRETS, ENTROPY)
    assert (len(two.epochs), two.current_epoch) == (2, 2)
    kf, after = destroy_epoch(kf, two, 1, ENTROPY)
    opened = WAYS[SlotKind.KIT](KeyFile.parse(kf.to_bytes()))
    assert opened == after
    assert [len(key) for key in opened.epochs] == [0, 32]
    assert SECRETS.epochs[0].reveal() not in kf.to_bytes()
    for number in (0, 2, 3, -1):
        with pytest.raises(Misused, match="older epoch"):
            destroy_epoch(kf, after, number, ENTROPY)


def test_what_goes_to_peers_cannot_be_guessed() -> None:
    shipped = for_peers(FULL, SECRETS, ENTROPY)
    assert [slot and slot.kind for slot in shipped.slots] == [SlotKind.KIT, SlotKind.FRIENDS]
    assert WAYS[SlotKind.KIT](shipped) == SECRETS
    assert len(shipped.to_bytes()) < 60 * 1024


def test_no_secret_stands_in_the_file() -> None:
    data = FULL.to_bytes()
    for secret in [*secrets_as_hex(SECRETS).values(), PASSPHRASE.reveal().hex(), WORDS.encode().hex()]:
        for value in [secret] if isinstance(secret, str) else secret if isinstance(secret, list) else []:
            assert bytes.fromhex(value) not in data


# --- a bad disk


def _expect_noticed(kf: KeyFile, number: int) -> None:
    """Page ``number`` is bad: its own way fails as damage, the others open, and the sealed list names it."""
    kinds = list(WAYS)
    for at, kind in enumerate(kinds):
        if at == number:
            with pytest.raises(Damaged):
                WAYS[kind](kf)
        else:
            assert WAYS[kind](kf) == SECRETS
    assert slot_states(kf, SECRETS) == tuple(SlotState(kind, at != number) for at, kind in enumerate(kinds))


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("harm", ["zeros", "ones", "flip head", "flip sealed key", "flip padding", "other slot"])
def test_a_damaged_slot_stops_no_other(number: int, harm: str) -> None:
    data = bytearray(FULL.pages[number])
    if harm == "zeros":
        data = bytearray(PAGE_BYTES)
    elif harm == "ones":
        data = bytearray(b"\xff" * PAGE_BYTES)
    elif harm == "other slot":
        data = bytearray(FULL.pages[(number + 1) % 3])
    else:
        data[{"flip head": 0, "flip sealed key": 2400, "flip padding": 4000}[harm]] ^= 4
    if harm != "other slot":
        _expect_noticed(_with_page(FULL, number, bytes(data)), number)
        return
    kf = _with_page(FULL, number, bytes(data))
    assert [state.sound for state in slot_states(kf, SECRETS)] == [at != number for at in range(3)]


@pytest.mark.parametrize("cut", [0, 1, 100, PAGE_BYTES - 1, PAGE_BYTES, 3 * PAGE_BYTES, -1])
def test_a_truncated_file_is_damaged(cut: int) -> None:
    with pytest.raises(Damaged, match="key file"):
        KeyFile.parse(FULL.to_bytes()[:cut])


def test_a_longer_or_foreign_file_is_damaged() -> None:
    for data in (FULL.to_bytes() + b"\0", b"%PDF-1.7" + bytes(20000), bytes(50_000)):
        with pytest.raises(Damaged):
            KeyFile.parse(data)


def test_the_sealed_part_is_all_or_nothing() -> None:
    for at in (0, 100, len(FULL.sealed) - 1):
        sealed = bytearray(FULL.sealed)
        sealed[at] ^= 1
        kf = replace(FULL, sealed=bytes(sealed))
        for way in WAYS.values():
            with pytest.raises(BadSeal, match="key file"):
                way(kf)


# --- a newer box


def _plain_page(fields: dict[str, Any], number: int = 1) -> bytes:
    return page(b"LBKEY\r\n\x1a" + number.to_bytes(2, "big"), encode(fields))


def test_a_newer_format_says_so_and_a_flipped_format_does_not() -> None:
    with pytest.raises(NewerFormat) as caught:
        KeyFile.parse(_plain_page({"anything": 1}, 2) + bytes(9999))
    assert caught.value.fields["found"] == 2
    flipped = bytearray(FULL.to_bytes())
    flipped[8] ^= 1
    with pytest.raises(Damaged, match="is damaged"):
        KeyFile.parse(bytes(flipped))
    with pytest.raises(Damaged):
        KeyFile.parse(_plain_page(vars(FULL.plain), 0))


# --- a bad neighbour, who can write the disk and compute checksums


@pytest.mark.parametrize(
    "changes",
    [
        {"slots": "3"},
        {"slots": True},
        {"slots": -1},
        {"revision": 0},
        {"salt": b"short"},
        {"salt": "x" * 32},
        {"extra": 1},
        {"sealed_size": 1 << 40},
    ],
)
def test_a_plain_part_that_makes_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(Damaged):
        Plain.from_page(_plain_page(vars(FULL.plain) | changes))


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"\x18\x01", b"\xa1", b"\xbf\xff", b"\x5f\x41a\xff", b"\x9b" + b"\xff" * 8, b"\x81" * 4000]
)
def test_other_cbor_than_the_deterministic_is_refused(body: bytes) -> None:
    with pytest.raises(Damaged):
        Slot.from_page(page(b"", body))
    with pytest.raises(Damaged):
        Plain.from_page(page(b"LBKEY\r\n\x1a\0\1", body))


@pytest.mark.parametrize("field", ["revision", "identity", "head", "inbox", "locker", "commitment", "salt"])
def test_a_rewritten_plain_part_does_not_open(field: str) -> None:
    value = getattr(FULL.plain, field)
    other: Any = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    changed: dict[str, Any] = {field: other}
    kf = KeyFile.parse(replace(FULL, plain=replace(FULL.plain, **changed)).to_bytes())
    for way in WAYS.values():
        with pytest.raises(BadSeal):
            way(kf)


def _slot_map(number: int) -> dict[str, Any]:
    data = FULL.pages[number]
    value: dict[str, Any] = cbor2.loads(data[2 : 2 + int.from_bytes(data[:2], "big")])
    return value


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (0, {"kind": "door"}),
        (0, {"kind": 7}),
        (0, {"kdf": {"name": "seed"}}),
        (0, {"kdf": {"name": "argon2id"}}),
        (0, {"kdf": {"name": "scrypt", "salt": bytes(32), "memory_kib": 65536, "iterations": 3, "lanes": 4}}),
        (1, {"kdf": {"name": "none"}}),
        (1, {"kdf": []}),
        (1, {"public": bytes(1215)}),
        (1, {"sealed": bytes(1169)}),
        (1, {"label": "mine"}),
    ],
)
def test_a_slot_that_makes_no_sense_is_damaged(number: int, changes: dict[str, Any]) -> None:
    kf = _with_page(FULL, number, page(b"", encode(_slot_map(number) | changes)))
    assert kf.slots[number] is None
    _expect_noticed(kf, number)


@pytest.mark.parametrize("cost", [{"memory_kib": 8}, {"iterations": 1}, {"memory_kib": 1 << 31}, {"iterations": 255}])
def test_cheaper_or_ruinous_guessing_is_refused_before_any_is_done(cost: dict[str, int]) -> None:
    fields = _slot_map(0)
    fields["kdf"] |= {"memory_kib": 65536, "iterations": 3, "lanes": 4} | cost
    kf = _with_page(FULL, 0, page(b"", encode(fields)))
    with pytest.raises(Damaged, match="guessing"):
        open_with_passphrase(kf, PASSPHRASE)
    assert WAYS[SlotKind.KIT](kf) == SECRETS


def test_production_never_takes_the_test_costs() -> None:
    with pytest.raises(Damaged, match="guessing"):
        open_with_passphrase(FULL, PASSPHRASE)
    with pytest.raises(Damaged, match="guessing"):
        add_passphrase_slot(FULL, SECRETS, PASSPHRASE, CHEAP, ENTROPY)


def test_a_planted_way_in_never_gets_the_new_locker_key() -> None:
    """Somebody replaces the friends page by a sound one to a key of his own and waits for the next revocation."""
    thief = Secret(b"t" * 32)
    kf, other = new_key_file(CountedEntropy(b"thief"))
    planted = add_secret_slot(kf, other, SlotKind.FRIENDS, thief, ENTROPY).pages[0]
    bad = _with_page(FULL, 2, planted)
    assert slot_states(bad, SECRETS)[2] == SlotState(SlotKind.FRIENDS, sound=False)
    after, fresh = drop_slots(bad, SECRETS, SlotKind.PASSPHRASE, ENTROPY)
    assert WAYS[SlotKind.KIT](after) == fresh
    with pytest.raises(BoxError):
        open_with_secret(after, SlotKind.FRIENDS, thief)
    assert after.pages[1] == planted
    assert slot_states(after, fresh) == (SlotState(SlotKind.KIT, True), SlotState(SlotKind.FRIENDS, False))
    gone, last = drop_slots(after, fresh, SlotKind.FRIENDS, ENTROPY)
    assert slot_states(gone, last) == (SlotState(SlotKind.KIT, True),)


def test_a_page_of_an_older_file_is_noticed() -> None:
    later, fresh = drop_slots(FULL, SECRETS, SlotKind.FRIENDS, ENTROPY)
    replayed = _with_page(later, 1, FULL.pages[1])
    assert [state.sound for state in slot_states(replayed, fresh)] == [True, False]
    with pytest.raises(BadSeal):
        WAYS[SlotKind.KIT](replayed)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": []},
        {"epochs": [b"short"]},
        {"epochs": [b""]},
        {"epochs": "none"},
        {"current": 2},
        {"current": 0},
        {"pages": []},
        {"pages": [["door", bytes(32)]] * 3},
        {"pages": [["kit", b""]] * 3},
        {"pages": [[]] * 3},
        {"identity": bytes(32)},
        {"head": bytes(32)},
        {"inbox": bytes(32)},
    ],
)
def test_a_sealed_part_that_makes_no_sense(changes: dict[str, Any]) -> None:
    """Only who has the locker key can write this: a faulty writer, so it must not be half believed."""
    from firmware.seal import Sealer, Suite
    from firmware.seal.kdf import committed_keys

    key, _ = committed_keys(SECRETS.locker_key, FULL.plain.salt, Suite.CHACHA20_POLY1305, "key-file")
    sealer = Sealer(Suite.CHACHA20_POLY1305, key)
    fields: dict[str, Any] = cbor2.loads(sealer.open(0, FULL.sealed, FULL.plain.to_page(), "x"))
    body = encode(fields | changes)
    plain = replace(FULL.plain, sealed_size=len(body) + 16)
    kf = KeyFile(plain, FULL.pages, sealer.seal(0, body, plain.to_page()))
    with pytest.raises(Damaged, match="key file is damaged"):
        WAYS[SlotKind.KIT](kf)


def test_a_page_never_overflows() -> None:
    with pytest.raises(ValueError, match="overflows"):
        page(b"", bytes(4063))
    assert hashlib.sha256(page(b"", bytes(4062))[:4064]).digest() == page(b"", bytes(4062))[4064:]
