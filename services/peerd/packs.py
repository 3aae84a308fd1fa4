"""Reads shards out of the lockers' pack files, which lie here sealed; nothing is written and no key is known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blake3 import blake3

from firmware.backup import Audit, PickedShard
from firmware.errors import Damaged, Missing
from firmware.shard import Layout, Payload, ShardHasher, audit_answer, leaf, piece, windows

_PRELUDE_BYTES: Final = 16
_STEP: Final = 1 << 18


@contextmanager
def payload(path: Path, size: int, digest: bytes) -> Iterator[Payload]:
    """Open the pack in ``path`` behind its prelude; raises Missing, Damaged when it has another length."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        raise Missing(what="pack") from None
    try:
        if os.fstat(fd).st_size != size + _PRELUDE_BYTES:
            raise Damaged(what="A pack")
        yield Payload(size, digest, lambda at, length: os.pread(fd, length, at + _PRELUDE_BYTES))
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class Names:
    """What the shards of a pack are called, and the BLAKE3 of each, which goes before it over the wire."""

    ids: tuple[bytes, ...]
    digests: tuple[bytes, ...]


def names(of: Payload, layout: Layout) -> Names:
    """Return the names of all shards of a pack; one reading of it."""
    count = 1 if layout.k == 1 else layout.n
    hashers, wholes = [ShardHasher() for _ in range(count)], [blake3() for _ in range(count)]
    for rows in windows(of, layout):
        for hasher, whole, row in zip(hashers, wholes, rows, strict=False):
            hasher.update(row)
            whole.update(row)
    copies = layout.n // count
    ids = tuple(each.tree().shard_id for each in hashers)
    return Names(ids * copies, tuple(each.digest() for each in wholes) * copies)


def whole_answers(of: Payload, layout: Layout, numbers: tuple[int, ...], nonce: bytes) -> list[bytes]:
    """Return what holders of these shards must answer to a whole-shard audit."""
    size = layout.shard_size(of.size)
    return [audit_answer(nonce, _pieces(of, layout, number, size)) for number in numbers]


def _pieces(of: Payload, layout: Layout, number: int, size: int) -> Iterator[bytes]:
    for at in range(0, size, _STEP):
        yield bytes(piece(of, layout, number, at, min(_STEP, size - at)))


def picked(of: Payload, pick: PickedShard) -> list[bytes]:
    """Return the leaves of one pick, computed from the pack."""
    layout = Layout(pick.k, pick.n)
    return [bytes(leaf(of, layout, pick.index, each)) for each in pick.leaves]


def is_sound(of: Payload) -> bool:
    """Tell whether the pack still is what its digest says; one reading of it."""
    whole = blake3()
    for at in range(0, of.size, _STEP):
        whole.update(of.row(at, min(_STEP, of.size - at)))
    return whole.digest() == of.digest


def expected(audit: Audit, leaves: list[bytes]) -> bytes:
    """Return the answer an honest holder gives."""
    return audit_answer(audit.nonce, leaves)
