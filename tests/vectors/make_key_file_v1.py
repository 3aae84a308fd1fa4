"""Made key_file_v1.json once; kept to show how. Prints the JSON; sealing is randomised, so two runs differ."""

from __future__ import annotations

import json
from typing import Any

from firmware.seal import (
    Argon2Params,
    LockerSecrets,
    Secret,
    SlotKind,
    add_kit_slot,
    add_passphrase_slot,
    add_secret_slot,
    drop_slots,
    new_key_file,
    new_words,
)
from tests.vectors.counted_entropy import CountedEntropy


def secrets_as_hex(secrets: LockerSecrets) -> dict[str, Any]:
    """Return every key in hex, for comparing with a golden file."""
    singles = ("locker_key", "id_key", "catalog_key", "inbox_seed", "identity_seed", "head_seed")
    named: dict[str, Any] = {name: getattr(secrets, name).reveal().hex() for name in singles}
    return named | {"epochs": [key.reveal().hex() for key in secrets.epochs], "current_epoch": secrets.current_epoch}


def make() -> dict[str, Any]:
    """Return the golden file's contents: an empty key file, and one with four ways in after one revocation."""
    entropy = CountedEntropy(b"key file v1")
    empty, secrets = new_key_file(entropy)
    lost, friends, member = b"\1" * 32, b"\2" * 32, b"\3" * 32
    words = new_words(entropy)
    kf = add_kit_slot(empty, secrets, words, entropy)
    kf = add_secret_slot(kf, secrets, SlotKind.PASSKEY, Secret(lost), entropy)
    kf = add_secret_slot(kf, secrets, SlotKind.FRIENDS, Secret(friends), entropy)
    kf = add_secret_slot(kf, secrets, SlotKind.MEMBER, Secret(member), entropy)
    kf, after = drop_slots(kf, secrets, SlotKind.PASSKEY, entropy)
    passphrase = "Grüße aus der Küche, 7 Äpfel"
    kf = add_passphrase_slot(kf, after, Secret(passphrase.encode()), Argon2Params(65536, 3, 4), entropy)
    return {
        "format": "docs/formats/key-file.md, format 1",
        "entropy_seed": "key file v1",
        "empty_file": empty.to_bytes().hex(),
        "empty_secrets": secrets_as_hex(secrets),
        "file": kf.to_bytes().hex(),
        "secrets": secrets_as_hex(after),
        "locker_id": kf.locker_id,
        "identity": kf.identity,
        "passphrase": passphrase,
        "passphrase_decomposed_with_nbsp": "Gru\u0308ße\u00a0aus der Ku\u0308che, 7 A\u0308pfel",
        "words": words,
        "friends": friends.hex(),
        "member": member.hex(),
    }


if __name__ == "__main__":
    print(json.dumps(make(), indent=1))
