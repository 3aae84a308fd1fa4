"""Made shard_v1.json once; kept to show how. Prints the JSON. Payloads are SHAKE-256 of a seed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from firmware.shard import LAYOUTS, Layout, Payload, audit_answer, leaf, leaf_count, shard_id, shards, tree

SIZES = (1, 1000, 32768, 200_001, 1_000_003)
NONCE = bytes(range(32))


def payload_of(size: int) -> bytes:
    """The payload of a golden case."""
    return hashlib.shake_256(b"lockerbox shard vector %d" % size).digest(size)


def picks(size: int) -> list[int]:
    """Which leaves of a shard of ``size`` bytes the golden audit asks for."""
    return [leaf_count(size) - 1, 0]


def case(layout: Layout, size: int) -> dict[str, Any]:
    """Everything the format says about one payload in one layout."""
    payload = Payload.of(payload_of(size))
    rows = [bytes(row) for row in shards(payload, layout)]
    return {
        "layout": str(layout),
        "size": size,
        "digest": payload.digest.hex(),
        "shard_size": len(rows[0]),
        "ids": [shard_id(row).hex() for row in rows],
        "ends": [row[-8:].hex() for row in rows],
        "proof_of_last_leaf": tree(rows[-1]).proof(picks(len(rows[0]))[0]).hex(),
        "audit": audit_answer(NONCE, [leaf(payload, layout, layout.n - 1, n) for n in picks(len(rows[0]))]).hex(),
    }


def describe() -> dict[str, Any]:
    """The golden file's contents."""
    smallest = [bytes(row).hex() for row in shards(Payload.of(payload_of(1)), Layout(2, 3))]
    return {
        "format": "docs/formats/shard.md, format 1",
        "payload": "SHAKE-256 of 'lockerbox shard vector <size>'",
        "nonce": NONCE.hex(),
        "whole": smallest,
        "cases": [case(layout, size) for layout in LAYOUTS for size in SIZES],
    }


if __name__ == "__main__":
    print(json.dumps(describe(), indent=1))
