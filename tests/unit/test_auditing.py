"""Who is to blame for a wrong answer: the peer, or a pack of our own that rotted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from firmware.backup import Answer, Audit, AuditWhole, PickedShard
from firmware.limits import KIB
from firmware.peer import Call
from firmware.peer import messages as m
from firmware.shard import Layout, Payload
from services.peerd import packs
from services.peerd.auditing import Auditing

T = TypeVar("T")
LOCKER, PEER, PACK, NONCE = b"l" * 16, b"p" * 32, b"k" * 32, b"n" * 32
WRITTEN = random.Random(8).randbytes(300 * KIB)
K, N = 2, 4
PICK = PickedShard(PACK, K, N, 1, (0, 3))


class World:
    """What auditing needs of a box: a pack as it lies here now, and one peer with a shard of its own."""

    def __init__(self, *, here: bytes, there: bytes) -> None:
        digest = Payload.of(WRITTEN).digest
        self.here, self.there = Payload.of(here, digest), Payload.of(there)
        self.heard: list[Answer] = []
        self.said: list[str] = []
        self.rows = SimpleNamespace(view=self)
        self.packs: dict[bytes, object] = {}
        self.talker = self

    async def shard_id(self, *_named: object) -> bytes:
        return b"s" * 32

    async def with_pack(self, _pack: bytes, work: Callable[[Payload], T]) -> T:
        return work(self.here)

    def link(self, _peer: bytes) -> None:
        """None is needed."""

    async def ask(self, _link: None, call: Call[Any]) -> Any:
        if isinstance(call.request, m.Audit):
            proof = packs.expected(Audit(LOCKER, PEER, NONCE, (PICK,)), packs.picked(self.there, PICK))
        else:
            (proof,) = packs.whole_answers(self.there, Layout(K, N), (1,), NONCE)
        return SimpleNamespace(answer=SimpleNamespace(proof=proof))

    def audited(self, _action: Audit, answer: Answer) -> None:
        self.heard.append(answer)

    def audited_whole(self, _action: AuditWhole, _index: int, _peer: bytes, answer: Answer) -> None:
        self.heard.append(answer)

    def gave_up(self, action: Audit) -> None:
        self.audited(action, Answer.SILENT)

    def tell(self, event: Any) -> None:
        self.said.append(event.name)


def flipped(data: bytes) -> bytes:
    """One bit of every block is another one, so that every leaf is."""
    return bytes(each ^ (at % 64 == 0) for at, each in enumerate(data))


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("here", "there", "answer", "said"),
    [
        (WRITTEN, WRITTEN, Answer.GOOD, []),
        (WRITTEN, flipped(WRITTEN), Answer.WRONG, []),
        (flipped(WRITTEN), WRITTEN, Answer.SILENT, ["pack_rotten"]),
    ],
    ids=["both as written", "the peer's rotted", "ours rotted"],
)
def test_a_peer_is_wrong_only_against_a_pack_that_is_what_it_was(
    here: bytes, there: bytes, answer: Answer, said: list[str], whole: bool
) -> None:
    world: Any = World(here=here, there=there)
    auditing = Auditing(world, world, world.tell)
    if whole:
        asyncio.run(auditing.whole(AuditWhole(LOCKER, PACK, K, N, ((1, PEER),), NONCE)))
    else:
        asyncio.run(auditing.audit(Audit(LOCKER, PEER, NONCE, (PICK,))))
    assert (world.heard, world.said) == ([answer], said)
