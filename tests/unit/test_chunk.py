"""Cut points: what is joined again is what came, however it came, and a small change moves few chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.chunk import Cutter, chunk_id
from firmware.chunk.cutting import CDC_MAX, content_digest
from firmware.limits import KIB, MIB, WHOLE_FILE_BYTES

KEY = bytes(range(32))


def noise(seed: str, size: int) -> bytes:
    """Bytes that no codec makes smaller."""
    return hashlib.shake_256(seed.encode()).digest(size)


def cut(data: bytes, feeds: Sequence[int] = (), *, size: int | None = None, seed: int = 7) -> list[bytes]:
    """Cut ``data``, fed in pieces that end at ``feeds``."""
    cutter = Cutter(size, seed)
    chunks: list[bytes] = []
    ends = [*sorted({min(end, len(data)) for end in feeds}), len(data)]
    at = 0
    for end in ends:
        chunks += map(bytes, cutter.feed(data[at:end]))
        at = end
    return chunks + list(map(bytes, cutter.finish()))


def test_nothing_gives_no_chunk() -> None:
    assert cut(b"") == []


@pytest.mark.parametrize("size", [1, WHOLE_FILE_BYTES - 1, WHOLE_FILE_BYTES])
def test_a_small_file_is_one_chunk(size: int) -> None:
    assert cut(noise("small", size), (size // 2,)) == [noise("small", size)]


LONG = noise("long", 9 * MIB)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, len(LONG)), max_size=12))
def test_cut_points_do_not_depend_on_how_the_bytes_came(feeds: list[int]) -> None:
    chunks = cut(LONG, feeds)
    assert b"".join(chunks) == LONG
    assert [len(chunk) for chunk in chunks] == [len(chunk) for chunk in cut(LONG)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3 * MIB), st.lists(st.integers(0, 3 * MIB), max_size=6), st.booleans(), st.booleans())
def test_joined_chunks_are_the_input(size: int, feeds: list[int], sqlite: bool, declared: bool) -> None:
    data = (b"SQLite format 3\0" if sqlite else b"") + LONG[:size]
    chunks = cut(data, feeds, size=len(data) if declared else None)
    assert b"".join(chunks) == data
    assert all(0 < len(chunk) <= CDC_MAX for chunk in chunks)


@pytest.mark.parametrize("front", [1, 100, 70_000])
def test_bytes_inserted_at_the_front_change_few_chunks(front: int) -> None:
    before = {chunk_id(KEY, chunk) for chunk in cut(LONG)}
    after = [chunk_id(KEY, chunk) for chunk in cut(noise("front", front) + LONG)]
    assert sum(identity not in before for identity in after) <= 3
    assert len(after) > 20


def test_a_change_in_the_middle_changes_few_chunks() -> None:
    changed = LONG[: 4 * MIB] + b"something else" + LONG[4 * MIB + 3 :]
    before = {chunk_id(KEY, chunk) for chunk in cut(LONG)}
    assert sum(chunk_id(KEY, chunk) not in before for chunk in cut(changed)) <= 3


def test_a_database_is_cut_in_its_pages() -> None:
    data = b"SQLite format 3\0" + noise("pages", MIB - 16)
    assert [len(chunk) for chunk in cut(data, (5, 99_999), size=len(data))] == [4 * KIB] * 256
    changed = data[: 40 * KIB] + b"!" + data[40 * KIB + 1 :]
    before = set(cut(data, size=len(data)))
    assert sum(chunk not in before for chunk in cut(changed, size=len(data))) == 1


def test_pages_of_a_large_or_endless_database() -> None:
    head = b"SQLite format 3\0" + noise("large", 300 * KIB)
    for size, page in ((256 * MIB, 4 * KIB), (256 * MIB + 1, 16 * KIB), (None, 16 * KIB)):
        assert len(next(iter(Cutter(size, 7).feed(head)))) == page
    too_large = Cutter(3 * 1024 * MIB, 7)
    assert {*map(len, too_large.feed(LONG)), *map(len, too_large.finish())} != {16 * KIB}


def test_another_locker_cuts_elsewhere_and_names_otherwise() -> None:
    ours, theirs = cut(LONG), cut(LONG, seed=8)
    assert [len(chunk) for chunk in ours] != [len(chunk) for chunk in theirs]
    assert chunk_id(KEY, b"x") != chunk_id(bytes(32), b"x")
    assert content_digest(KEY, b"i" * 32, 1) != content_digest(KEY, b"i" * 32, 2)
    assert chunk_id(KEY, b"x") == chunk_id(KEY, memoryview(b"x"))
