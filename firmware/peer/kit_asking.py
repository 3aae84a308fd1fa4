"""Asking with a kit: the question whoever has the words puts to a box that does not know it, and what the answers say.

The signature binds the question to the two endpoints that the transport proved, so it is worth nothing to whoever
overhears it, or to a box that passes it on. Which capsule is the newest, and who answered with an older or another one,
is decided by ``newest``: everything the words can vouch for is checked first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from blake3 import blake3

from firmware.errors import BadSeal, BoxError, Damaged, NewerFormat, PeerGarbled
from firmware.lean import dataclass
from firmware.peer.capsules import Filling, RootCard, open_capsule
from firmware.peer.cbor import dumps
from firmware.peer.kits import circle_number
from firmware.peer.remembering import KitGet
from firmware.peer.signed import HeldCustody, read_custody
from firmware.seal import SigningKey, verify_signature

_SIGNED: Final = b"lockerbox kit v1\n"


def kit_question(
    lookup: bytes,
    by: SigningKey,
    card: bytes,
    host: bytes,
    time_ms: int,
    *,
    at: int | None = None,
    number: int | None = None,
) -> KitGet:
    """Return the question for the box with the endpoint key ``host``; ``by`` is the kit's request key."""
    signature = by.sign(_question(lookup, card, host, time_ms))
    return KitGet(lookup, card, time_ms, signature, at, number)


def check_question(asked: KitGet, host: bytes, request_key: bytes) -> None:
    """Return when the question is for the box with the endpoint key ``host``, by ``request_key``; raises BadSeal."""
    verify_signature(request_key, asked.signature, _question(asked.lookup, asked.card, host, asked.time_ms))


def _question(lookup: bytes, card: bytes, host: bytes, time_ms: int) -> bytes:
    return _SIGNED + dumps(["kit get", 1, lookup, host, blake3(card).digest(), time_ms])


@dataclass(frozen=True)
class KitAnswer:
    """What one box gave: its box key, the capsule as it came, the custody record in force there."""

    box: bytes
    capsule: bytes
    custody: bytes = b""


@dataclass(frozen=True)
class Newest:
    """The capsule to go on with, and what to say of the others: all of them box keys, in the order they answered.

    ``agreeing`` gave the newest one, ``older`` a lower number, ``forked`` another one with the same number, ``wrong``
    something that is not of this kit or not whole. ``epoch`` is the highest custody epoch any of them knows.
    """

    capsule: bytes
    filling: Filling
    root: RootCard
    agreeing: tuple[bytes, ...]
    older: tuple[bytes, ...]
    forked: tuple[bytes, ...]
    wrong: tuple[tuple[bytes, BoxError], ...]
    epoch: int


def newest(answers: Iterable[KitAnswer], words: str) -> Newest | None:
    """Choose the highest capsule that the words vouch for; None when there is none among ``answers``.

    Higher is: a higher number of the first part, then a higher number of the circle part. Of two different capsules
    with the same numbers the one most boxes gave counts, and the others are named as forked.
    """
    good: list[tuple[KitAnswer, Filling, RootCard, tuple[int, int]]] = []
    wrong: list[tuple[bytes, BoxError]] = []
    for each in answers:
        try:
            filling, root = open_capsule(each.capsule, words)
            good.append((each, filling, root, (filling.number, circle_number(each.capsule))))
        except (BadSeal, Damaged, NewerFormat) as error:
            wrong.append((each.box, error))
    if not good:
        return None
    top = max(order for *_, order in good)
    given = [each.capsule for each, *_, order in good if order == top]
    capsule = max(given, key=given.count)
    chosen, filling, root, _ = next(each for each in good if each[0].capsule == capsule)
    return Newest(
        chosen.capsule,
        filling,
        root,
        tuple(each.box for each, *_ in good if each.capsule == capsule),
        tuple(each.box for each, *_, order in good if order < top),
        tuple(each.box for each, *_, order in good if order == top and each.capsule != capsule),
        tuple(wrong),
        max(_epoch(record, filling, root) for record in (filling.custody, *(each.custody for each, *_ in good))),
    )


def _epoch(record: bytes, filling: Filling, root: RootCard) -> int:
    """The epoch of a record about this locker by this kit's custody key; others count for nothing."""
    try:
        held: HeldCustody = read_custody(record)
    except (PeerGarbled, BadSeal):
        return 0
    return held.record.epoch if (held.record.locker, held.public) == (filling.locker, root.custody) else 0
