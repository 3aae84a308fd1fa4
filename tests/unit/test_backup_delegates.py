"""Looking after a friend's locker: who is lost, what is made again by whom, and what the owner takes over."""

from __future__ import annotations

import random

import pytest
from blake3 import blake3

from firmware.backup import Around, Care, Mark, PeerState, delegate_work
from firmware.backup.chance import Chance
from firmware.backup.delegates import PROVED_LEAVES
from firmware.backup.states import DAY, HOUR, RULES
from firmware.peer import ManifestPack
from firmware.peer.messages import Placed
from tests.sim.circle_world import World
from tests.vectors.counted_entropy import CountedEntropy

LONG = RULES.delegate_silent_ms


def key(number: int) -> bytes:
    return bytes([number]) * 32


def pack(number: int, k: int, *hosts: int) -> ManifestPack:
    """Shard i is at box ``hosts[i]``."""
    names = [blake3(b"%d %d" % (number, 0 if k == 1 else at)).digest() for at in range(len(hosts))]
    shards = tuple(Placed(name, (key(host),)) for name, host in zip(names, hosts, strict=True))
    return ManifestPack(blake3(b"%d" % number).digest(), 1 << 20, False, k, shards)


def caring(me: int, *hosts: int) -> Care:
    care = Care(key(me))
    care.know(map(key, hosts))
    return care


def days(care: Care, count: float, *there: int) -> None:
    for _ in range(int(count * 24)):
        care.pass_time(HOUR, {key(each) for each in there}, {})


def test_only_silence_while_others_speak_makes_a_host_lost() -> None:
    care = caring(1, 1, 2, 3, 4)
    days(care, 30, 1)
    assert not care.lost(), "this box sat alone behind a broken line"
    days(care, 2.9, 1, 2, 3)
    assert not care.lost()
    days(care, 0.2, 1, 2)
    assert care.lost() == {key(4)}
    days(care, 7, 1, 2, 3)
    assert care.lost(long=True) == {key(4)}
    days(care, 0.1, 2, 4)
    assert not care.lost()


def test_what_is_lost_goes_to_a_box_that_has_none_of_the_pack() -> None:
    care = caring(1, 1, 2, 3, 4, 5)
    days(care, 3, 1, 2, 3, 5)
    packs = [pack(1, 2, 1, 2, 3, 4), pack(2, 2, 5, 1, 2, 3)]
    room = [key(each) for each in (2, 5, 1, 3)]
    (job,) = care.work(packs, [], room, LONG)
    assert job.pack.digest == packs[0].digest and job.wanted == ((3, key(5)),)
    assert not care.work(packs, [], room, LONG - 1), "the owner was heard"
    care.place(packs[0].shards[3].shard, key(5))
    assert not care.work(packs, [], room, LONG) and not care.lacking(packs)


def test_where_every_box_left_has_a_shard_one_gets_a_second_rather_than_nobody_when_a_week_is_over() -> None:
    care = caring(1, *range(1, 7))
    packs = [pack(1, 4, 1, 2, 3, 4, 5, 6)]
    room = [key(each) for each in (3, 2, 1, 4)]
    days(care, 4, 1, 2, 3, 4, 5)
    assert not care.work(packs, [], room, LONG), "one spare shard is left, and six may come back"
    days(care, 6, 1, 2, 3, 4)
    (job,) = care.work(packs, [], room, LONG)
    assert dict(job.wanted) == {4: key(3), 5: key(2)}
    assert not care.work([pack(1, 1, 5, 6)], [], [], LONG)


def test_with_many_spare_shards_nobody_hurries() -> None:
    care = caring(1, *range(1, 9))
    packs = [pack(1, 4, 1, 2, 3, 4, 5, 6, 7, 8)]
    days(care, 4, 1, 2, 3, 4, 5, 6, 7)
    assert not care.work(packs, [], [key(9)], LONG)
    days(care, 6, 1, 2, 3, 4, 5, 6, 7)
    assert care.work(packs, [], [key(9)], LONG)


def test_a_shard_a_host_cannot_prove_is_made_again_at_once() -> None:
    care = caring(1, 1, 2, 3, 4, 5)
    packs = [pack(1, 2, 1, 2, 3, 4)]
    care.missing(packs[0].shards[2].shard, key(3))
    (job,) = care.work(packs, [], [key(3), key(5)], LONG)
    assert job.wanted[0][0] == 2
    care.place(packs[0].shards[2].shard, key(3))
    assert not care.work(packs, [], [key(5)], LONG)


def test_a_host_that_lost_a_shard_does_not_get_it_again_however_much_room_it_says_it_has() -> None:
    care = caring(1, 1, 2, 3, 4, 5, 6)
    packs = [pack(1, 2, 1, 2, 3, 4)]
    boaster, honest = key(3), key(5)
    room = [boaster, honest, key(1)]
    care.missing(packs[0].shards[2].shard, boaster)
    assert care.work(packs, [], room, LONG)[0].wanted == ((2, honest),)
    care.place(packs[0].shards[2].shard, honest)
    days(care, 3, 1, 2, 3, 5)
    ((index, host),) = care.work(packs, [], [boaster, key(6), honest], LONG)[0].wanted
    assert (index, host) == (3, key(6)), "who lost one comes last for the others too"
    assert care.others(packs[0], 3, room) == [boaster]


def test_who_saw_a_proof_fail_makes_the_shard_again_whoever_would_be_chosen() -> None:
    delegates = [key(each) for each in (1, 2, 3)]
    packs = [pack(each, 2, 1, 2, 3, 4) for each in range(12)]
    care = caring(1, 1, 2, 3, 4, 5)
    for each in packs:
        care.missing(each.shards[3].shard, key(4))
    assert len(care.work(packs, delegates, [key(5)], LONG)) == len(packs)
    believing = caring(2, 1, 2, 3, 4, 5)
    assert not believing.work(packs, delegates, [key(5)], LONG)


def test_no_two_shards_go_under_one_roof_while_another_one_has_none() -> None:
    care = caring(1, *range(1, 8))
    care.roofs = {key(1): 0, key(5): 0, key(2): 2, key(6): 2, key(7): 7}
    packs = [pack(1, 2, 1, 2, 3, 4)]
    days(care, 3, 1, 2, 3, 5, 6, 7)
    room = [key(5), key(6), key(7), key(1)]
    assert care.work(packs, [], room, LONG)[0].wanted == ((3, key(7)),)
    assert care.others(packs[0], 3, room) == [key(7)]
    assert not care.others(packs[0], 3, [key(5), key(6)])
    assert not care.work(packs, [], [key(5), key(6)], LONG), "one may still fail, and a box may come back"
    days(care, 3, 1, 2, 5, 6, 7)
    wanted = dict(care.work(packs, [], [key(5), key(6)], LONG)[0].wanted)
    assert wanted == {2: key(5), 3: key(6)}, "with nothing to spare, better two under a roof than none"


def test_what_a_host_that_is_there_has_lost_goes_under_a_roof_that_has_one_already_at_once() -> None:
    care = caring(1, *range(1, 6))
    care.roofs = {key(1): 0, key(5): 0}
    packs = [pack(1, 2, 1, 2, 3, 4)]
    days(care, 3, 1, 2, 3, 5)
    assert not care.work(packs, [], [key(5)], LONG), "one that is silent may come back"
    days(care, 3, 1, 2, 3, 4, 5)
    care.missing(packs[0].shards[3].shard, key(4))
    assert care.work(packs, [], [key(5)], LONG)[0].wanted == ((3, key(5)),)


def test_copies_that_are_all_alike_count_once_for_each_household() -> None:
    care = caring(1, 1, 2, 3)
    packs = [pack(1, 1, 1, 2)]
    days(care, 3, 1, 3)
    ((index, host),) = care.work(packs, [], [key(1), key(3)], LONG)[0].wanted
    assert host == key(3)
    care.place(packs[0].shards[index].shard, key(3))
    assert not care.lacking(packs) and not care.work(packs, [], [key(1), key(3)], LONG)


def test_another_delegate_steps_in_for_one_that_does_nothing() -> None:
    packs = [pack(each, 2, 1, 2, 3, 9) for each in range(40)]
    delegates = [key(1), key(2)]
    cares = [caring(each, 1, 2, 3, 9) for each in (1, 2)]
    for care in cares:
        days(care, 3, 1, 2, 3)
    done = [len(care.work(packs, delegates, [key(4)], LONG)) for care in cares]
    assert sum(done) == 40 and all(done)
    days(cares[1], 1, 1, 2, 3)
    assert len(cares[1].work(packs, delegates, [key(4)], LONG)) == done[1], "the owner was away for 14 days only now"
    assert len(cares[1].work(packs, delegates, [key(4)], LONG + DAY)) == 40


def test_every_host_is_asked_once_a_day_for_leaves_of_its_own_shards() -> None:
    care = caring(1, 1, 2, 3, 4)
    packs = [pack(each, 2, 1, 2, 3, 4) for each in range(50)]
    chance = Chance(CountedEntropy(b"proofs"))
    asked = care.proofs(packs, {key(1), key(2), key(3)}, 0, chance)
    assert {each.host for each in asked} == {key(2), key(3)}
    assert len(asked) == 2 * PROVED_LEAVES
    assert all((each.shard, each.host) in {(s.shard, s.hosts[0]) for p in packs for s in p.shards} for each in asked)
    assert all(each.size == 1 << 19 and 0 <= each.leaf < 32 for each in asked)
    assert not care.proofs(packs, {key(2), key(3)}, DAY - 1, chance)
    assert care.proofs(packs, {key(2), key(4)}, DAY, chance)


def test_hosts_are_asked_in_the_order_they_were_met_whatever_the_hash_seed() -> None:
    met = range(2, 14)
    care = caring(1, *met)
    packs = [pack(at, 2, *(2 + (at + step) % len(met) for step in range(4))) for at in range(len(met))]
    asked = care.proofs(packs, set(map(key, met)), 0, Chance(CountedEntropy(b"order")))
    assert list(dict.fromkeys(each.host for each in asked)) == list(map(key, met))


class Story:
    """Hosts go and come, delegates see some of them; what is placed is never placed beside its like."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.boxes = list(range(1, 8))
        self.packs = [pack(each, 2, *self.rng.sample(self.boxes, 4)) for each in range(12)]
        self.kept = {(s.shard, s.hosts[0]) for p in self.packs for s in p.shards}
        self.delegates = self.rng.sample(self.boxes, self.rng.randint(1, 3))
        self.cares = {each: caring(each, *self.boxes) for each in self.delegates}
        self.dead = self.rng.sample([each for each in self.boxes if each != self.delegates[0]], 2)
        self.made = 0

    def day(self, number: int) -> None:
        away = {*self.dead, *self.rng.sample(self.boxes, self.rng.randint(0, 1) if number < 15 else 0)}
        there = [each for each in self.boxes if each not in away]
        for me in self.cares.keys() & set(there):
            self.act(self.cares[me], there, LONG + number * DAY)

    def act(self, care: Care, there: list[int], silent_ms: int) -> None:
        days(care, 1, *there)
        for shard in care.lacking(self.packs):
            for host in map(key, there):
                if (shard, host) in self.kept:
                    care.place(shard, host)
        room = [key(each) for each in self.rng.sample(there, len(there))]
        for job in care.work(self.packs, [key(each) for each in self.delegates], room, silent_ms):
            for index, host in job.wanted:
                self.place(job.pack, job.pack.shards[index].shard, host)
                care.place(job.pack.shards[index].shard, host)

    def place(self, into: ManifestPack, shard: bytes, host: bytes) -> None:
        assert not any((other.shard, host) in self.kept for other in into.shards if other.shard != shard)
        self.made += (shard, host) not in self.kept
        self.kept.add((shard, host))


@pytest.mark.parametrize("seed", range(30))
def test_whatever_goes_delegates_make_everything_whole_without_doubling(seed: int) -> None:
    story = Story(seed)
    for number in range(20):
        story.day(number)
    alive = {key(each) for each in story.boxes if each not in story.dead}
    for each in story.packs:
        homes = [{host for host in alive if (s.shard, host) in story.kept} for s in each.shards]
        assert all(homes) and len(set().union(*homes)) >= 4
    lost = sum(s.hosts[0] not in alive for p in story.packs for s in p.shards)
    assert story.made <= lost + len(story.packs), "what was away for days is at most made once too often"


# The owner's end


def test_the_owner_takes_over_what_was_repaired_and_ships_nothing_twice() -> None:
    world = World(5)
    packs = [world.cut(precious=True) for _ in range(10)]
    world.hours(3)
    assert world.safe()
    gone = next(key for key in world.hosts if len(world.held_by(key)) > 5)
    lost = world.held_by(gone)
    world.hosts[gone].there = False
    world.view.gone(gone)
    for at, k, index in lost:
        mine = world.view.packs[at].lay
        host = next(key for key, peer in world.view.peers.items() if peer.number not in mine.hosts)
        world.hosts[host].kept[at, k, index] = 1 << 19
        world.receipts[(at, k, index), host] = 1 << 19
        world.view.found(at, k, index, host)
        world.view.found(at, k, index, host)
    before = len(world.ships)
    world.hours(20 * 24)
    assert world.safe() and len(world.ships) == before
    assert world.state(gone) is PeerState.LOST
    assert all(world.view.safety(each).of == 4 for each in packs)
    world.hosts[gone].there = True
    world.hours(8 * 24)
    assert world.safe() and len(world.ships) == before
    assert {old.pack for _, ask in world.asked if ask.peer == gone for old in ask.shards} <= {each[0] for each in lost}


def test_a_repair_that_was_not_needed_is_asked_away_again() -> None:
    world = World(5)
    at = world.cut(precious=True)
    world.hours(3)
    lay = world.view.packs[at].lay
    other = next(key for key, peer in world.view.peers.items() if peer.number not in lay.hosts)
    world.hosts[other].kept[at, 2, 0] = 1 << 19
    world.receipts[(at, 2, 0), other] = 1 << 19
    world.view.found(at, 2, 0, other)
    world.hours(48)
    assert world.view.packs[at].lay == lay
    assert [ask.peer for _, ask in world.asked] == [other]
    world.view.found(b"?" * 32, 2, 0, other)
    world.view.found(at, 2, 0, b"?" * 32)


def test_a_second_shard_under_one_roof_is_no_place_for_it_and_is_made_again_elsewhere() -> None:
    world = World(4)
    at = world.cut(precious=True)
    world.hours(3)
    lay = world.view.packs[at].lay
    gone, other = (world.view.by_number[lay.hosts[index]].key for index in (0, 1))
    world.hosts[gone].there = False
    world.view.left(gone)
    world.hosts[other].kept[at, 2, 0] = 1 << 19
    world.view.found(at, 2, 0, other)
    assert world.view.packs[at].lay.hosts[1] == lay.hosts[1]
    assert world.view.health(at) == 3
    world.join()
    world.hours(48)
    assert world.view.safety(at).of == 4 and len(set(world.view.packs[at].lay.hosts)) == 4


def test_what_was_planned_for_the_box_that_has_it_now_is_planned_no_more() -> None:
    world = World(5)
    at = world.cut()
    world.view.ship_now(world.now_ms)
    first, second = list(world.hosts)[:2]
    world.hosts[first].there = world.hosts[second].there = False
    world.view.gone(first)
    world.view.gone(second)
    world.hours(2)
    lay = world.view.packs[at].lay
    planned = [index for index, mark in enumerate(lay.marks) if mark == Mark.PLANNED]
    assert len(planned) == 2
    host = world.view.by_number[lay.hosts[planned[0]]].key
    world.view.found(at, 2, planned[1], host)
    after = world.view.packs[at].lay
    assert after.marks[planned[1]] == Mark.HELD
    assert after.hosts.count(lay.hosts[planned[0]]) == 1


def test_delegates_share_the_work_without_talking() -> None:
    keys = [bytes([each]) * 32 for each in range(8)]
    shards = tuple(Placed(bytes([40 + at]) * 32, (keys[at],)) for at in range(6))
    packs = [ManifestPack(bytes([each]) * 32, 4 << 20, False, 4, shards) for each in range(30)]
    done: dict[bytes, int] = {}
    for me in keys[1:4]:
        around = Around(me, keys[1:4], [keys[0]], [keys[7], keys[6]], 20 * DAY)
        for job in delegate_work(packs, around):
            done[job.pack.digest] = done.get(job.pack.digest, 0) + 1
            assert job.wanted == ((0, keys[7]),)
    assert len(done) == 30 and set(done.values()) == {1}
    assert not delegate_work(packs, Around(keys[1], keys[1:4], [keys[0]], [keys[7]], DAY)), "the owner lives"
