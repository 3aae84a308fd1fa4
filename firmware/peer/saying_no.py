"""How a box says no to another: a code, the family it belongs to, words for a log, the few numbers the code needs.

A code both know becomes the same error on the other side. A code only the newer one knows becomes the general error of
its family, so that the caller still does the right thing: stop, retry later, free room, look again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from firmware import errors
from firmware.errors import BoxError
from firmware.limits import PEER_SAY_BYTES
from firmware.peer.cbor import Value
from firmware.peer.fields import Text, Uint, plain

KNOWN: Final[Mapping[str, type[BoxError]]] = {
    each.code: each
    for each in (
        errors.PeerGarbled,
        errors.PeerWrongHash,
        errors.PeerVersion,
        errors.PeerOlder,
        errors.PeerUnpaired,
        errors.PeerBusy,
        errors.PeerOffersLess,
        errors.PeerQuota,
        errors.CustodyMoved,
        errors.CustodyMissing,
        errors.PermitWrong,
        errors.ShardMissing,
        errors.ShardWrong,
        errors.HeadForked,
        errors.InvitationExpired,
        errors.InvitationUsed,
        errors.InvitationMissing,
        errors.InvitationWrong,
        errors.InvitationEnded,
        errors.PairingRefused,
        errors.WrongOffset,
        errors.KitUnknown,
        errors.TooManyTries,
        errors.PartRefused,
        errors.PartEarly,
        errors.ReportedStolen,
    )
}
"""Codes with a meaning of their own on the wire."""

FAMILIES: Final[Mapping[str, type[BoxError]]] = {
    each.code: each
    for each in (
        errors.Misused,
        errors.Refused,
        errors.Missing,
        errors.Conflict,
        errors.Locked,
        errors.Full,
        errors.Unreachable,
        errors.Damaged,
    )
}

_CODE, _NUMBER, _WORDS = Text(48, 1), Uint(), Text(PEER_SAY_BYTES)
_NUMBERS: Final = (
    "offset",
    "low",
    "high",
    "left",
    "need_mib",
    "free_mib",
    "offered_mib",
    "asked_mib",
    "seconds",
    "days",
    "wanted",
)
_TEXTS: Final = ("why", "what")


def refusal(error: BoxError) -> dict[str, Value]:
    """Return the head of an answer that says no. Errors not meant for peers are told as their family alone."""
    family = family_of(error)
    code = error.code if error.code in KNOWN else family
    said: dict[str, Value] = {"v": 1, "err": code, "family": family, "say": words(str(error) if code in KNOWN else "")}
    if code in KNOWN:
        said |= {name: error.fields[name] for name in _NUMBERS if isinstance(error.fields.get(name), int)}
        said |= {name: words(str(error.fields[name])) for name in _TEXTS if name in error.fields}
    return said


def refused(head: Mapping[str, Value]) -> BoxError:
    """Return the error that an answer's head tells; raises PeerGarbled when it tells none properly."""
    code = _CODE.read(head.get("err"), "err")
    family = _CODE.read(head.get("family"), "family")
    say = _WORDS.read(head.get("say", ""), "say")
    fields: dict[str, str | int] = {}
    fields |= {name: _NUMBER.read(head[name], name) for name in _NUMBERS if name in head}
    fields |= {name: _WORDS.read(head[name], name) for name in _TEXTS if name in head}
    if code in KNOWN:
        return KNOWN[code](**fields)
    say = say or code
    defaults: dict[str, str | int] = {"why": say, "what": say, "need_mib": 0, "free_mib": 0}
    return FAMILIES.get(family, errors.Refused)(**(defaults | fields))


def family_of(error: BoxError) -> str:
    """The code of the family an error belongs to."""
    return next((code for code, family in FAMILIES.items() if isinstance(error, family)), errors.Refused.code)


def words(text: str) -> str:
    """Return ``text`` as a head may carry it: no control characters, at most 200 bytes."""
    kept = text if plain(text) else "".join(letter for letter in text if plain(letter))
    return kept.encode()[:PEER_SAY_BYTES].decode(errors="ignore")
