"""The body of a bulk upload is undone from its chunked coding whatever the pieces, and nonsense is Misused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Misused
from services.api.raw import BodyCoding

CHUNKS = st.lists(st.binary(min_size=1, max_size=300), max_size=8)
CUTS = st.lists(st.integers(0, 1 << 20), max_size=20)


def chunked(chunks: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n"


def fed(coding: BodyCoding, data: bytes, cuts: list[int]) -> bytes:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[start:stop] for start, stop in itertools.pairwise(edges)]
    return b"".join(piece for part in pieces for piece in coding.feed(part))


@given(CHUNKS, CUTS)
def test_any_split_gives_the_same_body(chunks: list[bytes], cuts: list[int]) -> None:
    coding = BodyCoding(None)
    assert fed(coding, chunked(chunks), cuts) == b"".join(chunks)
    assert coding.done


@given(st.binary(max_size=500), CUTS)
def test_a_body_of_known_length_ends_there(body: bytes, cuts: list[int]) -> None:
    coding = BodyCoding(len(body))
    assert fed(coding, body + b"GET / HTTP/1.1\r\n", cuts) == body
    assert coding.done


@given(st.lists(st.binary(max_size=2000), max_size=6))
def test_nonsense_is_misused_and_never_kept(garbage: list[bytes]) -> None:
    coding = BodyCoding(None)
    try:
        for piece in garbage:
            assert sum(map(len, coding.feed(piece))) <= len(piece) + 256
            assert len(coding._carry) <= 256
    except Misused:
        return


@pytest.mark.parametrize(
    "bad", [b"xyz\r\n", b"-1\r\n", b"5\nhello", b"5\r\nhelloXX", b"0\r\nX: y\r\n", b" 5\r\n", b"1" * 300]
)
def test_broken_framing_is_named(bad: bytes) -> None:
    with pytest.raises(Misused):
        list(BodyCoding(None).feed(bad))


def test_a_cut_body_is_not_done() -> None:
    coding = BodyCoding(None)
    assert list(coding.feed(b"5\r\nhel")) == [b"hel"]
    assert not coding.done
