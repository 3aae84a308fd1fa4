"""Sockets, TLS and the bounds of the web front."""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from firmware import limits

_FIRST_GIVEN = 3
_log = logging.getLogger("webd")


class Leaf:
    """The certificate of this box in use: TLS 1.3 only, taken anew when its files change."""

    def __init__(self, folder: Path, named: Callable[[Sequence[str]], None]) -> None:
        """Load ``leaf.pem`` and ``leaf.key`` of ``folder``; raises OSError or ssl.SSLError when they cannot be used.

        ``named`` is told the names the leaf is for, now and whenever it was taken anew.
        """
        self._certificate, self._key, self._covers = (folder / f"leaf.{kind}" for kind in ("pem", "key", "covers"))
        self._named = named
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["http/1.1"])
        self._seen = self._stamp()
        self.context.load_cert_chain(self._certificate, self._key)
        self._named(self._names())

    def reload(self) -> None:
        """Use a renewed leaf for new connections; one that cannot be read is left for the next look."""
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self.context.load_cert_chain(self._certificate, self._key)
                self._named(self._names())
                self._seen = stamp
        except (OSError, ValueError, ssl.SSLError) as error:
            _log.warning("the renewed certificate is not usable yet: %s", type(error).__name__)

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        files = (self._certificate, self._key, self._covers)
        return tuple((found.st_mtime_ns, found.st_ino) for found in (each.stat() for each in files if each.exists()))

    def _names(self) -> list[str]:
        """The names beside the leaf; none where that file is not there (yet)."""
        try:
            return [str(name) for name in json.loads(self._covers.read_bytes())["names"]]
        except FileNotFoundError:
            return []


@dataclass(slots=True)
class Listening:
    """The two servers and the ports they really have."""

    http_port: int = 0
    https_port: int = 0
    servers: list[HTTPServer] = field(default_factory=list)

    async def close(self) -> None:
        """Accept nothing more and end what is open."""
        for server in self.servers:
            server.stop()
        for server in self.servers:
            await server.close_all_connections()


def listen(
    listening: Listening, open_pages: Application, private_pages: Application, leaf: Leaf, asked: argparse.Namespace
) -> None:
    """Bind both ports on every address and start serving; raises OSError when a port cannot be had at all."""
    given = _given()
    http, listening.http_port = _bind(asked.http_port, asked.bind, given)
    https, listening.https_port = _bind(asked.https_port, asked.bind, given)
    for pages, sockets, tls in ((open_pages, http, None), (private_pages, https, leaf.context)):
        server = HTTPServer(
            pages,
            ssl_options=tls,
            xheaders=False,
            decompress_request=False,
            chunk_size=limits.WEB_CHUNK_BYTES,
            max_buffer_size=limits.WEB_BUFFER_BYTES,
            max_header_size=limits.HEADER_BYTES,
            max_body_size=limits.JSON_BODY_BYTES,
            idle_connection_timeout=limits.WEB_IDLE_SECONDS,
            body_timeout=limits.WEB_BODY_SECONDS,
        )
        server.add_sockets(sockets)
        listening.servers.append(server)


def _given() -> list[socket.socket]:
    """Take over the listening sockets systemd opened for this process (sd_listen_fds: LISTEN_PID, LISTEN_FDS)."""
    count = int(os.environ.get("LISTEN_FDS", "0")) if os.environ.get("LISTEN_PID") == str(os.getpid()) else 0
    found = [socket.socket(fileno=number) for number in range(_FIRST_GIVEN, _FIRST_GIVEN + count)]
    for each in found:
        each.setblocking(False)
        each.set_inheritable(False)
    return found


def _bind(port: int, addresses: list[str], given: list[socket.socket]) -> tuple[list[socket.socket], int]:
    """Bind ``port`` (0: one free port, the same everywhere); an address this machine does not have is left out."""
    found = [each for each in given if each.getsockname()[1] == port]
    if found:
        return found, port
    for address in addresses or [""]:
        try:
            found += bind_sockets(port, address)
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise
            continue
        port = found[0].getsockname()[1]
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, "this machine has none of the addresses to listen on")
    return found, port
