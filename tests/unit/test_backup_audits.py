"""What wrong and missing answers cost a peer, and what the new box of a household that burnt down takes over."""

from __future__ import annotations

import pytest

from firmware.backup import Action, Answer, Audit, PeerState
from firmware.shard import LEAF_BYTES
from tests.sim.circle_world import HOUR, LOCKER, World


def test_a_proven_liar_is_asked_less_and_less_often_down_to_once_a_day() -> None:
    world = World(5)
    for _ in range(6):
        world.cut(precious=True)
    world.hour()
    key = next(iter(world.hosts))
    view, peer = world.view, world.view.peers[key]
    standing = view.standing(peer.number, LOCKER)
    waits = []
    for _ in range(10):
        ask = Audit(LOCKER, key, bytes(32), (), deep=True)
        view.audited(ask, Answer.WRONG)
        waits.append((standing.next_at - view.awake_ms) // HOUR)
        view.awake_ms = standing.next_at
    assert waits == sorted(waits) and waits[-1] == 24


def test_one_rotten_leaf_is_one_strike_though_many_packs_are_doubted_for_it() -> None:
    world = World(4)
    for _ in range(14):
        world.cut(precious=True)
    world.hours(25)
    key = next(iter(world.hosts))
    world.hosts[key].rotten = {world.held_by(key)[0]}
    while not world.view.peers[key].strikes:
        world.now_ms += HOUR
        world.view.heard(key, world.now_ms)
        world.step()
    for _ in range(4):  # a box that plans but once an hour
        world.now_ms += HOUR
        world.step()
    world.hours(3)
    assert world.view.peers[key].strikes == 1 and world.state(key) is PeerState.PROBATION


def test_a_host_that_loses_again_what_it_was_brought_anew_is_no_better_than_a_liar() -> None:
    world = World(4)
    for _ in range(3):
        world.cut(precious=True)
    world.hour()
    key = next(iter(world.hosts))
    for strikes in (0, 1):
        world.hosts[key].kept.clear()
        world.hours(26)
        assert world.view.peers[key].strikes >= strikes
    assert world.state(key) is not PeerState.ACTIVE


class Listening(World):
    """Remembers the audits that were asked."""

    audits: list[Audit]

    def carry_out(self, action: Action) -> None:
        """Note it, and do it."""
        if isinstance(action, Audit):
            self.audits.append(action)
        super().carry_out(action)


@pytest.mark.parametrize("large", [8 << 20, 40 * LEAF_BYTES])
def test_no_leaf_counts_twice_where_a_peer_keeps_small_packs_and_a_large_one(large: int) -> None:
    world = Listening(4)
    world.audits = []
    for _ in range(5):
        world.cut(2 * LEAF_BYTES, precious=True)
    world.cut(large, precious=True)
    world.hours(26)
    world.audits.clear()
    world.hours(48)
    per_peer = 5 + large // 2 // LEAF_BYTES
    asked = [sum(len(pick.leaves) for pick in audit.picks) for audit in world.audits]
    assert len(asked) >= 4
    for audit, count in zip(world.audits, asked, strict=True):
        places = {(pick.pack, pick.k, pick.index, leaf) for pick in audit.picks for leaf in pick.leaves}
        assert len(places) == count
        assert all(pick.leaves[-1] < large // 2 // LEAF_BYTES for pick in audit.picks)
    if per_peer > world.view.rules.audit_leaves:
        assert set(asked) == {world.view.rules.audit_leaves}
    else:
        assert max(asked) <= per_peer, "draws end where there is nothing more to ask"
        assert sum(asked) >= len(asked) * per_peer // 2


def test_the_new_box_of_a_household_that_burnt_down_takes_the_place_of_the_old_one() -> None:
    world = World(4)
    for key in world.hosts:
        world.view.set_peer(key, label="", household=key.hex()[:4], place="", delegate=False)
    packs = [world.cut(precious=True) for _ in range(3)]
    world.hours(26)
    burnt = next(iter(world.hosts))
    world.hosts[burnt].there = False
    world.hours(15 * 24)
    world.view.left(burnt)
    new = world.join()
    world.view.set_peer(new, label="", household=burnt.hex()[:4], place="", delegate=False)
    world.hours(26)
    assert {world.view.safety(each).of for each in packs} == {4} and len(world.held_by(new)) == 3


def test_who_was_suspended_keeps_what_it_needs_to_prove_itself() -> None:
    world = World(5)
    for _ in range(9):
        world.cut(precious=True)
    world.hours(25)
    key = max(world.hosts, key=lambda each: len(world.held_by(each)))
    for _ in range(2):  # two leaves rotted long ago, found one after the other
        world.view.audited(Audit(LOCKER, key, bytes(32), (), deep=True), Answer.WRONG)
        world.view.awake_ms += HOUR
    assert world.state(key) is PeerState.SUSPENDED
    world.hour()
    assert not world.held_by(key), "what it kept is with others now"
    world.hours(24)
    assert world.state(key) is PeerState.PROBATION
    world.hours(8 * 24)
    assert world.state(key) is PeerState.ACTIVE
