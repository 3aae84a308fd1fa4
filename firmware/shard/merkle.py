"""What a shard is called and how a piece of it is proved: leaves, tree, id, proofs, audit answers.

docs/formats/shard.md, *Tree and shard id* and *Audit answers*. It never sees which pack a shard belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from blake3 import blake3

from firmware.errors import BadShard, Misused
from firmware.limits import KIB, PACK_BYTES
from firmware.shard.layout import Buffer

LEAF_BYTES = 16 * KIB
HASH_BYTES = NONCE_BYTES = 32
_LEAF, _INNER, _ID = b"\0", b"\1", b"lockerbox shard 1"


def leaf_count(size: int) -> int:
    """Return how many leaves a shard of ``size`` bytes has; raises Misused for a size no shard has."""
    if not 0 < size <= PACK_BYTES:
        raise Misused(why=f"no shard has {size} bytes.")
    return -(-size // LEAF_BYTES)


def leaf_size(size: int, number: int) -> int:
    """Return the length of leaf ``number`` of a shard of ``size`` bytes; raises Misused when there is no such leaf."""
    if not 0 <= number < leaf_count(size):
        raise Misused(why=f"a shard of {size} bytes has no leaf {number}.")
    return min(LEAF_BYTES, size - number * LEAF_BYTES)


def _inner(left: bytes, right: bytes) -> bytes:
    return blake3(_INNER + left + right).digest()


def _id(size: int, root: bytes) -> bytes:
    return blake3(_ID + size.to_bytes(8, "big") + root).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """All hashes of one shard of ``size`` bytes: ``levels`` from the leaves to the root."""

    size: int
    levels: tuple[tuple[bytes, ...], ...]

    @classmethod
    def over(cls, size: int, leaves: Iterable[bytes]) -> Tree:
        """Build the tree over the hashes of all leaves of a shard of ``size`` bytes."""
        levels = [tuple(leaves)]
        while len(below := levels[-1]) > 1:
            joined = [_inner(left, right) for left, right in zip(below[::2], below[1::2], strict=False)]
            levels.append((*joined, *below[len(joined) * 2 :]))
        return cls(size, tuple(levels))

    @property
    def root(self) -> bytes:
        """The 32 bytes at the top."""
        return self.levels[-1][0]

    @property
    def shard_id(self) -> bytes:
        """What the shard is called: 32 bytes."""
        return _id(self.size, self.root)

    def proof(self, number: int) -> bytes:
        """Return the neighbours on the way up from leaf ``number``; raises Misused when there is no such leaf."""
        leaf_size(self.size, number)
        way: list[bytes] = []
        for level in self.levels[:-1]:
            way += level[number ^ 1 : (number ^ 1) + 1]  # nothing where the point is carried up
            number //= 2
        return b"".join(way)


class ShardHasher:
    """Hashes a shard whose bytes come in pieces of any length; keeps one leaf and 32 bytes for each finished one.

    It does not bound what comes: whoever receives counts against the announced size first.
    """

    def __init__(self) -> None:
        """Start at the first byte."""
        self._leaf = bytearray(_LEAF + bytes(LEAF_BYTES))
        self._filled = 0
        self._hashes: list[bytes] = []

    @property
    def size(self) -> int:
        """How many bytes came so far."""
        return len(self._hashes) * LEAF_BYTES + self._filled

    def update(self, data: Buffer) -> None:
        """Take the next bytes."""
        with memoryview(data) as view:
            at = 0
            while at < len(view):
                taken = min(LEAF_BYTES - self._filled, len(view) - at)
                start = 1 + self._filled
                self._leaf[start : start + taken] = view[at : at + taken]
                self._filled += taken
                at += taken
                if self._filled == LEAF_BYTES:  # one hash over one buffer; two updates would cost half as much again
                    self._hashes.append(blake3(self._leaf).digest())
                    self._filled = 0

    def tree(self) -> Tree:
        """Return the tree of what came so far; raises Misused when nothing came, or more than any shard has."""
        leaf_count(self.size)
        rest = [blake3(self._leaf[: 1 + self._filled]).digest()] if self._filled else []
        return Tree.over(self.size, [*self._hashes, *rest])


def tree(shard: Buffer) -> Tree:
    """Return the tree of a whole shard; raises Misused for a length no shard has."""
    hasher = ShardHasher()
    hasher.update(shard)
    return hasher.tree()


def shard_id(shard: Buffer) -> bytes:
    """Return what a whole shard is called (32 bytes); raises Misused for a length no shard has."""
    return tree(shard).shard_id


def check_shard(name: bytes, shard: Buffer) -> None:
    """Raise BadShard unless ``shard`` is the one called ``name``."""
    if not 0 < len(shard) <= PACK_BYTES or shard_id(shard) != name:
        raise BadShard(what=f"The shard {name.hex()[:8]}")


def check_leaf(name: bytes, size: int, number: int, leaf: Buffer, proof: bytes) -> None:
    """Raise BadShard unless ``leaf`` is leaf ``number`` of the shard called ``name``, which is ``size`` bytes long.

    ``size`` and ``number`` are the asker's own; ``leaf`` and ``proof`` may be anything.
    """
    wanted, count = leaf_size(size, number), leaf_count(size)
    point, at, way = blake3(_LEAF + leaf).digest(), number, memoryview(proof)
    while count > 1:
        neighbour = bytes(way[:HASH_BYTES])
        if at % 2 or at + 1 < count:
            point = _inner(neighbour, point) if at % 2 else _inner(point, neighbour)
            way = way[HASH_BYTES:]
        at, count = at // 2, -(-count // 2)
    if len(leaf) != wanted or way or _id(size, point) != name:
        raise BadShard(what=f"Leaf {number} of the shard {name.hex()[:8]}")


def audit_answer(nonce: bytes, pieces: Iterable[Buffer]) -> bytes:
    """Return the 32 bytes that prove ``pieces``: picked leaves in the order of the picks, or a whole shard in parts.

    ``nonce``: 32 fresh random bytes of the asker; raises Misused for any other length.
    """
    if len(nonce) != NONCE_BYTES:
        raise Misused(why=f"a nonce has {NONCE_BYTES} bytes, this one has {len(nonce)}.")
    hasher = blake3(key=nonce)
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest()
