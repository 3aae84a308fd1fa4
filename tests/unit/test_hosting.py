"""What a host decides: room, time that cannot be pushed, custody, leases, capsules."""

from __future__ import annotations

import pytest

from firmware.errors import Full, LeaseRuns, PeerQuota
from firmware.hosting import (
    DAY,
    Account,
    CapsuleKept,
    EndingKind,
    HostLimits,
    House,
    Patience,
    agreed,
    away_since,
    capsules_going,
    charge,
    check_end,
    delete_date,
    ending_after_contact,
    ending_after_leaving,
    ending_after_notice,
    is_wave,
    judge,
)
from firmware.limits import GIB, MIB
from firmware.peer import Verdict
from tests.sim.hosted_world import record
from tests.vectors.peer_examples import NOW

HOUR = DAY // 24


def house(*accounts: Account, free: int = 100 * GIB, total: int | None = None, now_ms: int = NOW) -> House:
    return House(HostLimits(total), accounts, 200 * GIB, free, now_ms)


def test_room_is_within_the_quota_the_total_and_the_disk_less_its_reserve() -> None:
    one, two = Account(quota=10 * MIB, used=4 * MIB), Account(quota=GIB)
    assert house(one, two).reserve(one, b"a", GIB) == 6 * MIB
    assert house(one, two, total=20 * MIB).reserve(two, b"b", GIB) == 10 * MIB  # what one was promised is not two's
    assert house(one, two, total=20 * MIB, now_ms=NOW + 2 * DAY).reserve(two, b"b", GIB) == 16 * MIB
    assert house(one, free=10 * GIB + 5 * MIB).reserve(one, b"a", GIB) == 5 * MIB  # 5 % of 200 GiB stay free
    assert house(one, free=9 * GIB).reserve(one, b"a", GIB) == 0


def test_what_does_not_fit_is_refused_before_it_comes() -> None:
    one, other = Account(quota=10 * MIB, used=8 * MIB, coming=MIB), Account(quota=GIB)
    house(one, other).admit(one, MIB)
    with pytest.raises(PeerQuota):
        house(one, other).admit(one, MIB + 1)
    with pytest.raises(PeerQuota):
        house(one, other, total=10 * MIB).admit(other, 2 * MIB)
    with pytest.raises(Full):
        house(one, other, free=10 * GIB + 2 * MIB).admit(other, MIB + 1)  # one is on its way
    house(one, other, free=10 * GIB + 2 * MIB).admit(other, MIB)


def test_a_reservation_is_used_up_and_a_second_one_replaces_it() -> None:
    one, other = Account(quota=10 * MIB), Account(quota=10 * MIB)
    house(one).reserve(one, b"a", 4 * MIB)
    assert house(one).reserve(one, b"a", 8 * MIB) == 8 * MIB
    one.draw(b"a", 5 * MIB)
    assert one.aside(NOW) == 3 * MIB
    assert house(one, other, total=10 * MIB).reserve(other, b"b", GIB) == 7 * MIB


def test_tiny_shards_are_not_free() -> None:
    assert (charge(1), charge(4096), charge(4097)) == (4096, 4096, 8192)


def test_a_clock_that_is_moved_ages_nothing() -> None:
    time = Patience()
    assert time.at(NOW, 0) == NOW
    assert time.at(NOW + 40 * DAY, 1000) == NOW + 40 * DAY
    assert time.lived_ms == 0
    assert time.at(NOW, HOUR * 1_000_000) == NOW + 40 * DAY  # never back
    assert time.lived_ms == HOUR
    again = Patience.read(time.write())
    again.at(NOW + 500 * DAY, 77)
    assert again.lived_ms == HOUR + DAY  # a pause counts as a day at most
    assert Patience.read(b"garbage") == Patience()


def test_small_steps_of_the_counter_add_up() -> None:
    time = Patience()
    for step in range(3001):
        time.at(NOW, step * 333_333)
    assert time.lived_ms == 999


def test_custody_waits_while_the_old_box_is_there() -> None:
    held, new, newer = record("owner").record, record("new", 2), record("third", 3)
    first = judge(held, None, new, NOW - HOUR, NOW)
    assert (first.verdict, first.until_ms) == (Verdict.WAITING, NOW + 3 * DAY)
    later = judge(held, first.waiting, new, NOW + 2 * DAY, NOW + 2 * DAY)
    assert (later.verdict, later.until_ms) == (Verdict.WAITING, NOW + 3 * DAY)
    assert judge(held, first.waiting, new, NOW + 3 * DAY, NOW + 3 * DAY).verdict is Verdict.TAKEN
    assert first.waiting is not None
    assert judge(held, agreed(first.waiting), new, NOW, NOW).verdict is Verdict.TAKEN
    assert judge(held, None, new, NOW - 2 * DAY, NOW).verdict is Verdict.TAKEN  # silent
    third = judge(held, first.waiting, newer, NOW, NOW + DAY)
    assert (third.verdict, third.until_ms) == (Verdict.WAITING, NOW + 4 * DAY)  # a higher one waits its own time
    assert judge(held, third.waiting, new, NOW, NOW + DAY).verdict is Verdict.OLDER
    assert judge(held, first.waiting, record("third", 2), NOW, NOW + DAY).verdict is Verdict.FORKED


def test_custody_without_another_box_is_decided_at_once() -> None:
    held = record("owner", 2)
    assert judge(None, None, held, 0, NOW).verdict is Verdict.TAKEN
    assert judge(held.record, None, held, NOW, NOW).verdict is Verdict.SAME
    assert judge(held.record, None, record("new", 1), NOW, NOW).verdict is Verdict.OLDER
    assert judge(held.record, None, record("new", 2), NOW, NOW).verdict is Verdict.FORKED
    waits = judge(held.record, None, record("new", 3), NOW, NOW).waiting
    raised = judge(held.record, waits, record("owner", 4), NOW, NOW)
    assert (raised.verdict, raised.waiting) == (Verdict.TAKEN, None)  # the owner answers a stolen kit
    early = judge(held.record, None, record("new", 3, early_ms=-DAY), 0, NOW)
    assert (early.verdict, early.until_ms, early.waiting) == (Verdict.EARLY, NOW + DAY, None)


def test_a_silent_locker_is_kept_13_months_and_60_days() -> None:
    alive = NOW
    assert away_since(alive, NOW + 6 * DAY) is None
    assert away_since(alive, NOW + 8 * DAY) == alive
    with pytest.raises(LeaseRuns) as early:
        ending_after_notice(alive, NOW + 395 * DAY, 0)
    assert early.value.fields == {"days": 1}
    ending = ending_after_notice(alive, NOW + 396 * DAY, 5)
    for now, lived in ((NOW + 396 * DAY, 5 + 60 * DAY), (NOW + 500 * DAY, 5)):
        with pytest.raises(LeaseRuns):
            check_end(ending, alive, now, lived)
    check_end(ending, alive, NOW + 456 * DAY, 5 + 60 * DAY)
    with pytest.raises(LeaseRuns):
        check_end(None, alive, NOW + 9999 * DAY, 9999 * DAY)  # no notice, no end
    assert ending_after_contact(ending) is None
    left = ending_after_leaving(NOW, 0)
    assert ending_after_contact(left) is left
    assert left.kind is EndingKind.LEFT


def test_deletes_wait_thirty_days_and_many_are_a_wave() -> None:
    assert delete_date(0, NOW) == NOW + 30 * DAY
    assert delete_date(NOW + 90 * DAY, NOW) == NOW + 90 * DAY
    assert not is_wave(19, 19)
    assert is_wave(20, 100)
    assert not is_wave(20, 101)


def test_garbage_capsules_push_out_nothing_of_yesterday() -> None:
    kept: list[CapsuleKept] = []
    for day in range(400):  # one a day, as a box does
        at = NOW + day * DAY
        kept.append(CapsuleKept(at, day))
        kept = [each for each in kept if each not in capsules_going(kept, at)]
    assert len(kept) <= 46
    assert [each.number for each in kept[-3:]] == [397, 398, 399]
    assert kept[0].received_ms < NOW + 60 * DAY  # a year back
    before = set(kept)
    for flood in range(500):
        at = NOW + 400 * DAY + flood
        kept.append(CapsuleKept(at, (1 << 62) + flood))
        kept = [each for each in kept if each not in capsules_going(kept, at)]
    assert CapsuleKept(NOW + 399 * DAY, 399) in kept
    assert len(before - set(kept)) <= 2  # only what a day that passed lets go anyway
    assert len(kept) <= 46
