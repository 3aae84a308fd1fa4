"""From a payload to its shards and back, by position-wise Reed-Solomon (docs/formats/shard.md, *Parity*).

pyeclib does the arithmetic (ISA-L's Cauchy matrix; never one of its Vandermonde codes). What it puts before every
fragment is taken off again. Work goes window by window, so that rows stay in the processor's cache and memory stays
small. pyeclib does not let other threads run meanwhile; one window takes well under a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from blake3 import blake3
from pyeclib.ec_iface import ECDriver

from firmware.errors import BadShard, Damaged, Misused, TooFewShards
from firmware.limits import KIB
from firmware.shard.layout import Buffer, Layout
from firmware.shard.merkle import LEAF_BYTES, leaf_size

_WINDOW_BYTES = 128 * KIB
"""Data bytes coded at once. Measured for all layouts: 64 to 256 KiB differ little, whole packs cost thrice as much."""

_KNOWN_PARITY = {
    Layout(2, 3): "5e3be2c60e47aca95c3b038f7fce9fa3",
    Layout(2, 4): "a303331541b81c8d735477448ad25d4a",
    Layout(4, 6): "6719b4c699e0a54f9de8b40d84cb9239",
    Layout(4, 8): "0b0741f69b513a39e7d2723b36109ada",
    Layout(8, 14): "ccb8bd8af56aa2109ddebbc8d888c074",
}
"""BLAKE3 (16 bytes) of the parity of bytes 0, 1, 2 .. 255, made with the pure-Python reader of the format page."""


class Payload:
    """A pack behind its prelude, wherever it lies: its ``size``, its ``digest``, and a way to read ranges of it."""

    def __init__(self, size: int, digest: bytes, read: Callable[[int, int], Buffer]) -> None:
        """``read(offset, length)`` gives bytes of the payload; offset 0 is the first byte behind the prelude."""
        self.size, self.digest, self._read = size, digest, read

    @classmethod
    def of(cls, data: Buffer, digest: bytes | None = None) -> Payload:
        """Return the payload of bytes in memory; its digest (BLAKE3 of ``data``) is computed unless it is known."""
        view = memoryview(data).toreadonly()
        return cls(len(view), digest or blake3(view).digest(), lambda at, length: view[at : at + length])

    def row(self, start: int, length: int) -> Buffer:
        """Return bytes of payload and filler laid end to end; raises Damaged when the pack is shorter than its size."""
        inside = max(0, min(length, self.size - start))
        data = self._read(start, inside) if inside else b""
        if len(data) != inside:
            raise Damaged(what="A pack")
        if inside == length:
            return data
        begin = max(0, start - self.size)
        return b"".join((data, blake3(self.digest).digest(length=length - inside, seek=begin)))


def piece(payload: Payload, layout: Layout, number: int, at: int, length: int) -> Buffer:
    """Return ``length`` bytes of shard ``number`` from byte ``at`` on, by one ranged read (data) or k (parity).

    Raises Misused when the shard has no such bytes, Damaged when the pack is too short.
    """
    layout.check_number(number)
    shard_size = layout.shard_size(payload.size)
    if at < 0 or length < 1 or at + length > shard_size:
        raise Misused(why=f"a shard of {shard_size} bytes has no {length} bytes at {at}.")
    if number < layout.k or layout.k == 1:
        return payload.row(number % layout.k * shard_size + at, length)
    made = bytearray()
    for start, count in _steps(layout, length):
        rows = [payload.row(i * shard_size + at + start, count) for i in range(layout.k)]
        made += _parity(layout, rows)[number - layout.k]
    return made


def leaf(payload: Payload, layout: Layout, shard: int, number: int) -> Buffer:
    """Return leaf ``number`` of shard ``shard``, for an audit answer; raises like ``piece``."""
    length = leaf_size(layout.shard_size(payload.size), number)
    return piece(payload, layout, shard, number * LEAF_BYTES, length)


def windows(payload: Payload, layout: Layout) -> Iterator[Sequence[Buffer]]:
    """Yield all n shards side by side, window by window from the first byte on, so that no whole pack is in memory.

    Each element holds the next bytes of shards 0 to n-1, equally many. Raises Damaged when the pack is too short.
    """
    shard_size = layout.shard_size(payload.size)
    for at, length in _steps(layout, shard_size):
        rows = [payload.row(i * shard_size + at, length) for i in range(layout.k)]
        yield [*rows, *_parity(layout, rows)]


def shards(payload: Payload, layout: Layout) -> list[Buffer]:
    """Return all n shards. Data shards look into a payload in memory, without a copy; raises Damaged like ``piece``."""
    shard_size = layout.shard_size(payload.size)
    data = [payload.row(i * shard_size, shard_size) for i in range(layout.k)]
    if layout.k == 1:
        return data * layout.n
    views = [memoryview(row) for row in data]
    parity = [bytearray(shard_size) for _ in range(layout.spare)]
    for at, length in _steps(layout, shard_size):
        made = _parity(layout, [view[at : at + length] for view in views])
        for whole, part in zip(parity, made, strict=True):
            whole[at : at + length] = part
    return [*data, *parity]


def shard(payload: Payload, layout: Layout, number: int) -> Buffer:
    """Return one shard; raises Misused when the layout has none of this ``number``, Damaged like ``piece``."""
    shard_size = layout.shard_size(payload.size)
    return piece(payload, layout, number, 0, shard_size)


def join(layout: Layout, size: int, digest: bytes, held: Mapping[int, Buffer]) -> bytes:
    """Return the payload of ``size`` bytes from any k of its shards (``held``: shard number to bytes).

    Raises TooFewShards, BadShard when one has a wrong length, and Damaged when the result has not this ``digest``: a
    shard is not what it should be, so check each against its id first (``check_shard``).
    """
    shard_size = layout.shard_size(size)
    rows = _chosen(layout, held, shard_size)
    missing = [number for number in range(layout.k) if number not in rows]
    made = _restored(layout, rows, missing)
    if layout.k == 1:
        made = dict(enumerate(rows.values()))
    parts = [memoryview((rows | made)[i])[: max(0, size - i * shard_size)] for i in range(layout.k)]
    payload = b"".join(parts)
    if blake3(payload).digest() != digest:
        raise BadShard(what="A pack put together from its shards")
    return payload


def rebuild(layout: Layout, held: Mapping[int, Buffer], number: int) -> Buffer:
    """Return shard ``number`` from any k others (``held``: shard number to bytes), without the pack.

    Raises Misused when the layout has none of this number, TooFewShards, and BadShard when lengths differ. The caller
    compares the id of what comes out: a wrong shard going in gives a wrong one.
    """
    layout.check_number(number)
    others = {other: data for other, data in held.items() if other != number}
    rows = _chosen(layout, others, len(next(iter(others.values()), b"")))
    return next(iter(rows.values())) if layout.k == 1 else _restored(layout, rows, [number])[number]


def _steps(layout: Layout, size: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of every window of a shard, or of a part of one, of ``size`` bytes."""
    width = _WINDOW_BYTES // layout.k
    for at in range(0, size, width):
        yield at, min(width, size - at)


def _chosen(layout: Layout, held: Mapping[int, Buffer], shard_size: int) -> dict[int, memoryview]:
    """Return the k shards to work with, data before parity; raises TooFewShards, BadShard, Misused."""
    for number in held:
        layout.check_number(number)
    if len(held) < layout.k:
        raise TooFewShards(have=len(held), need=layout.k)
    rows = {number: memoryview(held[number]) for number in sorted(held)[: layout.k]}
    for number, row in rows.items():
        if len(row) != shard_size or not shard_size:
            raise BadShard(what=f"Shard {number} of a pack")
    return rows


def _restored(layout: Layout, rows: Mapping[int, memoryview], wanted: Sequence[int]) -> dict[int, memoryview]:
    """Return the ``wanted`` shards, all data or a single one, from exactly k ``rows``."""
    if layout.k == 1 or not wanted:
        return {}
    shard_size = len(next(iter(rows.values())))
    whole = {number: bytearray(shard_size) for number in wanted}
    for at, length in _steps(layout, shard_size):
        parts = {number: row[at : at + length] for number, row in rows.items()}
        for number, part in _solved(layout, parts, wanted, length):
            whole[number][at : at + length] = part
    return {number: memoryview(row) for number, row in whole.items()}


def _parity(layout: Layout, rows: Sequence[Buffer]) -> list[Buffer]:
    """Return the n-k parity rows of k equally long data rows."""
    if layout.k == 1:
        return [rows[0]] * layout.spare
    fragments = _driver(layout).encode(b"".join(rows))
    return [memoryview(fragment)[-len(rows[0]) :] for fragment in fragments[layout.k :]]


def _solved(
    layout: Layout, rows: Mapping[int, Buffer], wanted: Sequence[int], length: int
) -> Iterator[tuple[int, memoryview]]:
    """Yield each number of ``wanted`` with its row of ``length`` bytes, from k rows."""
    heads = _heads(layout, length)
    # pyeclib reads these without looking at their type or length: exactly bytes, all equally long
    fragments = [b"".join((heads[number], row)) for number, row in rows.items()]
    if len(wanted) == 1:
        made = _driver(layout).reconstruct(fragments, list(wanted))[0]
        yield wanted[0], memoryview(made)[-length:]
        return
    data = memoryview(_driver(layout).decode(fragments))
    for number in wanted:
        yield number, data[number * length : (number + 1) * length]


@lru_cache(maxsize=32)
def _heads(layout: Layout, length: int) -> tuple[bytes, ...]:
    """Return what pyeclib wants before fragments of ``length`` bytes: heads it made; they do not depend on contents."""
    return tuple(fragment[:-length] for fragment in _driver(layout).encode(bytes(layout.k * length)))


@lru_cache
def _driver(layout: Layout) -> ECDriver:
    """Return the coder of a layout; raises Damaged when it does not compute what the format says."""
    driver = ECDriver(ec_type="isa_l_rs_cauchy", k=layout.k, m=layout.spare)
    length = 256 // layout.k
    parity = b"".join(fragment[-length:] for fragment in driver.encode(bytes(range(256)))[layout.k :])
    if blake3(parity).hexdigest(16) != _KNOWN_PARITY[layout]:
        raise Damaged(what="The erasure coder")
    return driver
