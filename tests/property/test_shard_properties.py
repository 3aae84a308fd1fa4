"""Properties of shards: any payload, any k of its n shards, and it is back; any pieces, and the tree is the same."""

from __future__ import annotations

import hashlib
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import BadShard
from firmware.shard import LAYOUTS, Layout, Payload, ShardHasher, check_leaf, join, rebuild, shards, tree
from tests.vectors import second_shard_reader as second

PAYLOADS = st.one_of(
    st.binary(min_size=1, max_size=4000),
    st.tuples(st.integers(1, 400_000), st.integers(0, 1 << 30)).map(
        lambda made: hashlib.shake_256(made[1].to_bytes(4, "big")).digest(made[0])
    ),
)
LAYOUT = st.sampled_from(LAYOUTS)


@settings(max_examples=150, deadline=None)
@given(data=PAYLOADS, layout=LAYOUT, draw=st.data())
def test_any_k_of_n_join(data: bytes, layout: Layout, draw: st.DataObject) -> None:
    payload = Payload.of(data)
    rows = dict(enumerate(shards(payload, layout)))
    order = draw.draw(st.permutations(range(layout.n)))
    kept = {number: rows[number] for number in order[: layout.k]}
    assert join(layout, len(data), payload.digest, kept) == data
    for lost in order[layout.k :]:
        assert rebuild(layout, kept, lost) == rows[lost]


@settings(max_examples=60, deadline=None)
@given(data=PAYLOADS, layout=LAYOUT, draw=st.data())
def test_the_second_reader_makes_and_joins_the_same(data: bytes, layout: Layout, draw: st.DataObject) -> None:
    rows = [bytes(row) for row in shards(Payload.of(data), layout)]
    assert second.make(data, layout.k, layout.n) == rows
    kept = draw.draw(st.permutations(range(layout.n)))[: layout.k]
    assert second.join(len(data), layout.k, {number: rows[number] for number in kept}) == data


@settings(max_examples=60, deadline=None)
@given(data=PAYLOADS, cuts=st.lists(st.integers(0, 400_000), max_size=8), draw=st.data())
def test_trees(data: bytes, cuts: list[int], draw: st.DataObject) -> None:
    hasher = ShardHasher()
    ends = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(ends):
        hasher.update(data[start:end])
    whole = hasher.tree()
    assert whole == tree(data)
    assert whole.shard_id == second.shard_id(data)
    leaves = second.leaves(data)
    number = draw.draw(st.integers(0, len(leaves) - 1))
    proof = whole.proof(number)
    assert proof == second.proof(data, number)
    check_leaf(whole.shard_id, len(data), number, leaves[number], proof)


@settings(max_examples=200, deadline=None)
@given(proof=st.binary(max_size=400), leaf=st.binary(max_size=100), number=st.integers(0, 19), name=st.binary())
def test_no_answer_of_a_peer_does_anything_but_fail(proof: bytes, leaf: bytes, number: int, name: bytes) -> None:
    try:
        check_leaf(name, 20 * 16384 - 1, number, leaf, proof)
    except BadShard:
        return
    raise AssertionError("a made-up proof was taken")
