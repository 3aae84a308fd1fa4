"""The async client of lockerd, over AF_UNIX: what webd and other services use.

    box = Client(run_folder)                                  # holds no connection, is cheap, may be shared
    opened = await box.call("open", member="Ada", passphrase="…")
    mine = box.as_session(opened.token, opened.member)
    page = await mine.call("list", folder="photos", limit=50)                       # -> types.Records
    stored = await mine.call("put", body=chunks(), name="a.jpg", size=123)           # body: async iterator of bytes
    async with mine.stream("content", headers={"Range": "bytes=0-99"}, id=id) as answer:
        answer.status, answer.headers                                                # 206, Content-Range …
        async for piece in answer: ...
    async with mine.stream("verify") as answer:
        async for line in answer.lines(): ...                                        # dictionaries

Every error is the ``firmware.errors`` class lockerd raised (an unreachable locker socket is Locked, an unreachable main
socket Unreachable). Requests and answers are streamed both ways at once with back-pressure; nothing is retried.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPOutputError,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, StreamClosedError

from firmware import limits
from firmware.errors import BoxError, Locked, Unreachable
from services.api import calling, failure
from services.api.routes import BY_NAME, Where

_ERROR = 400
_SPARE = 8


class Client:
    """Calls operations of ``services.api.routes`` by name; immutable."""

    def __init__(self, run: Path, token: str | None = None, member: str | None = None) -> None:
        """Talk to the sockets in folder ``run``; ``token`` and ``member`` come from open, recover or claim."""
        self._run, self._token, self._member = run, token, member

    def as_session(self, token: str, member: str) -> Client:
        """Return a client that acts as this session."""
        return Client(self._run, token, member)

    async def call(
        self,
        name: str,
        /,
        *,
        body: AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
        **args: Any,
    ) -> Any:
        """Call an operation that answers one value and return it (see the table for its type); raises BoxError."""
        async with self.stream(name, body=body, headers=headers, **args) as answer:
            found = b"".join([piece async for piece in answer])
            return calling.answer(BY_NAME[name], found)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        name: str,
        /,
        *,
        body: AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
        **args: Any,
    ) -> AsyncIterator[Answer]:
        """Call an operation and yield its answer while it arrives; leaving early closes the connection."""
        request = calling.build(name, self._token, headers, args)
        path = calling.socket_path(self._run, request.operation, self._member)
        stream = await _connect(path, request.operation.where)
        writer = stream.socket.dup()
        answer = Answer(request.operation.where)
        tasks: list[asyncio.Task[Any]] = []
        try:
            connection = HTTP1Connection(stream, True, _parameters())
            start = RequestStartLine(request.operation.method, request.target, "HTTP/1.1")
            written = connection.write_headers(start, HTTPHeaders(request.headers), request.body or None)
            tasks.append(asyncio.ensure_future(connection.read_response(answer.delegate)))
            tasks[0].add_done_callback(lambda _: answer.delegate.on_connection_close())
            chunked = "Content-Length" not in request.headers
            tasks.append(asyncio.ensure_future(_send(connection, writer, written, body, chunked=chunked)))
            await answer.ready(tasks[1])
            yield answer
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            stream.close()
            writer.close()


class Answer:
    """One answer: ``status``, ``headers``, and its bytes by iterating over it (once)."""

    def __init__(self, where: Where) -> None:
        """Wait for the head; filled by ``delegate``."""
        self.status = 0
        self.headers = HTTPHeaders()
        self.delegate = _Delegate(self)
        self.head: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.room = asyncio.Event()
        self.cut = False
        self._where = where

    async def ready(self, sender: asyncio.Task[Any]) -> None:
        """Wait for the head; raises the error the answer carries, or the one the request's body raised."""
        await asyncio.wait((self.head, sender), return_when=asyncio.FIRST_COMPLETED)  # a body may take hours
        if not self.head.done():
            sender.result()
            await asyncio.wait((self.head,), timeout=limits.CALL_SECONDS)
        if not self.head.done():
            raise Unreachable(what="the locker service")
        if self.cut and not self.status:
            raise _gone(self._where)
        if self.status >= _ERROR:
            raise failure.from_body(b"".join([piece async for piece in self]), self.status)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body's bytes; raises Unreachable when the connection ends too early."""
        while (piece := await self.pieces.get()) is not None:
            self.room.set()
            yield piece
        if self.cut:
            raise _gone(self._where)

    async def lines(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the objects of an NDJSON body; a line that is only an error of the whole call is raised."""
        rest = b""
        async for piece in self:
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                found = json.loads(line)
                if "error" in found and "n" not in found:
                    raise failure.rebuild(found["error"], int(found.get("status", 500)))
                yield found


class _Delegate(HTTPMessageDelegate):
    """Hands what Tornado parses to an Answer; a full queue holds the socket back."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._ended = False

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        assert isinstance(start_line, ResponseStartLine)
        self._answer.status, self._answer.headers = start_line.code, headers
        _settle(self._answer.head)

    async def data_received(self, chunk: bytes) -> None:
        self._answer.pieces.put_nowait(chunk)
        while self._answer.pieces.qsize() >= _SPARE:
            self._answer.room.clear()
            await self._answer.room.wait()

    def finish(self) -> None:
        self._end()

    def on_connection_close(self) -> None:
        if not self._ended:
            self._answer.cut = True
            self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            _settle(self._answer.head)
            self._answer.pieces.put_nowait(None)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _gone(where: Where) -> BoxError:
    what = {Where.PEER: "the service for friends' boxes", Where.BOX: "the service that looks after the box"}
    return Locked() if where is Where.LOCKER else Unreachable(what=what.get(where, "the locker service"))


def _parameters() -> HTTP1ConnectionParameters:
    return HTTP1ConnectionParameters(
        no_keep_alive=True,
        chunk_size=limits.API_CHUNK_BYTES,
        max_header_size=limits.HEADER_BYTES,
        max_body_size=1 << 62,
    )


async def _connect(path: Path, where: Where) -> IOStream:
    try:
        stream = IOStream(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), read_chunk_size=limits.API_CHUNK_BYTES)
        await stream.connect(str(path))
    except (StreamClosedError, OSError) as error:
        raise _gone(where) from error
    return stream


async def _send(
    connection: HTTP1Connection,
    writer: socket.socket,
    written: Any,
    body: AsyncIterator[bytes] | None,
    *,
    chunked: bool,
) -> None:
    """Write the request's body; a server that answered and hung up is not an error here, its answer tells.

    A streamed body goes through a handle of its own: Tornado's IOStream would close on the first failed write and
    lose the answer that says why.
    """
    loop = asyncio.get_running_loop()
    try:
        await written
        if body is None:
            connection.finish()
            return
        async for piece in body:
            if piece:
                await loop.sock_sendall(writer, b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            await loop.sock_sendall(writer, b"0\r\n\r\n")
    except (StreamClosedError, HTTPOutputError, OSError):
        return
