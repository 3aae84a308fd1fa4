"""The framing of bulk streams: any pieces give the same files, no garbage takes memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Misused
from services.api import bulk

NAMES = st.binary(min_size=1, max_size=300)
TIMES = st.integers(-(1 << 62) + 1, (1 << 62) - 1)
MIMES = st.none() | st.text(max_size=100)
BLOCKS = st.lists(st.binary(min_size=1, max_size=200))
FILES = st.lists(st.tuples(NAMES, TIMES, MIMES, BLOCKS, st.booleans()), max_size=5)
File = tuple[bytes, int, str | None, list[bytes], bool]


def encoded(files: list[File]) -> bytes:
    parts: list[bytes] = []
    for name, mtime, mime, blocks, ok in files:
        parts.append(bulk.encode_start(name, mtime, sum(map(len, blocks)), mime))
        parts += [bulk.encode_data(block) for block in blocks]
        parts.append(bulk.encode_end(ok=ok))
    return b"".join(parts)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, stop in itertools.pairwise(edges):
        yield data[start:stop]


@given(FILES, st.lists(st.integers(0, 1 << 20), max_size=30))
def test_any_split_gives_the_same_files(files: list[File], cuts: list[int]) -> None:
    parser = bulk.Frames()
    found: list[File] = []
    for piece in pieces(encoded(files), cuts):
        for event in parser.feed(piece):
            if isinstance(event, bulk.FileStart):
                found.append((event.name, event.mtime_ns, event.mime, [], False))
                assert event.size == sum(map(len, files[len(found) - 1][3]))
            elif isinstance(event, memoryview):
                found[-1][3].append(bytes(event))
            else:
                found[-1] = (*found[-1][:4], event.ok)
    parser.close()
    joined = [(*one[:3], b"".join(one[3]), one[4]) for one in found]
    assert joined == [(*one[:3], b"".join(one[3]), one[4]) for one in files]


@given(FILES, st.lists(st.binary(max_size=3000), max_size=8), st.integers(0, 1 << 20))
def test_garbage_is_misused_and_never_kept(files: list[File], garbage: list[bytes], cut: int) -> None:
    good = encoded(files)
    parser = bulk.Frames()
    try:
        for piece in (good[: cut % (len(good) + 1)], *garbage):
            for _ in parser.feed(piece):
                pass
            assert len(parser._carry) <= bulk.HEADER_MAX + 4
        parser.close()
    except Misused:
        return


@given(FILES.filter(bool), st.integers(1, 1 << 20))
def test_a_stream_that_is_cut_short_is_noticed(files: list[File], cut: int) -> None:
    whole = encoded(files)
    short = whole[: -(cut % len(whole)) or None]
    parser = bulk.Frames()
    ended = sum(isinstance(event, bulk.FileEnd) for event in parser.feed(short))
    if ended < len(files) and short not in prefixes(files):
        with pytest.raises(Misused):
            parser.close()


def prefixes(files: list[File]) -> list[bytes]:
    return [encoded(files[:count]) for count in range(len(files) + 1)]
