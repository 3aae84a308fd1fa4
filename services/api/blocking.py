"""The blocking client of lockerd for shells and measurements: http.client over AF_UNIX, full-duplex bulk put.

    box = Blocking(run_folder)
    opened = box.call("open", member="Ada", passphrase="…")
    mine = box.as_session(opened.token, opened.member)
    for line in mine.bulk_put(frames()):          # frames: iterator of bytes made with services.api.bulk
        ...                                       # dictionaries, in the order the files became durable
    with mine.stream("content", id=id) as answer: # .status .headers, iterate for bytes, .lines() for NDJSON
        ...

Errors are the ``firmware.errors`` classes, as in ``services.api.client``.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from firmware import limits
from firmware.errors import BoxError, Locked, Unreachable
from services.api import calling, failure
from services.api.routes import BY_NAME, Where

_ERROR = 400


class Blocking:
    """Calls operations of ``services.api.routes`` by name; one connection per call."""

    def __init__(self, run: Path, token: str | None = None, member: str | None = None) -> None:
        """Talk to the sockets in folder ``run``."""
        self._run, self._token, self._member = run, token, member

    def as_session(self, token: str, member: str) -> Blocking:
        """Return a client that acts as this session."""
        return Blocking(self._run, token, member)

    def call(
        self, name: str, /, *, body: Iterable[bytes] | None = None, headers: dict[str, str] | None = None, **args: Any
    ) -> Any:
        """Call an operation that answers one value and return it; raises BoxError."""
        with self.stream(name, body=body, headers=headers, **args) as answer:
            return calling.answer(BY_NAME[name], b"".join(answer))

    def bulk_put(self, frames: Iterable[bytes], **args: Any) -> Iterator[dict[str, Any]]:
        """Send ``frames`` while yielding the acknowledgements that come back; the last line holds ``done``."""
        with self.stream("bulk_put", body=frames, **args) as answer:
            yield from answer.lines()

    @contextlib.contextmanager
    def stream(
        self, name: str, /, *, body: Iterable[bytes] | None = None, headers: dict[str, str] | None = None, **args: Any
    ) -> Iterator[BlockingAnswer]:
        """Call an operation and yield its answer as it arrives; leaving early closes the connection."""
        request = calling.build(name, self._token, headers, args)
        where = request.operation.where
        connection = _Unix(calling.socket_path(self._run, request.operation, self._member))
        sender: _Sender | None = None
        opened = contextlib.ExitStack()
        try:
            sender = connection.ask(request, body)
            response = connection.getresponse()
            opened.callback(response.close)  # of an answer that ends its connection, it holds the socket
            answer = BlockingAnswer(response, where)
            if answer.status >= _ERROR:
                raise failure.from_body(b"".join(answer), answer.status)
            yield answer
            sender.check()
        except (OSError, http.client.HTTPException) as error:
            if sender is not None:
                sender.check()
            raise _gone(where) from error
        finally:
            connection.hang_up()
            opened.close()
            if sender is not None:
                sender.join()


class BlockingAnswer:
    """One answer: ``status``, ``headers``; iterate for its bytes (once)."""

    def __init__(self, response: http.client.HTTPResponse, where: Where) -> None:
        """Wrap what http.client parsed."""
        self._response, self._where = response, where
        self.status, self.headers = response.status, response.headers

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body's bytes; raises Unreachable or Locked when the connection ends too early."""
        try:
            while piece := self._response.read1(limits.API_CHUNK_BYTES):
                yield piece
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _gone(self._where) from error

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the objects of an NDJSON body; a line that is an error of the whole call is raised."""
        rest = b""
        for piece in self:
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                found = json.loads(line)
                if "error" in found and "n" not in found:
                    raise failure.rebuild(found["error"], int(found.get("status", 500)))
                yield found


class _Unix(http.client.HTTPConnection):
    """An HTTPConnection to a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("box")
        self._path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def connect(self) -> None:
        self.socket.connect(str(self._path))
        self.sock = self.socket

    def ask(self, request: calling.Request, body: Iterable[bytes] | None) -> _Sender:
        """Write the head of ``request`` and begin to write its body in a thread."""
        self.putrequest(request.operation.method, request.target, skip_host=True, skip_accept_encoding=True)
        for key, value in request.headers.items():
            self.putheader(key, value)
        chunked = body is not None and "Content-Length" not in request.headers
        if chunked:
            self.putheader("Transfer-Encoding", "chunked")
        self.endheaders(request.body)
        sender = _Sender(self.socket, body or (), chunked=chunked)
        sender.start()
        return sender

    def hang_up(self) -> None:
        """Close both directions at once, so that a sender blocked in a full socket returns."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.close()


class _Sender(threading.Thread):
    """Writes a request's body while the caller reads the answer."""

    def __init__(self, sock: socket.socket, body: Iterable[bytes], *, chunked: bool) -> None:
        super().__init__(name="sender", daemon=True)
        self._sock, self._pieces, self._chunked = sock, body, chunked
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            for piece in self._pieces:
                if piece:
                    self._send(piece)
            if self._chunked:
                self._sock.sendall(b"0\r\n\r\n")
        except OSError as error:
            if not isinstance(error, (BrokenPipeError, ConnectionError)):
                self._error = error
                self._stop()
        except BoxError as error:
            self._error = error
            self._stop()

    def check(self) -> None:
        """Raise what went wrong while making the body (a server that hung up tells why itself)."""
        if self._error is not None:
            raise self._error

    def _send(self, piece: bytes) -> None:
        if not self._chunked:
            self._sock.sendall(piece)
            return
        head = b"%x\r\n" % len(piece)
        sent = self._sock.sendmsg((head, piece, b"\r\n"))
        if sent < len(head) + len(piece) + 2:
            self._sock.sendall((head + piece + b"\r\n")[sent:])

    def _stop(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)


def _gone(where: Where) -> BoxError:
    what = {Where.PEER: "the service for friends' boxes", Where.BOX: "the service that looks after the box"}
    return Locked() if where is Where.LOCKER else Unreachable(what=what.get(where, "the locker service"))
