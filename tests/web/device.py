"""A native client under test: WebDAV requests with full control, signed in with an app password of its own."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from services.api.client import Client
from tests.services.running import Running
from tests.web.front import Reply, Visitor

PASSPHRASE = "copper lantern visits thursday marble"


@dataclass(slots=True)
class Device:
    """One device; addresses are given without ``/dav/``."""

    box: Running
    password: str
    id: str = ""
    name: str = "Marta"
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, /, **headers: str) -> Reply:
        """Send one request; header names are written with ``_`` for ``-``."""
        secret = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        sent = {"Authorization": f"Basic {secret}", **self.headers, **headers}
        return Visitor(self.box).ask(method, f"/dav/{path}", body, **sent)

    def put(self, path: str, data: bytes, /, **headers: str) -> Reply:
        """PUT a file."""
        return self.ask("PUT", path, data, **headers)

    def get(self, path: str, /, **headers: str) -> Reply:
        """GET a file."""
        return self.ask("GET", path, None, **headers)

    def inside(self, path: str, /, **headers: str) -> list[str]:
        """Names right inside a folder, as PROPFIND lists them."""
        reply = self.ask("PROPFIND", path, None, **{"Depth": "1", **headers})
        assert reply.status == 207, (reply.status, reply.text)
        return [one.removeprefix("/dav/") for one in re.findall("<D:response><D:href>([^<]*)<", reply.text)][1:]

    def lock(self, path: str, /, scope: str = "exclusive", **headers: str) -> Reply:
        """LOCK something."""
        body = (
            f'<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:{scope}/></D:lockscope>'
            "<D:locktype><D:write/></D:locktype><D:owner>Marta</D:owner></D:lockinfo>"
        )
        return self.ask("LOCK", path, body.encode(), **headers)

    def patch(self, path: str, props: str, /, **headers: str) -> Reply:
        """PROPPATCH: set ``props`` (XML; the prefix Z is urn:schemas-microsoft-com:)."""
        body = (
            f'<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>{props}'
            "</D:prop></D:set></D:propertyupdate>"
        )
        return self.ask("PROPPATCH", path, body.encode(), **headers)

    @property
    def root(self) -> str:
        """The address of the box, as a Destination begins."""
        where = urlsplit(str(self.box.hello["https"]))
        return f"{where.scheme}://{where.netloc}/dav/"


class Owner:
    """The first member, over the API: makes app passwords and looks into her locker."""

    def __init__(self, box: Running) -> None:
        """Claim ``box``."""
        self.box = box
        self.client = Client((box.data / "run").resolve())
        made = asyncio.run(
            self.client.call(
                "claim",
                code=str(box.hello["claim_code"]),
                household="Novak home",
                name="Marta",
                passphrase=PASSPHRASE,
            )
        )
        self.client = self.client.as_session(made.token, made.member)

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Call one operation."""
        return asyncio.run(self.client.call(operation, **arguments))

    def device(self, name: str) -> Device:
        """Make an app password and return the device that uses it."""
        made = asyncio.run(self.client.call("add_app_password", device=name))
        return Device(self.box, made.password, made.id)
