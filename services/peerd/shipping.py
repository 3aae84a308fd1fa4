"""Carries out what the plan asks for: one task for each action, its end told back to the view. Decides nothing."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final, TypeVar

from firmware.backup import Reserve, Ship, Trouble
from firmware.errors import BoxError, Full, LinkLost, Missing, PeerAway, Unreachable
from firmware.linux.circle_rows import CircleRows
from firmware.linux.memory import settle
from firmware.peer import Call, Piece, put_shard
from firmware.peer.messages import Putted, Reserved
from firmware.peer.messages import Reserve as AskReserve
from firmware.ports import PeerLink
from firmware.shard import Layout, Payload, piece
from services.peerd import packs
from services.peerd.talking import Talker

T = TypeVar("T")
_CODING: Final = 2
"""Packs whose shard ids are worked out at the same time; each costs a few windows of memory."""
_SETTLE_SECONDS: Final = 600.0
_DIGESTS: Final = 256
"""Packs whose shards' digests are remembered for sending; after a restart they are computed again."""


class Outside:
    """What an action needs: the links by box key, the packs' files, threads."""

    def __init__(
        self,
        rows: CircleRows,
        talker: Talker,
        workers: Executor,
        lockers: Path,
        own: bytes,
        link_to: Callable[[bytes], PeerLink | None],
    ) -> None:
        """``lockers`` is the folder of the lockers, ``own`` this box's key."""
        self.rows, self.talker, self.own = rows, talker, own
        self._workers, self._lockers, self._link_to = workers, lockers, link_to
        self._coding = asyncio.Semaphore(_CODING)
        self._digests: OrderedDict[tuple[bytes, int], tuple[bytes, ...]] = OrderedDict()

    def link(self, peer: bytes) -> PeerLink:
        """The live link to a peer; raises PeerAway."""
        found = self._link_to(peer)
        if found is None:
            raise PeerAway
        return found

    async def worked(self, work: Callable[..., T], *args: Any) -> T:
        """Run ``work`` in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, *args)

    def pack_file(self, pack: bytes) -> tuple[Path, int, bytes]:
        """Where a pack lies, how long its payload is, its digest; raises Missing."""
        known = self.rows.view.packs.get(pack)
        folder = self.rows.paper("folder", known.locker) if known is not None else None
        if known is None or folder is None:
            raise Missing(what="pack")
        source = self.rows.source(pack)
        return self._lockers / folder.decode() / "packs" / source.file, known.size, source.digest

    async def with_pack(self, pack: bytes, work: Callable[[Payload], T]) -> T:
        """Read a pack in a thread; raises Missing, Damaged."""
        at = self.pack_file(pack)

        def run() -> T:
            with packs.payload(*at) as found:
                return work(found)

        return await self.worked(run)

    async def shard_id(self, pack: bytes, k: int, n: int, index: int) -> bytes:
        """What a shard is called, worked out once for all shards of a pack; raises Missing, Damaged."""
        async with self._coding:
            known = self.rows.shard_id(pack, k, index)
            if known is None:
                found = await self.with_pack(pack, lambda of: packs.names(of, Layout(k, n)))
                self.rows.set_shard_ids(pack, k, found.ids)
                self._digests[pack, k] = found.digests
                while len(self._digests) > _DIGESTS:
                    self._digests.popitem(last=False)
                known = found.ids[index]
        return known

    def digest(self, pack: bytes, k: int, index: int) -> bytes:
        """The BLAKE3 of a shard whose id was worked out lately; empty for others."""
        found = self._digests.get((pack, k))
        return found[index] if found is not None else b""


class Shipping:
    """Room first, then shards, each with its receipt."""

    def __init__(self, outside: Outside) -> None:
        """The view of ``outside.rows`` is told."""
        self._out = outside
        self._settled = -_SETTLE_SECONDS

    async def reserve(self, action: Reserve) -> None:
        """Ask for room; what was given is told, also when it is less."""
        out = self._out
        heard = await out.talker.ask(out.link(action.peer), Call(AskReserve(action.locker, action.room)))
        found: Reserved = heard.answer
        out.rows.view.reserved(action, found.granted, found.quota, found.used)

    async def ship(self, action: Ship) -> None:
        """Put one shard; what went wrong is told as the trouble it is."""
        out, view = self._out, self._out.rows.view
        self._settle()
        try:
            shard = await out.shard_id(action.pack, action.k, action.n, action.index)
            path, size, digest = out.pack_file(action.pack)
        except (BoxError, OSError):
            view.refused(action, Trouble.OURS)
            return
        receipts: list[bytes] = []
        layout = Layout(action.k, action.n)

        def source(at: int, count: int) -> bytes:
            with packs.payload(path, size, digest) as of:
                made = piece(of, layout, action.index, at, count)
                return made if isinstance(made, bytes) else bytes(made)

        known = out.digest(action.pack, action.k, action.index)
        asked = Piece(action.locker, shard, action.size, action.peer, out.own, digest=known)
        try:
            await out.talker.talk(out.link(action.peer), put_shard(asked, source), lambda said: _keep(receipts, said))
        except BoxError as error:
            view.refused(action, trouble(error))
            return
        out.rows.set_receipt(action.pack, action.k, action.index, receipts[-1])
        view.shipped(action)

    def _settle(self) -> None:
        """Before a night's shipping, what was needed for other things lately is given back (30 ms)."""
        now = asyncio.get_running_loop().time()
        if now - self._settled >= _SETTLE_SECONDS:
            self._settled = now
            settle()


def _keep(receipts: list[bytes], said: Any) -> None:
    if isinstance(said, Putted) and said.receipt is not None:
        receipts.append(said.receipt)


def trouble(error: BoxError) -> Trouble:
    """What an error of a peer means for the plan."""
    if isinstance(error, LinkLost | Unreachable):
        return Trouble.AWAY
    return Trouble.FULL if isinstance(error, Full) else Trouble.REFUSED
