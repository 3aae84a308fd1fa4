"""A locker with a kit, as peerd sees it, and whoever comes back with its 24 words: a box that knows nobody."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from firmware.backup import Caps
from firmware.backup.book import Page, open_page
from firmware.linux.clock import SystemClock, SystemEntropy
from firmware.linux.iroh_transport import IrohTransport
from firmware.peer import Call, Card, Custody, Heard, Piece, get_shard
from firmware.peer.capsules import Filling, KitCard
from firmware.peer.kit_asking import KitAnswer, Newest, kit_question, newest
from firmware.peer.kits import CirclePart, PageAt, open_circle
from firmware.peer.messages import Greeted, Head, Hello, KitGiven, Request
from firmware.ports import PeerLink
from firmware.seal import (
    KeyFile,
    KitUse,
    LockerSecrets,
    Secret,
    SigningKey,
    add_kit_slot,
    for_peers,
    kit_key,
    new_key_file,
    new_words,
    open_with_words,
)
from firmware.shard import check_shard
from services.peerd.talking import Flow, Talker
from tests.services.circle_locker import FakeLocker

_LATER_MS: Final = 86_400_000


@dataclass
class KitLocker(FakeLocker):
    """Its key file is a real one, with a slot for the words alone."""

    words: str = field(default_factory=lambda: new_words(SystemEntropy()))
    secrets: LockerSecrets = field(init=False)
    key_file: bytes = field(init=False)
    number: int = 0

    @classmethod
    def made(cls, data: Path) -> KitLocker:
        """With ids and keys that fit together."""
        locker = cls(data)
        made, locker.secrets = new_key_file(SystemEntropy())
        made = add_kit_slot(made, locker.secrets, locker.words, SystemEntropy())
        locker.key_file = for_peers(made, locker.secrets, SystemEntropy()).to_bytes()
        locker.id, locker.heads = made.plain.locker, SigningKey.from_seed(locker.secrets.head_seed)
        locker.custody = SigningKey.from_seed(kit_key(locker.words, KitUse.CUSTODY))
        return locker

    def feed(self, box: str) -> dict[str, Any]:
        """What lockerd tells, the first part of a capsule too."""
        told = super().feed(box)
        identity = SigningKey.from_seed(self.secrets.identity_seed).public
        kit = KitCard.made(self.words, identity, self.heads.public, self.id, 1)
        head = Head(*(bytes.fromhex(told["head"][each]) for each in ("header", "signature", "public")))
        self.number += 1
        filling = Filling(self.number, self.id, kit, self.key_file, head, bytes.fromhex(told["custody"]), ())
        capsule = base64.b64encode(filling.sealed(self.heads)).decode()
        return told | {"capsule": {"number": self.number, "data": capsule, "mark": f"{self.number}"}}


class Stranger:
    """A new box with 24 words and the cards of friends: it asks, is let in, reads the book. In the loop of a test."""

    def __init__(self, transport: IrohTransport, talker: Talker, words: str) -> None:
        """Use ``born``."""
        self.transport, self._talker, self.words = transport, talker, words
        self.key = SigningKey.from_seed(Secret(os.urandom(32)))
        until = SystemClock().now_ms() + _LATER_MS
        self.card = Card(transport.key, self.key.public, "new", until, transport.addresses(), None, 1).signed(self.key)
        self.secrets: LockerSecrets | None = None
        self._links: dict[bytes, PeerLink] = {}

    @classmethod
    @asynccontextmanager
    async def born(cls, words: str) -> AsyncIterator[Stranger]:
        """A box of its own on loopback."""
        transport = await IrohTransport.bind(os.urandom(32), 0, hosts=["127.0.0.1"])
        with ThreadPoolExecutor(2) as workers:
            try:
                yield cls(transport, Talker(Flow(SystemClock(), lambda: (Caps(), 0)), workers), words)
            finally:
                await transport.close()

    async def ask(self, host: Card, request: Request[Any]) -> Heard[Any]:
        """One request over whatever link there is; raises what the host says, PeerAway, LinkLost."""
        link = self._links.get(host.box)
        if link is None or link.closed:
            link = self._links[host.box] = await self.transport.dial(host.endpoint, host.addresses)
        return await self._talker.ask(link, Call(request))

    async def kit(self, host: Card, words: str = "", **more: int) -> tuple[KitGiven, bytes]:
        """Ask with the words."""
        lookup = kit_key(words or self.words, KitUse.LOOKUP).reveal()
        by = SigningKey.from_seed(kit_key(words or self.words, KitUse.REQUEST))
        heard = await self.ask(host, kit_question(lookup, by, self.card, host.endpoint, SystemClock().now_ms(), **more))
        return heard.answer, heard.body

    async def newest(self, hosts: list[Card]) -> Newest:
        """Ask all of them; the highest capsule counts."""
        answers = []
        for host in hosts:
            given, body = await self.kit(host)
            answers.append(KitAnswer(host.box, body, given.custody))
        found = newest(answers, self.words)
        assert found is not None
        return found

    def circle(self, found: Newest) -> CirclePart:
        """Open the key file by the words, and with it the circle part."""
        self.secrets = open_with_words(KeyFile.parse(found.filling.key_file), self.words)
        part = open_circle(found.capsule, found.filling, self.secrets.inbox_seed)
        assert part is not None
        return part

    async def greet(self, host: Card, locker: bytes, epoch: int) -> Greeted:
        """Show the next custody record."""
        custody = SigningKey.from_seed(kit_key(self.words, KitUse.CUSTODY))
        record = Custody(locker, epoch, self.key.public, 0).signed(custody)
        answer: Greeted = (await self.ask(host, Hello(self.card, (1, 1), (record,)))).answer
        return answer

    async def page(self, host: Card, locker: bytes, at: PageAt) -> Page:
        """Fetch a page of the book from one friend, check it against its id, open it."""
        got = bytearray()
        link = self._links[host.box]
        piece = Piece(locker, at.shard, at.size, host.box)
        await self._talker.talk(link, get_shard(piece, lambda _at, data: got.extend(data)))
        check_shard(at.shard, bytes(got))
        assert self.secrets is not None
        return open_page(bytes(got), self.secrets.inbox_seed, locker)
