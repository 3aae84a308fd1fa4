"""Shards: every loss a layout promises to survive is survived, bit for bit; what cannot work says so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import combinations

import pytest
from blake3 import blake3

from firmware.errors import BadShard, BoxError, Damaged, Misused, TooFewShards
from firmware.limits import KIB, PACK_BYTES
from firmware.shard import (
    LAYOUTS,
    Layout,
    Payload,
    check_shard,
    join,
    layout_for,
    leaf,
    leaf_count,
    piece,
    rebuild,
    shard,
    shard_id,
    shards,
    windows,
)
from firmware.shard.coding import _KNOWN_PARITY, _driver

CODED = [layout for layout in LAYOUTS if layout.k > 1]
EVERY = pytest.mark.parametrize("layout", LAYOUTS, ids=str)


def noise(seed: str, size: int) -> bytes:
    """Bytes without any order."""
    return hashlib.shake_256(seed.encode()).digest(size)


def made(layout: Layout, size: int) -> tuple[Payload, bytes, dict[int, bytes]]:
    """A payload, its bytes, and its shards by number."""
    data = noise(str(layout), size)
    payload = Payload.of(data)
    return payload, data, {number: bytes(row) for number, row in enumerate(shards(payload, layout))}


def test_the_ladder() -> None:
    steps = {peers: str(layout_for(peers)) for peers in range(16)}
    assert steps == {
        0: "None", 1: "1/1", 2: "1/2", 3: "2/3", 4: "2/4", 5: "2/4", **dict.fromkeys(range(6, 14), "4/6"),
        14: "8/14", 15: "8/14",
    }  # fmt: skip
    precious = {peers: layout_for(peers, precious=True) for peers in range(16)}
    differ = {peers: str(layout) for peers, layout in precious.items() if str(layout) != steps[peers]}
    assert differ == dict.fromkeys(range(8, 14), "4/8")
    assert layout_for(-1) is None
    for peers in range(1, 16):
        for layout in (layout_for(peers), precious[peers]):
            assert layout in LAYOUTS
            assert layout is not None and layout.n <= peers  # one shard of a pack per household


def test_a_layout_outside_the_format_is_refused() -> None:
    for k, n in ((0, 1), (1, 3), (3, 5), (4, 7), (6, 4), (-1, 1)):
        with pytest.raises(Misused, match=f"{k}/{n}"):
            Layout(k, n)


@EVERY
def test_sizes(layout: Layout) -> None:
    for size in (1, 63, 64, 65, layout.k * 64, layout.k * 64 + 1, 32 * KIB, PACK_BYTES - 1, PACK_BYTES):
        each = layout.shard_size(size)
        assert each % 64 == 0
        assert 0 <= layout.k * each - size < layout.k * 64
    for size in (0, -1, PACK_BYTES + 1):
        with pytest.raises(Misused):
            layout.shard_size(size)


@EVERY
@pytest.mark.parametrize("filled", [True, False])
def test_every_loss_up_to_the_promise_is_survived(layout: Layout, filled: bool) -> None:
    """All C(n, k) of every layout: 15 of 4/6, 70 of 4/8, 3003 of 8/14."""
    size = layout.k * 64 - 37 if filled else layout.k * 64
    payload, data, held = made(layout, size)
    count = 0
    for kept in combinations(range(layout.n), layout.k):
        assert join(layout, size, payload.digest, {number: held[number] for number in kept}) == data, kept
        count += 1
    assert count == {1: layout.n, 2: {3: 3, 4: 6}.get(layout.n), 4: {6: 15, 8: 70}.get(layout.n), 8: 3003}[layout.k]


@EVERY
def test_every_shard_can_be_rebuilt_from_any_k_others(layout: Layout) -> None:
    _, _, held = made(layout, 3000)
    for lost in range(layout.n):
        others = [number for number in range(layout.n) if number != lost]
        for kept in list(combinations(others, layout.k))[:: max(1, layout.k // 4 * 9)]:
            assert rebuild(layout, {number: held[number] for number in kept}, lost) == held[lost], (lost, kept)


@pytest.mark.parametrize("layout", CODED, ids=str)
def test_long_payloads_take_several_windows(layout: Layout) -> None:
    payload, data, held = made(layout, 1_000_001)
    worst = {number: held[number] for number in range(layout.spare, layout.n)}
    assert join(layout, len(data), payload.digest, worst) == data
    assert join(layout, len(data), payload.digest, held) == data
    assert rebuild(layout, worst, 0) == held[0]
    assert rebuild(layout, held, layout.n - 1) == held[layout.n - 1]


@EVERY
def test_all_ways_to_make_a_shard_give_the_same_bytes(layout: Layout) -> None:
    payload, data, held = made(layout, 333_333)
    reads: list[int] = []

    def read(at: int, length: int) -> bytes:
        reads.append(length)
        return data[at : at + length]

    far = Payload(len(data), payload.digest, read)
    rows = list(windows(far, layout))
    assert max(reads) <= 128 * KIB
    assert [b"".join(row[number] for row in rows) for number in range(layout.n)] == list(held.values())
    each = layout.shard_size(len(data))
    for number in range(layout.n):
        assert shard(far, layout, number) == held[number]
        assert b"".join(leaf(far, layout, number, i) for i in range(leaf_count(each))) == held[number]
        for at, length in ((0, 1), (1, 63), (each - 7, 7), (each // 2 - 100, 5000)):
            assert piece(payload, layout, number, at, length) == held[number][at : at + length]


def test_a_leaf_costs_one_ranged_read_or_k() -> None:
    data, layout = noise("reads", 1 << 20), Layout(4, 6)
    reads: list[tuple[int, int]] = []

    def read(at: int, length: int) -> bytes:
        reads.append((at, length))
        return data[at : at + length]

    far = Payload(len(data), b"", read)
    leaf(far, layout, 2, 3)
    assert reads == [(2 * 256 * KIB + 3 * 16 * KIB, 16 * KIB)]
    reads.clear()
    leaf(far, layout, 5, 3)
    assert reads == [(i * 256 * KIB + 3 * 16 * KIB, 16 * KIB) for i in range(4)]


def test_data_shards_of_a_whole_pack_are_not_copied() -> None:
    data = noise("views", 512 * KIB)
    for row in shards(Payload.of(data), Layout(4, 6))[:4]:
        assert isinstance(row, memoryview) and row.obj is data and row.readonly


def test_growing_inside_a_step_keeps_the_shards_that_are_there() -> None:
    for small, large in (((1, 1), (1, 2)), ((2, 3), (2, 4)), ((4, 6), (4, 8))):
        payload = Payload.of(noise("growing", 100_000))
        before, after = shards(payload, Layout(*small)), shards(payload, Layout(*large))
        assert list(map(shard_id, before)) == list(map(shard_id, after[: len(before)]))


@EVERY
def test_too_few_shards_say_how_many_are_missing(layout: Layout) -> None:
    payload, _, held = made(layout, 5000)
    few = {number: held[number] for number in range(layout.n - layout.k + 1, layout.n)}
    assert len(few) == layout.k - 1
    with pytest.raises(TooFewShards) as caught:
        join(layout, 5000, payload.digest, few)
    assert caught.value.fields == {"have": layout.k - 1, "need": layout.k}
    with pytest.raises(TooFewShards):
        rebuild(layout, few, 0)


def wrong_calls(layout: Layout) -> Iterator[tuple[type[BoxError], object]]:
    """What must be refused, as (error, call)."""
    payload, _, held = made(layout, 5000)
    digest = payload.digest
    short = held | {0: held[0][:-64]}
    yield BadShard, lambda: join(layout, 5000, digest, short)
    yield BadShard, lambda: rebuild(layout, short, layout.n - 1)
    yield BadShard, lambda: rebuild(layout, dict.fromkeys(held, b""), layout.n - 1)
    yield BadShard, lambda: join(layout, 5000, blake3(b"another").digest(), held)
    yield BadShard, lambda: join(layout, 4999, digest, held)
    yield BadShard, lambda: join(layout, 5000, digest, held | {0: held[1]})
    yield Misused, lambda: join(layout, 5000, digest, held | {layout.n: held[0]})
    yield Misused, lambda: join(layout, 0, digest, held)
    yield Misused, lambda: rebuild(layout, held, layout.n)
    yield Misused, lambda: shard(payload, layout, layout.n)
    yield Misused, lambda: piece(payload, layout, -1, 0, 1)
    yield Misused, lambda: piece(payload, layout, 0, -1, 1)
    yield Misused, lambda: piece(payload, layout, 0, 0, 0)
    yield Misused, lambda: piece(payload, layout, 0, 0, 5001)
    yield Misused, lambda: leaf(payload, layout, 0, 1)
    yield Misused, lambda: shards(Payload.of(b""), layout)
    yield Damaged, lambda: shards(Payload(5001, digest, lambda _at, length: bytes(length - 1)), layout)


@pytest.mark.parametrize("layout", CODED, ids=str)
def test_what_cannot_work_is_refused(layout: Layout) -> None:
    for error, call in wrong_calls(layout):
        with pytest.raises(error):
            call()  # type: ignore[operator]


def test_a_flipped_bit_never_comes_back_as_a_payload() -> None:
    layout = Layout(4, 6)
    payload, data, held = made(layout, 40_000)
    kept = {number: held[number] for number in (0, 2, 4, 5)}
    for number, at in ((0, 0), (2, 9_999), (4, 5_000), (5, 10_047)):
        bad = bytearray(kept[number])
        bad[at] ^= 1
        with pytest.raises(BadShard):
            check_shard(shard_id(held[number]), bad)
        with pytest.raises(BadShard):
            join(layout, len(data), payload.digest, kept | {number: bytes(bad)})


def test_any_kind_of_buffer_will_do() -> None:
    layout = Layout(2, 4)
    payload, data, held = made(layout, 10_000)
    kinds: dict[int, bytes | bytearray | memoryview] = {3: bytearray(held[3]), 2: memoryview(held[2])}
    assert join(layout, 10_000, payload.digest, kinds) == data
    assert [bytes(row) for row in shards(Payload.of(bytearray(data)), layout)] == list(held.values())
    assert [bytes(row) for row in shards(Payload.of(memoryview(data), payload.digest), layout)] == list(held.values())


def test_a_coder_that_computes_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_KNOWN_PARITY, Layout(4, 6), "0" * 32)
    _driver.cache_clear()
    with pytest.raises(Damaged, match="erasure coder"):
        shards(Payload.of(b"x"), Layout(4, 6))
    monkeypatch.undo()
    assert len(shards(Payload.of(b"x"), Layout(4, 6))) == 6
