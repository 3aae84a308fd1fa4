"""Makes one shard again from others, without the pack: fetched from hosts, checked, put to another host.

Bytes lie in one file without a name while they are worked on. Every shard is checked against its id before it is used
and after it is made, so whoever lied has only cost time.
"""

from __future__ import annotations

import asyncio
import mmap
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from firmware.backup import Care
from firmware.backup.states import Lay, layout_of
from firmware.errors import BadShard, BoxError, Damaged, Full, PeerBusy, ShardMissing
from firmware.linux.hosted import HostedShards
from firmware.peer import (
    Answering,
    Asking,
    Call,
    Caller,
    Conversation,
    Heard,
    Invitations,
    ManifestPack,
    OwnBox,
    Piece,
    ShardList,
    get_shard,
    put_shard,
    reserve,
    talk,
)
from firmware.ports import Clock, Entropy
from firmware.shard import check_shard, rebuild
from services.peerd.naming import say
from services.peerd.shipping import Outside

T = TypeVar("T")
_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between tries while a host's hands are full."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What a repair shows and reads: the permit, the list it stands for, the packs."""

    permit: bytes
    listed: ShardList
    packs: Sequence[ManifestPack]


class Remaking:
    """Asks hosts, this box among them, and makes shards."""

    def __init__(
        self,
        outside: Outside,
        hosted: HostedShards,
        own: Callable[[], OwnBox],
        clock: Clock,
        entropy: Entropy,
        folder: Path,
    ) -> None:
        """``folder`` takes bytes for as long as they are worked on."""
        self._out, self._hosted, self._own, self._clock, self._folder = outside, hosted, own, clock, folder
        self._me = outside.own
        self._nobody = Invitations(own().endpoint, entropy.bytes)

    def reachable(self, box: bytes) -> bool:
        """Whether a host can be asked now; this box always can."""
        try:
            return box == self._me or bool(self._out.link(box))
        except BoxError:
            return False

    async def again(
        self,
        locker: bytes,
        papers: Papers,
        pack: ManifestPack,
        index: int,
        hosts: Sequence[bytes],
        care: Care | None = None,
    ) -> bytes | None:
        """Make one shard again and put it to the first of ``hosts`` that takes it; return which, None for nobody."""
        size, wanted = Lay(pack.k, b"", b"").shard_size(pack.size), pack.shards[index].shard
        with tempfile.TemporaryFile(dir=self._folder) as file:
            file.truncate(pack.k * size)
            space = memoryview(mmap.mmap(file.fileno(), pack.k * size))  # goes when nobody looks into it any more
        rooms = [space[at * size : (at + 1) * size] for at in range(pack.k)]
        held = await self._fetched(locker, papers, pack, index, rooms, care)
        if len(held) < pack.k:
            return None
        whole = await self._out.worked(rebuild, layout_of(pack.k, len(pack.shards)), held, index)
        await self._out.worked(check_shard, wanted, whole)
        proof = papers.listed.proof(wanted)
        for host in hosts:
            if await self._put(Piece(locker, wanted, size, host, self._me, papers.permit, proof), whole):
                return host
        return None

    async def _fetched(
        self,
        locker: bytes,
        papers: Papers,
        pack: ManifestPack,
        without: int,
        rooms: list[memoryview],
        care: Care | None,
    ) -> dict[int, Any]:
        """Fetch k other shards, each checked against its id; fewer when they are not to be had."""
        held: dict[int, Any] = {}
        for index, shard in enumerate(pack.shards):
            if (index == without and pack.k > 1) or len(held) == pack.k:
                continue
            room = rooms[len(held)]
            for host in filter(self.reachable, shard.hosts):
                if await self._got(Piece(locker, shard.shard, len(room), host, permit=papers.permit), room, care):
                    held[index if pack.k > 1 else (without + 1) % len(pack.shards)] = room
                    break
        return held

    async def _got(self, piece: Piece, room: memoryview, care: Care | None) -> bool:
        """Whether a host gave the shard it should have; one that has it not, or not rightly, is noted."""
        try:
            await self._talk(piece.host, get_shard(piece, _into(room)))
            await self._out.worked(check_shard, piece.shard, room)
        except (ShardMissing, BadShard, Damaged):
            if care is not None:
                care.missing(piece.shard, piece.host)
        except BoxError:
            return False
        else:
            return True
        return False

    async def kept(self, piece: Piece, listed: ShardList) -> bool:
        """Whether a host gives its word for a shard it has: then it stays, even if its owner asked it away before."""

        def nothing(at: int, count: int) -> bytes:  # noqa: ARG001 a source
            raise ShardMissing

        try:
            await self._talk(piece.host, put_shard(replace(piece, proof=listed.proof(piece.shard)), nothing))
        except BoxError:
            return False
        return True

    async def _put(self, piece: Piece, whole: Any) -> bool:
        """Room first, then the bytes; a host that has none, or is gone, is passed over."""

        def source(at: int, count: int) -> bytes:
            return bytes(whole[at : at + count])

        try:
            await self._talk(piece.host, reserve(piece.locker, piece.whole, piece.permit))
            await self._patiently(piece, source)
        except Full:
            return False
        except BoxError as error:
            say(f"{piece.host.hex()[:8]} did not take a piece: {error}")
            return False
        return True

    async def _patiently(self, piece: Piece, source: Callable[[int, int], bytes]) -> None:
        """Put it, waiting while another delegate brings the same one: then its receipt is ours. Raises PeerBusy."""
        for pause in _PAUSES:
            try:
                await self._talk(piece.host, put_shard(piece, source))
            except PeerBusy:
                await asyncio.sleep(pause)
            else:
                return
        await self._talk(piece.host, put_shard(piece, source))

    # Asking, also this box itself

    async def ask(self, host: bytes, call: Call[Any]) -> Heard[Any]:
        if host == self._me:
            return await self._out.worked(self._asked_here, call)
        return await self._out.talker.ask(self._out.link(host), call)

    async def _talk(self, host: bytes, conversation: Conversation[T]) -> T:
        if host == self._me:
            return await self._out.worked(talk, conversation, self._asked_here)
        return await self._out.talker.talk(self._out.link(host), conversation)

    def _asked_here(self, call: Call[Any]) -> Heard[Any]:
        """What this box keeps for the same locker, by the same rules as for everybody."""
        own = self._own()
        answering = Answering(Caller(own.endpoint, self._me), self._hosted, own, self._nobody)
        asking: Asking[Any] = Asking(call)
        for piece in (asking.head(), *call.pieces()):
            for answer in answering.feed(bytes(piece), self._clock.now_ms()):
                asking.feed(answer)
        answering.close()
        return asking.heard()


def _into(room: memoryview) -> Callable[[int, bytes], None]:
    def sink(at: int, data: bytes) -> None:
        room[at : at + len(data)] = data

    return sink
