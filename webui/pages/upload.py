"""Taking files in: one streaming PUT per file, handed on piece by piece, acknowledged only when it is durable.

The name and the date travel in headers (addresses end up in histories). Nothing is buffered beyond a few pieces:
a slow disk holds the browser back. A browser that goes away cuts the request to the locker, which keeps nothing half.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote_to_bytes

from tornado.ioloop import IOLoop
from tornado.web import HTTPError, stream_request_body

from firmware import limits
from firmware.errors import BadName, BoxError, Locked, Misused, Refused, TooLarge, Unreachable
from firmware.model import Collide, SafeName
from services.api.types import Stored
from webui.pages.page import Page, SessionGone
from webui.route import Front, Route

_NS = 1_000_000
_LONGEST_HEADER = 16 * limits.KIB
STREAMED = "application/octet-stream"


@stream_request_body
class Upload(Page):
    """``PUT /upload``: the file; headers ``X-Name`` (percent-encoded UTF-8), ``X-Changed`` (ms since 1970)."""

    def initialize(self, front: Front, route: Route) -> None:
        """Nothing is under way yet."""
        super().initialize(front, route)
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(limits.WEB_PIECES)
        self._put: asyncio.Task[Stored] | None = None
        self._failure: Exception | None = None
        self._gathered = bytearray()
        self._received = 0
        self._size = 0
        self._cut = False
        self._stall: object | None = None

    async def prepare(self) -> None:
        """Start the put before the first byte arrives; a refusal is kept and said when the body was read or dropped."""
        connection: Any = self.request.connection
        connection.set_max_body_size(1 << 62)
        connection.set_body_timeout(7 * 24 * 3600)
        try:
            await super().prepare()
            self._start()
        except (BoxError, HTTPError) as error:
            self._failure = error
            if self._declared() > limits.WEB_REFUSED_BYTES:
                raise
        self._watch()

    def _declared(self) -> int:
        text = self.request.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(1 << 63)) else -1

    def _start(self) -> None:
        if self.request.headers.get("Content-Type", "") != STREAMED:
            raise HTTPError(415)
        self._size = self._declared()
        if self._size < 0:
            raise HTTPError(411)
        if self._size > limits.UPLOAD_BYTES:
            raise TooLarge(limit=f"{limits.UPLOAD_BYTES // limits.GIB} GiB")
        name, changed_ns = self._name(), self._changed_ns()
        self._put = asyncio.ensure_future(
            self.ask(
                "put",
                body=self._body(),
                headers={"Content-Length": str(self._size)},
                name=name,
                mtime_ns=changed_ns,
                size=self._size,
                collide=Collide.BESIDE,
            )
        )
        self._put.add_done_callback(self._put_ended)

    def _name(self) -> str:
        header = self.request.headers.get("X-Name", "")
        if not header or len(header) > _LONGEST_HEADER:
            raise BadName(why="it is missing or far too long")
        try:
            return str(SafeName(unquote_to_bytes(header).decode("utf-8")))
        except UnicodeDecodeError:
            raise BadName(why="it is not text") from None

    def _changed_ns(self) -> int:
        text = self.request.headers.get("X-Changed", "0")
        if not (text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) <= len("-9999999999999")):
            raise Misused(why="X-Changed is a number of milliseconds since 1970.")
        return int(text) * _NS

    async def _body(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece
        if self._cut or self._received != self._size:
            raise Unreachable(what="the browser that sent this file")

    def _put_ended(self, put: asyncio.Task[Stored]) -> None:
        """A put that ends before its body did was refused: stop handing bytes on, and remember why."""
        if not put.cancelled() and isinstance(error := put.exception(), Exception):
            self._failure = error
        while not self._pieces.empty():
            self._pieces.get_nowait()

    async def data_received(self, chunk: bytes) -> None:
        """Hand one piece on; waits while the locker is busy (back-pressure). After a refusal the rest is dropped."""
        self._received += len(chunk)
        self._watch()
        if self._put is None or self._put.done():
            if self._received > limits.WEB_REFUSED_BYTES and self._failure is not None:
                self._hang_up()
            return
        self._gathered += chunk
        if len(self._gathered) >= limits.API_CHUNK_BYTES:
            await self._hand_on()

    async def _hand_on(self) -> None:
        piece, self._gathered = bytes(self._gathered), bytearray()
        if not self._pieces.full():
            self._pieces.put_nowait(piece)
            return
        assert self._put is not None
        waiting = asyncio.ensure_future(self._pieces.put(piece))
        await asyncio.wait((waiting, self._put), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def put(self) -> None:
        """Answer 201 with what was kept; runs when the whole body is here."""
        self._unwatch()
        if self._put is not None and not self._put.done():
            await self._hand_on()
            await self._pieces.put(None)
            with contextlib.suppress(BoxError, HTTPError):
                await asyncio.shield(self._put)
        if self._failure is not None:
            raise self._failure
        if self._put is None:
            raise SessionGone
        stored = self._put.result()
        self.set_status(201)
        self.finish(
            {
                "id": stored.id,
                "name": stored.name,
                "state": stored.state,
                "version": stored.version,
                "size": stored.size,
            }
        )

    def on_connection_close(self) -> None:
        """The browser went away: cut the put, so that nothing half is kept."""
        self._cut = True
        self._stop()

    def _hang_up(self) -> None:
        connection: Any = self.request.connection
        self._stop()
        connection.stream.close()

    def _stop(self) -> None:
        self._unwatch()
        if self._put is not None and not self._put.done():
            self._put.cancel()

    def _watch(self) -> None:
        self._unwatch()
        self._stall = IOLoop.current().call_later(limits.WEB_STALL_SECONDS, self._hang_up)

    def _unwatch(self) -> None:
        if self._stall is not None:
            IOLoop.current().remove_timeout(self._stall)
            self._stall = None

    def on_finish(self) -> None:
        """Leave nothing behind."""
        self._stop()

    def said(self, error: BoxError) -> dict[str, str]:
        """Name a locked locker as such: the page opens it and goes on."""
        return super().said(Locked() if type(error) is Refused else error)
