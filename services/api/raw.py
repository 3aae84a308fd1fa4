"""A bulk upload read by a thread of its own, on a connection Tornado let go of: a fifth of the CPU time of an ingest.

The thread takes what the socket has (API_CHUNK_BYTES at most), undoes the chunked coding and hands the pieces to the
sink; the event loop only writes the answer. One such request ends its connection. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from tornado.httputil import HTTPHeaders, ResponseStartLine
from tornado.iostream import IOStream, StreamClosedError

from firmware import limits
from firmware.errors import BoxError, Misused

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_LINE_MAX = 256
_START, _DATA, _AFTER, _LAST, _DONE = range(5)


_LOOK_SECONDS = 0.5


class BodyCoding:
    """Sans-io: undoes HTTP/1.1 framing of one request body (chunked, or ``length`` bytes); RFC 9112 section 7.1."""

    def __init__(self, length: int | None) -> None:
        """``length`` None means chunked."""
        self._state = _START if length is None else _DATA if length else _DONE
        self._left = length or 0
        self._after = _AFTER if length is None else _DONE
        self._carry = b""

    @property
    def done(self) -> bool:
        """Whether the whole body was seen."""
        return self._state == _DONE

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the pieces of the body in ``data``; raises Misused for what is no chunked coding."""
        if self._carry:
            data, self._carry = self._carry + data, b""
        at, end = 0, len(data)
        while at < end and self._state != _DONE:
            if self._state == _DATA:
                stop = min(at + self._left, end)
                yield data if at == 0 and stop == end else data[at:stop]
                self._left -= stop - at
                at = stop
                self._state = _DATA if self._left else self._after
                continue
            step = self._mark(data, at)
            if not step:
                self._carry = data[at:]
                return
            at += step

    def _mark(self, data: bytes, at: int) -> int:
        """Read one mark between chunks; 0 when more bytes are needed."""
        if self._state in (_AFTER, _LAST):
            if len(data) - at < 2:
                return 0
            if data[at : at + 2] != b"\r\n":
                raise Misused(why="the chunked coding of the body is broken.")
            self._state = _START if self._state == _AFTER else _DONE
            return 2
        found = _SIZE.match(data, at)
        if found is None:
            if len(data) - at > _LINE_MAX or b"\n" in data[at:]:
                raise Misused(why="the chunked coding of the body is broken.")
            return 0
        self._left = int(found.group(1), 16)
        self._state = _DATA if self._left else _LAST
        return found.end() - at


class FileSink(Protocol):
    """Takes the framed files of one request from the thread that reads them."""

    def take(self, piece: bytes) -> None:
        """Take the next bytes; blocks while there is no room. Called on the reading thread."""

    def look(self) -> None:
        """While nothing arrives: raise what went wrong with what came before. Called on the reading thread."""

    async def end(self) -> Any:
        """The body is complete: return the answer (None when it was streamed)."""

    def broken(self) -> None:
        """The client went away before the end."""


class RawConnection:
    """Writes an answer to a socket Tornado no longer watches; has the methods of HTTP1Connection the server uses."""

    def __init__(self, stream: IOStream) -> None:
        """Take over the connection behind ``stream``."""
        self.stream = stream
        self._socket: socket.socket | None = None
        self._waiting: asyncio.Queue[tuple[bytes, asyncio.Future[None]] | None] = asyncio.Queue()
        self._chunked = True
        self._tasks: list[asyncio.Task[None]] = []

    def read(self, length: int | None, sink: FileSink, ended: Callable[[BoxError | None, bool], None]) -> None:
        """Start to read the body; ``ended(error, whole)`` is called on the event loop once."""
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self._begin(BodyCoding(length), sink, ended)))

    def go_on(self) -> None:
        """Tell a client that asked first (Expect: 100-continue) to send its body."""
        self._put(b"HTTP/1.1 100 Continue\r\n\r\n")

    def write_headers(self, line: ResponseStartLine, headers: HTTPHeaders, body: bytes | None) -> asyncio.Future[None]:
        """Write the head and, for a short answer, its body."""
        self._chunked = "Content-Length" not in headers
        headers["Connection"] = "close"
        if self._chunked:
            headers["Transfer-Encoding"] = "chunked"
        lines = [f"HTTP/1.1 {line.code} {line.reason}", *(f"{name}: {value}" for name, value in headers.get_all())]
        return self._put("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def write(self, data: bytes) -> asyncio.Future[None]:
        """Write one piece of a chunked answer."""
        return self._put(b"%x\r\n%b\r\n" % (len(data), data))

    def finish(self) -> None:
        """Write the end of the answer, then close."""
        if self._chunked:
            self._put(b"0\r\n\r\n")
        self._waiting.put_nowait(None)

    def close(self) -> None:
        """Close now; whoever reads or writes notices."""
        self.stream.close()
        self._waiting.put_nowait(None)
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def closed(self) -> bool:
        """Whether the client is gone."""
        return self._socket is not None and self._socket.fileno() < 0

    def _put(self, data: bytes) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((data, future))
        return future

    async def _begin(self, coding: BodyCoding, sink: FileSink, ended: Callable[[BoxError | None, bool], None]) -> None:
        """Take what Tornado had read already, then the socket itself."""
        first = b""
        if not coding.done:
            try:
                first = await self.stream.read_bytes(limits.PUT_QUEUE_BYTES, partial=True)
            except StreamClosedError:
                ended(None, False)
                return
        self._socket = self.stream.socket.dup()
        self._socket.settimeout(limits.API_IDLE_SECONDS)
        self.stream.close()
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self._write_all(self._socket)))

        def tell(error: BoxError | None, whole: bool) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(ended, error, whole)

        reader = _Reading(self._socket.dup(), first, coding, sink, tell)
        threading.Thread(target=reader.live, name="upload", daemon=True).start()

    async def _write_all(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with sock.dup() as out:
            out.setblocking(False)
            gone = False
            while (item := await self._waiting.get()) is not None:
                data, future = item
                try:
                    if not gone:
                        await asyncio.wait_for(loop.sock_sendall(out, data), limits.API_IDLE_SECONDS)
                    future.set_result(None)  # what nobody reads any more is written to nobody
                except (OSError, TimeoutError):
                    gone = True
                    future.set_result(None)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


class _Reading:
    """The thread's side."""

    def __init__(
        self, sock: socket.socket, first: bytes, coding: BodyCoding, sink: FileSink,
        ended: Callable[[BoxError | None, bool], None],
    ) -> None:  # fmt: skip
        self._sock, self._first, self._coding, self._sink, self._ended = sock, first, coding, sink, ended
        sock.settimeout(_LOOK_SECONDS)

    def live(self) -> None:
        """Read until the body or the connection ends."""
        error: BoxError | None = None
        try:
            self._read()
        except BoxError as found:
            error = found
        except OSError:
            pass  # gone, or silent for too long: the body is not whole
        finally:
            self._sock.close()
        self._ended(error, self._coding.done)

    def _read(self) -> None:
        data = self._first
        while True:
            for piece in self._coding.feed(data):
                self._sink.take(piece)
            if self._coding.done:
                return
            data = self._more()
            if not data:
                return

    def _more(self) -> bytes:
        """What comes next; a client that waits in the middle of a refused body hears why all the same."""
        for _ in range(round(limits.API_IDLE_SECONDS / _LOOK_SECONDS)):
            with contextlib.suppress(TimeoutError):
                return self._sock.recv(limits.API_CHUNK_BYTES)
            self._sink.look()
        raise TimeoutError
