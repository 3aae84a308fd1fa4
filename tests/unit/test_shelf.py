"""Decisions about a shelf, and its bytes: what goes and stays, marks and records that are torn, papers that stay."""

from __future__ import annotations

import random
from typing import Any

import pytest
from blake3 import blake3

from firmware.errors import Damaged, NewerFormat
from firmware.limits import MIB
from firmware.pack.format import Kind
from firmware.seal import Secret, SigningKey
from firmware.shelf import Entry, LockerShelf, Mark, Wanted, What, batches, fitting, goes, line, to_check, without
from firmware.shelf.carrying import Carried, read_record, record
from firmware.shelf.format import RECORD_BYTES, read_list
from tests.sim.disk import SimDisk
from tests.sim.test_shelf import SimShelfDisk

DAY = 86_400_000
LOCKER = bytes(16)


def entry(number: int, what: What = What.HERE, time: int = 0, size: int = MIB) -> Entry:
    return Entry(what, Kind.DATA, size, time, number.to_bytes(32), bytes(32))


def test_a_rewritten_locker_takes_at_most_a_fifth_of_yesterday_in_30_days() -> None:
    packs = [entry(number, What.DROPPED, 10 * DAY + number) for number in range(100)]
    assert goes(packs, [], 39 * DAY) == []
    first = goes(packs, [], 41 * DAY)
    assert [each.pack for each in first] == [each.pack for each in packs[:20]], "the oldest, a fifth"
    off = [entry(number, What.OFF, 41 * DAY) for number in range(20)]
    assert goes(packs[20:], off, 60 * DAY) == [], "the window is 30 days"
    assert len(goes(packs[20:], off, 72 * DAY)) == 16
    assert goes(packs, [], 5 * DAY) == [], "a box that lost its count of time takes nothing off"
    assert goes([entry(number) for number in range(100)], [], 400 * DAY) == [], "what is wanted stays"


def test_the_order_is_what_a_restorer_needs_first() -> None:
    made = [
        Wanted(bytes((at,)) * 32, kind, size, bytes(32), precious)
        for at, (kind, size, precious) in enumerate(
            [(Kind.DATA, 9, False), (Kind.META, 5, False), (Kind.DATA, 90, True), (Kind.META, 2, False)]
        )
    ]
    assert [each.pack[0] for each in line(made)] == [3, 1, 2, 0]
    many = [Wanted(bytes(32), Kind.DATA, 10 * MIB, bytes(32)) for _ in range(9)]
    assert [len(each) for each in batches(many)] == [3, 3, 3]
    assert len(fitting(many, 30 * MIB)) == 2, "something is left free"


def test_what_is_dropped_and_wanted_again_is_noted_both_ways() -> None:
    gone, back = without([entry(1), entry(2, What.DROPPED, 5), entry(3)], [(2).to_bytes(32), (3).to_bytes(32)])
    assert ([each.pack[-1] for each in gone], [each.pack[-1] for each in back]) == ([1], [2])


def test_a_round_of_checks_reads_everything_once() -> None:
    entries, after, seen = [entry(number) for number in range(300)], b"", 0
    for _ in range(28 * 24 + 1):
        found = to_check(entries, after, DAY // 24)
        seen += len(found)
        if not found:
            break
        after = found[-1].pack
    assert seen == 300


def test_a_mark_is_ours_or_left_alone() -> None:
    mark = Mark(bytes(range(16)), bytes(range(32)), 1_700_000_000_000)
    data = mark.to_bytes()
    assert Mark.parse(data) == mark
    for at in range(len(data)):
        flipped = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        with pytest.raises((Damaged, NewerFormat)):
            Mark.parse(flipped)
    with pytest.raises(NewerFormat):
        Mark.parse(b"lockerbox shelf 2\nsomething else\n")


def test_torn_and_rotten_records_are_passed_over() -> None:
    made = [entry(number) for number in range(5)]
    data = b"".join(each.to_bytes(LOCKER) for each in made)
    assert read_list(LOCKER, data) == made
    assert read_list(bytes(15) + b"x", data) == [], "of another locker"
    rotten = bytearray(data[:-7])
    rotten[RECORD_BYTES + 50] ^= 4
    assert read_list(LOCKER, bytes(rotten)) == [made[0], made[2], made[3]]


def test_the_newest_papers_stay_and_a_list_with_a_torn_end_goes_on() -> None:
    sim = SimDisk(random.Random(1))
    disk: Any = SimShelfDisk(sim)
    shelf = LockerShelf(disk, LOCKER)
    for number in (1, 2, 3, 4, 5):
        assert shelf.put_paper("key", number, b"%d" % number)
    assert not shelf.put_paper("key", 5, b"5")
    assert list(shelf.papers("key")) == [b"5", b"4", b"3"]
    data = bytes(16) + b"bytes of a pack"
    wanted = Wanted(bytes(32), Kind.DATA, len(data) - 16, blake3(data[16:]).digest())
    shelf.put([wanted], lambda _: iter((data,)), 1)
    sim.reopen(f"{LOCKER.hex()}/list").append(b"torn")
    again = LockerShelf(disk, LOCKER)
    other = Wanted(bytes(31) + b"x", Kind.DATA, wanted.size, wanted.digest)
    again.put([other], lambda _: iter((data,)), 1)
    assert set(LockerShelf(disk, LOCKER).entries) == {wanted.pack, other.pack}
    assert again.put([Wanted(b"y" * 32, Kind.DATA, 3, bytes(32))], lambda _: iter((data,)), 1).bad == [b"y" * 32]


def test_only_the_sender_asks_and_only_for_whom_it_meant() -> None:
    by = SigningKey.from_seed(Secret(bytes(32)))
    one = Carried(bytes(16), bytes(32), 64)
    data = record(one, b"t" * 32, by, 5)
    assert read_record(data, b"t" * 32, by.public) == one
    assert read_record(data, b"u" * 32, by.public) is None
    assert read_record(data, b"t" * 32, bytes(32)) is None
    assert read_record(data[:-1], b"t" * 32, by.public) is None
    assert all(
        read_record(data[:at] + bytes((data[at] ^ 8,)) + data[at + 1 :], b"t" * 32, by.public) is None
        for at in range(0, 128, 9)
    )
