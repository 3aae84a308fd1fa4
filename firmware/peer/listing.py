"""The shards a permit lets its delegate put down: a tree over their ids, so that a kilobyte shows one to be listed.

Ids are sorted, each once. Leaf = BLAKE3(0x00 || id), inner = BLAKE3(0x01 || left || right), an odd one is carried up;
the root is in the permit. A host needs the permit and the proof alone, the delegate makes both from its manifest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from blake3 import blake3

from firmware.errors import PermitWrong

NOTHING: Final = bytes(32)
"""The root of an empty list: a permit to read alone."""
_ID: Final = 32
_AT: Final = 4


class ShardList:
    """All ids of a list, kept as bytes end to end: 64 bytes for each shard."""

    def __init__(self, shards: Iterable[bytes]) -> None:
        """List these shards; an id that comes twice is listed once."""
        ids = sorted(set(shards))
        self._ids, self.count = b"".join(ids), len(ids)
        level = b"".join(blake3(b"\0" + each).digest() for each in ids)
        self._levels = [level]
        while len(level) > _ID:
            level = _above(level)
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """What stands in the permit."""
        return self._levels[-1] or NOTHING

    def proof(self, shard: bytes) -> bytes:
        """Return what shows that ``shard`` is listed: its position (u32), then the neighbours on the way up.

        Raises PermitWrong for one that is not.
        """
        at = self._find(shard)
        found = [at.to_bytes(_AT, "big")]
        for level in self._levels[:-1]:
            found.append(level[(at ^ 1) * _ID : (at ^ 1) * _ID + _ID])  # nothing where the point is carried up
            at //= 2
        return b"".join(found)

    def _find(self, shard: bytes) -> int:
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self._ids[middle * _ID : middle * _ID + _ID] < shard:
                low = middle + 1
            else:
                high = middle
        if self._ids[low * _ID : low * _ID + _ID] != shard:
            raise PermitWrong(why="it does not list this piece")
        return low


def check_listed(root: bytes, count: int, shard: bytes, proof: bytes) -> None:
    """Raise PermitWrong unless ``proof`` shows that ``shard`` is one of the ``count`` listed under ``root``."""
    at, way, size = int.from_bytes(proof[:_AT], "big"), memoryview(proof)[_AT:], count
    point = blake3(b"\0" + shard).digest()
    if len(proof) < _AT or at >= count:
        raise PermitWrong(why="it does not list this piece")
    while size > 1:
        neighbour = bytes(way[:_ID])
        if at % 2 or at + 1 < size:
            point = _inner(neighbour, point) if at % 2 else _inner(point, neighbour)
            way = way[_ID:]
        at, size = at // 2, -(-size // 2)
    if way or point != root:
        raise PermitWrong(why="it does not list this piece")


def _above(level: bytes) -> bytes:
    joined = [
        _inner(level[at : at + _ID], level[at + _ID : at + 2 * _ID]) for at in range(0, len(level) - _ID, 2 * _ID)
    ]
    return b"".join(joined) + level[len(joined) * 2 * _ID :]


def _inner(left: bytes, right: bytes) -> bytes:
    return blake3(b"\1" + left + right).digest()
