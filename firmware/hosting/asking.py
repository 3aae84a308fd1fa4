"""When a part of a friend's key is given: who may ask, who may say no, how long everybody has for it. Times are ms.

Two clocks must agree before a part is given, as with deletes: the latest time seen has reached the end of the wait, and
the box ran for as long (``Patience``). A clock that was moved ahead gives nothing early.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from firmware.errors import PartEarly, PartRefused, PeerBusy
from firmware.hosting.leases import DAY
from firmware.limits import HEIR_DAYS, PART_ASKS, PART_WAIT_SECONDS
from firmware.peer.asked import HASH, SIGNED
from firmware.peer.cbor import Value, dumps, loads
from firmware.peer.fields import Flag, Many, Row, Text, Uint, key
from firmware.peer.parts import PUBLIC, AskState

_WAIT: Final = PART_WAIT_SECONDS * 1000
_OVER_MS: Final = 30 * DAY
"""An ask that ended is forgotten so much later."""


@dataclass(frozen=True)
class AskedPart:
    """One box that asks for the part kept here, as it stands in the file.

    ``ends_ms`` and ``ends_lived``: when the wait is over by both clocks; 0 before the digits were compared.
    ``no``: who said no, empty for nobody. ``heard_ms``: the last sign of life of the box it is about, when it began.
    """

    id: bytes = key(HASH)
    card: bytes = key(SIGNED)
    public: bytes = key(PUBLIC)
    first_ms: int = key(Uint())
    ends_ms: int = key(Uint())
    ends_lived: int = key(Uint())
    heard_ms: int = key(Uint())
    heir: bool = key(Flag())
    no: str = key(Text(16))


@dataclass(frozen=True)
class _File:
    asks: tuple[AskedPart, ...] = key(Many(Row(AskedPart), PART_ASKS))


def write_asks(asks: tuple[AskedPart, ...]) -> bytes:
    """Return the bytes of the file."""
    return dumps(Row(_File).write(_File(asks)))


def read_asks(data: bytes) -> tuple[AskedPart, ...]:
    """Return what ``write_asks`` wrote; raises PeerGarbled."""
    found: Value = loads(data)
    file = Row(_File).read(found, "asks")
    assert isinstance(file, _File)
    return file.asks


def state_of(ask: AskedPart, heard_ms: int, now_ms: int, lived_ms: int) -> tuple[AskState, int]:
    """Return how far an ask is, and until when somebody may say no; ``heard_ms``: last sign of life of the old box.

    An heir's ask ends when the box is heard again: the silence it rests on is over.
    """
    if ask.no or (ask.heir and heard_ms > ask.heard_ms):
        return AskState.NO, 0
    if not ask.ends_ms:
        return AskState.CONFIRM, 0
    if now_ms >= ask.ends_ms and lived_ms >= ask.ends_lived:
        return AskState.OPEN, ask.ends_ms
    return AskState.WAITING, max(ask.ends_ms, now_ms + ask.ends_lived - lived_ms)


def begun(ask: AskedPart, now_ms: int, lived_ms: int) -> AskedPart:
    """From now on everybody has 72 hours to say no."""
    return replace(ask, ends_ms=now_ms + _WAIT, ends_lived=lived_ms + _WAIT)


def asked_by_friend(id: bytes, card: bytes, public: bytes, heard_ms: int, now_ms: int) -> AskedPart:
    """Somebody came with a ticket; the friend compares digits next."""
    return AskedPart(id, card, public, now_ms, 0, 0, heard_ms, heir=False, no="")


def asked_by_heir(
    id: bytes, card: bytes, public: bytes, heard_ms: int, now_ms: int, lived_ms: int
) -> AskedPart:  # fmt: skip
    """The heir asks, which the owner allowed beforehand; raises PartEarly while the box was heard too lately."""
    silent = (now_ms - heard_ms) // DAY
    if silent < HEIR_DAYS:
        raise PartEarly(days=silent, wanted=HEIR_DAYS)
    return begun(AskedPart(id, card, public, now_ms, 0, 0, heard_ms, heir=True, no=""), now_ms, lived_ms)


def admitted(asks: tuple[AskedPart, ...], new: AskedPart) -> tuple[AskedPart, ...]:
    """Return the asks with ``new``; those that ended long ago give way. Raises PeerBusy."""
    kept = tuple(each for each in asks if not each.no or new.first_ms - each.first_ms < _OVER_MS)
    if len(kept) >= PART_ASKS:
        kept = tuple(each for each in kept if not each.no)
    if len(kept) >= PART_ASKS:
        raise PeerBusy
    return (*kept, new)


def found(asks: tuple[AskedPart, ...], id: bytes) -> AskedPart:
    """Return the ask of this id; raises PartRefused."""
    for each in asks:
        if each.id == id:
            return each
    raise PartRefused


def changed(asks: tuple[AskedPart, ...], one: AskedPart) -> tuple[AskedPart, ...]:
    """Return the asks with ``one`` in the place of the one of its id."""
    return tuple(one if each.id == one.id else each for each in asks)


def refused(asks: tuple[AskedPart, ...], id: bytes, by: str) -> tuple[AskedPart, ...]:
    """Return the asks after somebody (``household``, ``friend``, ``owner``) said no to one; the first no stays."""
    return tuple(replace(each, no=by) if each.id == id and not each.no else each for each in asks)
