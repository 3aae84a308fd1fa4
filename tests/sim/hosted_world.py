"""A host's folder with a clock that tests move, and boxes that bring shards."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from firmware.events import Event
from firmware.hosting import HostLimits
from firmware.limits import MIB
from firmware.linux.hosted import Ears, HostedShards
from firmware.peer import Authority, Caller, Custody, HeldCustody, Verdict, read_custody
from firmware.shard import shard_id
from tests.vectors.peer_examples import LOCKER, NOW, key

DAY = 86_400_000


@dataclass
class MovedClock:
    """``pass_by`` is time that passes, ``jump`` is a clock that somebody sets."""

    now: int = NOW
    ticks: int = 0

    def now_ms(self) -> int:
        return self.now

    def ticks_ns(self) -> int:
        return self.ticks

    def pass_by(self, ms: int) -> None:
        self.now += ms
        self.ticks += ms * 1_000_000

    def jump(self, ms: int) -> None:
        self.now += ms


@dataclass
class Told:
    """Events that were told."""

    all: list[tuple[Event, dict[str, str | int]]] = field(default_factory=list)

    def __call__(self, event: Event, **fields: str | int) -> None:
        event.entry(**fields)  # wrong fields are a TypeError
        self.all.append((event, fields))

    def names(self) -> list[str]:
        return [event.name for event, _ in self.all]


@cache
def record(
    box: str, epoch: int = 1, locker: bytes = LOCKER, custody: str = "custody", early_ms: int = DAY
) -> HeldCustody:
    """A verified custody record for the box called ``box``."""
    return read_custody(Custody(locker, epoch, key(box).public, NOW - early_ms).signed(key(custody)))


def caller(box: str) -> Caller:
    return Caller(key(f"{box} endpoint").public, key(box).public)


def authority(box: str = "owner", **more: int | bytes | str) -> Authority:
    held = record(box, **more)
    return Authority(held.record.box, held)


def opened(
    folder: Path, clock: MovedClock | None = None, told: Told | None = None, limits: HostLimits | None = None
) -> HostedShards:
    """Open the folder; without limits the disk's reserve is one that every machine has."""
    few = limits or HostLimits(None, 64 * MIB, 0.0)
    return HostedShards(folder / "hosted", clock or MovedClock(), few, Ears(), told or Told())


def settled(host: HostedShards, box: str = "owner", quota: int = 64 * MIB, **more: int | bytes | str) -> Authority:
    """A household with room and a locker."""
    by = authority(box, **more)
    host.grant(by.box, quota)
    verdict, _ = host.show_custody(by.custody, NOW)
    assert verdict in (Verdict.TAKEN, Verdict.SAME)
    return by


def some(size: int, seed: int = 0) -> tuple[bytes, bytes]:
    """A shard: its id and its bytes."""
    data = random.Random(f"{size} {seed}").randbytes(size)
    return shard_id(data), data


def put(host: HostedShards, by: Authority, shard: tuple[bytes, bytes], pieces: int = 100_000) -> int | None:
    """Bring a whole shard in one request; return when it was receipted."""
    name, data = shard
    arriving = host.begin_put(by, name, len(data), 0, len(data))
    for at in range(0, len(data), pieces):
        arriving.write(data[at : at + pieces])
    return arriving.finish(0)


def put_many(host: HostedShards, by: Authority, size: int, count: int) -> None:
    """Bring ``count`` different shards."""
    for seed in range(count):
        put(host, by, some(size, seed))


def leave_parts(host: HostedShards, by: Authority, count: int) -> None:
    """Begin ``count`` shards and end none."""
    for number in range(count):
        arriving = host.begin_put(by, bytes([number]) * 32, 4000, 0, 10)
        arriving.write(b"0123456789")
        arriving.abandon()


def reborn(host: HostedShards, folder: Path, clock: MovedClock | None = None, *, index: bool = False) -> HostedShards:
    """Close and open again, without the index unless ``index``."""
    host.close()
    if not index:
        for file in (folder / "hosted").glob("index.db*"):
            file.unlink()
    return opened(folder, clock)
