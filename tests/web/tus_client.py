"""tus by hand, with full control over every lie a client can tell."""

from __future__ import annotations

import base64
import http.client
from dataclasses import dataclass

from tests.web.front import Reply, Visitor

STREAMED = "application/offset+octet-stream"


def pairs(**fields: str | bytes) -> str:
    """Return ``Upload-Metadata`` of ``fields``."""
    values = {name: value.encode() if isinstance(value, str) else value for name, value in fields.items()}
    return ",".join(f"{name} {base64.b64encode(value).decode()}" for name, value in values.items())


@dataclass(slots=True)
class Tus:
    """A client of one visitor."""

    visitor: Visitor

    def new(self, name: str, size: int, body: bytes | None = None, /, **headers: str) -> Reply:
        """POST: begin an upload, perhaps with its first bytes."""
        sent = {"Tus_Resumable": "1.0.0", "Upload_Length": str(size), "Upload_Metadata": pairs(filename=name)}
        if body is not None:
            sent["Content_Type"] = STREAMED
        return self.visitor.ask("POST", "/uploads", body or b"", **{**sent, **headers})

    def patch(self, where: str, offset: int, data: bytes, /, **headers: str) -> Reply:
        """PATCH: send ``data`` from ``offset`` on."""
        sent = {"Tus_Resumable": "1.0.0", "Upload_Offset": str(offset), "Content_Type": STREAMED}
        return self.visitor.ask("PATCH", where, data, **{**sent, **headers})

    def head(self, where: str) -> Reply:
        """HEAD."""
        return self.visitor.ask("HEAD", where, None, Tus_Resumable="1.0.0")

    def offset(self, where: str) -> int:
        """How many bytes are durable."""
        reply = self.head(where)
        assert reply.status == 200
        return int(reply.headers["Upload-Offset"])

    def drop(self, where: str) -> Reply:
        """DELETE."""
        return self.visitor.ask("DELETE", where, None, Tus_Resumable="1.0.0")

    def begin_patch(self, where: str, offset: int, length: int, data: bytes = b"") -> http.client.HTTPConnection:
        """Send the head of a PATCH of ``length`` bytes and only ``data`` of it; the connection stays open."""
        connection = self.visitor.connect()
        connection.putrequest("PATCH", where)
        cookie = "; ".join(f"{name}={value}" for name, value in self.visitor.cookies.items())
        fields = {"Cookie": cookie, "Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": STREAMED}
        for name, value in {**fields, "Content-Length": str(length)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        if data:
            connection.send(data)
        return connection
