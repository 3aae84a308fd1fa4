"""A second reader of release indexes, format 1, from docs/formats/release.md alone; imports nothing of the product.

JSON is parsed and written by hand as far as the page needs it; Ed25519 is a library's.
"""

from __future__ import annotations

import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class No(Exception):
    """The page says this is refused."""


def keys(text: bytes) -> tuple[int, list[bytes]]:
    """How many have to sign, and who may."""
    lines = text.decode("ascii").split("\n")
    if lines[0] != "lockerbox release keys 1" or lines[-1]:
        raise No
    public = [bytes.fromhex(line) for line in lines[2:-1]]
    if not 2 <= len(public) <= 8 or sorted(set(public)) != public or not 2 <= int(lines[1]) <= len(public):
        raise No
    return int(lines[1]), public


def read(index: bytes, need: int, known: list[bytes]) -> dict[str, object]:
    """The contents of an index that enough keys signed."""
    if len(index) > 16384 or index[-1:] != b"\n":
        raise No
    first, contents, *rest = index[:-1].split(b"\n")
    if first != b"lockerbox release 1" or len(rest) > 8:
        raise No
    if _signers(b"lockerbox release v1\n" + first + b"\n" + contents + b"\n", rest, known) < need:
        raise No
    found = json.loads(contents.decode())
    assert isinstance(found, dict)
    if written(found).encode() != contents:
        raise No
    return found


def _signers(text: bytes, lines: list[bytes], known: list[bytes]) -> int:
    """How many of the known keys signed."""
    have, last = 0, b""
    for line in lines:
        public, _, signature = line.partition(b" ")
        if len(public) != 64 or len(signature) != 128 or public <= last or line != line.lower():
            raise No
        last = public
        who = bytes.fromhex(public.decode())
        if who in known:
            try:
                Ed25519PublicKey.from_public_bytes(who).verify(bytes.fromhex(signature.decode()), text)
            except InvalidSignature:
                raise No from None
            have += 1
    return have


def written(value: object) -> str:
    """JSON in the one way there is."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case dict():
            return "{" + ",".join(f"{written(key)}:{written(value[key])}" for key in sorted(value)) + "}"
        case _:
            raise No
