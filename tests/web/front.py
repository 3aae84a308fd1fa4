"""A real box as browsers see it: plain HTTP requests with full control, and the steps a new member takes."""

from __future__ import annotations

import base64
import http.client
import re
import ssl
import sys
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

from tests.services.running import Running
from webui.session import KIT_ASKED

PASSPHRASE = "copper lantern visits thursday marble"


@dataclass(slots=True)
class Reply:
    """One answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def leads_to(self) -> str:
        """The Location header."""
        return self.headers.get("Location", "")


@dataclass(slots=True)
class Visitor:
    """A browser without a screen: keeps cookies, follows nothing by itself."""

    box: Running
    private: bool = True
    cookies: dict[str, str] = field(default_factory=dict)

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection to the box, over TLS with the box's own authority trusted."""
        where = urllib.parse.urlsplit(str(self.box.hello["https" if self.private else "http"]))
        assert where.hostname and where.port
        if not self.private:
            return http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        trust = ssl.create_default_context(cafile=str(self.box.hello["ca_pem"]))
        return http.client.HTTPSConnection(where.hostname, where.port, timeout=60, context=trust)

    def ask(self, method: str, path: str, body: bytes | None = None, /, **headers: str) -> Reply:
        """Send one request; header names are written with ``_`` for ``-``."""
        connection = self.connect()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        for cookie in reply.headers.get_all("Set-Cookie") or []:
            name, _, rest = cookie.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return reply

    def get(self, path: str, /, **headers: str) -> Reply:
        """GET ``path``."""
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, headers: dict[str, str] | None = None, /, **fields: str) -> Reply:
        """Send a form."""
        body = urllib.parse.urlencode(fields).encode()
        return self.ask("POST", path, body, Content_Type="application/x-www-form-urlencoded", **(headers or {}))

    def put(self, name: str, data: bytes, /, **headers: str) -> Reply:
        """Upload one file whole (tus: creation with upload)."""
        fields = {
            "Tus_Resumable": "1.0.0",
            "Upload_Length": str(len(data)),
            "Upload_Metadata": f"filename {base64.b64encode(name.encode()).decode()}",
            "Content_Type": "application/offset+octet-stream",
        }
        return self.ask("POST", "/uploads", data, **{**fields, **headers})

    def claim(self) -> list[str]:
        """Claim the box with form posts alone, as a browser without JavaScript would; return the 24 words."""
        assert self.post("/claim", code=str(self.box.hello["claim_code"])).leads_to == "/household"
        assert self.post("/household", household="Novak home", name="Marta").leads_to == "/passphrase"
        page = self.get("/passphrase").text
        made = self.post("/passphrase", once=hidden(page, "once"), offered="", passphrase=PASSPHRASE)
        assert made.leads_to == "/kit"
        return re.findall(r"<li>([a-z]{3,8})</li>", self.get("/kit").text)

    def prove_kit(self, words: list[str]) -> None:
        """Type the words back that are asked for."""
        for _ in range(KIT_ASKED):
            (position,) = re.findall(r'id="word-(\d+)" name="word"', self.get("/kit/check").text)
            assert self.post("/kit/check", word=words[int(position) - 1]).status == 303

    def be_sure(self, asked: Reply, passphrase: str = PASSPHRASE) -> Reply:
        """Type the passphrase once more and send the waiting form again; return its answer."""
        then = urllib.parse.unquote(asked.leads_to.partition("then=")[2])
        page = self.post("/sure", then=then, passphrase=passphrase).text
        form = page.partition("data-by-itself")[2]
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)
        return self.post(then, **dict(fields))

    def open(self, passphrase: str = PASSPHRASE, then: str = "/home") -> Reply:
        """Open the locker of the first member."""
        member = re.search(r'name="member" value="([0-9a-f]{16})"', self.get("/open").text)
        assert member
        return self.post("/open", member=member[1], passphrase=passphrase, then=then)


def hidden(page: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(f'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found, f"no hidden field {name}"
    return found[1]


def start(folder: Path, python: str = sys.executable) -> Running:
    """Start an unclaimed box."""
    return Running(folder / "data", python=python)


def is_expected(complaint: str) -> bool:
    """Whether a browser's console says only what a test provoked: a no of the box, or a certificate nobody trusts."""
    return "the server responded with a status of" in complaint or "when fetching the script" in complaint
