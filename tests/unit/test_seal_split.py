"""A key split among friends: any k parts give it back, fewer say so, and what was mistyped is named."""

from __future__ import annotations

import itertools

import pytest

from firmware.errors import Misused, PartsDoNotFit, PartWrong
from firmware.seal import Secret
from firmware.seal.split import PART_WORDS, join_key, read_part, split_key
from tests.vectors.counted_entropy import CountedEntropy

SECRET = Secret(bytes(range(32)))


def test_any_three_of_five_give_the_key_back_and_two_do_not() -> None:
    parts = split_key(SECRET, 3, 5, CountedEntropy(b"friends"))
    assert [read_part(each)[1:] for each in parts] == [(number, 3) for number in range(1, 6)]
    assert all(len(each.split()) == PART_WORDS for each in parts)
    for some in itertools.combinations(parts, 3):
        assert join_key(some) == SECRET
    assert join_key([f"{at}. {word}" for at, word in enumerate(parts[:4])]) == SECRET, "more than needed, numbered"
    for too_few in itertools.combinations(parts, 2):
        with pytest.raises(PartsDoNotFit, match="3 different parts are needed"):
            join_key([*too_few, too_few[0]])


def test_the_same_randomness_makes_the_same_parts() -> None:
    one, other = (split_key(SECRET, 2, 3, CountedEntropy(b"friends")) for _ in range(2))
    assert one == other != split_key(SECRET, 2, 3, CountedEntropy(b"others"))


def test_parts_of_two_days_do_not_mix() -> None:
    one, other = (split_key(SECRET, 2, 3, CountedEntropy(seed)) for seed in (b"monday", b"friday"))
    with pytest.raises(PartsDoNotFit):
        join_key([one[0], other[1]])


def test_what_was_mistyped_is_named() -> None:
    words = split_key(SECRET, 2, 3, CountedEntropy(b"friends"))[0].split()
    for typed, why in (
        (words[:-1], "32 words"),
        ([*words[:6], "lockerbox", *words[7:]], "word 7"),
        ([*words[:9], words[10], words[9], *words[11:]], "swapped"),
        ([], "0 words"),
    ):
        with pytest.raises(PartWrong, match=why):
            read_part(" ".join(typed))


def test_a_key_is_never_split_so_that_one_friend_could_open_it() -> None:
    for k, n in ((1, 3), (4, 3), (2, 17)):
        with pytest.raises(Misused):
            split_key(SECRET, k, n, CountedEntropy(b""))
