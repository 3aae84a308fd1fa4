"""However often a stream pauses and whoever goes on with it, it is cut where one stream would have been."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.chunk import Cutter, ResumingCutter


def straight(content: bytes) -> list[bytes]:
    cutter = Cutter(len(content), 7)
    return [*map(bytes, cutter.feed(content)), *map(bytes, cutter.finish())]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(0, 4 << 20), st.booleans(), st.lists(st.integers(0, 4 << 20), max_size=6),
    st.booleans(),
)  # fmt: skip
def test_pauses_move_no_cut(seed: int, size: int, ledger: bool, stops: list[int], reborn: bool) -> None:
    content = random.Random(seed).randbytes(size)
    if ledger:
        content = (b"SQLite format 3\0" + content)[:size]
    cutter, found, at = ResumingCutter(size, 7), list[bytes](), 0
    for stop in [*sorted(min(stop, size) for stop in stops), size]:
        found += map(bytes, cutter.feed(content[at:stop]))
        found += map(bytes, cutter.certain())
        at = stop
        assert len(cutter.rest) == cutter.waiting == at - sum(map(len, found))
        if reborn:
            rest = cutter.rest
            cutter = ResumingCutter(size, 7)
            if found:
                cutter.go_on(content[:16])
            found += map(bytes, cutter.feed(rest))
    found += map(bytes, cutter.finish())
    assert found == straight(content)
