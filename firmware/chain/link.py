"""Links: one group commit of entries, committed to by salted hashes, chained and signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cbor2
from blake3 import blake3

from firmware.chain.entries import Entry, decode_entry, encode_entry
from firmware.errors import Damaged
from firmware.seal import SigningKey, verify_signature

NO_HASH = bytes(32)
SALT_BYTES = 16
_CONTEXT = b"lockerbox link v1\n"


@dataclass(frozen=True, slots=True)
class Located:
    """One segment and the chunks in it: where reading finds them (offset = file offset of the frame)."""

    pack: bytes
    frame: int
    at: int
    sealed_len: int
    ids: bytes
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """One link as stored. A body is (salt, entry bytes), or a bare commitment where it was erased."""

    header: bytes
    signature: bytes
    bodies: tuple[tuple[bytes, bytes] | bytes, ...]
    located: tuple[Located, ...]
    seq: int
    previous: bytes
    time_ms: int

    @property
    def hash(self) -> bytes:
        """What the next link points back to."""
        return blake3(self.header + self.signature).digest()

    def entries(self) -> list[Entry]:
        """Return the entries that were not erased."""
        return [decode_entry(body[1]) for body in self.bodies if isinstance(body, tuple)]

    def verify(self, head_public: bytes) -> None:
        """Raise BadSeal or Damaged unless the signature holds and every body is the one committed to."""
        verify_signature(head_public, self.signature, _CONTEXT + self.header)
        commitments = b"".join(_commitment(body) for body in self.bodies)
        if cbor2.loads(self.header)[4:] != [blake3(commitments).digest(), len(self.bodies)]:
            raise Damaged(what=f"link {self.seq} of the chain")


def build_link(
    seq: int,
    previous: bytes,
    time_ms: int,
    entries: Sequence[Entry],
    located: Sequence[Located],
    key: SigningKey,
    entropy: Callable[[int], bytes],
) -> Link:
    """Commit to ``entries``, sign, and return the link. ``entropy`` gives the salts."""
    salts = entropy(SALT_BYTES * len(entries))
    bodies = tuple(
        (salts[SALT_BYTES * i : SALT_BYTES * (i + 1)], encode_entry(entry)) for i, entry in enumerate(entries)
    )
    root = blake3(b"".join(_commitment(body) for body in bodies)).digest()
    header = cbor2.dumps([1, seq, previous, time_ms, root, len(bodies)])
    return Link(header, key.sign(_CONTEXT + header), bodies, tuple(located), seq, previous, time_ms)


def encode_link(link: Link) -> bytes:
    """Return the payload of a link frame."""
    bodies = [list(body) if isinstance(body, tuple) else body for body in link.bodies]
    located = [[loc.pack, loc.frame, loc.at, loc.sealed_len, loc.ids, list(loc.lengths)] for loc in link.located]
    return cbor2.dumps([link.header, link.signature, bodies, located])


def decode_link(payload: bytes) -> Link:
    """Read a link frame's payload; raises Damaged when it is not one. Does not verify the signature."""
    try:
        header, signature, bodies, located = cbor2.loads(payload)
        version, seq, previous, time_ms, _, _ = cbor2.loads(header)
        if version != 1:
            raise Damaged(what="a link of the chain")
        return Link(
            header,
            signature,
            tuple(body if isinstance(body, bytes) else (body[0], body[1]) for body in bodies),
            tuple(_located(*loc) for loc in located),
            seq,
            previous,
            time_ms,
        )
    except (cbor2.CBORDecodeError, TypeError, ValueError, IndexError):
        raise Damaged(what="a link of the chain") from None


def _located(pack: bytes, frame: int, at: int, sealed_len: int, ids: bytes, lengths: list[int]) -> Located:
    return Located(pack, frame, at, sealed_len, ids, tuple(lengths))


def erase_bodies(link: Link, keep: Callable[[Entry], bool]) -> Link:
    """Return the link with every entry that ``keep`` refuses reduced to its commitment; it still verifies."""
    bodies = tuple(
        body if isinstance(body, bytes) or keep(decode_entry(body[1])) else _commitment(body) for body in link.bodies
    )
    return replace(link, bodies=bodies)


def _commitment(body: tuple[bytes, bytes] | bytes) -> bytes:
    return body if isinstance(body, bytes) else blake3(body[0] + body[1]).digest()
