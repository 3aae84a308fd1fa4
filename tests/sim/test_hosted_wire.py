"""The real host behind the real protocol: shards put and fetched over lines that break anywhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from firmware.linux.hosted import HostedShards
from firmware.peer import Call, Piece, get_shard, put_shard
from firmware.peer import messages as m
from firmware.shard import audit_answer
from tests.sim.hosted_world import MovedClock, opened, some
from tests.sim.peer_world import Line, MemoryBox, custody
from tests.vectors.peer_examples import LOCKER, NONCE, NOW


def source_of(data: bytes) -> Callable[[int, int], bytes]:
    """Where a shard's bytes come from."""
    return lambda at, size: data[at : at + size]


def meet(host: HostedShards, rng: random.Random) -> tuple[Line, MemoryBox, MemoryBox]:
    """Two boxes; the second hosts on its disk."""
    owner, other = MemoryBox("owner"), MemoryBox("host")
    other.host = cast("Any", host)
    host.grant(owner.own.key.public, 1 << 26)
    line = Line(other, owner.caller(), rng)
    greeted = line.perform(Call(m.Hello(owner.own.card, (1, 1), (custody(LOCKER, owner),)))).answer
    assert [each.state for each in greeted.custody] in (["taken"], ["same"])
    return line, owner, other


def driven(line: Line, conversation: Any) -> Any:
    """Run a conversation over a line."""
    answer: Any = None
    problem: Exception | None = None
    while True:
        try:
            call = conversation.throw(problem) if problem else conversation.send(answer)
        except StopIteration as done:
            return done.value
        problem = None
        try:
            answer = line.perform(call)
        except Exception as error:  # noqa: BLE001 given back to the conversation, which knows what to do with it
            problem = error


def test_shards_arrive_over_broken_lines_and_come_back(tmp_path: Path) -> None:
    rng = random.Random(9)
    clock = MovedClock()
    for seed in range(12):
        host = opened(tmp_path, clock)
        line, owner, other = meet(host, rng)
        name, data = some(rng.randrange(1, 400_000), seed)
        piece = Piece(LOCKER, name, len(data), other.own.key.public, owner.own.key.public)
        line.cuts = [1 << 40, rng.randrange(0, 2 * len(data)), 1 << 40, rng.randrange(0, len(data) + 999)]
        receipt = driven(line, put_shard(piece, source_of(data)))
        assert (receipt.shard, receipt.received_ms) == (name, NOW)
        line.cuts = []
        assert driven(line, put_shard(piece, source_of(data))) == receipt
        back = bytearray(len(data))

        def sink(at: int, piece: bytes, back: bytearray = back) -> None:
            back[at : at + len(piece)] = piece

        line.cuts = [rng.randrange(0, len(data) + 50)]
        assert driven(line, get_shard(piece, sink)) == len(data)
        assert bytes(back) == data
        proof = line.perform(Call(m.AuditWhole(LOCKER, name, NONCE))).answer.proof
        assert proof == audit_answer(NONCE, [data])
        host.close()
