"""Hosted shards in a world that ends at any moment: kill -9, a disk that is full."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.errors import Full
from firmware.hosting import HostLimits
from firmware.limits import KIB, MIB
from firmware.linux.clock import SystemClock
from firmware.linux.hosted import HostedShards
from firmware.peer.messages import Keeping
from firmware.shard import shard_id
from tests.house.tree import ROOT
from tests.sim.hosted_putter import BOXES, locker_of, size_of
from tests.sim.hosted_world import authority, opened, put, put_many, settled, some

KILLS = 12


def killed_after(folder: Path, first: int, lines: int, sin: str = "") -> list[tuple[bytes, int, bytes]]:
    """Run the putter, kill it after ``lines`` receipts or so; return what it receipted."""
    command = [sys.executable, "-m", "tests.sim.hosted_putter", str(folder), str(first), sin]
    told: list[tuple[bytes, int, bytes]] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for line in process.stdout:
            if line.endswith("\n"):
                locker, number, name = line.split()
                told.append((bytes.fromhex(locker), int(number), bytes.fromhex(name)))
            if len(told) == lines:
                process.send_signal(signal.SIGKILL)
    return told


def missing(folder: Path, told: list[tuple[bytes, int, bytes]], kills: int) -> int:
    """How many receipted shards are not whole; each box may have died between asking a shard away and keeping it."""
    host = HostedShards(folder, SystemClock())
    who = {locker_of(box): authority(box, locker=locker_of(box)) for box in BOXES}
    lost = 0
    for locker, number, name in told:
        kept = host.status(who[locker], [name])[0][0] is Keeping.HELD
        size = size_of(number)
        lost += not (kept and shard_id(host.read(who[locker], name, 0, size)[1]) == name)
    asked = host.deletes()
    assert all(each.count == 1 for each in asked)
    assert all(sum(each.box == box for each in asked) <= kills for box in {each.box for each in asked})
    used = {each.box: each.used for each in host.peers()}
    assert used == {each.box: each.used for each in host.lockers()}
    host.close()
    return lost


def test_what_was_receipted_survives_kill_9(tmp_path: Path) -> None:
    rng = random.Random(4)
    told: list[tuple[bytes, int, bytes]] = []
    for kill in range(KILLS):
        told += killed_after(tmp_path / "hosted", kill * 1000, rng.randrange(1, 40))
        if kill % 4 == 3:
            for file in (tmp_path / "hosted").glob("index.db*"):
                file.unlink()
            assert missing(tmp_path / "hosted", told, kill + 1) == 0
    assert missing(tmp_path / "hosted", told, KILLS) == 0
    assert len(told) > KILLS


def test_a_receipt_before_its_time_is_noticed(tmp_path: Path) -> None:
    """The control of the test above."""
    told = [each for kill in range(4) for each in killed_after(tmp_path / "hosted", kill * 1000, 9, "early")]
    assert missing(tmp_path / "hosted", told, 4) > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """24 MiB of memory as a disk."""
    at = tmp_path / "small"
    at.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(at)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root may mount")
    yield at
    subprocess.run(["umount", "-l", str(at)], check=True)


def test_a_full_disk_costs_nothing_that_was_receipted(small_disk: Path) -> None:
    """The reserve is 0 here, so that the disk itself says no, in the middle of writing."""
    host = opened(small_disk, limits=HostLimits(None, 0, 0.0))
    by = settled(host, quota=1 << 40)
    held, full = [], 0
    arriving = [host.begin_put(by, some(7 * MIB, seed)[0], 7 * MIB, 0, 7 * MIB) for seed in range(3)]
    (small_disk / "other").write_bytes(bytes(6 * MIB))  # somebody else writes meanwhile
    for seed, each in enumerate(arriving):
        name, data = some(7 * MIB, seed)
        try:
            each.write(data)
            each.finish(0)
        except Full:
            full += 1
        else:
            held.append(name)
    assert (len(held), full) == (2, 1)
    assert not list(small_disk.rglob("arriving/*"))
    with pytest.raises(Full):
        put(host, by, some(7 * MIB, 9))
    host.close()
    again = opened(small_disk, limits=HostLimits(None, 0, 0.0))
    assert [again.status(by, [name])[0][0] for name in held] == [Keeping.HELD] * 2
    assert [shard_id(again.read(by, name, 0, 7 * MIB)[1]) for name in held] == held
    (small_disk / "other").unlink()
    put(again, by, some(MIB, 9))
    again.close()


def test_peers_leave_the_disk_its_reserve(small_disk: Path) -> None:
    host = opened(small_disk, limits=HostLimits(None, 8 * MIB, 0.0))
    by = settled(host, quota=1 << 40)
    with pytest.raises(Full):
        put_many(host, by, 900 * KIB, 100)
    assert len(host.lockers()) == 1
    assert host.lockers()[0].shards >= 12
    (small_disk / "locker").write_bytes(bytes(7 * MIB))  # the household goes on
    host.close()
