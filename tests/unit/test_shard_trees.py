"""Trees of shards: bytes in any pieces give one id, every leaf is proved, every flipped bit is found."""

from __future__ import annotations

import hashlib

import pytest

from firmware.errors import BadShard, Misused
from firmware.limits import KIB, PACK_BYTES
from firmware.shard import (
    LAYOUTS,
    LEAF_BYTES,
    Layout,
    Payload,
    ShardHasher,
    audit_answer,
    check_leaf,
    check_shard,
    leaf,
    leaf_count,
    leaf_size,
    shard_id,
    shards,
    tree,
)

SIZES = [1, 64, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, *(n * LEAF_BYTES for n in range(2, 10)), 333_333]
NONCE = bytes(range(32))


def noise(seed: str, size: int) -> bytes:
    """Bytes without any order."""
    return hashlib.shake_256(seed.encode()).digest(size)


def leaf_of(data: bytes | bytearray, number: int) -> bytes | bytearray:
    """Leaf ``number`` of a shard."""
    return data[number * LEAF_BYTES : (number + 1) * LEAF_BYTES]


@pytest.mark.parametrize("size", SIZES)
def test_bytes_in_any_pieces_give_the_same_tree(size: int) -> None:
    data = noise("pieces", size)
    for step in (1000, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 5 * LEAF_BYTES + 3):
        hasher = ShardHasher()
        for at in range(0, size, step):
            hasher.update(memoryview(data)[at : at + step])
            hasher.update(b"")
        assert hasher.size == size
        assert hasher.tree() == hasher.tree() == tree(data)
    assert shard_id(data) == tree(data).shard_id
    check_shard(shard_id(data), data)


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_has_a_proof_that_holds_nowhere_else(size: int) -> None:
    data = noise("proofs", size)
    whole = tree(data)
    count = leaf_count(size)
    for number in range(count):
        proof = whole.proof(number)
        assert len(proof) <= 32 * 10
        check_leaf(whole.shard_id, size, number, leaf_of(data, number), proof)
        wrong = [
            (whole.shard_id, size, number, leaf_of(data, number), proof + bytes(32)),
            (whole.shard_id, size, number, leaf_of(data, number), proof + b"x"),
            (whole.shard_id, size, number, leaf_of(data, number) + b"x", proof),
            (whole.shard_id, size, number, leaf_of(data, number)[:-1], proof),
            (whole.shard_id, size, number, b"", proof),
            (bytes(32), size, number, leaf_of(data, number), proof),
        ]
        wrong += [(whole.shard_id, size, number, leaf_of(data, number), proof[:-1])] if proof else []
        wrong += [(whole.shard_id, size, number, leaf_of(data, number), b"")] if proof else []
        wrong += [(whole.shard_id, size, n, leaf_of(data, number), proof) for n in range(count) if n != number]
        for arguments in wrong:
            with pytest.raises(BadShard):
                check_leaf(*arguments)
    for number in (-1, count):
        with pytest.raises(Misused):
            whole.proof(number)
        with pytest.raises(Misused):
            leaf_size(size, number)


def test_a_proof_is_bound_to_the_length_of_its_shard() -> None:
    data = noise("length", 4 * LEAF_BYTES)
    whole = tree(data)
    for size in (4 * LEAF_BYTES - 1, 3 * LEAF_BYTES + 1, 5 * LEAF_BYTES):
        with pytest.raises(BadShard):
            check_leaf(whole.shard_id, size, 0, leaf_of(data, 0), whole.proof(0))


def test_any_flipped_bit_is_found() -> None:
    data = noise("flips", 3 * LEAF_BYTES + 100)
    whole = tree(data)
    proof = whole.proof(3)
    for bit in range(8 * 100):  # every bit of the last leaf
        bad = bytearray(leaf_of(data, 3))
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadShard):
            check_leaf(whole.shard_id, len(data), 3, bad, proof)
    for bit in range(8 * len(proof)):
        bad = bytearray(proof)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadShard):
            check_leaf(whole.shard_id, len(data), 3, leaf_of(data, 3), bytes(bad))
    for at in range(0, len(data), 97):
        bad = bytearray(data)
        bad[at] ^= 0x80
        with pytest.raises(BadShard):
            check_shard(whole.shard_id, bad)


def test_leaves_and_inner_points_cannot_stand_for_each_other() -> None:
    data = noise("second preimage", 2 * LEAF_BYTES)
    level = tree(data).levels[0]
    assert shard_id(b"".join(level)) != shard_id(data)
    assert tree(b"".join(level)).root != tree(data).root


def test_lengths_no_shard_has() -> None:
    with pytest.raises(Misused):
        shard_id(b"")
    with pytest.raises(Misused):
        ShardHasher().tree()
    with pytest.raises(Misused):
        leaf_count(PACK_BYTES + 1)
    with pytest.raises(BadShard):
        check_shard(bytes(32), b"")


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_audit_answers_from_the_pack_equal_those_from_the_stored_shard(layout: Layout) -> None:
    """The owner reads ranges of the pack, the host reads its shard; data and parity, in any order of picks."""
    payload = Payload.of(noise("audit", 300 * KIB + 5))
    for number, stored in enumerate(map(bytes, shards(payload, layout))):
        count = leaf_count(len(stored))
        picks = [count - 1, 0, count // 2, 0]
        theirs = audit_answer(NONCE, [leaf_of(stored, pick) for pick in picks])
        ours = audit_answer(NONCE, [leaf(payload, layout, number, pick) for pick in picks])
        assert theirs == ours
        assert theirs != audit_answer(bytes(32), [leaf_of(stored, pick) for pick in picks])
        assert theirs != audit_answer(NONCE, [leaf_of(stored, pick) for pick in sorted(picks)])
        whole = [stored[at : at + 100_000] for at in range(0, len(stored), 100_000)]
        assert audit_answer(NONCE, whole) == audit_answer(NONCE, [stored])
        flipped = bytearray(stored)
        flipped[-1] ^= 1
        assert theirs != audit_answer(NONCE, [leaf_of(flipped, pick) for pick in picks])


def test_a_nonce_has_one_length() -> None:
    for length in (0, 31, 33):
        with pytest.raises(Misused):
            audit_answer(bytes(length), [b"leaf"])
