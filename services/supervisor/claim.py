"""The claim code: 80 random bits that prove their bearer stands in front of the box.

Kept in ``box/claim`` (0600) until the claim is won (lockerd removes the file then). A start of the box counts as
standing in front of it, so an expired code is replaced at the next start.
"""

from __future__ import annotations

import json
import os
import time

from services.supervisor.box_folder import FORMAT
from services.supervisor.prepared import BoxFolder, write_private

WINDOW_HOURS = 72
"""How long after it was made a code can be used; guards a forgotten, never claimed box."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_BYTES = 10


def claim_code(box: BoxFolder) -> str:
    """Return the code that claims this box now (made when needed), or an empty text when it is claimed."""
    if box.claimed():
        return ""
    path = box.keys / "claim"
    now_ms = time.time_ns() // 1_000_000
    try:
        found = json.loads(path.read_bytes())
        if now_ms < int(found["until_ms"]) <= now_ms + WINDOW_HOURS * 3_600_000:
            return str(found["code"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    code = crockford(os.urandom(_CODE_BYTES))
    body = {"format": FORMAT, "code": code, "made_ms": now_ms, "until_ms": now_ms + WINDOW_HOURS * 3_600_000}
    write_private(path, json.dumps(body).encode())
    return code


def crockford(data: bytes) -> str:
    """Write ``data`` (a multiple of 5 bytes) in Crockford's base 32, in groups of four joined by hyphens."""
    value, count = int.from_bytes(data, "big"), len(data) * 8 // 5
    symbols = "".join(_CROCKFORD[value >> 5 * (count - 1 - at) & 31] for at in range(count))
    return "-".join(symbols[at : at + 4] for at in range(0, count, 4))
