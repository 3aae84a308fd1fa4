"""Manifests: what a delegate needs to repair a locker without a key: shard ids and hosts of every pack.

One part is CBOR ``[pack ...]`` of at most 1 MiB; a pack is ``[digest, size, precious, k, [[id, [host ...]] ...]]``. It
tells which shards belong together and nothing of what is in them; only the owner decides who gets one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from firmware.errors import PeerGarbled
from firmware.lean import dataclass
from firmware.limits import PEER_BODY_BYTES, PEER_MANIFEST_PARTS, PEER_MANIFEST_ROWS, PEER_PIECE_BYTES, PEER_SHARD_COUNT
from firmware.peer.cbor import Value, dumps, loads
from firmware.peer.fields import Flag, Many, Row, Uint, key
from firmware.peer.messages import HASH, Placed

_ITEMS: Final = 1 << 19
"""Most values in one part: 1 MiB of shard ids and hosts holds far fewer."""


@dataclass(frozen=True)
class ManifestPack:
    """One pack: BLAKE3 of its payload, length of the payload, layout (n = number of shards), where each shard is."""

    digest: bytes = key(HASH)
    size: int = key(Uint(PEER_BODY_BYTES, 1))
    precious: bool = key(Flag())
    k: int = key(Uint(PEER_SHARD_COUNT, 1))
    shards: tuple[Placed, ...] = key(Many(Row(Placed), PEER_SHARD_COUNT, 1))


_PACKS: Final = Many(Row(ManifestPack), PEER_MANIFEST_ROWS)


def manifest_parts(packs: Iterable[ManifestPack]) -> list[bytes]:
    """Return the parts of a manifest, none longer than 1 MiB; raises ValueError beyond 64 parts."""
    parts = [dumps(list(rows)) for rows in _filled(packs)] or [dumps([])]
    if len(parts) > PEER_MANIFEST_PARTS:
        raise ValueError("a manifest of too many parts")
    return parts


def _filled(packs: Iterable[ManifestPack]) -> Iterator[list[Value]]:
    rows: list[Value] = []
    taken = 16
    for pack in packs:
        row = Row(ManifestPack).write(pack)
        length = len(dumps(row))
        if rows and (taken + length > PEER_PIECE_BYTES or len(rows) == PEER_MANIFEST_ROWS):
            yield rows
            rows, taken = [], 16
        rows.append(row)
        taken += length
    if rows:
        yield rows


def read_manifest(part: bytes) -> tuple[ManifestPack, ...]:
    """Return the packs of one part; raises PeerGarbled."""
    if len(part) > PEER_PIECE_BYTES:
        raise PeerGarbled(why="a part of a manifest is too long")
    found = _PACKS.read(loads(part, _ITEMS), "packs")
    return tuple(pack for pack in found if isinstance(pack, ManifestPack))
