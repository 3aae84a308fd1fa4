"""Serves the rows of one kind of socket over HTTP/1.1 on AF_UNIX: routing, authority, strict decoding, streams.

What an operation does comes as ``handlers`` (name to function), who may call it as ``authority``; nothing is decided
here. The order is always: peer uid, path and method, authority, fields, and only then the first byte of a body.
A handler is ``async def (call) -> value`` or ``async def (call) -> None`` when it streamed its answer; for a request
whose body is a stream it is ``def (call) -> Sink`` (BYTES) or ``def (call) -> FileSink`` (FILES).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, unquote

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError

from firmware import limits
from firmware.errors import (
    BoxError,
    MethodNotAllowed,
    Misused,
    NoSuchOperation,
    NoSuchRange,
    Refused,
    TooLarge,
    TooManyTries,
)
from services.api import failure
from services.api.decode import decode, encode
from services.api.raw import FileSink, RawConnection
from services.api.routes import Operation, Stream, Where, on

_log = logging.getLogger("lockerbox.api")
_FIELDS_MAX = 1100
_FOREVER = 30 * 86400.0
_FEW = 8
_BEARER = re.compile(r"Bearer ([0-9A-Za-z_-]{20,100})", re.ASCII)


class Sink(Protocol):
    """Takes the streamed body of one request."""

    def feed(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the next bytes; what is returned is awaited before more are read. Raises BoxError to refuse."""

    async def end(self) -> Any:
        """The body is complete: return the answer (None when it was streamed)."""

    def broken(self) -> None:
        """The client went away before the end."""


Handler = Callable[["Call"], Any]
Authority = Callable[[Operation, str | None, int], Any]
"""(operation, token or None, peer uid) -> session; raises Refused or Locked."""


class Server(HTTPServerConnectionDelegate):
    """All rows of one socket. ``uids`` may connect; /openapi.json is made when somebody asks for it."""

    def __init__(
        self,
        where: Where,
        handlers: Mapping[str, Handler],
        authority: Authority,
        uids: frozenset[int],
        body_bytes: int = limits.JSON_BODY_BYTES,
    ) -> None:
        """Check that every row has a handler, then build the routes; a JSON body has ``body_bytes`` at most."""
        self.body_bytes = body_bytes
        self.where, self.handlers, self.authority, self.uids = where, handlers, authority, uids
        self._routes = [(_pattern(one.path), one) for one in on(where)]
        missing = [one.name for _, one in self._routes if one.name not in handlers]
        assert not missing, f"no handler for {missing}"
        self.tasks: set[asyncio.Task[Any]] = set()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:  # noqa: ARG002
        """Tornado calls this once per request."""
        assert isinstance(request_conn, HTTP1Connection)
        return _Exchange(self, request_conn)

    def listen(self, sockets: Iterable[socket.socket]) -> HTTPServer:
        """Serve on ``sockets`` with the bounds of limits.py and return the running server."""
        server = HTTPServer(
            self,
            chunk_size=limits.API_CHUNK_BYTES,
            max_header_size=limits.HEADER_BYTES,
            max_body_size=self.body_bytes,
            idle_connection_timeout=limits.API_IDLE_SECONDS,
            body_timeout=limits.API_BODY_SECONDS,
            max_buffer_size=limits.PUT_QUEUE_BYTES,
        )
        server.add_sockets(sockets)
        return server

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """Return the row that answers and the words in its path; raises NoSuchOperation, MethodNotAllowed."""
        others: set[str] = set()
        for pattern, operation in self._routes:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if operation.method == method:
                words = {key: unquote(word, errors="surrogateescape") for key, word in found.groupdict().items()}
                return operation, words
            others.add(operation.method)
        if others:
            raise MethodNotAllowed(methods=", ".join(sorted(others)))
        raise NoSuchOperation


@dataclasses.dataclass(slots=True)
class Call:
    """One request as its handler sees it: decoded ``args``, the caller's ``session`` and ways to stream an answer."""

    operation: Operation
    args: Any
    session: Any
    token: str | None
    headers: HTTPHeaders
    _exchange: _Exchange

    def begin(self, status: int = 200, headers: Mapping[str, str] | None = None) -> Awaitable[None]:
        """Send the head of a streamed answer; its media type comes from the route table unless ``headers`` name one."""
        return self._exchange.head(status, dict(headers or {}))

    def push(self, data: bytes) -> asyncio.Future[None]:
        """Send the next bytes without waiting; the future is done when the socket took them."""
        return self._exchange.connection.write(data)

    def pipe(self) -> Pipe:
        """Return a way for one thread to send the rest of a chunked answer itself, once ``begin`` was awaited."""
        return Pipe(self._exchange.connection.stream.socket.dup())

    def fail(self, error: BoxError) -> None:
        """End the call with ``error`` before its body has fully arrived."""
        self._exchange.give_up(error)

    async def send(self, data: bytes) -> None:
        """Send the next bytes and wait until the socket took them."""
        if data:
            await asyncio.wait_for(self._exchange.connection.write(data), limits.API_IDLE_SECONDS)

    async def line(self, value: Mapping[str, Any]) -> None:
        """Send one NDJSON line."""
        await self.send(json.dumps(value).encode() + b"\n")


class Pipe:
    """Sends chunks from a thread, without copies and without the event loop: half the CPU time of large downloads."""

    def __init__(self, sock: socket.socket) -> None:
        """Take over ``sock``, a second handle of the connection's socket."""
        self._sock = sock
        sock.settimeout(limits.API_IDLE_SECONDS)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.API_SEND_BYTES)

    def send(self, pieces: list[bytes]) -> None:
        """Send ``pieces`` as one chunk; raises StreamClosedError when the client is gone or does not read."""
        count = sum(map(len, pieces))
        if not count:
            return
        head = b"%x\r\n" % count
        if len(pieces) > _FEW:
            pieces = [b"".join(pieces)]
        try:
            self._send_all([memoryview(part) for part in (head, *pieces, b"\r\n")])
        except OSError as error:
            raise StreamClosedError from error

    def _send_all(self, views: list[memoryview]) -> None:
        while views:
            sent = self._sock.sendmsg(views)
            while views and sent >= len(views[0]):
                sent -= len(views.pop(0))
            if sent:
                views[0] = views[0][sent:]

    def close(self) -> None:
        """Close this handle; the connection stays."""
        self._sock.close()


class _Exchange(HTTPMessageDelegate):
    """One request and its answer."""

    connection: HTTP1Connection | RawConnection

    def __init__(self, server: Server, connection: HTTP1Connection) -> None:
        self.server, self.connection = server, connection
        self._call: Call | None = None
        self._error: BoxError | None = None
        self._words: dict[str, str] = {}
        self._body = bytearray()
        self._sink: Sink | FileSink | None = None
        self._task: asyncio.Task[Any] | None = None
        self._begun = self._over = self._document = False
        self._alive = 0

    # -------- what Tornado calls

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        assert isinstance(start_line, RequestStartLine)
        try:
            self._open(start_line, headers)
        except BoxError as error:
            self._error = error
            if _declared(headers) > self.server.body_bytes or "Transfer-Encoding" in headers:
                self._fail(error)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._alive += 1
        if self._error is not None:
            return None
        try:
            if self._sink is not None:
                assert not isinstance(self.connection, RawConnection)
                return cast("Sink", self._sink).feed(chunk)
            if len(self._body) + len(chunk) > self.server.body_bytes:
                raise TooLarge(limit=f"{self.server.body_bytes} bytes")
        except BoxError as error:
            self._error = error
            self._drop_sink()
            self._fail(error)
            return None
        self._body += chunk
        return None

    def finish(self) -> None:
        if isinstance(self.connection, HTTP1Connection):
            self.connection.set_close_callback(self._hung_up)
        if self._document:
            from services.api.openapi import document  # here: few ask, and making it takes 3 MiB

            self._reply(200, document(self.server.where))
        elif self._error is not None:
            self._fail(self._error)
        else:
            self._task = asyncio.get_running_loop().create_task(self._run())
            self.server.tasks.add(self._task)
            self._task.add_done_callback(self._ran)

    def on_connection_close(self) -> None:
        self._drop_sink()

    # -------- in order

    def _open(self, start_line: RequestStartLine, headers: HTTPHeaders) -> None:
        assert isinstance(self.connection, HTTP1Connection)
        uid = _peer_uid(self.connection)
        if uid not in self.server.uids:
            raise Refused
        path, _, query = start_line.path.partition("?")
        if path == "/openapi.json" and start_line.method == "GET":
            self._document = True
            return
        operation, self._words = self.server.find(start_line.method, path)
        token = _token(headers)
        session = self.server.authority(operation, token, uid)
        self._call = Call(operation, None, session, token, headers, self)
        if operation.in_query:
            self._call.args = decode(operation.request, {**_query(operation, query), **self._words}, text=True)
        elif query:
            raise Misused(why="this operation takes no query.")
        elif _declared(headers) > self.server.body_bytes:
            raise TooLarge(limit=f"{self.server.body_bytes} bytes")
        if operation.body is not None and (operation.raw or operation.body is Stream.FILES):
            self._take_files(self._call)
        elif operation.body is not None:
            assert isinstance(self.connection, HTTP1Connection)
            self._sink = self.server.handlers[operation.name](self._call)
            self.connection.set_max_body_size(1 << 62)
            self.connection.set_body_timeout(_FOREVER)
            self._watch(-1)

    def _take_files(self, call: Call) -> None:
        """Let a thread read this body; Tornado lets go of the connection."""
        length = None if "Transfer-Encoding" in call.headers else _declared(call.headers)
        assert isinstance(self.connection, HTTP1Connection)
        self.connection = raw = RawConnection(self.connection.detach())
        if call.headers.get("Expect", "") == "100-continue":
            raw.go_on()
        sink: FileSink = self.server.handlers[call.operation.name](call)
        self._sink = sink
        raw.read(length, sink, self._files_ended)

    def _files_ended(self, error: BoxError | None, whole: bool) -> None:
        if self._over:
            return  # answered early; the connection ends when the answer is written
        if error is not None:
            self._drop_sink()
            self._fail(error)
        elif whole:
            self.finish()
        else:
            self._drop_sink()
            self.connection.close()

    def _watch(self, seen: int) -> None:
        """End an upload that sent nothing for API_IDLE_SECONDS."""
        if self._sink is None or self._task is not None:
            return
        if seen == self._alive:
            self.connection.close()
            return
        asyncio.get_running_loop().call_later(limits.API_IDLE_SECONDS, self._watch, self._alive)

    async def _run(self) -> None:
        call = self._call
        assert call is not None
        try:
            if self._sink is not None:
                answer = await self._sink.end()
            else:
                if not call.operation.in_query:
                    call.args = decode(call.operation.request, {**_json(self._body), **self._words})
                answer = await self.server.handlers[call.operation.name](call)
        except BoxError as error:
            self._fail(error)
        except (StreamClosedError, TimeoutError):
            self.connection.close()
        else:
            self._done(call.operation, answer)

    def _done(self, operation: Operation, answer: Any) -> None:
        if self._begun:
            self._over = True
            if not self._gone():
                self.connection.finish()
        else:
            self._reply(operation.status, json.dumps(encode(answer)).encode() + b"\n")

    def _ran(self, task: asyncio.Task[Any]) -> None:
        self.server.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a handler failed", exc_info=task.exception())
            self._fail(BoxError())

    def _hung_up(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
        self._drop_sink()

    def _drop_sink(self) -> None:
        if self._sink is not None and not self._over:
            self._sink.broken()
            self._sink = None

    # -------- answers

    def give_up(self, error: BoxError) -> None:
        """Answer with ``error`` now, whatever else would have come."""
        self._fail(error)
        self._drop_sink()

    def head(self, status: int, headers: dict[str, str]) -> Awaitable[None]:
        """Send the head of a streamed answer."""
        assert self._call is not None
        kind = self._call.operation.response
        if isinstance(kind, Stream):
            headers.setdefault("Content-Type", kind.value)
        self._begun = True
        return self._head(status, headers, None)

    def _head(self, status: int, headers: dict[str, str], body: bytes | None) -> Awaitable[None]:
        made = HTTPHeaders({"Cache-Control": "no-store", **headers})
        return self.connection.write_headers(ResponseStartLine("HTTP/1.1", status, _reason(status)), made, body)

    def _gone(self) -> bool:
        return self.connection.stream.closed() if isinstance(self.connection, HTTP1Connection) else False

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self._over = True
        if self._gone():
            return
        plain = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        _forget(self._head(status, plain, body))
        self.connection.finish()

    def _fail(self, error: BoxError) -> None:
        """Answer with ``error``: as a status, as the last line of a begun NDJSON answer, or by cutting a begun body."""
        if self._over:
            return
        if not self._begun:
            self._reply(error.http, failure.to_json(error), _error_headers(error))
            return
        self._over = True
        if self._gone():
            return
        if self._call is not None and self._call.operation.response is Stream.LINES:
            line = {"error": error.as_dict(), "status": error.http}
            _forget(self.connection.write(json.dumps(line).encode() + b"\n"))
            self.connection.finish()
        else:
            self.connection.close()


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path))


def _error_headers(error: BoxError) -> dict[str, str]:
    if isinstance(error, MethodNotAllowed):
        return {"Allow": str(error.fields["methods"])}
    if isinstance(error, NoSuchRange):
        return {"Content-Range": f"bytes */{error.fields['size']}"}
    if isinstance(error, TooManyTries):
        return {"Retry-After": str(error.fields["seconds"])}
    return {}


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase


def _forget(written: Awaitable[None]) -> None:
    """Let a last write end on its own; a client that is gone is nobody's error."""
    if isinstance(written, asyncio.Future):
        written.add_done_callback(lambda done: done.cancelled() or done.exception())


def _peer_uid(connection: HTTP1Connection) -> int:
    if connection.stream.socket is None:
        raise Refused  # whoever asked has hung up already
    found = connection.stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", found)[1])


def _token(headers: HTTPHeaders) -> str | None:
    found = _BEARER.fullmatch(headers.get("Authorization", ""))
    return found.group(1) if found else None


def _declared(headers: HTTPHeaders) -> int:
    length = headers.get("Content-Length", "0")
    return int(length) if re.fullmatch(r"[0-9]{1,19}", length, re.ASCII) else 0


def _query(operation: Operation, query: str) -> dict[str, Any]:
    """Return the query's words; a field given twice becomes a list (and is refused unless it is one)."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape", max_num_fields=_FIELDS_MAX)
    except ValueError as error:
        raise Misused(why="the query cannot be read.") from error
    found: dict[str, Any] = {}
    for key, word in pairs:
        if key in operation.path_fields:
            raise Misused(why=f"“{key}” belongs into the path.")
        if key in found:
            found[key] = [*found[key], word] if isinstance(found[key], list) else [found[key], word]
        else:
            found[key] = word
    return found


def _json(body: bytearray) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Misused(why="the body is not JSON.") from error
    if not isinstance(found, dict):
        raise Misused(why="the body is not a JSON object.")
    return found
