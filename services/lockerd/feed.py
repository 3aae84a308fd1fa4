"""What peerd is told of one open locker: packs that were closed, packs it does without, its newest signed head.

Everything at opening, then what changed after a commit that closed or dropped a pack. Open packs are closed every night
and when somebody asks, so that what was put in today can travel. Nothing here waits for peerd: where it is not there,
the same is told later.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from firmware.errors import BoxError, Conflict, Damaged, Missing
from firmware.limits import FEED_KEY_CHARS, FEED_PACKS
from firmware.locker import Home, Locker, LockerReader
from firmware.locker.rows import PackRow, PackState
from firmware.pack import Kind, Prelude
from firmware.pack.format import PRELUDE_BYTES, pack_name
from firmware.peer.remembering import Head
from firmware.seal import LockerSecrets, SigningKey, Suite
from services.api.circle_types import FeedCapsule, FeedHead, FeedKey, FeedKnown, FeedPack
from services.api.client import Client
from services.api.place import ASLEEP
from services.lockerd.capsules import capsule_of, card_of, mark_of
from services.lockerd.custody import Papers, papers_for
from services.lockerd.keys import Keys
from services.lockerd.readers import Readers
from services.lockerd.split_keys import kept_key
from services.lockerd.store import Store

_GATHER_SECONDS: Final = 1.0
"""Commits that follow each other closely are told together."""
_AGAIN_SECONDS: Final = 60.0
_ASLEEP_SECONDS: Final = 5.0
"""While there is no circle only a file is looked for."""
_LOOK_SECONDS: Final = 900.0
_DAY_MS, _NIGHT_MS, _HOUR_MS = 86_400_000, 3 * 3_600_000, 3_600_000
_CLOSED = (PackState.CUT, PackState.RECOVERED)


class Feeder:
    """Tells peerd of one locker, in the worker that holds its keys. Everything here runs on the event loop."""

    def __init__(self, home: Home, run: Path, locker: bytes, store: Store, readers: Readers) -> None:
        """``run`` is the folder of the sockets; ``locker`` the id of the locker, 16 bytes."""
        self._home, self._locker, self._store, self._readers = home, locker, store, readers
        self._peerd, self._asleep = Client(run), run / ASLEEP
        self._keys = Keys(home)
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._told: set[bytes] = set()
        self._gone: set[bytes] = set()
        self._head = -1
        self._cut_ms = next_night(home.clock.now_ms(), home.zone, int.from_bytes(home.entropy.bytes(4)))

    def committed(self) -> None:
        """A commit returned; cheap where the chain did not grow."""
        if self._store.locker.head_seq != self._head:
            self._news.set()

    def again(self) -> None:
        """Packs came that no commit told of: tell what there is anew."""
        self._head = -1
        self._news.set()

    def keys_changed(self) -> None:
        """A way in was made or closed."""
        self._news.set()

    async def live(self) -> None:
        """Tell until cancelled."""
        patience = await self._try()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), patience)
                await asyncio.sleep(_GATHER_SECONDS)
            self._news.clear()
            await self._close_at_night()
            patience = await self._try()

    async def ship(self) -> dict[str, Any]:
        """Close the open packs and tell of them now; raises what the locker raises, Unreachable."""
        await self._store.run(Locker.cut)
        await self.tell()
        return {}

    async def _try(self) -> float:
        if self._asleep.exists():
            return _ASLEEP_SECONDS
        try:
            await self.tell()
        except BoxError:
            return _AGAIN_SECONDS
        return _LOOK_SECONDS

    async def _close_at_night(self) -> None:
        now = self._home.clock.now_ms()
        if now < self._cut_ms:
            return
        self._cut_ms = next_night(now, self._home.zone, int.from_bytes(self._home.entropy.bytes(4)))
        with contextlib.suppress(BoxError):  # the next change tells whoever makes it
            await self._store.run(Locker.cut)

    async def tell(self) -> None:
        """Tell what changed since the last time, everything where peerd knows less; raises Unreachable and its like."""
        async with self._turn:
            head = self._store.locker.head_seq
            known = await self._feed()
            await self._tell_key(known)
            await self._tell_friends(known)
            papers = await self._tell_custody(known)
            forgot = known.packs != len(self._told)
            if head == self._head and not forgot:
                await self._tell_capsule(known, papers, news=False)
                return
            rows = await self._readers.ask(LockerReader.pack_rows)
            hides = self._home.away.hides
            closed = {row.id: row for row in rows if row.state in _CLOSED and not hides(row.id)}
            gone = {row.id for row in rows if row.state is PackState.DROPPED} | (self._told - closed.keys())
            told, dropped = (set(), set()) if forgot else (self._told, self._gone)
            news = self._head < 0 or forgot or closed.keys() != told or gone != dropped
            if news:
                await self._tell_head()
                await self._tell_packs([row for id, row in closed.items() if id not in told], gone - dropped)
            await self._tell_capsule(known, papers, news=news)
            self._told, self._gone, self._head = set(closed), gone, head

    async def _tell_packs(self, new: list[PackRow], dropped: set[bytes]) -> None:
        for page in _pages(sorted(new, key=lambda row: row.no)):
            await self._feed(packs=tuple(_fed(row) for row in page))
        for ids in _pages(sorted(dropped)):
            await self._feed(dropped=tuple(id.hex() for id in ids))

    async def _tell_custody(self, known: FeedKnown) -> Papers | None:
        papers = await asyncio.to_thread(self._papers, bytes.fromhex(known.box))
        if papers is not None and papers.record.hex() != known.custody:
            await self._feed(custody=papers.record.hex(), handovers=tuple(each.hex() for each in papers.handovers))
        return papers

    async def _tell_capsule(self, known: FeedKnown, papers: Papers | None, *, news: bool) -> None:
        """A new kit or way in makes a new one at once; a new head goes with the packs it is about."""
        card = card_of(self._home)
        if papers is None or card is None or not self._keys.revision:
            return
        mark, link = mark_of(card[0], papers, self._keys.revision), await self._readers.ask(LockerReader.head_link)
        whole = f"{mark}{link.seq if link else 0}"
        if known.capsule == whole or (not news and known.capsule.startswith(mark)):
            return
        by = SigningKey.from_seed(self._secrets().head_seed)
        head = Head(link.header, link.signature, by.public) if link else None
        try:
            _, key_file = await asyncio.to_thread(self._keys.for_shelves, self._secrets())
        except (Conflict, Damaged, Missing):
            return  # changing just now: the next turn
        number = self._home.clock.now_ms()
        data = capsule_of(number, self._locker, card[0], papers, key_file, head, by)
        if data is not None:
            await self._feed(capsule=FeedCapsule(number, base64.b64encode(data).decode(), whole))

    async def _tell_head(self) -> None:
        link = await self._readers.ask(LockerReader.head_link)
        if link is not None:
            key = SigningKey.from_seed(self._secrets().head_seed)
            await self._feed(head=FeedHead(link.seq, link.header.hex(), link.signature.hex(), key.public.hex()))

    async def _tell_key(self, known: FeedKnown) -> None:
        """What a shelf needs to be opened with the kit: changed ways in reach it without a change of any record."""
        if self._keys.revision in (0, known.key):
            return
        try:
            revision, data = await asyncio.to_thread(self._keys.for_shelves, self._secrets())
        except (Conflict, Damaged, Missing):
            return  # changing just now, or one of its copies is damaged: the next opening mends it
        if len(data) <= FEED_KEY_CHARS * 3 // 4:
            await self._feed(key=FeedKey(revision, base64.b64encode(data).decode()))

    async def _tell_friends(self, known: FeedKnown) -> None:
        """How the key is split among friends; the parts in it are sealed to their boxes."""
        split = await asyncio.to_thread(kept_key, self._home)
        if split is not None and split.number != known.friends:
            await self._feed(friends=split.to_bytes().hex())

    def _papers(self, box: bytes) -> Papers | None:
        return papers_for(self._home, self._secrets, self._locker, box)

    def _secrets(self) -> LockerSecrets:
        return self._store.locker.secrets

    async def _feed(self, **told: Any) -> FeedKnown:
        found = await self._peerd.call("feed", locker=self._locker.hex(), folder=self._home.member, **told)
        assert isinstance(found, FeedKnown)
        return found


def next_night(now_ms: int, zone: Callable[[int], int], draw: int) -> int:
    """Return the next moment between three and four in the morning where the box stands; ``draw`` says which."""
    local = now_ms + zone(now_ms)
    night = local - local % _DAY_MS + _NIGHT_MS + draw % _HOUR_MS
    return now_ms + (night - local if night > local else night + _DAY_MS - local)


def _fed(row: PackRow) -> FeedPack:
    kind = Kind(row.kind)
    return FeedPack(
        row.id.hex(),
        pack_name(kind, row.id).removeprefix("packs/"),
        kind.word,
        row.size - PRELUDE_BYTES,
        row.digest.hex(),
        Prelude(Suite(row.suite), kind, row.epoch).to_bytes().hex(),
        precious=kind is Kind.META,
    )


def _pages(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[at : at + FEED_PACKS] for at in range(0, len(items), FEED_PACKS)]
