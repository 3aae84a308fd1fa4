"""Reads shards out of the lockers' pack files, which lie here sealed; nothing is written and no key is known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

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


def shard_ids(of: Payload, layout: Layout) -> list[bytes]:
    """Return the ids of all shards of a pack; one reading of it."""
    hashers = [ShardHasher() for _ in range(1 if layout.k == 1 else layout.n)]
    for rows in windows(of, layout):
        for hasher, row in zip(hashers, rows, strict=False):
            hasher.update(row)
    ids = [each.tree().shard_id for each in hashers]
    return ids * layout.n if layout.k == 1 else ids


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


def expected(audit: Audit, leaves: list[bytes]) -> bytes:
    """Return the answer an honest holder gives."""
    return audit_answer(audit.nonce, leaves)
