"""The paper that says which box acts for a locker among friends: signed once, with a key that lies in the kit.

The key comes from the 24 words (label ``kit/custody``), which this box sees only when a kit is made or typed. Until the
service for friends' boxes has said what this box's key is, the custody key waits in a sealed file; then it signs and is
forgotten. What stays is the record with the public half. A further kit leaves a signed record as it is: friends keep a
locker's shards under its id and this public half.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from firmware.errors import BadSeal, Damaged, Missing, PeerGarbled
from firmware.limits import PEER_SIGNED_BYTES
from firmware.locker import Home
from firmware.peer import Custody, HeldCustody, read_custody
from firmware.seal import KitUse, LockerSecrets, Secret, SigningKey, kit_key, open_private, seal_private

_RECORD: Final = "custody"
_WAITS: Final = "custody-key"
_EPOCH: Final = 1
_FILE_MOST: Final = 4 * PEER_SIGNED_BYTES


def put_down(home: Home, secrets: LockerSecrets, words: str) -> None:
    """Keep the custody key of this kit until it has signed, unless a record is signed already."""
    if _held(home) is None:
        seed = kit_key(words, KitUse.CUSTODY).reveal()
        home.disk.replace(_WAITS, seal_private(secrets, _WAITS, seed, home.entropy))


def custody_for(home: Home, secrets: Callable[[], LockerSecrets], locker: bytes, box: bytes) -> bytes | None:
    """Return the signed record for this box, signing it now where its key waits; None where no kit says so."""
    held = _held(home)
    if held is not None:
        return held.data if (held.record.locker, held.record.box) == (locker, box) else None
    try:
        sealed = home.disk.read(_WAITS, 0, _FILE_MOST)
        seed = open_private(secrets(), _WAITS, sealed, "The key that says which box acts for this locker")
    except (Missing, Damaged, BadSeal):
        return None
    signed = Custody(locker, _EPOCH, box, home.clock.now_ms()).signed(SigningKey.from_seed(Secret(seed)))
    home.disk.replace(_RECORD, signed)
    home.disk.remove(_WAITS)
    return signed


def _held(home: Home) -> HeldCustody | None:
    try:
        return read_custody(home.disk.read(_RECORD, 0, _FILE_MOST))
    except (Missing, PeerGarbled, BadSeal):
        return None
