"""A bare Tornado server over TLS that throws every body away: what the box's uploads are held against.

``serve(leaf, key)`` listens on a free port of 127.0.0.1, prints it and never returns.
"""

from __future__ import annotations

import asyncio
import ssl

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, stream_request_body


@stream_request_body
class Sink(RequestHandler):
    """Takes a body as it comes and keeps nothing."""

    def data_received(self, chunk: bytes) -> None:
        """Drop it."""

    def patch(self) -> None:
        """Say that it was here."""
        self.set_status(204)


def serve(leaf: str, key: str) -> None:
    """Serve with this certificate until somebody ends the process."""
    asyncio.run(_serve(leaf, key))


async def _serve(leaf: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(leaf, key)
    server = HTTPServer(Application([("/", Sink)], log_function=lambda _: None), ssl_options=context)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
