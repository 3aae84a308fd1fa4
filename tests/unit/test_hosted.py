"""The folder of hosted shards: what is receipted is there, what is there is found again, nothing else is let in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firmware.errors import (
    CustodyMissing,
    Damaged,
    Full,
    LeaseRuns,
    Missing,
    PeerBusy,
    PeerGarbled,
    PeerOlder,
    PeerQuota,
    ShardMissing,
    ShardWrong,
    WrongOffset,
)
from firmware.hosting import LEASE_MS, EndingKind, HostLimits
from firmware.limits import KIB, MIB
from firmware.linux.hosted import HostedShards
from firmware.peer import Authority, Custody, Handover, HeldHandover, Verdict, read_handover
from firmware.peer.messages import Keeping, ManifestPart, Notice, Pick, Seen
from firmware.shard import audit_answer, check_leaf
from tests.sim.hosted_world import (
    DAY,
    MovedClock,
    Told,
    authority,
    caller,
    leave_parts,
    opened,
    put,
    put_many,
    reborn,
    record,
    settled,
    some,
)
from tests.vectors.peer_examples import EXAMPLES, HEAD, LOCKER, NONCE, NOW, key
from tests.vectors.peer_examples import card as card_of


def answers(host: HostedShards, names: list[bytes]) -> list[object]:
    """Everything a peer and the owner can ask."""
    by = authority()
    held = [name for name, (how, _) in zip(names, host.status(by, names), strict=True) if how is Keeping.HELD]
    return [
        host.status(by, names),
        [(host.read(by, name, 0, 100), host.whole(by, name, NONCE)) for name in held],
        host.head(by, None, NOW),
        host.capsule_get(by, None),
        host.manifest_get(by, 0),
        host.peers(),
        host.lockers(),
        host.deletes(),
    ]


def test_a_shard_comes_in_pieces_and_goes_out_whole(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    name, data = shard = some(3 * MIB + 777)
    assert put(host, by, shard) == NOW
    assert host.status(by, [name, NONCE]) == [(Keeping.HELD, 0), (Keeping.MISSING, 0)]
    assert host.read(by, name, MIB, 5) == (len(data), data[MIB : MIB + 5])
    assert host.read(by, name, len(data) - 5, 100) == (len(data), data[-5:])
    assert host.read(by, name, len(data) + 5, 100) == (len(data), b"")
    assert host.whole(by, name, NONCE) == audit_answer(NONCE, [data])
    leaves = [192, 0, 7]
    cut = [data[leaf * 16384 : (leaf + 1) * 16384] for leaf in leaves]
    assert host.leaves(by, NONCE, [Pick(name, tuple(leaves))]) == audit_answer(NONCE, cut)
    size, found, proofs = host.prove(by, name, leaves)
    assert found == cut
    for leaf, one, proof in zip(leaves, found, proofs, strict=True):
        check_leaf(name, size, leaf, one, proof)
    with pytest.raises(PeerGarbled):
        host.leaves(by, NONCE, [Pick(name, (193,))])
    with pytest.raises(ShardMissing):
        host.whole(by, NONCE, NONCE)
    host.close()


@pytest.mark.parametrize("index", [True, False])
def test_the_folder_gives_the_same_answers_without_its_index(tmp_path: Path, *, index: bool) -> None:
    clock = MovedClock()
    host = opened(tmp_path, clock)
    by = settled(host)
    shards = [some(1000 * n + 1, n) for n in range(30)]
    received = {}
    for shard in shards:
        clock.pass_by(1234)
        received[shard[0]] = put(host, by, shard)
    names = [*received, some(9000, 77)[0]]
    arriving = host.begin_put(by, names[-1], 9000, 0, 300)
    arriving.write(bytes(300))
    arriving.abandon()
    host.delete_ask(by, names[:4], 0, clock.now)
    host.delete_cancel(by, names[1:2])
    host.head(by, HEAD, clock.now)
    host.capsule_put(by, 9, bytes(64 * KIB), clock.now)
    host.manifest_put(by, ManifestPart(3, 0, 1), b"manifest", b"permit", clock.now)
    host.offer(caller("owner"), 5 * MIB, 7, clock.now)
    host.show_custody(record("new", 2), clock.now)
    before = answers(host, names)
    after = reborn(host, tmp_path, clock, index=index)
    assert answers(after, names) == before
    assert {name: after.received_ms(by, name)[1] for name in received} == received
    assert after.deletes() == []  # who asks for a receipt wants the shard
    assert after.lockers()[0].waiting_ms == clock.now + 3 * DAY
    after.close()


def test_a_put_is_resumed_after_any_end(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    name, data = some(2 * MIB)
    first = host.begin_put(by, name, len(data), 0, len(data))
    first.write(data[: MIB + 3])
    with pytest.raises(PeerBusy):
        host.begin_put(by, name, len(data), 0, len(data))
    first.abandon()
    host = reborn(host, tmp_path)
    assert host.status(by, [name]) == [(Keeping.PARTIAL, MIB + 3)]
    with pytest.raises(WrongOffset) as wrong:
        host.begin_put(by, name, len(data), 0, len(data))
    assert wrong.value.fields == {"offset": MIB + 3}
    second = host.begin_put(by, name, len(data), MIB + 3, 10)
    second.write(data[MIB + 3 : MIB + 13])
    assert second.finish(NOW) is None
    third = host.begin_put(by, name, len(data), MIB + 13, len(data))
    third.write(data[MIB + 13 :])
    assert third.finish(NOW) == NOW
    assert host.whole(by, name, NONCE) == audit_answer(NONCE, [data])
    assert not list((tmp_path / "hosted").rglob("arriving/*"))
    host.close()


def test_a_part_that_is_whole_is_checked_when_its_receipt_is_asked_for(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    right, wrong = some(300_000, 1), some(300_000, 2)
    for name, data in (right, (wrong[0], bytes(300_000))):
        arriving = host.begin_put(by, name, len(data), 0, len(data))
        arriving.write(data)
        arriving.abandon()  # the line broke before the end of the frame
    assert host.received_ms(by, right[0]) == (300_000, NOW)
    with pytest.raises(ShardWrong):
        host.received_ms(by, wrong[0])
    assert host.status(by, [right[0], wrong[0]]) == [(Keeping.HELD, 0), (Keeping.MISSING, 0)]
    assert host.peers()[0].used == host.lockers()[0].used == 303_104
    host.close()


def test_a_spoilt_shard_is_noticed_when_its_receipt_is_asked_for_again_and_can_be_put_anew(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    name, data = some(300_000, 1)
    put(host, by, (name, data))
    file = next((tmp_path / "hosted").rglob(name.hex()))
    file.chmod(0o600)
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ShardMissing):
        host.received_ms(by, name)
    assert host.status(by, [name]) == [(Keeping.MISSING, 0)] and host.peers()[0].used == 0
    put(host, by, (name, data))
    assert host.whole(by, name, NONCE) == audit_answer(NONCE, [data])
    host.close()


def handed(before: str, after: str, epoch: int, box: str = "owner") -> HeldHandover:
    """Custody goes from one kit's key to another's."""
    record = Custody(LOCKER, epoch, key(box).public, NOW - DAY).signed(key(after))
    return read_handover(Handover(record).signed(key(before)))


def test_another_kit_takes_custody_over_and_everything_stays(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    shard = some(70_000)
    put(host, by, shard)
    host.head(by, HEAD, NOW)
    first, second = handed("custody", "kit 2", 2), handed("kit 2", "kit 3", 4)
    assert not host.show_handover(second, NOW)  # the key before is not in force yet
    assert not host.show_handover(handed("custody", "kit 2", 2, box="thief"), NOW)
    assert not host.show_handover(handed("custody", "kit 2", 1), NOW)
    for _ in range(2):
        assert host.show_handover(first, NOW)
    assert host.show_custody(record("owner", 2, custody="kit 2"), NOW)[0] is Verdict.SAME
    assert host.show_handover(second, NOW)
    assert host.show_custody(record("thief", 9), NOW)[0] is Verdict.OLDER
    for _ in range(2):
        (held,) = host.custodies(LOCKER)
        now = Authority(held.record.box, held)
        assert (held.record.epoch, held.public) == (4, key("kit 3").public)
        assert host.whole(now, shard[0], NONCE) == audit_answer(NONCE, [shard[1]]) and host.head(now, None, NOW) == HEAD
        assert len(host.lockers()) == 1 and host.peers()[0].used == host.lockers()[0].used > 70_000
        host = reborn(host, tmp_path)
    assert host.show_custody(record("owner", 5, custody="kit 3"), NOW)[0] is Verdict.TAKEN
    host.close()


def test_a_plug_pulled_between_handover_and_record_loses_nothing(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    put(host, by, some(5000))
    file = next((tmp_path / "hosted").rglob("custody"))
    before = file.read_bytes()
    assert host.show_handover(handed("custody", "kit 2", 2), NOW)
    file.write_bytes(before)
    host = reborn(host, tmp_path)
    assert [each.public for each in host.custodies(LOCKER)] == [key("kit 2").public] and host.lockers()[0].shards == 1
    host.close()


def test_a_new_key_seen_too_early_waits_in_an_empty_place(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    put(host, by, some(5000))
    assert host.show_custody(record("owner", 2, custody="kit 2"), NOW)[0] is Verdict.TAKEN
    assert len(host.lockers()) == 2
    assert host.show_handover(handed("custody", "kit 2", 2), NOW)
    assert [each.shards for each in host.lockers()] == [1]
    host.close()


def test_wrong_bytes_are_dropped_and_held_ones_never_change(tmp_path: Path) -> None:
    clock = MovedClock()
    host = opened(tmp_path, clock)
    by = settled(host)
    name, data = shard = some(70_000)
    with pytest.raises(ShardWrong):
        put(host, by, (name, bytes(70_000)))
    assert host.status(by, [name]) == [(Keeping.MISSING, 0)]
    assert host.peers()[0].used == 0
    put(host, by, shard)
    file = next((tmp_path / "hosted").glob("*/shards/*"))
    before = file.stat()
    clock.pass_by(DAY)
    assert put(host, by, (name, bytes(70_000))) == NOW  # whatever comes, the receipt is the old one
    assert put(host, by, shard) == NOW
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    for wrong in (60_000, 80_000):
        with pytest.raises(ShardWrong):
            host.begin_put(by, name, wrong, 0, wrong)
    too_much = host.begin_put(by, some(5)[0], 5, 0, 5)
    with pytest.raises(ShardWrong):
        too_much.write(data)
    too_much.abandon()
    with pytest.raises(PeerGarbled):
        host.begin_put(by, NONCE, 16 * MIB + 1, 0, 1)
    host.close()


def test_a_file_that_is_gone_is_not_said_to_be_held(tmp_path: Path) -> None:
    told = Told()
    host = opened(tmp_path, told=told)
    by = settled(host)
    names = [put(host, by, some(size)) and some(size)[0] for size in (70_000, 80_000)]
    files = sorted((tmp_path / "hosted").glob("*/shards/*"), key=lambda file: file.stat().st_size)
    files[0].unlink()
    os.truncate(files[1], 5)
    for name in names:
        with pytest.raises((ShardMissing, Damaged)):
            host.whole(by, name or b"", NONCE)
    assert told.names() == ["hosted_damaged"] * 2
    assert host.status(by, [names[0] or b""]) == [(Keeping.MISSING, 0)]
    host.close()


def test_garbage_fills_its_senders_quota_only(tmp_path: Path) -> None:
    host = opened(tmp_path)
    good, bad = settled(host, quota=MIB), settled(host, "bad", 256 * KIB, locker=bytes(16))
    with pytest.raises(PeerQuota):
        put_many(host, bad, 20_000, 100)
    with pytest.raises(PeerQuota):
        leave_parts(host, bad, 64)
    used = {each.box: each.used for each in host.peers()}
    assert used[bad.box] <= 256 * KIB
    assert used[good.box] == 0
    put(host, good, some(900_000))
    with pytest.raises(PeerQuota) as full:
        put(host, good, some(900_001))
    assert full.value.fields == {"need_mib": 1, "free_mib": 0}
    assert host.reserve(good, MIB, NOW).granted == MIB - 901_120
    host.close()


def test_parts_are_few_and_go_after_a_week(tmp_path: Path) -> None:
    clock = MovedClock()
    host = opened(tmp_path, clock)
    by = settled(host)
    with pytest.raises(PeerBusy):
        leave_parts(host, by, 65)
    clock.pass_by(6 * DAY)
    assert host.tidy().parts == 0
    clock.pass_by(2 * DAY)
    assert host.tidy().parts == 64
    assert host.peers()[0].used == 0
    host.close()


def test_a_disk_that_must_keep_its_reserve_takes_nothing(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    host = opened(tmp_path, limits=HostLimits(None, 1 << 50, 0.0))
    by = settled(host)
    assert free < 1 << 50
    with pytest.raises(Full):
        host.begin_put(by, NONCE, 5, 0, 5)
    assert host.reserve(by, 5, NOW).granted == 0
    host.set_limits(HostLimits(None, 0, 0.0))
    put(host, by, some(5))
    host.close()


def test_deletes_wait_are_listed_and_cancelled(tmp_path: Path) -> None:
    clock, told = MovedClock(), Told()
    host = opened(tmp_path, clock, told)
    by = settled(host)
    shards = [some(1000, seed) for seed in range(40)]
    for shard in shards:
        put(host, by, shard)
    names = [name for name, _ in shards]
    assert host.delete_ask(by, [*names[:30], NONCE, names[0]], 0, NOW) == (NOW + 30 * DAY, 30)
    assert told.names() == ["delete_wave"]
    assert host.lockers()[0].wave
    assert host.deletes()[0].count == host.lockers()[0].pending == 30
    host.delete_cancel(by, names[:10])
    assert put(host, by, shards[10]) == NOW  # wanted again
    clock.jump(31 * DAY)
    assert host.tidy().shards == 0  # a clock that was moved
    clock.jump(-31 * DAY)
    clock.pass_by(29 * DAY)
    host = reborn(host, tmp_path, clock)
    assert host.tidy().shards == 0
    clock.pass_by(DAY)
    assert host.tidy().shards == 19
    assert host.status(by, names) == [(Keeping.HELD, 0)] * 11 + [(Keeping.MISSING, 0)] * 19 + [(Keeping.HELD, 0)] * 10
    assert host.deletes() == []
    assert host.peers()[0].used == 21 * 4096
    host = reborn(host, tmp_path, clock)
    assert host.lockers()[0].shards == 21
    host.close()


def test_custody_moves_with_its_room_and_its_shards(tmp_path: Path) -> None:
    clock, told = MovedClock(), Told()
    host = opened(tmp_path, clock, told)
    old = settled(host, quota=5 * MIB)
    name, _ = shard = some(5000)
    put(host, old, shard)
    host.greeted(caller("owner"), card_of("owner"), b"", clock.now)
    assert host.show_custody(record("new", 2), clock.now) == (Verdict.WAITING, NOW + 3 * DAY)
    assert [held.record.box for held in host.custodies(LOCKER)] == [old.box]
    host = reborn(host, tmp_path, clock)
    clock.pass_by(3 * DAY)
    assert host.show_custody(record("new", 2), clock.now) == (Verdict.TAKEN, 0)
    host = reborn(host, tmp_path, clock)
    new = authority("new", epoch=2)
    assert [held.record.box for held in host.custodies(LOCKER)] == [new.box]
    assert host.status(new, [name]) == [(Keeping.HELD, 0)]
    assert {each.box: (each.quota, each.used) for each in host.peers()} == {
        old.box: (5 * MIB, 0),
        new.box: (5 * MIB, 8192),
    }
    assert host.show_custody(record("owner"), clock.now)[0] is Verdict.OLDER
    other = authority("third", custody="another custody key")
    with pytest.raises(CustodyMissing):
        host.status(other, [name])  # the same id under another key is another locker
    assert told.names() == ["custody_waits"]
    host.close()


def test_the_old_box_says_yes(tmp_path: Path) -> None:
    clock = MovedClock()
    host = opened(tmp_path, clock)
    settled(host)
    host.greeted(caller("owner"), card_of("owner"), b"", clock.now)
    assert host.show_custody(record("new", 2), clock.now)[0] is Verdict.WAITING
    host.notice(caller("new"), Notice("moved", NOW, ""), clock.now)
    assert host.show_custody(record("new", 2), clock.now)[0] is Verdict.WAITING
    host.notice(caller("owner"), Notice("moved", NOW, ""), clock.now)
    assert host.show_custody(record("new", 2), clock.now)[0] is Verdict.TAKEN
    host.close()


def test_leases_are_renewed_by_contact_and_by_vouches(tmp_path: Path) -> None:
    clock = MovedClock()
    host = opened(tmp_path, clock)
    by = settled(host)
    place = host.lockers()[0].place
    assert host.renew(caller("owner"), [by], NOW)[0].until_ms == NOW + LEASE_MS
    clock.pass_by(10 * DAY)
    assert host.lockers()[0].away_ms == NOW
    host.vouch(caller("owner"), [Seen(LOCKER, clock.now)], clock.now)
    assert host.lockers()[0].away_ms == NOW  # nobody vouches for herself
    host.vouch(caller("friend"), [Seen(LOCKER, clock.now + 99 * DAY)], clock.now)
    assert (host.lockers()[0].away_ms, host.lockers()[0].alive_ms) == (None, clock.now)
    with pytest.raises(LeaseRuns):
        host.give_notice(place)
    clock.pass_by(396 * DAY)
    assert host.give_notice(place).kind is EndingKind.SILENT
    host.vouch(caller("friend"), [Seen(LOCKER, clock.now)], clock.now)
    assert host.lockers()[0].ending is None
    clock.pass_by(396 * DAY)
    host.give_notice(place)
    clock.jump(61 * DAY)
    with pytest.raises(LeaseRuns):
        host.end(place)
    clock.jump(-61 * DAY)
    host = reborn(host, tmp_path, clock)
    clock.pass_by(61 * DAY)
    host.tidy()
    assert len(host.lockers()) == 1  # a person ends it
    host.end(place)
    assert host.lockers() == []
    with pytest.raises(Missing):
        host.end(place)
    assert not (tmp_path / "hosted" / place.hex()).exists()
    host.close()


def test_who_left_is_kept_thirty_days(tmp_path: Path) -> None:
    clock = MovedClock()
    host = opened(tmp_path, clock)
    by = settled(host)
    put(host, by, some(5000))
    host.left(by.box)
    with pytest.raises(PeerQuota):
        put(host, by, some(6000))
    clock.pass_by(29 * DAY)
    host.greeted(caller("owner"), card_of("owner"), b"", clock.now)
    host = reborn(host, tmp_path, clock)
    assert host.tidy().shards == 0
    clock.pass_by(2 * DAY)
    assert host.tidy().shards == 1
    assert host.custodies(LOCKER) == []
    host.close()


def test_what_is_not_hosting_is_passed_on(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host, quota=MIB)
    assert host.offer(caller("owner"), 77, 5, NOW) == (MIB, 0)
    assert (host.peers()[0].their_quota, host.peers()[0].our_use) == (77, 5)
    order = next(request for request, *_ in EXAMPLES if request.OP == "rebuild")
    with pytest.raises(PeerOlder):
        host.rebuild(caller("owner"), order, NOW)  # type: ignore[arg-type]
    assert host.peers()[0].box == by.box
    host.close()
