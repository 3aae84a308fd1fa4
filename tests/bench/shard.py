"""CPU seconds per GiB of packs: making shards, naming them, joining the worst loss, rebuilding one; every layout."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from firmware.limits import PACK_BYTES
from firmware.linux.clock import SystemEntropy
from firmware.shard import LAYOUTS, Layout, Payload, ShardHasher, join, rebuild, shard_id, shards, windows
from tests.bench.options import Figures, Options, main

PACKS_PER_GIB = (1 << 30) // PACK_BYTES


def cost(work: Callable[[], object], rounds: int) -> float:
    """CPU seconds of ``work`` on one pack, for a GiB of packs: the best of ``rounds`` after one to warm up."""
    found = []
    for _ in range(rounds + 1):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return round(min(found[1:]) * PACKS_PER_GIB, 3)


def _stream(payload: Payload, layout: Layout) -> list[bytes]:
    hashers = [ShardHasher() for _ in range(layout.n)]
    for rows in windows(payload, layout):
        for hasher, row in zip(hashers, rows, strict=True):
            hasher.update(row)
    return [hasher.tree().shard_id for hasher in hashers]


def works(payload: Payload, layout: Layout) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    rows = shards(payload, layout)
    worst = {number: rows[number] for number in range(layout.spare, layout.n)}
    return {
        "make": partial(shards, payload, layout),
        "name": lambda: [shard_id(row) for row in rows],
        "make_and_name_in_windows": partial(_stream, payload, layout),
        "join_worst": partial(join, layout, payload.size, payload.digest, worst),
        "rebuild": partial(rebuild, layout, worst, 0),
    }


def bench(options: Options) -> Figures:
    """Work on one largest pack of random bytes in memory."""
    payload = Payload.of(SystemEntropy().bytes(PACK_BYTES))
    figures: Figures = {}
    for layout in (coded for coded in LAYOUTS if coded.k > 1):
        for name, work in works(payload, layout).items():
            figures[f"{name}_{layout.k}_{layout.n}_cpu_s_per_gib"] = cost(work, options.rounds)
    return figures


if __name__ == "__main__":
    sys.exit(main(bench, __doc__ or ""))
