"""The owner's side of the circle in a model world: ships, grows, shrinks, audits, repairs, asks away."""

from __future__ import annotations

from itertools import count

import pytest

from firmware.backup import (
    AlarmKind,
    Caps,
    HourWindow,
    PeerState,
    Rules,
    Safety,
    SafetyState,
    Ship,
    Trouble,
    Way,
    happiness,
    network_of,
    plan,
)
from firmware.pack.format import Kind
from tests.sim.circle_world import DAY, HOUR, LOCKER, World

MIB = 1 << 20


def test_what_is_precious_ships_at_once_and_the_rest_waits_for_the_night() -> None:
    world = World(6)
    world.view.zone_minutes = 60
    plain, precious = world.cut(), world.cut(precious=True)
    world.hour()
    assert world.view.safety(precious) == (SafetyState.SAFE, 2, 6)
    assert world.view.safety(plain).state is SafetyState.HERE
    world.hours(28)
    assert world.view.safety(plain).state is SafetyState.SAFE


def test_a_pack_is_safe_only_with_friends_who_know_what_its_shards_are() -> None:
    world = World(6)
    told, early = world.cut(precious=True), world.cut(precious=True)
    world.hour()
    view, safe = world.view, (SafetyState.SAFE, 2, 6)
    assert view.safety(told) == safe
    view.keep_book(LOCKER)
    late = world.cut(precious=True)
    world.hour()
    assert {view.safety(each) for each in (told, early, late)} == {Safety(SafetyState.GOING)}
    assert view.book_wants() == 3
    view.booked([told, early], 2)
    assert view.safety(told).state is SafetyState.GOING, "both that know may be those that fail"
    view.booked([told], 3)
    view.booked([early], 1)
    assert view.safety(told) == safe and view.safety_of([told, early]).state is SafetyState.GOING
    sums = {kind.state: found.packs for kind, found in view.summary(LOCKER).items()}
    assert sums == {SafetyState.SAFE: 1, SafetyState.GOING: 2}
    view.keep_book(LOCKER)
    view.booked([early, late], 6)
    assert {view.safety(each) for each in (told, early, late)} == {safe}
    assert [found.packs for found in view.summary(LOCKER).values()] == [3]


def test_what_a_peer_says_is_used_counts_in_the_end() -> None:
    world = World(4)
    for key in world.hosts:
        world.view.offered(key, 1 << 30, 400_000)  # a part of a shard is there already
    for _ in range(3):
        world.cut(precious=True)
    world.hour()
    assert [world.view.peers[key].used for key in world.hosts] == [host.used for host in world.hosts.values()]
    assert not world.view.granted


def test_asked_for_means_now() -> None:
    world = World(3)
    pack = world.cut()
    world.view.ship_now(world.now_ms)
    world.hour()
    assert world.view.safety(pack) == (SafetyState.SAFE, 1, 3)


def test_meta_goes_before_previews_before_data_and_small_before_large() -> None:
    world = World(1, rules=Rules(flights=1))
    order = [world.cut(size * MIB, kind=kind) for kind in (Kind.DATA, Kind.PREVIEW, Kind.META) for size in (8, 2)]
    precious = world.cut(9 * MIB, kind=Kind.DATA, precious=True)
    world.view.ship_now(world.now_ms)
    world.hour()
    shipped = [ship.pack for ship in world.ships]
    assert shipped == [precious, order[5], order[4], order[3], order[2], order[1], order[0]]


def test_nothing_of_a_locker_without_custody_goes_anywhere() -> None:
    world = World(3)
    other = b"O" * 16
    world.view.cut(b"x" * 32, other, Kind.META, MIB, precious=True, now_ms=world.now_ms)
    world.view.head_is(other, 5)
    world.hours(30)
    assert not world.ships and not any(host.heads for host in world.hosts.values())
    world.view.set_custody(other, held=True)
    world.hour()
    assert len(world.ships) == 3 and all(5 in host.heads for host in world.hosts.values())
    world.view.set_custody(other, held=False)
    world.view.cut(b"y" * 32, other, Kind.META, MIB, precious=True, now_ms=world.now_ms)
    world.hours(3)
    assert len(world.ships) == 3


@pytest.mark.parametrize(("before", "after", "more"), [(1, 2, 1), (3, 4, 1), (4, 5, 0), (6, 7, 0)])
def test_growing_inside_a_rung_ships_only_the_new_shard(before: int, after: int, more: int) -> None:
    world = World(before)
    for _ in range(5):
        world.cut(precious=True)
    world.hour()
    shipped = len(world.ships)
    for _ in range(after - before):
        world.join()
    world.hours(5)
    assert len(world.ships) - shipped == 5 * more and world.safe()


def test_precious_packs_take_the_eighth_household() -> None:
    world = World(7)
    pack = world.cut(precious=True)
    world.hour()
    world.join()
    world.join()
    world.hours(3)
    assert world.view.safety(pack) == (SafetyState.SAFE, 4, 8) and len(world.ships) == 8


def test_another_k_is_laid_out_beside_the_old_layout_which_stays_until_it_is_whole() -> None:
    world = World(5)
    packs = [world.cut(precious=True) for _ in range(4)]
    world.hour()
    world.join()
    states = []
    for _ in range(6):
        world.hour()
        states.append(world.safe())
    assert all(states), "safe all the time"
    assert {world.view.packs[each].lay.k for each in packs} == {4}
    old = [shard for host in world.hosts.values() for shard in host.kept if shard[1] == 2]
    assert len(old) == 16 and all(
        shard in host.going for host in world.hosts.values() for shard in host.kept if shard in old
    )
    world.hours(24 * 31)
    assert all(shard[1] == 4 for host in world.hosts.values() for shard in host.kept)


def test_a_lost_household_costs_one_shard_of_traffic_for_each_lost_shard() -> None:
    world = World(7)
    for _ in range(14):
        world.cut(precious=True)
    world.hour()
    key = max(world.hosts, key=lambda each: len(world.held_by(each)))
    lost, shipped = len(world.held_by(key)), len(world.ships)
    world.view.left(key)
    world.hosts[key].there = False
    world.hours(2)
    assert lost and len(world.ships) - shipped == lost and world.safe()


def test_silence_is_no_lie_and_a_household_that_comes_back_is_welcome() -> None:
    world = World(6)
    pack = world.cut(precious=True)
    world.hour()
    key = next(iter(world.hosts))
    world.hosts[key].there = False
    world.hours(4 * 24)
    assert world.state(key) is PeerState.SUSPENDED and world.view.peers[key].strikes == 0
    assert world.view.safety(pack).state is SafetyState.GOING
    world.hosts[key].there = True
    world.hours(2)
    assert world.state(key) is PeerState.ACTIVE and world.view.safety(pack) == (SafetyState.SAFE, 2, 6)
    assert len(world.ships) == 6, "nothing was shipped twice"


def test_who_is_away_was_there_until_the_line_ended_however_long_ago_it_was_greeted() -> None:
    world = World(3)
    key = next(iter(world.hosts))
    world.view.heard(key, world.now_ms)
    greeted = world.view.peers[key].seen_ms
    for _ in range(5 * 24):
        world.now_ms += HOUR
        plan(world.view, world.now_ms, world.entropy)
    world.view.gone(key)
    assert world.view.peers[key].seen_ms == world.now_ms >= greeted + 5 * DAY
    world.hosts[key].there = False
    world.hours(24)
    assert world.view.peers[key].seen_ms == world.now_ms - DAY


def test_a_shrinking_circle_keeps_its_layout_while_that_is_as_good() -> None:
    world = World(7)
    pack = world.cut(precious=True)
    world.hour()
    world.view.left(next(iter(world.hosts)))
    world.hours(3)
    assert world.view.packs[pack].lay.k == 4 and world.view.safety(pack) == (SafetyState.SAFE, 2, 6)


def test_one_household_short_waits_a_month_for_another_which_takes_exactly_what_was_lost() -> None:
    world = World(6)
    packs = [world.cut(precious=True) for _ in range(5)]
    world.hour()
    world.view.left(next(iter(world.hosts)))
    world.hours(24 * 20)
    assert {world.view.safety(each) for each in packs} == {(SafetyState.SAFE, 1, 5)} and len(world.ships) == 30
    short = world.view.short_until()
    assert short is not None and abs(short - world.now_ms - 10 * DAY) < DAY
    world.join()
    world.hours(3)
    assert {world.view.safety(each) for each in packs} == {(SafetyState.SAFE, 2, 6)}
    assert len(world.ships) == 35 and world.view.short_until() is None


def test_after_the_grace_or_with_no_spare_shard_everything_is_laid_out_anew() -> None:
    world = World(6)
    pack = world.cut(precious=True)
    world.hour()
    world.view.left(next(iter(world.hosts)))
    world.hours(24 * 31)
    assert world.view.packs[pack].lay.k == 2 and world.view.safety(pack) == (SafetyState.SAFE, 2, 4)
    assert world.view.short_until() is None
    world = World(6)
    pack = world.cut(precious=True)
    world.hour()
    for each in list(world.hosts)[:2]:
        world.view.left(each)
    world.hours(3)
    assert world.view.packs[pack].lay.k == 2 and world.view.safety(pack) == (SafetyState.SAFE, 2, 4)


def test_when_everybody_is_silent_it_is_this_box_that_is_away() -> None:
    world = World(4)
    world.cut(precious=True)
    world.hour()
    for host in world.hosts.values():
        host.there = False
    world.hours(20 * 24)
    assert {peer.state for peer in world.view.peers.values()} == {PeerState.ACTIVE}


def test_a_clock_that_jumps_suspends_nobody_and_deletes_nothing() -> None:
    world = World(4)
    kept, gone = world.cut(precious=True), world.cut(precious=True)
    world.hour()
    world.view.drop(gone)
    silent = world.hosts[next(iter(world.hosts))]
    silent.there = False
    world.now_ms += 3650 * DAY
    world.hours(2)
    assert {peer.state for peer in world.view.peers.values()} == {PeerState.ACTIVE}
    assert not world.asked and world.view.safety(kept).state is SafetyState.GOING  # its proof is ten years old
    silent.there = True
    world.hours(2)
    assert not world.asked and world.view.safety(kept).state is SafetyState.SAFE


def test_after_a_long_sleep_of_this_box_peers_prove_first_what_they_have() -> None:
    world = World(4)
    pack = world.cut(precious=True)
    world.hours(30)
    assert world.view.safety(pack) == (SafetyState.SAFE, 2, 4)
    burnt = world.hosts[next(iter(world.hosts))]
    burnt.there = False
    world.now_ms += 22 * DAY
    world.hour()
    assert world.view.safety(pack).state is SafetyState.GOING
    burnt.there = True
    world.hours(2)
    assert world.view.safety(pack).state is SafetyState.SAFE


def test_one_wrong_answer_is_probation_two_are_suspension_and_proof_brings_back() -> None:
    world = World(5)
    for _ in range(6):
        world.cut(precious=True)
    world.hour()
    key = next(iter(world.hosts))
    host = world.hosts[key]
    host.rotten = set(world.held_by(key)[:1])
    world.hours(30)
    assert world.state(key) is PeerState.PROBATION
    assert world.safe(), "the wrong shard was made again elsewhere"
    host.rotten = set(world.held_by(key))
    world.hours(30)
    assert world.state(key) is PeerState.SUSPENDED and world.told(AlarmKind.SUSPENDED)
    host.rotten = set()
    world.hours(24)
    assert world.state(key) in (PeerState.PROBATION, PeerState.SUSPENDED)


def test_a_host_that_lost_a_shard_and_says_so_gets_no_strike() -> None:
    world = World(4)
    packs = [world.cut(precious=True) for _ in range(3)]
    world.hour()
    key = next(iter(world.hosts))
    del world.hosts[key].kept[world.held_by(key)[0]]
    world.hours(26)
    assert world.view.peers[key].strikes == 0 and world.state(key) is PeerState.ACTIVE
    assert all(world.view.safety(each).state is SafetyState.SAFE for each in packs)


def test_a_household_that_leaves_is_emptied_first() -> None:
    world = World(5)
    pack = world.cut(precious=True)
    world.hour()
    number = world.view.packs[pack].lay.hosts[0]
    key = world.view.by_number[number].key
    world.view.leaving(key)
    world.hours(2)
    assert number not in world.view.packs[pack].lay.hosts and world.view.safety(pack) == (SafetyState.SAFE, 2, 4)


def test_new_data_waits_when_there_is_no_room_and_old_data_stays() -> None:
    world = World(3, quota=8 * MIB)
    old = [world.cut(4 * MIB, precious=True) for _ in range(2)]
    world.hour()
    garbage = [world.cut(4 * MIB) for _ in range(20)]
    world.hours(72)
    assert world.told(AlarmKind.FULL)
    assert all(world.view.safety(each).state is SafetyState.SAFE for each in old)
    assert any(world.view.safety(each).state is not SafetyState.SAFE for each in garbage)
    assert not world.asked
    for key, host in world.hosts.items():
        host.quota = 1 << 30
        world.view.offered(key, host.quota, host.used)
    world.hours(3)
    assert world.safe()


def test_more_than_a_fifth_is_asked_away_only_when_a_person_said_yes() -> None:
    world = World(3)
    packs = [world.cut(precious=True) for _ in range(20)]
    world.view.head_is(LOCKER, 1)
    world.hours(31 * 24)
    for each in packs[:10]:
        world.view.drop(each)
    world.view.head_is(LOCKER, 2)
    world.hours(6 * 24)
    assert not world.asked
    world.hours(3 * 24)
    gone = {old.pack for _, ask in world.asked for old in ask.shards}
    assert not gone and world.told(AlarmKind.DELETES)
    world.view.allow_deletes(LOCKER)
    world.hours(24)
    assert {old.pack for _, ask in world.asked for old in ask.shards} == set(packs[:10])
    world.hours(31 * 24)
    assert sum(len(host.kept) for host in world.hosts.values()) == 30
    assert len(world.view.packs) == 10


def test_a_fifth_goes_by_itself_after_a_week_and_the_hosts_month() -> None:
    world = World(3)
    packs = [world.cut(precious=True) for _ in range(20)]
    world.hours(31 * 24)
    for each in packs[:4]:
        world.view.drop(each)
    world.hours(6 * 24)
    assert not world.asked
    world.hours(2 * 24)
    assert {old.pack for _, ask in world.asked for old in ask.shards} == set(packs[:4])
    assert sum(len(host.kept) for host in world.hosts.values()) == 60
    world.hours(31 * 24)
    assert sum(len(host.kept) for host in world.hosts.values()) == 48


def test_a_pack_that_is_wanted_after_all_is_asked_back() -> None:
    world = World(3)
    packs = [world.cut(precious=True) for _ in range(10)]
    world.hours(31 * 24)
    world.view.drop(packs[0])
    world.hours(8 * 24)
    assert world.asked and world.view.peers
    key = next(iter(world.hosts))
    shipped = len(world.ships)
    if packs[0] in world.view.packs:
        raise AssertionError("every shard was asked away")
    world.cut(precious=True)
    world.packs = 0
    world.cut(precious=True)
    world.hours(2)
    assert world.view.safety(packs[0]).state is SafetyState.SAFE and len(world.ships) == shipped + 6
    assert not world.hosts[key].going


def test_ransomware_with_a_members_session_loses_nothing_of_yesterday() -> None:
    """Everything is dropped and rewritten, the clock is moved, quotas fill up with garbage: yesterday stays."""
    world = World(6, quota=12 * MIB, rules=Rules(change_least=16 * MIB))
    yesterday = [world.cut(2 * MIB, kind=Kind.DATA) for _ in range(15)]
    world.view.head_is(LOCKER, 7)
    world.hours(24 * 31)
    assert world.safe()
    for each in yesterday:
        world.view.drop(each)
    for _ in range(40):
        world.cut(2 * MIB)
    world.view.head_is(LOCKER, 8)
    world.hours(24)
    world.now_ms += 400 * DAY
    world.hours(24 * 5)
    assert not world.asked, "nothing was asked away within a week"
    for each in yesterday:
        assert sum(1 for host in world.hosts.values() for shard in host.kept if shard[0] == each) >= 6
    world.hours(24 * 25)
    gone = {old.pack for _, ask in world.asked for old in ask.shards}
    assert not gone & set(yesterday), "a person is asked first"
    assert world.told(AlarmKind.DELETES) and world.told(AlarmKind.CHANGE) and world.told(AlarmKind.FULL)


def test_who_must_come_back_is_said_exactly() -> None:
    world = World(4)
    pack = world.cut(precious=True)
    world.hour()
    keys = [world.view.by_number[number].key for number in world.view.packs[pack].lay.hosts]
    assert world.view.must_return([pack], keys[:2]) == []
    (need,) = world.view.must_return([pack], keys[:1])
    assert need.wanted == 1 and set(need.peers) == set(keys[1:])
    fresh = world.cut()
    assert world.view.must_return([fresh], keys)[0].peers == ()


def test_two_boxes_of_one_household_count_once() -> None:
    world = World(4)
    for key in list(world.hosts)[:2]:
        world.view.set_peer(key, label="", household="grandma", place="", delegate=False)
    pack = world.cut(precious=True)
    world.hours(2)
    assert world.view.packs[pack].lay.n == 3 and world.view.health(pack) == 3


def test_happiness_is_a_matching() -> None:
    assert happiness({0: {"a"}, 1: {"a", "b"}, 2: {"b"}}) == 2
    assert happiness({0: {"a", "b"}, 1: {"a"}, 2: {"b", "c"}}) == 3


def test_shards_are_spread_over_networks_and_places() -> None:
    world = World(8)
    keys = list(world.hosts)
    for key, address in zip(keys, count(1), strict=False):
        world.view.heard(key, world.now_ms, "198.51.100.7" if address <= 4 else f"203.0.{address}.9")
    pack = world.cut()
    world.view.ship_now(world.now_ms)
    world.hour()
    assert network_of("198.51.100.7") in ("198.51.100.0/24", "")
    assert network_of("2a01:4f8:1:2::3") == "2a01:4f8:1::/48"
    assert network_of("192.168.1.5") == network_of("nonsense") == ""
    assert world.view.health(pack) == 6


def test_caps_have_windows_and_pauses() -> None:
    night = HourWindow(22 * 60, 6 * 60, up=1000, down=2000)
    caps = Caps(up=100, down=200, windows=(night,))
    midnight = 20_000 * DAY
    assert caps.rate(Way.UP, midnight) == 1000 and caps.rate(Way.DOWN, midnight + 5 * HOUR, 120) == 200
    assert caps.rate(Way.UP, midnight + 7 * HOUR) == 100
    assert Caps(paused_until_ms=midnight + 1).rate(Way.UP, midnight) == 0
    world = World(3)
    world.view.set_caps(Caps(paused_until_ms=world.now_ms + 5 * HOUR))
    world.cut(precious=True)
    world.hours(4)
    assert not world.ships
    world.hours(2)
    assert world.ships


def test_a_full_or_broken_line_comes_back_to_the_line() -> None:
    world = World(4)
    pack = world.cut(precious=True)
    for _ in range(3):
        world.now_ms += 1000
        for action in plan(world.view, world.now_ms, world.entropy):
            if isinstance(action, Ship):
                world.view.refused(action, Trouble.AWAY)
            else:
                world.carry_out(action)
    world.hour()
    assert world.view.safety(pack).state is SafetyState.SAFE
