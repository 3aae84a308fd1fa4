"""Looks for secrets in everything a box wrote, in every dress they are likely to wear."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

_PIECE = 1 << 20


def forms(secret: bytes) -> dict[str, bytes]:
    """The byte strings that would give ``secret`` away: raw, hex, UTF-16, base64 at all three alignments."""
    found = {"raw": secret, "hex": secret.hex().encode(), "HEX": secret.hex().upper().encode()}
    if secret.isascii():
        text = secret.decode("ascii")
        found |= {"utf-16-le": text.encode("utf-16-le"), "utf-16-be": text.encode("utf-16-be")}
    for shift in range(3):
        plain = base64.b64encode(bytes(shift) + secret)
        first = (shift * 8 + 5) // 6
        last = (shift + len(secret)) * 8 // 6
        found[f"base64+{shift}"] = plain[first:last]
        found[f"base64url+{shift}"] = plain[first:last].translate(bytes.maketrans(b"+/", b"-_"))
    return found


def hits(places: Iterable[Path], secrets: Mapping[str, bytes]) -> tuple[list[str], int]:
    """Scan all files below ``places``: (one sentence for each find, bytes scanned). File names are scanned too."""
    needles = {f"{what} ({form})": value for what, secret in secrets.items() for form, value in forms(secret).items()}
    longest = max(len(value) for value in needles.values())
    found: list[str] = []
    scanned = 0
    for place in places:
        for path in [place, *sorted(place.rglob("*"))]:
            name = str(path).encode("utf-8", "surrogateescape")
            found += [f"{what} in the name of {path}" for what, value in needles.items() if value in name]
            if stat.S_ISREG(path.lstat().st_mode):
                scanned += path.stat().st_size
                found += [f"{what} in {path}" for what in _in_file(path, needles, longest)]
    return found, scanned


def _in_file(path: Path, needles: Mapping[str, bytes], longest: int) -> set[str]:
    found: set[str] = set()
    with path.open("rb") as file:
        carry = b""
        while piece := file.read(_PIECE):
            window = carry + piece
            found |= {what for what, value in needles.items() if value in window}
            carry = window[-longest:]
    return found
