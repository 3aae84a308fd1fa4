"""The papers that say which box acts for a locker among friends, signed with a key that lies in the kit.

The key comes from the 24 words (label ``kit/custody``), which this box sees only when a kit is made or typed. It lies
here sealed for the open locker, since a new kit is mostly made because the old one is gone: then the key before signs
that custody goes over to the key of the new kit (a handover, docs/formats/peer.md), and is forgotten. Friends keep what
they have; the old kit moves nothing any more.

Every step can be done again: keys are written down before anything is signed, handovers before the record they lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from firmware.errors import BadSeal, Damaged, Missing, PeerGarbled
from firmware.limits import PEER_HANDOVERS, PEER_SIGNED_BYTES
from firmware.locker import Home
from firmware.peer.cbor import dumps, loads
from firmware.peer.signed import Custody, Handover, HeldCustody, HeldHandover, read_custody, read_handover
from firmware.seal import KitUse, LockerSecrets, Secret, SigningKey, kit_key, open_private, seal_private

_RECORD: Final = "custody"
_HANDOVERS: Final = "handovers"
_KEYS: Final = "custody-key"
_SEED: Final = 32
_FILE_MOST: Final = 16 * PEER_SIGNED_BYTES


@dataclass(frozen=True)
class Papers:
    """The record in force, and how custody went from kit to kit, the oldest first."""

    record: bytes
    handovers: tuple[bytes, ...] = ()


def put_down(home: Home, secrets: LockerSecrets, words: str) -> None:
    """Keep the custody key of this kit, beside the one before until that has signed."""
    seed = kit_key(words, KitUse.CUSTODY).reveal()
    seeds = _seeds(home, secrets)
    if seeds[-1:] != [seed]:
        _keep(home, secrets, [*seeds, seed])


def papers_for(home: Home, secrets: Callable[[], LockerSecrets], locker: bytes, box: bytes) -> Papers | None:
    """Return the signed papers for this box, signing what is due; None where no kit says so, or for another box."""
    held, handovers = _held(home), _handovers(home)
    if held is not None and handovers and handovers[-1].before == held.public:
        held = _record(home, handovers[-1].after)  # it was written down, and the plug was pulled
    if held is not None and (held.record.locker, held.record.box) != (locker, box):
        return None
    keys = [SigningKey.from_seed(Secret(seed)) for seed in _seeds(home, secrets())]
    now = home.clock.now_ms()
    if held is None:
        if not keys:
            return None
        held = _record(home, read_custody(Custody(locker, 1, box, now).signed(keys[-1])))
    before = next((each for each in keys if each.public == held.public), None)
    if before is not None and keys[-1].public != held.public:
        record = Custody(locker, held.record.epoch + 1, box, now).signed(keys[-1])
        handovers = [*handovers, read_handover(Handover(record).signed(before))][-PEER_HANDOVERS:]
        home.disk.replace(_HANDOVERS, dumps([each.data for each in handovers]))
        held = _record(home, handovers[-1].after)
    if len(keys) > 1 and keys[-1].public == held.public:
        _keep(home, secrets(), _seeds(home, secrets())[-1:])
    return Papers(held.data, tuple(each.data for each in handovers))


def take_over(
    home: Home, secrets: LockerSecrets, words: str, record: tuple[bytes, bytes, int], handovers: Sequence[bytes]
) -> Papers:
    """This box acts for a locker that comes back: ``record`` is (locker, box, epoch), signed by the kit's key."""
    locker, box, epoch = record
    put_down(home, secrets, words)
    key = SigningKey.from_seed(kit_key(words, KitUse.CUSTODY))
    home.disk.replace(_HANDOVERS, dumps(list(handovers)))
    held = _record(home, read_custody(Custody(locker, epoch, box, home.clock.now_ms()).signed(key)))
    return Papers(held.data, tuple(handovers))


def epoch_up(home: Home, secrets: LockerSecrets) -> Papers | None:
    """Friends know of a record as high as ours: sign the next one; None where there is nothing to sign with."""
    held, seeds = _held(home), _seeds(home, secrets)
    if held is None or not seeds:
        return None
    key = SigningKey.from_seed(Secret(seeds[-1]))
    if key.public != held.public:
        return None
    record = Custody(held.record.locker, held.record.epoch + 1, held.record.box, home.clock.now_ms()).signed(key)
    return Papers(_record(home, read_custody(record)).data, tuple(each.data for each in _handovers(home)))


def kept_papers(home: Home) -> Papers | None:
    """Return the papers as they lie here; None without any."""
    held = _held(home)
    return Papers(held.data, tuple(each.data for each in _handovers(home))) if held is not None else None


def _record(home: Home, held: HeldCustody) -> HeldCustody:
    home.disk.replace(_RECORD, held.data)
    return held


def _held(home: Home) -> HeldCustody | None:
    try:
        return read_custody(home.disk.read(_RECORD, 0, _FILE_MOST))
    except (Missing, PeerGarbled, BadSeal):
        return None


def _handovers(home: Home) -> list[HeldHandover]:
    try:
        found = loads(home.disk.read(_HANDOVERS, 0, _FILE_MOST))
        return [read_handover(each) for each in found if isinstance(each, bytes)] if isinstance(found, list) else []
    except (Missing, PeerGarbled, BadSeal):
        return []


def _seeds(home: Home, secrets: LockerSecrets) -> list[bytes]:
    try:
        sealed = home.disk.read(_KEYS, 0, _FILE_MOST)
        data = open_private(secrets, _KEYS, sealed, "The key that says which box acts for this locker")
    except (Missing, Damaged, BadSeal):
        return []
    return [data[at : at + _SEED] for at in range(0, len(data), _SEED)]


def _keep(home: Home, secrets: LockerSecrets, seeds: Sequence[bytes]) -> None:
    home.disk.replace(_KEYS, seal_private(secrets, _KEYS, b"".join(seeds[-PEER_HANDOVERS:]), home.entropy))
