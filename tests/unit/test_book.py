"""The book and the circle part of a capsule: what a locked box writes, only whoever opened the key file reads."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.backup.book import (
    PackPlace,
    Page,
    ShardAt,
    asked_lately,
    may_ask,
    open_page,
    page_bytes,
    read_page,
    seal_page,
    whole_book,
)
from firmware.errors import BadSeal, Damaged, NewerFormat
from firmware.hosting import is_wave
from firmware.limits import CAPSULE_KEY_BYTES, CIRCLE_FRIENDS, CIRCLE_PAGES, PEER_CAPSULE_BYTES
from firmware.peer import Card, Custody
from firmware.peer.capsules import Filling, KitCard, open_capsule
from firmware.peer.cbor import dumps, loads
from firmware.peer.kits import CirclePart, Friend, PageAt, circle_number, open_circle, with_circle
from firmware.seal import Secret, new_words, public_key
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.peer_examples import HANDOVER, HEAD, LOCKER, NOW, key

ENTROPY = CountedEntropy(b"book")
WORDS, SEED = new_words(ENTROPY), Secret(ENTROPY.bytes(32))
INBOX = public_key(SEED)
BOX = key("owner")
KIT = KitCard.made(WORDS, key("identity").public, key("head").public, LOCKER, 1)
CUSTODY = Custody(LOCKER, 3, BOX.public, NOW).signed(key("custody"))
FILLING = Filling(NOW, LOCKER, KIT, b"key file" * 100, HEAD, CUSTODY, ())


def friend(number: int, addresses: int = 4) -> Friend:
    by = key(f"friend {number}")
    at = tuple(f"192.0.2.{each}:4433" for each in range(addresses))
    return Friend(Card(key(f"e{number}").public, by.public, f"box {number}", NOW, at, None, 1).signed(by), "Anna")


FRIENDS = tuple(friend(number) for number in range(5))
PAGES = tuple(PageAt(bytes([n]) * 32, 4096 * n, tuple(each.box for each in FRIENDS[:n])) for n in range(1, 4))
PART = CirclePart(NOW + 5, NOW, FRIENDS, PAGES, 7, BOX.public)


def places(seed: int, count: int, peers: int = 6) -> tuple[PackPlace, ...]:
    rng = random.Random(seed)
    boxes = [rng.randbytes(32) for _ in range(peers)]
    return tuple(
        PackPlace(
            rng.randbytes(32), rng.randbytes(16), rng.randint(1, 4), rng.randint(1, 1 << 24), rng.randbytes(32),
            rng.random() < 0.5, 4, 6, tuple(ShardAt(at, rng.randbytes(32), rng.choice(boxes)) for at in range(6)),
        )
        for _ in range(count)
    )  # fmt: skip


def test_the_circle_part_is_read_by_the_key_file_alone() -> None:
    capsule = FILLING.sealed(key("head"))
    assert open_circle(capsule, FILLING, SEED) is None and circle_number(capsule) == 0
    whole = with_circle(capsule, PART, INBOX, LOCKER, BOX)
    assert len(whole) == PEER_CAPSULE_BYTES and open_capsule(whole, WORDS)[0] == FILLING
    assert open_circle(whole, FILLING, SEED) == PART and circle_number(whole) == NOW + 5
    again = with_circle(whole, replace(PART, number=NOW + 6), INBOX, LOCKER, BOX)
    assert circle_number(again) == NOW + 6
    with pytest.raises(BadSeal):
        open_circle(whole, FILLING, Secret(bytes(32)))
    with pytest.raises(BadSeal):
        open_circle(with_circle(capsule, PART, INBOX, LOCKER, key("thief")), FILLING, SEED)
    with pytest.raises(BadSeal):  # the circle of another locker of the same box
        open_circle(with_circle(capsule, PART, INBOX, bytes(16), BOX), FILLING, SEED)


def test_any_changed_bit_of_the_circle_part_is_noticed() -> None:
    begin = len(FILLING.sealed(key("head")).rstrip(b"\0"))
    whole, rng = with_circle(FILLING.sealed(key("head")), PART, INBOX, LOCKER, BOX), random.Random(2)
    for at in [*range(begin, begin + 80), *(rng.randrange(begin, len(whole)) for _ in range(200))]:
        spoilt = bytearray(whole)
        spoilt[at] ^= 1 << rng.randrange(8)
        with pytest.raises((BadSeal, Damaged, NewerFormat)):
            open_circle(bytes(spoilt), FILLING, SEED)


def test_friends_make_room_for_the_book() -> None:
    """The longest key file, the longest book: friends who do not fit are left out from the end."""
    full = replace(FILLING, key_file=bytes(CAPSULE_KEY_BYTES), handovers=(HANDOVER,) * 16)
    many = tuple(friend(number, 16) for number in range(CIRCLE_FRIENDS))
    pages = tuple(PageAt(bytes([n]) * 32, 1 << 20, tuple(each.box for each in many[:20])) for n in range(CIRCLE_PAGES))
    part = replace(PART, friends=many, pages=pages)
    found = open_circle(with_circle(full.sealed(key("head")), part, INBOX, LOCKER, BOX), full, SEED)
    assert found is not None and [each.shard for each in found.pages] == [each.shard for each in pages]
    assert found.friends == many[: len(found.friends)] and len(found.friends) >= 4
    assert {box for each in found.pages for box in each.peers} <= {each.box for each in found.friends}
    usual = open_circle(with_circle(FILLING.sealed(key("head")), part, INBOX, LOCKER, BOX), FILLING, SEED)
    assert usual is not None and len(usual.friends) >= 40


def test_how_the_key_is_split_comes_along_where_there_is_room() -> None:
    capsule = FILLING.sealed(key("head"))
    for size in (1, 9000):
        part = replace(PART, split=bytes([7]) * size)
        assert open_circle(with_circle(capsule, part, INBOX, LOCKER, BOX), FILLING, SEED) == part
    too_long = replace(PART, split=bytes(PEER_CAPSULE_BYTES))
    assert open_circle(with_circle(capsule, too_long, INBOX, LOCKER, BOX), FILLING, SEED) == PART


@settings(max_examples=20, deadline=None)
@given(st.integers(), st.integers(0, 30), st.integers(1, 6))
def test_a_page_comes_back_as_it_was(seed: int, count: int, peers: int) -> None:
    page = Page(seed % 1000, NOW, places(seed, count, peers))
    assert read_page(page_bytes(page)) == page
    sealed = seal_page(page, INBOX, LOCKER)
    assert open_page(sealed, SEED, LOCKER) == page
    assert len(sealed) % 4096 == 1136, "the length says little"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(0, 255), st.binary(max_size=4))
def test_a_page_of_nonsense_is_said_to_be_damaged(at: int, byte: int, more: bytes) -> None:
    good = page_bytes(Page(1, NOW, places(1, 3)))
    spoilt = bytearray(good)
    spoilt[at % len(good)] = byte
    with suppress(Damaged, NewerFormat):
        read_page(bytes(spoilt) + more)


def test_only_the_key_file_of_its_locker_reads_a_page() -> None:
    sealed = seal_page(Page(1, NOW, places(1, 3)), INBOX, LOCKER)
    for seed, locker in ((Secret(bytes(32)), LOCKER), (SEED, bytes(16))):
        with pytest.raises(BadSeal):
            open_page(sealed, seed, locker)
    with pytest.raises(BadSeal):
        open_page(sealed[:-1], SEED, LOCKER)


def test_a_page_of_tomorrow_is_named_so() -> None:
    values = loads(page_bytes(Page(1, NOW, ())))
    assert isinstance(values, list)
    with pytest.raises(NewerFormat):
        read_page(dumps(["book", 2, *values[2:]]))


def test_pages_that_are_asked_away_look_like_no_wave_to_any_host() -> None:
    for held in (1, 100, 5000):
        asked = 0
        while may_ask(asked, held):
            asked += 1
        assert asked >= 15 and not is_wave(asked, held + asked)
    day = 86_400_000
    assert asked_lately((0, 5 * day, 31 * day), 32 * day) == (5 * day, 31 * day)


def test_where_two_pages_name_a_pack_the_later_one_counts() -> None:
    first, second = places(1, 2)
    moved = replace(first, k=1, n=1, shards=first.shards[:1])
    pages = [Page(2, NOW + 1, (moved,)), Page(1, NOW, (first, second))]
    assert whole_book(pages) == {first.pack: moved, second.pack: second}
