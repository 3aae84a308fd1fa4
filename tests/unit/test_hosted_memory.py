"""What a host remembers beside shards: heads, capsules, manifests; over restarts and against garbage."""

from __future__ import annotations

from pathlib import Path

import cbor2
import pytest

from firmware.errors import Conflict, HeadForked, Missing
from firmware.peer.messages import Head, ManifestPart
from tests.sim.hosted_world import DAY, MovedClock, Told, opened, reborn, settled
from tests.vectors.peer_examples import HEAD, HEADER, NONCE, NOW, key


def head(number: int, signer: str = "head", previous: bytes = NONCE) -> Head:
    header = cbor2.dumps([1, number, previous, NOW, NONCE, 3])
    return Head(header, key(signer).sign(b"lockerbox link v1\n" + header), key(signer).public)


def test_the_highest_head_stays_and_forks_are_refused(tmp_path: Path) -> None:
    told = Told()
    host = opened(tmp_path, told=told)
    by = settled(host)
    assert host.head(by, None, NOW) is None
    assert host.head(by, HEAD, NOW) == HEAD
    assert host.head(by, head(9), NOW) == head(9)
    assert host.head(by, HEAD, NOW) == head(9)
    for forked in (head(9, previous=HEADER[:32].ljust(32)), head(12, "thief")):
        with pytest.raises(HeadForked):
            host.head(by, forked, NOW)
    host = reborn(host, tmp_path)
    assert host.head(by, None, NOW) == head(9)
    assert told.names() == ["heads_forked"] * 2
    host.close()


def test_capsules_of_yesterday_survive_a_flood(tmp_path: Path) -> None:
    clock = MovedClock()
    host = opened(tmp_path, clock)
    by = settled(host)
    with pytest.raises(Missing):
        host.capsule_get(by, None)
    for number in range(3):
        host.capsule_put(by, number, bytes([number]) * 65536, clock.now)
        clock.pass_by(DAY)
    for number in range(20):
        host.capsule_put(by, (1 << 62) + number, bytes(65536), clock.now)
    assert host.capsule_get(by, 2)[1] == b"\2" * 65536
    assert len(host.capsule_get(by, None)[0].numbers) <= 7
    host.capsule_put(by, 2, b"\2" * 65536, clock.now)
    with pytest.raises(Conflict):
        host.capsule_put(by, 2, bytes(65536), clock.now)
    host.capsule_put(by, 3, b"\3" * 65536, clock.now)
    assert host.capsule_get(by, None)[1] == b"\3" * 65536  # the latest to come, not the highest number
    host = reborn(host, tmp_path, clock)
    assert host.capsule_get(by, None)[0].number == 3
    assert host.peers()[0].used == host.lockers()[0].used == 65536 * len(host.capsule_get(by, 3)[0].numbers)
    host.close()


def test_a_manifest_counts_when_it_is_whole(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    place = host.lockers()[0].place
    with pytest.raises(Missing):
        host.manifest_get(by, 0)
    host.manifest_put(by, ManifestPart(1, 0, 1), b"first", b"permit 1", NOW)
    host.manifest_put(by, ManifestPart(2, 1, 2), b"second b", b"permit 2", NOW)
    assert host.manifest_get(by, 0) == (ManifestPart(1, 0, 1), b"first")
    host = reborn(host, tmp_path)
    host.manifest_put(by, ManifestPart(2, 0, 2), b"second a", b"permit 2", NOW)
    assert host.manifest_of(place) == (b"permit 2", [b"second a", b"second b"])
    assert host.peers()[0].used == 2 * 4096
    assert len(list((tmp_path / "hosted").rglob("manifest/*"))) == 3
    host.close()
