"""When a restore is rehearsed, with which packs, from whom, and what its end means."""

from __future__ import annotations

import json

import pytest

from firmware.backup import Answer, PeerState, drills
from firmware.backup.chance import Chance
from firmware.backup.drills import Drill, DrillEnd, DrillStage, Helped
from firmware.limits import DRILL_BYTES
from firmware.pack.format import Kind
from tests.sim.circle_world import DAY, HOUR, LOCKER, World

FRIEND, OTHER = b"f" * 32, b"o" * 32
NOW = 1_795_000_000_000


def shipped(packs: int = 4, households: int = 4) -> World:
    """A circle that keeps everything."""
    world = World(households)
    for _ in range(packs):
        world.cut(precious=True)
    world.hours(2)
    return world


def test_the_first_comes_a_day_after_friends_have_something_then_every_ninety() -> None:
    world = World(3)
    pack = world.cut(precious=True)
    assert drills.due_ms(world.view, LOCKER, None) is None
    world.hour()
    assert drills.due_ms(world.view, LOCKER, None) == world.view.packs[pack].cut_ms + DAY
    ended = Drill(0, ended_ms=NOW)
    for end, days in ((DrillEnd.PASSED, 90), (DrillEnd.MENDED, 90), (DrillEnd.SHORT, 1), (DrillEnd.FAILED, 1)):
        ended.end = end
        assert drills.due_ms(world.view, LOCKER, ended) == NOW + days * DAY
    assert not drills.starts_alone(NOW, NOW + 7 * DAY - 1) and drills.starts_alone(NOW, NOW + 7 * DAY)
    assert not drills.starts_alone(None, NOW)


def test_what_is_drawn_is_with_friends_bounded_and_holds_names() -> None:
    world = shipped(6)
    view, chance = world.view, Chance(world.entropy)
    here = world.cut()
    names = next(iter(view.packs))
    view.packs[names].kind = Kind.META
    wanted = [here, *list(view.packs)[2:4]]
    drawn = drills.draw(view, LOCKER, wanted, chance)
    assert here not in drawn and drawn == [names, *wanted[1:]]
    assert set(drills.draw(view, LOCKER, (), chance)) == set(view.packs) - {here}
    for each in view.packs.values():
        each.size = DRILL_BYTES // 2
    assert len(drills.draw(view, LOCKER, (), chance)) == 2
    assert drills.draw(view, b"x" * 16, (), chance) == []


def test_the_first_k_friends_bring_all_of_it_back() -> None:
    world = shipped(3, 6)
    view = world.view
    seen = set()
    for _ in range(20):
        friends = drills.order(view, Chance(world.entropy))
        assert sorted(friends) == sorted(view.by_number)
        seen.add(friends[0])
        for pack in view.packs.values():
            found = drills.sources(view, pack, friends)
            assert len({index for index, _ in found}) == pack.lay.held()
            order = [view.peers[key].number for _, key in found]
            assert order == sorted(order, key=friends.index)
    assert len(seen) > 1, "who is asked first is drawn"
    view.by_number[1].state = PeerState.LEFT
    assert 1 not in drills.order(view, Chance(world.entropy))


@pytest.mark.parametrize(
    ("drill", "end"),
    [
        (Drill(NOW, got=[b"p"]), DrillEnd.PASSED),
        (Drill(NOW, got=[b"p"], friends={FRIEND: Helped(1, 5, 1)}), DrillEnd.MENDED),
        (Drill(NOW, got=[b"p"], friends={FRIEND: Helped(1, 5, 0, 1)}), DrillEnd.MENDED),
        (Drill(NOW, got=[b"p"], todo=[b"q"], away=[FRIEND]), DrillEnd.SHORT),
        (Drill(NOW), DrillEnd.SHORT),
        (Drill(NOW, got=[b"p"], bad=[b"q"], todo=[b"r"]), DrillEnd.FAILED),
        (Drill(NOW, got=[b"p"], wrong_files=1), DrillEnd.FAILED),
    ],
)
def test_the_worst_that_holds_is_said(drill: Drill, end: DrillEnd) -> None:
    drills.end(drill, NOW + 1)
    assert (drill.end, drill.stage, drill.ended_ms) == (end, DrillStage.ENDED, NOW + 1)
    assert Drill.read(json.loads(json.dumps(drill.as_dict()))) == drill


def test_friends_are_waited_for_and_so_is_an_open_locker() -> None:
    drill = Drill(NOW, opens=True, got=[b"p"])
    assert not drills.out_of_patience(drill, NOW + 23 * HOUR) and drills.out_of_patience(drill, NOW + DAY)
    drill.asked = True
    assert drills.out_of_patience(drill, NOW)
    drills.fetched(drill, NOW)
    assert drill.stage is DrillStage.OPENING and drill.end is None
    assert not drills.waits_too_long(drill, NOW + DAY - 1) and drills.waits_too_long(drill, NOW + DAY)
    empty = Drill(NOW, opens=True, bad=[b"q"])
    drills.fetched(empty, NOW)
    assert empty.end is DrillEnd.FAILED


def test_a_shard_that_is_wrong_is_made_again_and_its_friend_watched() -> None:
    world = shipped(1, 4)
    (pack,) = world.view.packs.values()
    key = world.view.by_number[pack.lay.hosts[0]].key
    world.view.rehearsed(pack.id, pack.lay.k, 0, key, Answer.SILENT)
    assert pack.lay.held() == 4
    world.view.rehearsed(pack.id, pack.lay.k, 0, key, Answer.WRONG)
    assert pack.lay.held() == 3 and world.view.peers[key].state is PeerState.PROBATION
    world.view.rehearsed(b"?" * 32, 2, 0, OTHER, Answer.WRONG)
