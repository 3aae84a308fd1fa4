"""Brings one locker back from friends, in the worker that holds its keys: pages of the book, names, then the rest.

peerd fetches, one pack for each call; here packs are checked, laid down and marked. Everything can be killed at any
moment: what counts are the packs that lie there whole and the order beside them, and what is missing is asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from firmware import restore_events
from firmware.backup.arriving import close_in_chain, is_ours, place_name, take_in, those_here
from firmware.backup.book import PackPlace
from firmware.backup.restoring import Spot, in_order, lacking, rank
from firmware.errors import BoxError, Full
from firmware.limits import RESTORE_KEPT, RESTORE_PACKS
from firmware.locker import Home, Locker
from firmware.locker.rows import PackRow, PackState
from firmware.pack.format import PRELUDE_BYTES
from firmware.seal import LockerSecrets
from services.api import restore_types as z
from services.api.client import Client
from services.lockerd.custody import epoch_up, kept_papers
from services.lockerd.rest_list import From, doubted, settled, write_rest
from services.lockerd.restore_shown import pack_of
from services.lockerd.returning import Book, Order, StillAway, keep, sweep
from services.lockerd.store import Store

_TEND_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 2.0
_SETTLED_NS: Final = 15_000_000_000
_KEEP_TURNS: Final = 5
"""Turns of tending between two times that what came is written down."""
_BEATEN: Final = frozenset({"older", "forked"})
_EPOCHS_MOST: Final = 8


@dataclass
class Life:
    """What the worker lends: ``opened`` serves a locker once its names are here, ``ended`` is called at the end."""

    opened: Callable[[Locker], Awaitable[Store]]
    ended: Callable[[], None]


class ComingBack:
    """One restore; ``live`` until it is done. Everything here runs on the event loop."""

    def __init__(
        self, home: Home, secrets: LockerSecrets, locker: bytes, order: Order, away: StillAway, run: Path, life: Life
    ) -> None:
        """``home`` has ``away`` in it; ``run`` is the folder of the sockets."""
        self._home, self._secrets, self._locker, self.order, self._away = home, secrets, locker, order, away
        self._book = Book(home, secrets, locker, order)
        self._peerd, self._life = Client(run), life
        self._store: Store | None = None
        self._wake = asyncio.Event()
        self._todo: dict[bytes, PackPlace] = {}
        self._flying: set[bytes] = set()
        self._unclosed: set[bytes] = set()
        self._asking, self._writing, self._full = asyncio.Lock(), asyncio.Lock(), False
        self._epochs, self._narrowed, self._joined = 0, False, False
        self._base = {peer: From(**vars(each)) for peer, each in order.sources.items()}
        self.places: dict[bytes, PackPlace] = {}
        self.needed: dict[bytes, PackPlace] = {}
        self.sources: tuple[z.RestoreSource, ...] = ()
        self._began_ns = home.clock.ticks_ns()
        self.trouble: BoxError | None = None
        loop = asyncio.get_running_loop()
        away.on_want = lambda: loop.call_soon_threadsafe(self._wake.set)

    @property
    def names_here(self) -> bool:
        """Whether the locker can be looked into."""
        return bool(self.order.names_ms)

    @property
    def settled(self) -> bool:
        """Whether friends had a moment to answer since this process began."""
        return self._home.clock.ticks_ns() - self._began_ns > _SETTLED_NS

    def here(self) -> set[bytes]:
        """Ids of needed packs that are here."""
        return self.needed.keys() - self._todo.keys()

    def wrong(self) -> set[Spot]:
        """Shards that were missing or wrong, and where."""
        return {(bytes.fromhex(e), bytes.fromhex(each.friend.peer)) for each in self.sources for e in each.wrong}

    def there(self) -> set[bytes]:
        """Friends who answer and give."""
        return {bytes.fromhex(each.friend.peer) for each in self.sources if each.friend.there}

    # Opening again, in the middle of it

    def look(self) -> None:
        """Read the pages that are here and say which packs are away; before the locker is opened."""
        self.places = self._book.packs()
        self.needed = dict(self.places)
        for pack in doubted(self._home.disk):
            place = self.places.get(pack)
            if place is not None and not is_ours(self._home, self._secrets, place):
                self._home.disk.remove(place_name(place))
            settled(self._home.disk, pack)
        here = those_here(self._home, self.places.values())
        self._todo = {each.pack: each for each in in_order(self.places.values()) if each.pack not in here}
        self._away.is_away(self._todo)
        self._away.untold(self.places)

    def adopt(self, store: Store) -> None:
        """The locker is open: only what its chain names is needed."""
        self._store = store

    # Its life

    async def live(self) -> None:
        """Until everything is here, or cancelled."""
        tending = asyncio.ensure_future(self._tend())
        try:
            while not self.order.done_ms:
                self._wake.clear()
                try:
                    await self._turn()
                except BoxError as error:
                    self.trouble = error
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _AGAIN_SECONDS)
        finally:
            tending.cancel()
            await asyncio.gather(tending, return_exceptions=True)

    async def _tend(self) -> None:
        """Know how friends stand; tell peerd again after it was restarted; write down what came."""
        turns = 0
        while True:
            with contextlib.suppress(BoxError):
                await self._look_at_sources()
            turns += 1
            if turns % _KEEP_TURNS == 0:
                with contextlib.suppress(BoxError):
                    await self._keep()
            await asyncio.sleep(_TEND_SECONDS)

    async def _keep(self) -> None:
        async with self._writing:
            await asyncio.to_thread(keep, self._home, self._secrets, self.order.to_bytes())

    async def _look_at_sources(self) -> None:
        async with self._asking:
            there = self.there()
            found: z.RestoreSources = await self._peerd.call("restore_sources", locker=self._locker.hex())
            if not found.sources or not self._joined:
                found = await self._join()
            elif self._is_beaten(found.sources):
                self._epochs += 1
                if await asyncio.to_thread(epoch_up, self._home, self._secrets) is not None:
                    found = await self._join()
            self._learn(found.sources)
            if self.there() - there:
                self._wake.set()

    def _learn(self, sources: tuple[z.RestoreSource, ...]) -> None:
        self.sources = sources
        for each in sources:
            friend, before = each.friend, self._base.get(each.friend.peer, From(each.friend.label))
            # peerd counts anew when this process was killed, but remembers which shards were wrong
            wrong = max(before.wrong + friend.wrong, len(each.wrong))
            self.order.sources[friend.peer] = From(
                friend.label, before.shards + friend.shards, before.bytes + friend.bytes, wrong
            )

    def _is_beaten(self, sources: Sequence[z.RestoreSource]) -> bool:
        """Friends know of a higher record, and none ever gave anything: one of ours that an earlier try left behind."""
        gave = any(each.bytes for each in self.order.sources.values())
        return any(each.verdict in _BEATEN for each in sources) and not gave and self._epochs < _EPOCHS_MOST

    async def _join(self) -> z.RestoreSources:
        """Tell peerd all it has to know; it counts from zero then."""
        self._base = {peer: From(**vars(each)) for peer, each in self.order.sources.items()}
        papers = await asyncio.to_thread(kept_papers, self._home)
        found: z.RestoreSources = await self._peerd.call(
            "restore_join",
            locker=self._locker.hex(),
            folder=self._home.member,
            lookup=self.order.lookup,
            request=self.order.request,
            custody=papers.record.hex() if papers is not None else "",
            handovers=tuple(each.hex() for each in papers.handovers) if papers is not None else (),
            cards=tuple(self.order.cards),
            labels=tuple(self.order.labels),
        )
        self._joined = True
        return found

    async def _turn(self) -> None:
        """As far as it goes with the friends who are there."""
        if not self.there():
            await self._look_at_sources()
        if self._book.missing():
            await self._pages()
        if not self.places:
            await asyncio.to_thread(self.look)
        if self._store is None:
            await self._fetch(lambda place: rank(place) == 0)
            if any(rank(each) == 0 for each in self._todo.values()):
                return
            self._store = await self._opened()
        if not self._narrowed:
            await self._only_needed(self._store)
        await self._fetch(lambda _: True)
        if not self._todo:
            await self._end()

    # Pages and names

    async def _pages(self) -> None:
        for shard, size, peers in self._book.missing():
            data = await self._bytes("restore_page", shard=shard, size=size, peers=tuple(peers))
            await asyncio.to_thread(self._book.take, shard, data)
        await asyncio.to_thread(self.look)

    async def _opened(self) -> Store:
        """Names are here: make the catalog from them and let people in."""
        locker = await asyncio.to_thread(Locker.open, self._home, self._secrets)
        store = await self._life.opened(locker)
        records = await store.run(lambda locker: locker.stats()["records"])
        self.order.names_ms = self._home.clock.now_ms()
        self._home.tell(restore_events.RESTORE_NAMES, member=self._home.member, records=records)
        return store

    async def _only_needed(self, store: Store) -> None:
        """Packs the locker dropped before are not fetched; digests of the chain count before those of the book."""
        await self._keep()
        rows = {row.id: row for row in await store.run(lambda locker: list(locker.shelf.rows.values()))}
        needed = [(place, rows[id]) for id, place in self.places.items() if id in rows]
        self.needed = {row.id: _trusted(place, row) for place, row in needed if row.state is not PackState.DROPPED}
        self._todo = {id: self.needed[id] for id in self._todo if id in self.needed}
        self._unclosed = {id for id, row in rows.items() if row.state is PackState.OPEN}
        self._away.is_away(self._todo)
        sure = [each for each in self._todo.values() if rows[each.pack].digest]
        unsure = [each for each in self._todo.values() if not rows[each.pack].digest]
        await asyncio.to_thread(write_rest, self._home.disk, sure, unsure)
        await self._kept([each for each in self.needed.values() if each.pack not in self._todo])
        self._narrowed = True

    # Packs

    async def _fetch(self, which: Callable[[PackPlace], bool]) -> None:
        """Fetch what can be had now, a few packs at a time; what cannot is left for another turn."""
        self._full, passed = False, set[bytes]()
        await asyncio.gather(*(self._fetch_on(which, passed) for _ in range(RESTORE_PACKS)))

    async def _fetch_on(self, which: Callable[[PackPlace], bool], passed: set[bytes]) -> None:
        while not self._full and (place := self._next(which, passed)) is not None:
            self._flying.add(place.pack)
            try:
                await self._one(place)
            except BoxError as error:
                self.trouble, self._full = error, isinstance(error, Full)
                passed.add(place.pack)
            else:
                self.trouble = None
            finally:
                self._flying.discard(place.pack)

    def _next(self, which: Callable[[PackPlace], bool], passed: set[bytes]) -> PackPlace | None:
        """What somebody reads, else what comes next; nothing of which too few friends are there."""
        free, there, wrong = self._todo.keys() - self._flying - passed, self.there(), self.wrong()
        order = [*(id for id in list(self._away.wanted) if id in self._todo), *self._todo]
        places = (self._todo[id] for id in order if id in free)
        return next((place for place in places if which(place) and lacking(place, there, wrong) is None), None)

    async def _one(self, place: PackPlace) -> None:
        payload = await self._bytes("restore_pack", place=pack_of(place))
        await asyncio.to_thread(take_in, self._home, self._secrets, place, payload)
        if self._store is not None and place.pack in self._unclosed:
            await self._store.run(lambda locker: close_in_chain(locker, place))
        self._todo.pop(place.pack, None)
        self._away.came(place.pack)

    async def _bytes(self, name: str, **args: Any) -> bytes:
        """A body that peerd streams."""
        async with self._peerd.stream(name, locker=self._locker.hex(), **args) as answer:
            return b"".join([piece async for piece in answer])

    # The end

    async def _kept(self, places: Sequence[PackPlace]) -> None:
        """peerd learns whose shards these packs have, before it hears of them as packs that lie here."""
        for at in range(0, len(places), RESTORE_KEPT):
            page = places[at : at + RESTORE_KEPT]
            await self._peerd.call("restore_kept", locker=self._locker.hex(), packs=tuple(pack_of(e) for e in page))
        self._away.told(each.pack for each in places)

    async def _end(self) -> None:
        await self._kept(list(self.needed.values()))
        self._away.told(self.places)
        pages = tuple(z.RestorePageAt(shard, tuple(peers)) for shard, _, peers in self.order.pages)
        await self._peerd.call("restore_ended", locker=self._locker.hex(), pages=pages)
        with contextlib.suppress(BoxError):
            await self._look_at_sources()
        self.order.packs, self.order.size = len(self.needed), sum(each.size for each in self.needed.values())
        self.order.end(self._home.clock.now_ms())
        await self._keep()
        await asyncio.to_thread(sweep, self._home)
        received = sum(each.bytes for each in self.order.sources.values())
        self._home.tell(restore_events.RESTORE_DONE, member=self._home.member, packs=self.order.packs, bytes=received)
        self._life.ended()

    # For people

    @property
    def todo(self) -> Sequence[PackPlace]:
        """What is still to come, in the order it is fetched."""
        return tuple(self._todo.values())


def _trusted(place: PackPlace, row: PackRow) -> PackPlace:
    """What the chain says of a pack counts before what the book says: the chain is signed."""
    return replace(place, size=row.size - PRELUDE_BYTES, digest=row.digest) if row.digest else place
