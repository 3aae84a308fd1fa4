"""Seals and opens: AEAD suites, key derivation, signatures, ways in, the key file. Knows no files, no time, no network.

The only package that imports ``cryptography``; everything above it sees ``Secret``, ``Sealer`` and plain bytes.
The box's TLS certificates are in ``firmware.seal.certificates``, imported by name: lockers need no X.509 in memory.
"""

from firmware.seal.activity_log import ACTIVITY_HEAD, ActivityEntry, batch_places, opened_batch, sealed_batch
from firmware.seal.aead import OVERHEAD, Sealer, Suite, catalog_cipher, fastest_suite
from firmware.seal.kdf import Argon2Params, calibrate, derive, pack_keys, same_bytes
from firmware.seal.key_file import (
    SlotState,
    add_kit_slot,
    add_passphrase_slot,
    add_public_slot,
    add_secret_slot,
    destroy_epoch,
    drop_slots,
    for_peers,
    new_epoch,
    new_key_file,
    open_with_passphrase,
    open_with_secret,
    open_with_words,
    secret_public,
    slot_states,
    ward_secret,
)
from firmware.seal.key_file_format import KeyFile, Slot, SlotKind
from firmware.seal.keyslot import open_from, public_key, seal_to
from firmware.seal.locker_secrets import LockerSecrets
from firmware.seal.passphrase import check_passphrase, guess_bits, offered_passphrase
from firmware.seal.private_file import open_private, seal_private
from firmware.seal.secret import Secret
from firmware.seal.self_test import self_test
from firmware.seal.sign import SigningKey, did_key, verify_signature
from firmware.seal.words import KitUse, kit_key, new_words, words_to_entropy

__all__ = [
    "ACTIVITY_HEAD",
    "OVERHEAD",
    "ActivityEntry",
    "Argon2Params",
    "KeyFile",
    "KitUse",
    "LockerSecrets",
    "Sealer",
    "Secret",
    "SigningKey",
    "Slot",
    "SlotKind",
    "SlotState",
    "Suite",
    "add_kit_slot",
    "add_passphrase_slot",
    "add_public_slot",
    "add_secret_slot",
    "batch_places",
    "calibrate",
    "catalog_cipher",
    "check_passphrase",
    "derive",
    "destroy_epoch",
    "did_key",
    "drop_slots",
    "fastest_suite",
    "for_peers",
    "guess_bits",
    "kit_key",
    "new_epoch",
    "new_key_file",
    "new_words",
    "offered_passphrase",
    "open_from",
    "open_private",
    "open_with_passphrase",
    "open_with_secret",
    "open_with_words",
    "opened_batch",
    "pack_keys",
    "public_key",
    "same_bytes",
    "seal_private",
    "seal_to",
    "sealed_batch",
    "secret_public",
    "self_test",
    "slot_states",
    "verify_signature",
    "ward_secret",
    "words_to_entropy",
]
