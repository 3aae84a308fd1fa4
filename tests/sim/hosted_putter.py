"""A process that hosts shards until it is killed: prints the id of each shard once it is receipted.

    python -m tests.sim.hosted_putter FOLDER FIRST [SIN]

Three boxes' worth of threads put shards whole, in pieces and resumed, delete and renew beside. SIN ``early`` prints
before the shard is there: the negative control.
"""

from __future__ import annotations

import itertools
import sys
import threading
from pathlib import Path

from firmware.errors import BoxError
from firmware.limits import GIB
from firmware.linux.clock import SystemClock
from firmware.linux.hosted import HostedShards
from firmware.peer import Authority
from tests.sim.hosted_world import settled, some

BOXES = ("owner", "second", "third")


def size_of(number: int) -> int:
    """Small ones and large ones."""
    return 1 + (number * 7919) % (1_500_000 if number % 5 == 0 else 40_000)


def locker_of(box: str) -> bytes:
    """Each box has one locker."""
    return box.encode().ljust(16, b"-")


def bring(host: HostedShards, by: Authority, number: int, sin: str, say: threading.Lock) -> None:
    """One shard; every third in two requests."""
    name, data = some(size_of(number), number)

    def tell() -> None:
        with say:
            sys.stdout.write(f"{by.record.locker.hex()} {number} {name.hex()}\n")
            sys.stdout.flush()

    if sin == "early":
        tell()
    done: int | None = None
    cut = len(data) // 2 if number % 3 == 0 else 0
    for start, end in ((0, cut), (cut, len(data))):
        if start == end:
            continue
        arriving = host.begin_put(by, name, len(data), start, end - start)
        arriving.write(data[start:end])
        done = arriving.finish(0)
    assert done is not None
    if sin != "early":
        tell()


def main(folder: Path, first: int, sin: str) -> None:
    """Until killed."""
    host = HostedShards(folder, SystemClock())
    say = threading.Lock()
    sys.stdout.write("ready\n")
    sys.stdout.flush()

    def run(box: str) -> None:
        by = settled(host, box, GIB, locker=locker_of(box))
        for number in itertools.count(first + BOXES.index(box), len(BOXES)):
            try:
                bring(host, by, number, sin, say)
                if number % 7 == 0:
                    host.delete_ask(by, [some(size_of(number), number)[0]], 0, 0)
                    host.delete_cancel(by, [some(size_of(number), number)[0]])
            except BoxError as error:
                sys.stderr.write(f"{error}\n")
                return

    for box in BOXES:
        threading.Thread(target=run, args=(box,)).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
