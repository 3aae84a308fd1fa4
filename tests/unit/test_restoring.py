"""What a restore fetches next and from whom, and what it says when too few friends are there."""

from __future__ import annotations

from firmware.backup.book import PackPlace, ShardAt
from firmware.backup.restoring import Gathering, Paces, in_order, outlook
from firmware.limits import MIB

A, B, C, D = (bytes([each]) * 32 for each in range(4))


def pack(
    name: int, k: int, peers: list[bytes], *, kind: int = 3, size: int = 4 * MIB, precious: bool = False
) -> PackPlace:
    id = bytes([name]) * 32
    shards = tuple(ShardAt(at, bytes([name, 0 if k == 1 else at]) * 16, peer) for at, peer in enumerate(peers))
    return PackPlace(id, bytes(16), kind, size, id, precious, k, len(peers), shards)


def test_names_come_first_then_what_is_small_or_precious_and_what_is_read_before_all() -> None:
    data, small, film = pack(1, 1, [A]), pack(2, 1, [A], size=9_000), pack(3, 1, [A], precious=True)
    views, names = pack(4, 1, [A], kind=2), pack(5, 1, [A], kind=1)
    every = [data, small, film, views, names]
    assert in_order(every) == [names, small, film, views, data]
    assert in_order(every, {data.pack})[0] == data


def test_the_fastest_boxes_are_asked_side_by_side_and_a_wrong_shard_is_replaced() -> None:
    paces = Paces({A: 100.0, B: 1.0, C: 50.0, D: 2.0})
    going = Gathering(pack(1, 2, [A, B, C, D]), paces)
    first = going.next({A, B, C, D}, 0)
    assert [ask.peer for ask in first] == [A, C]
    assert going.next({A, B, C, D}, 1) == []
    going.failed(first[0], 5)
    (again,) = going.next({A, B, C, D}, 5)
    assert again.peer == D
    going.came(first[1], 10)
    going.came(again, 20)
    assert going.whole and going.have == {2, 3} and going.next({A, B, C, D}, 30) == []
    assert not any(paces.busy.values())


def test_who_sent_one_wrong_shard_is_asked_last_for_all_others() -> None:
    paces = Paces({A: 100.0, B: 1.0, C: 50.0})
    going = Gathering(pack(1, 2, [A, B, C]), paces)
    (lie, _) = going.next({A, B, C}, 0)
    going.failed(lie, 5, wrong=True)
    assert lie.peer == A and [ask.peer for ask in Gathering(pack(2, 2, [A, B, C]), paces).next({A, B, C}, 5)] == [C, B]
    assert [ask.peer for ask in Gathering(pack(3, 2, [A, B, C]), paces).next({A, B}, 5)] == [B, A]


def test_one_that_drips_is_overtaken() -> None:
    going = Gathering(pack(1, 2, [A, B, C]), Paces())
    one, other = going.next({A, B, C}, 0)
    going.came(one, 1000)
    assert going.next({A, B, C}, 10_000) == []
    (extra,) = going.next({A, B, C}, 20_000)
    assert extra.peer not in (one.peer, other.peer)
    going.came(extra, 21_000)
    assert going.whole
    going.dropped(other)


def test_it_says_who_must_come_back_and_how_much_can_be_had_now() -> None:
    packs = [pack(1, 2, [A, B, C]), pack(2, 1, [A, A]), pack(3, 2, [B, C, D]), pack(4, 2, [A])]
    found = outlook(packs, (), {A, B})
    assert (found.now, found.later, found.lost) == (8 * MIB, 4 * MIB, 4 * MIB)
    assert [(need.wanted, need.peers) for need in found.needed] == [(1, ()), (1, (C, D))]
    assert outlook(packs, {each.pack for each in packs}, ()).needed == ()
    wrong = {(packs[1].shards[0].shard, A)}
    assert outlook(packs[1:2], (), {A}, wrong).lost == 4 * MIB
    stuck = Gathering(packs[2], Paces())
    assert stuck.hopeless({A}) and not stuck.hopeless({B})
