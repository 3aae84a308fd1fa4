"""The main process's view of its workers: start one to open a locker, talk to it, notice its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firmware import events, limits
from firmware.errors import BoxError, Locked
from services.lockerd.control import Channel
from services.lockerd.household import Member
from services.lockerd.spawner import Spawner
from services.lockerd.still_coming import StillComing


class Worker:
    """One worker process, known by its channel alone."""

    def __init__(self, member: Member, channel: Channel) -> None:
        """``task`` reads the channel and ends when the worker ended."""
        self.member, self.channel = member, channel
        self.why: str | None = None
        """Why it was asked to end; None means that it died."""
        self.task: asyncio.Task[None] | None = None

    async def end(self, why: str) -> None:
        """Ask it to commit and end; wait until it did."""
        self.why = why
        self.channel.end()
        if self.task is not None:
            await asyncio.wait([self.task])


class Workers:
    """All open lockers. ``gone(member id)`` is called when one closed; ``heard`` takes workers' news by kind."""

    def __init__(
        self,
        spawner: Spawner,
        folders: tuple[Path, Path],
        uids: frozenset[int],
        tell: Callable[..., None],
        gone: Callable[[str], None],
        heard: Mapping[str, Callable[[str, Any], None]],
        coming: StillComing,
    ) -> None:
        """``folders`` are the data folder and the run folder; ``uids`` may connect to the lockers' sockets.

        ``coming`` goes on with lockers that come back while they are closed.
        """
        self._spawner, self._folders, self._uids = spawner, folders, uids
        self._tell, self._gone, self._hears, self._coming = tell, gone, heard, coming
        self._open: dict[str, Worker] = {}
        self._one_at_a_time = asyncio.Lock()

    def is_open(self, member: str) -> bool:
        """Whether the locker of ``member`` is open."""
        return member in self._open

    def of(self, member: str) -> Worker:
        """Return the worker of an open locker; raises Locked."""
        worker = self._open.get(member)
        if worker is None:
            raise Locked
        return worker

    async def enter(self, member: Member, order: str, **fields: Any) -> dict[str, Any]:
        """Create, open or recover; one at a time: Argon2id takes up to 256 MiB. Raises what the worker raised."""
        async with self._one_at_a_time:
            if member.id in self._open:
                return await self.of(member.id).channel.order("prove" if order == "open" else order, **fields)
            await self._coming.pause(member.id)
            worker = self._spawn(member)
            try:
                answer = await asyncio.wait_for(worker.channel.order(order, **fields), limits.CALL_SECONDS)
            except (BoxError, TimeoutError):
                await worker.end("it could not be opened")
                self._coming.begin(member.id)
                raise
            self._open[member.id] = worker
            return answer

    async def once(self, member: Member, order: str, **fields: Any) -> dict[str, Any]:
        """Let a worker of nobody do one thing and end; raises what the worker raised."""
        async with self._one_at_a_time:
            worker = self._spawn(member)
            try:
                return await asyncio.wait_for(worker.channel.order(order, **fields), limits.CALL_SECONDS)
            finally:
                await worker.end("it only looked")

    async def order(self, member: str, order: str, **fields: Any) -> dict[str, Any]:
        """Give an order to the worker of an open locker; orders that stretch passphrases take turns."""
        async with self._one_at_a_time:
            return await self.of(member).channel.order(order, **fields)

    async def tell(self, member: str, order: str, **fields: Any) -> None:
        """Give a quick order; an end of the worker is no error here."""
        with contextlib.suppress(Locked):
            await self.of(member).channel.order(order, **fields)

    async def lock(self, member: str, why: str) -> None:
        """Close a locker; returns when its process is gone."""
        if member in self._open:
            await self._open[member].end(why)

    async def lock_all(self, why: str) -> None:
        """Close every locker."""
        await asyncio.gather(*(worker.end(why) for worker in list(self._open.values())))

    def _spawn(self, member: Member) -> Worker:
        data, run = self._folders
        path = run / "lockers" / f"{member.id}.sock"
        sock = self._spawner.spawn(member.id, data / "lockers" / member.id, path, self._uids)
        worker = Worker(member, Channel(sock, _no_orders, lambda news: self._heard(member.id, news)))
        worker.task = asyncio.get_running_loop().create_task(self._live(worker))
        return worker

    async def _live(self, worker: Worker) -> None:
        await worker.channel.live()
        worker.channel.close()
        member = worker.member.id
        if self._open.get(member) is not worker:
            return
        del self._open[member]
        if worker.why is None:
            self._tell(events.WORKER_RESTARTED, member=member, why="it ended by itself")
        else:
            self._tell(events.LOCKER_LOCKED, member=member, why=worker.why)
        self._gone(member)
        self._coming.begin(member)

    def _heard(self, member: str, news: dict[str, Any]) -> None:
        for kind, value in news.items():
            if kind in self._hears:
                self._hears[kind](member, value)


async def _no_orders(order: str, fields: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - a worker gives none
    raise Locked
