"""Errors on the wire: ``{"error": {code, sentence, advice, fields}}`` and back, by a registry of codes.

A code that is not registered becomes the family its HTTP status belongs to; no class a message names is ever imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from firmware import errors
from firmware.errors import BoxError


def _family(root: type[BoxError]) -> Iterator[type[BoxError]]:
    yield root
    for child in root.__subclasses__():
        yield from _family(child)


_FAMILIES = (
    errors.Misused,
    errors.Refused,
    errors.Missing,
    errors.Conflict,
    errors.Locked,
    errors.Full,
    errors.Unreachable,
    errors.Damaged,
)


def to_json(error: BoxError) -> bytes:
    """Return the body every failed call answers with."""
    return json.dumps({"error": error.as_dict()}).encode() + b"\n"


def rebuild(found: object, status: int) -> BoxError:
    """Make the error again from its dictionary (or, if that is missing or strange, from the HTTP status)."""
    entry = found if isinstance(found, dict) else {}
    fields = entry.get("fields")
    kept = {str(k): v for k, v in fields.items() if isinstance(v, (str, int))} if isinstance(fields, dict) else {}
    for kind in _family(BoxError):
        if kind.code == entry.get("code"):
            return kind(**kept)
    for kind in _FAMILIES:
        if kind.http == status:
            return kind(**{"why": str(entry.get("sentence", "it was refused.")), **kept})
    return errors.Unreachable(what="the locker service")


def from_body(body: bytes, status: int) -> BoxError:
    """Make the error again from a response's body."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    return rebuild(found.get("error") if isinstance(found, dict) else None, status)
