"""What is sealed beside the key file: the private list of doors, the activity, ways in that are handed over."""

from __future__ import annotations

import pytest

from firmware.errors import BadSeal, Damaged, Misused, NewerFormat, WrongPassphrase
from firmware.limits import ACTIVITY_BATCH
from firmware.seal import (
    ACTIVITY_HEAD,
    ActivityEntry,
    Secret,
    SlotKind,
    add_kit_slot,
    add_public_slot,
    add_secret_slot,
    batch_places,
    drop_slots,
    new_key_file,
    new_words,
    open_private,
    open_with_secret,
    opened_batch,
    seal_private,
    sealed_batch,
    secret_public,
    ward_secret,
)
from tests.vectors.counted_entropy import CountedEntropy

ENTROPY = CountedEntropy(b"doors")
FILE, SECRETS = new_key_file(ENTROPY)
_, OTHERS = new_key_file(ENTROPY)
WHAT = "The list"


def test_a_private_file_is_as_the_format_says() -> None:
    sealed = seal_private(SECRETS, "doors", b"who may come in", CountedEntropy(b"salt"))
    assert sealed.hex() == GOLDEN_PRIVATE
    assert open_private(SECRETS, "doors", sealed, WHAT) == b"who may come in"
    assert seal_private(SECRETS, "doors", b"who may come in", ENTROPY) != sealed


def test_nobody_else_reads_or_changes_a_private_file() -> None:
    sealed = seal_private(SECRETS, "doors", b"who may come in", ENTROPY)
    for secrets, use in ((OTHERS, "doors"), (SECRETS, "windows")):
        with pytest.raises(BadSeal):
            open_private(secrets, use, sealed, WHAT)
    for at in range(len(sealed)):
        with pytest.raises((Damaged, NewerFormat)):
            open_private(SECRETS, "doors", sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], WHAT)
        with pytest.raises(Damaged):
            open_private(SECRETS, "doors", sealed[:at], WHAT)
    with pytest.raises(NewerFormat):
        open_private(SECRETS, "doors", sealed[:8] + b"\0\2" + sealed[10:], WHAT)


def entries(count: int) -> list[ActivityEntry]:
    return [ActivityEntry(1_700_000_000_000 + n, "session_ended", {"device": f"phone {n} 📱"}) for n in range(count)]


def test_activity_comes_back_as_it_was_and_only_for_its_member() -> None:
    first, second = entries(1), entries(ACTIVITY_BATCH)
    data = ACTIVITY_HEAD + sealed_batch(FILE, first) + sealed_batch(FILE, second)
    (a, b), (c, d) = batch_places(data)
    assert opened_batch(FILE, SECRETS, data[a:b]) == first
    assert opened_batch(FILE, SECRETS, data[c:d]) == second
    assert d == len(data) and b"phone" not in data
    with pytest.raises(BadSeal):
        opened_batch(FILE, OTHERS, data[a:b])
    other_file, _ = new_key_file(ENTROPY)
    with pytest.raises(BadSeal):
        opened_batch(other_file, SECRETS, data[a:b])  # sealed for this locker's id
    for at in (a, (a + b) // 2, b - 1):
        with pytest.raises(BadSeal):
            opened_batch(FILE, SECRETS, data[a:at] + bytes([data[at] ^ 1]) + data[at + 1 : b])
    for too_many in ([], entries(ACTIVITY_BATCH + 1)):
        with pytest.raises(ValueError, match="batch"):
            sealed_batch(FILE, too_many)


def test_every_cut_of_an_activity_file_costs_the_torn_batch_alone() -> None:
    pieces = [sealed_batch(FILE, entries(1)) for _ in range(2)]
    data = ACTIVITY_HEAD + b"".join(pieces)
    middle = len(ACTIVITY_HEAD) + len(pieces[0])
    for cut in range(len(ACTIVITY_HEAD), len(data)):
        assert len(batch_places(data[:cut])) == (1 if cut >= middle else 0)
    for cut in range(len(ACTIVITY_HEAD)):
        with pytest.raises(Damaged):
            batch_places(data[:cut])
    with pytest.raises(NewerFormat):
        batch_places(data[:8] + b"\0\2" + data[10:])


def test_a_guardians_locker_makes_a_way_in_without_telling_its_key() -> None:
    guardian, ward = OTHERS, "00112233aabbccdd"
    secret = ward_secret(guardian, ward)
    assert len(secret) == 32 and secret != ward_secret(guardian, "0" * 16) and secret != ward_secret(SECRETS, ward)
    kf = add_kit_slot(FILE, SECRETS, new_words(ENTROPY), ENTROPY)
    kf = add_public_slot(kf, SECRETS, SlotKind.MEMBER, secret_public(SlotKind.MEMBER, secret), ENTROPY)
    assert open_with_secret(kf, SlotKind.MEMBER, secret).id_key == SECRETS.id_key
    with pytest.raises(WrongPassphrase):
        open_with_secret(kf, SlotKind.MEMBER, ward_secret(guardian, "0" * 16))
    with pytest.raises(Misused):
        add_public_slot(kf, SECRETS, SlotKind.PASSPHRASE, secret_public(SlotKind.MEMBER, secret), ENTROPY)
    gone, fresh = drop_slots(kf, SECRETS, SlotKind.MEMBER, ENTROPY)
    with pytest.raises(WrongPassphrase):
        open_with_secret(gone, SlotKind.MEMBER, secret)
    assert fresh.locker_key != SECRETS.locker_key and fresh.current_epoch == SECRETS.current_epoch + 1


def test_one_of_two_passkeys_goes_and_the_other_stays() -> None:
    first, second = Secret(b"\1" * 32), Secret(b"\2" * 32)
    kf = add_secret_slot(FILE, SECRETS, SlotKind.PASSKEY, first, ENTROPY)
    kf = add_secret_slot(kf, SECRETS, SlotKind.PASSKEY, second, ENTROPY)
    public = secret_public(SlotKind.PASSKEY, first)
    kf, fresh = drop_slots(kf, SECRETS, SlotKind.PASSKEY, ENTROPY, public=public)
    assert open_with_secret(kf, SlotKind.PASSKEY, second).locker_key == fresh.locker_key
    with pytest.raises(WrongPassphrase):
        open_with_secret(kf, SlotKind.PASSKEY, first)


GOLDEN_PRIVATE = (
    "4c425052560d0a1a0001ee7080027a6b7ccdcd6e65b6b480d2c9fd4a409f7b522fef652ab92d406dca0f2dc0084a6f63"
    "8a965b2c660011600f87be42c851cd8980121a2638f33bec04a73b812a503e2995a4629f2eb94fdb8d96a8027c448fd0"
    "d1f87f78a11cdf761c"
)
"""Checked with another implementation of HKDF (hmac alone) when it was made."""
