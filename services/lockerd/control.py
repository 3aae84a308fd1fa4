"""The private channel between the main process and one worker: JSON messages over a SOCK_SEQPACKET pair.

Orders carry a number and get one answer with the same number; news carries none. Passphrases and token hashes travel
here and only here: never in arguments, environment or files. The end of the channel means the other side is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from firmware import limits
from firmware.errors import BoxError, Locked
from services.api import failure

_MESSAGE_MAX = 2 * limits.JSON_BODY_BYTES


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new channel."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Channel:
    """One end. ``ordered(order, fields)`` answers orders from the other side; ``heard(news)`` takes its news."""

    def __init__(
        self,
        sock: socket.socket,
        ordered: Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]],
        heard: Callable[[dict[str, Any]], None],
    ) -> None:
        """Take ``sock`` over; call ``live`` to begin."""
        sock.setblocking(False)
        self._sock, self._ordered, self._heard = sock, ordered, heard
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        """Read until the other side is gone; then every waiting order fails as Locked. Does not close this end."""
        loop = asyncio.get_running_loop()
        try:
            while raw := await loop.sock_recv(self._sock, _MESSAGE_MAX):
                self._take(json.loads(raw))
        except ConnectionError:
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(Locked())

    async def order(self, order: str, **fields: Any) -> dict[str, Any]:
        """Give an order and return its answer; raises the BoxError it failed with, Locked when nobody is there."""
        self._last += 1
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[self._last] = future
        number = self._last
        try:
            await self.send({"seq": number, "order": order, "fields": fields})
            return await future
        finally:
            self._waiting.pop(number, None)

    async def send(self, message: dict[str, Any]) -> None:
        """Send one message; raises Locked when the other side is gone."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, json.dumps(message).encode())
        except OSError as error:
            raise Locked from error

    def end(self) -> None:
        """Send no more; the other side sees that as the end and closes in its turn."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give the socket back (after ``live`` returned)."""
        self._sock.close()

    def _take(self, message: dict[str, Any]) -> None:
        if "order" in message:
            task = asyncio.get_running_loop().create_task(self._obey(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif "seq" in message:
            self._settle(message)
        else:
            self._heard(message)

    async def _obey(self, message: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"seq": message["seq"]}
        try:
            answer["ok"] = await self._ordered(message["order"], message["fields"])
        except BoxError as error:
            answer |= {"error": error.as_dict(), "status": error.http}
        try:
            await self.send(answer)
        except Locked:
            return

    def _settle(self, message: dict[str, Any]) -> None:
        future = self._waiting.get(message["seq"])
        if future is None or future.done():
            return
        if "ok" in message:
            future.set_result(message["ok"])
        else:
            future.set_exception(failure.rebuild(message.get("error"), message.get("status", 500)))
