"""Bytes of a member's activity, docs/formats/activity.md: batches sealed to the inbox key, one after the other.

Anybody who can read the key file can add to it, also while the locker is closed; only the open locker reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from firmware.errors import Damaged, NewerFormat
from firmware.limits import ACTIVITY_BATCH
from firmware.seal.key_file_format import KeyFile, decode, encode
from firmware.seal.keyslot import SEAL_OVERHEAD, open_from, seal_to
from firmware.seal.locker_secrets import LockerSecrets

_MAGIC: Final = b"LBACT\r\n\x1a"
_FORMAT: Final = 1
ACTIVITY_HEAD: Final = _MAGIC + _FORMAT.to_bytes(2, "big")
"""What every file of it begins with."""

_U32: Final = Struct(">I")
_LONGEST: Final = 1 << 20
_WHAT: Final = "The activity of this locker"


@dataclass(frozen=True, slots=True)
class ActivityEntry:
    """One thing that happened: when (ms since 1970 UTC), the event's name, and its fields as words."""

    time_ms: int
    event: str
    fields: dict[str, str]


def sealed_batch(kf: KeyFile, entries: Sequence[ActivityEntry]) -> bytes:
    """Return 1 to ACTIVITY_BATCH entries as bytes to append: length, then the batch sealed to the inbox key."""
    if not 0 < len(entries) <= ACTIVITY_BATCH:
        raise ValueError("a batch has 1 to ACTIVITY_BATCH entries")
    body = encode([[one.time_ms, one.event, one.fields] for one in entries])
    sealed = seal_to(kf.plain.inbox, body, _info(kf))
    return _U32.pack(len(sealed)) + sealed


def batch_places(data: bytes) -> list[tuple[int, int]]:
    """Return (start, end) of the sealed bytes of every whole batch, in order; a torn end is left out.

    Raises Damaged for a file that is none of these, NewerFormat for one of tomorrow.
    """
    if data[: len(_MAGIC)] != _MAGIC or len(data) < len(ACTIVITY_HEAD):
        raise Damaged(what=_WHAT)
    found = int.from_bytes(data[len(_MAGIC) : len(ACTIVITY_HEAD)], "big")
    if found > _FORMAT:
        raise NewerFormat(what=_WHAT, found=found, known=_FORMAT)
    places, at = [], len(ACTIVITY_HEAD)
    while len(data) - at >= _U32.size:
        (length,) = _U32.unpack_from(data, at)
        end = at + _U32.size + length
        if not SEAL_OVERHEAD < length <= _LONGEST or end > len(data):
            break
        places.append((at + _U32.size, end))
        at = end
    return places


def opened_batch(kf: KeyFile, secrets: LockerSecrets, sealed: bytes) -> list[ActivityEntry]:
    """Return the entries of one batch, oldest first; raises BadSeal, Damaged."""
    found = decode(open_from(secrets.inbox_seed, sealed, _info(kf), _WHAT), _WHAT)
    if not isinstance(found, list):
        raise Damaged(what=_WHAT)
    return [_entry(one) for one in found]


def _entry(item: object) -> ActivityEntry:
    match item:
        case [int() as time_ms, str() as event, dict() as fields]:
            return ActivityEntry(time_ms, event, {str(key): str(value) for key, value in fields.items()})
        case _:
            raise Damaged(what=_WHAT)


def _info(kf: KeyFile) -> bytes:
    return b"lockerbox/1/activity" + kf.plain.locker
