"""A worker whose locker comes back from friends: what its words open, the keys on this disk, then ``ComingBack``.

Runs on the worker's loop. Until the names are here there is no locker to serve; everything else about the member works.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from firmware.errors import BoxError, Conflict
from firmware.locker import Home, Locker, LockerReader
from firmware.seal import LockerSecrets
from services.api import restore_types as z
from services.api.client import Client
from services.api.decode import encode
from services.lockerd.capsules import keep_card
from services.lockerd.coming_back import ComingBack, Life
from services.lockerd.custody import take_over
from services.lockerd.keys import Keys
from services.lockerd.kit_finding import Found, find
from services.lockerd.readers import Readers
from services.lockerd.rest_list import begin, is_going
from services.lockerd.restore_shown import done, under_way
from services.lockerd.returning import Order, StillAway, count_in, is_begun, keep, read_order, sweep
from services.lockerd.split_keys import SPLIT_FILE
from services.lockerd.store import Store
from services.lockerd.strength import require_strong

_COUNTED_AT_ONCE = 200

Serve = Callable[[Locker], Awaitable[tuple[Store, Readers]]]


class Homecoming:
    """Orders about restores, and opening a locker that is on its way back."""

    def __init__(
        self,
        home: Home,
        away: StillAway,
        run: Path,
        keys: Keys,
        serve: Serve,
        ended: Callable[[], None],
        own: Callable[[], None],
    ) -> None:
        """``home`` has ``away`` in it; ``serve`` lets people into a locker; ``ended`` is called when all is here;
        ``own`` waits until no other process writes this locker."""
        self._home, self._away, self._run, self._keys = home, away, run, keys
        self._serve, self._ended, self._own = serve, ended, own
        self._back: ComingBack | None = None
        self._readers: Readers | None = None
        self._order: Order | None = None
        self._files: Counter[frozenset[bytes]] = Counter()
        self.tasks: set[asyncio.Task[None]] = set()
        """What runs beside; whoever ends the worker cancels it."""

    def orders(self) -> dict[str, Callable[..., Awaitable[dict[str, Any]]]]:
        """Return what the main process may order."""
        return {"restore_look": self._look, "restore": self._restore, "restore_status": self._status}

    # Beginning

    async def _look(self, words: str, contacts: list[str]) -> dict[str, Any]:
        found = await find(Client(self._run), words, contacts)
        shown: dict[str, Any] = encode(found.shown_to_people())
        return shown

    async def _restore(self, words: str, contacts: list[str], passphrase: str, here: list[str]) -> dict[str, Any]:
        """Find, write keys, papers and the order down, begin. What a kill leaves of it is begun anew, or goes on.

        ``here`` are the lockers of those who live on this box: none of them comes back. Raises Conflict for one.
        """
        require_strong(passphrase)
        await asyncio.to_thread(self._own)
        found = await find(Client(self._run), words, contacts)
        if found.newest.filling.locker.hex() in here:
            raise Conflict(why="this locker lives here already; open it, with its kit if need be.")
        secrets = await asyncio.to_thread(self._settle_in, found, words, passphrase)
        await self.enter(secrets)
        shown: dict[str, Any] = encode(found.shown_to_people())
        return shown

    def _settle_in(self, found: Found, words: str, passphrase: str) -> LockerSecrets:
        best, home = found.newest, self._home
        secrets = self._keys.come_back(best.filling.key_file, words, passphrase)
        keep_card(home, best.filling.kit, best.root.number)
        record = (best.filling.locker, found.box, best.epoch + 1)
        take_over(home, secrets, words, record, best.filling.handovers)
        head = found.known_head()
        friends = found.friends
        order = Order(
            home.clock.now_ms(),
            found.until_ms,
            found.lookup.hex(),
            found.request.hex(),
            [each.card.hex() for each in friends],
            [each.label for each in friends],
            [(each.shard.hex(), each.size, [peer.hex() for peer in each.peers]) for each in found.pages],
            head.seq if head is not None else 0,
            head.hash.hex() if head is not None else "",
        )
        order.asked = [encode(each) for each in found.shown_to_people().asked]
        if found.circle is not None and found.circle.split:
            home.disk.replace(SPLIT_FILE, found.circle.split)
        begin(home.disk)
        keep(home, secrets, order.to_bytes())
        return secrets

    # Opening

    async def enter(self, secrets: LockerSecrets) -> None:
        """Open the locker; one that comes back as soon as its names are here. Raises what opening raises."""
        if self._back is not None:
            return
        order = await asyncio.to_thread(read_order, self._home, secrets) if is_begun(self._home) else None
        self._order = order
        if order is None or order.done_ms:
            if order is not None and is_going(self._home.disk):
                await asyncio.to_thread(sweep, self._home)
            await self._serve(await asyncio.to_thread(Locker.open, self._home, secrets))
            return
        await asyncio.to_thread(count_in, self._home, secrets, order)
        home = replace(self._home, known_head=order.head)
        life = Life(self._opened, self._ended)
        back = ComingBack(home, secrets, self._keys.locker_id, order, self._away, self._run, life)
        self._back = back
        if order.names_ms:
            await asyncio.to_thread(back.look)
            back.adopt(await self._opened(await asyncio.to_thread(Locker.open, home, secrets)))
        self._beside(back.live())

    async def _opened(self, locker: Locker) -> Store:
        store, self._readers = await self._serve(locker)
        self._beside(self._count())
        return store

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _count(self) -> None:
        """Which packs each file needs, so that it can be said how many files are here whole."""
        assert self._readers is not None
        ids = await self._readers.ask(lambda reader: list(reader.ids_in_order()))
        for at in range(0, len(ids), _COUNTED_AT_ONCE):
            part = ids[at : at + _COUNTED_AT_ONCE]
            self._files.update(await self._readers.ask(partial(_needs, part)))

    # Telling

    async def _status(self) -> dict[str, Any]:
        if self._back is None or self._back.order.done_ms:
            order = self._back.order if self._back is not None else self._order
            found = done(order) if order is not None else z.RestoreStatus(z.RestoreIs.NONE)
        else:
            found = under_way(self._back)
        if self._readers is not None and found.state is not z.RestoreIs.NONE:
            stats = await self._readers.ask(LockerReader.stats)
            whole = sum(count for packs, count in self._files.items() if not any(map(self._away.has, packs)))
            found = replace(found, names_listed=stats["records"], bytes=stats["bytes"], files=whole)
        shown: dict[str, Any] = encode(found)
        return shown


def _needs(ids: list[str], reader: LockerReader) -> list[frozenset[bytes]]:
    found = []
    for id in ids:
        try:
            found.append(frozenset(reader.packs_of(id)))
        except BoxError:
            continue  # it went meanwhile
    return found
