"""The filter before the chunk table: it forgets nothing and seldom asks in vain."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from firmware.linux.bloom import Bloom


@given(st.sets(st.binary(min_size=32, max_size=32), max_size=300))
def test_what_was_added_is_there(ids: set[bytes]) -> None:
    filled = Bloom(1)
    filled.add(ids)
    assert all(identity in filled for identity in ids)
    assert filled.count == len(ids)


def test_a_full_filter_asks_in_vain_for_one_new_chunk_in_a_hundred_at_most() -> None:
    seed = Random(7)
    filled = Bloom(40_000)
    filled.add(seed.randbytes(32) for _ in range(filled.room))
    assert filled.room >= 80_000
    wrong = sum(seed.randbytes(32) in filled for _ in range(20_000))
    assert 0 < wrong < 200


def test_an_empty_filter_knows_nothing() -> None:
    assert bytes(32) not in Bloom(0)
