"""Requests whose body is taken while it arrives, however long it is: bounded in memory, in silence and in refusals."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from tornado.ioloop import IOLoop
from tornado.web import HTTPError

from firmware import limits
from firmware.errors import BoxError, Misused
from webui.pages.page import Page
from webui.route import Front, Route

_BODY_SECONDS = 7 * 24 * 3600
_LINGER_SECONDS = 2
_LONGEST_NUMBER = 16


class Streamed(Page):
    """A page with a streamed body (decorate it with ``tornado.web.stream_request_body``).

    A refusal is said only when a bounded rest of the body was read, because browsers do not listen before; a body in
    which nothing moves for WEB_STALL_SECONDS is cut.
    """

    streams: tuple[str, ...] = ("POST",)
    """Methods whose body is streamed; other requests are refused at once."""

    def initialize(self, front: Front, route: Route) -> None:
        """Nothing has arrived yet."""
        super().initialize(front, route)
        self._failure: BoxError | HTTPError | None = None
        self._received = self._dropped = 0
        self._is_whole = False
        self._stall: object | None = None

    async def prepare(self) -> None:
        """Check who asks and begin before the first byte."""
        connection: Any = self.request.connection
        connection.set_max_body_size(1 << 62)
        connection.set_body_timeout(_BODY_SECONDS)
        try:
            await self.check()
            await self.begin_body()
        except (BoxError, HTTPError) as error:
            if self.request.method not in self.streams or self.declared > limits.WEB_REFUSED_BYTES:
                raise
            self._failure = error
        self._watch()

    async def check(self) -> None:
        """Check method, content type and proof."""
        await super().prepare()

    async def begin_body(self) -> None:
        """Start whatever takes the body; raises BoxError or HTTPError to refuse it."""

    @property
    def wants_more(self) -> bool:
        """False once nobody wants the rest of the body."""
        return True

    def take(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the next bytes; what is returned is awaited before more are read."""
        raise NotImplementedError

    def stop(self) -> None:
        """The browser left, or the answer is written: end what is under way."""

    @property
    def declared(self) -> int:
        """The length of the body, -1 when it is not said."""
        text = self.request.headers.get("Content-Length", "")
        return number(text) if text else -1

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Hand the next bytes on; of a refused body a bounded rest is read, so that the browser hears why."""
        self._received += len(chunk)
        if self._failure is None and self.wants_more:
            return self.take(chunk)
        self._dropped += len(chunk)
        if self._dropped > limits.WEB_REFUSED_BYTES:
            self._hang_up()
        return None

    def refuse(self, error: BoxError | HTTPError) -> None:
        """Nobody takes this body any more: say why at once when too much of it is still to come to be read."""
        if self._failure is None and not self._is_whole and not self._finished:
            self._failure = error
            if self.declared - self._received > limits.WEB_REFUSED_BYTES:
                self.send_error(500, exc_info=(type(error), error, None))

    def whole(self) -> None:
        """The whole body was read; raises why it was refused."""
        self._is_whole = True
        self._unwatch()
        if self._failure is not None:
            raise self._failure

    def on_connection_close(self) -> None:
        """The browser went away."""
        self._unwatch()
        self.stop()

    def on_finish(self) -> None:
        """Leave nothing behind; whoever was refused and sends on is cut off once the answer had time to arrive."""
        self._unwatch()
        self.stop()
        if not self._is_whole and self.request.method in self.streams:
            IOLoop.current().call_later(_LINGER_SECONDS, self._close)

    def _close(self) -> None:
        connection: Any = self.request.connection
        if connection is not None and connection.stream is not None:
            connection.stream.close()

    def _hang_up(self) -> None:
        self._unwatch()
        self.stop()
        self._close()

    def _watch(self, seen: int = -1) -> None:
        """Look once in WEB_STALL_SECONDS whether anything moved; a timer per piece would cost more than the piece."""
        if seen == self._received:
            self._hang_up()
        elif self.request.method in self.streams:
            self._stall = IOLoop.current().call_later(limits.WEB_STALL_SECONDS, self._watch, self._received)

    def _unwatch(self) -> None:
        if self._stall is not None:
            IOLoop.current().remove_timeout(self._stall)
            self._stall = None


def number(text: str, header: str = "Content-Length") -> int:
    """Return a header that counts bytes; raises Misused unless it is a plain number below 10^16."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise Misused(why=f"{header} is missing or is not a number of bytes.")
    return int(text)
