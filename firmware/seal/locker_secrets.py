"""Every key of one open locker, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from firmware.seal.secret import Secret


@dataclass(frozen=True)
class LockerSecrets:
    """What a way in opens. Epoch number = place in ``epochs`` + 1; a destroyed epoch is an empty Secret.

    ``locker_key`` seals the key file, ``id_key`` keys the ids of chunks and records, ``catalog_key`` the catalog,
    ``inbox_seed`` is the KEM seed that opens what came while locked, the other two are Ed25519 seeds.
    """

    locker_key: Secret
    id_key: Secret
    catalog_key: Secret
    inbox_seed: Secret
    identity_seed: Secret
    head_seed: Secret
    epochs: tuple[Secret, ...]
    current_epoch: int
