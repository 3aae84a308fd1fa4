"""The private connection in a browser that trusts this one box: service worker, out of reach, foreign names refused."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Playwright, ViewportSize, sync_playwright

from firmware.seal.certificates import make_leaf
from tests.services.running import Running
from tests.web import chromium
from tests.web.front import Visitor

_PHONE: ViewportSize = {"width": 390, "height": 844}


def _name(box: Running) -> str:
    return f"{json.loads((box.data / 'box.json').read_bytes())['host']}.local"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def trusting(box: Running, playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with a home of its own in which the box's authority was installed, as the guide says."""
    home = tmp_path_factory.mktemp("home")
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    subprocess.run(["certutil", "-d", f"sql:{store}", "-N", "--empty-password"], check=True, timeout=60)
    authority = ["-A", "-t", "C,,", "-n", "box", "-i", str(box.hello["ca_pem"])]
    subprocess.run(["certutil", "-d", f"sql:{store}", *authority], check=True, timeout=60)
    rules = f"MAP {_name(box)} 127.0.0.1, MAP *.example 127.0.0.1"
    browser = playwright.chromium.launch(
        executable_path=chromium.whole(),
        args=[*chromium.FLAGS, f"--host-resolver-rules={rules}"],
        env={**os.environ, "HOME": str(home)},
    )
    yield browser
    browser.close()


@pytest.fixture
def phone(trusting: Browser) -> Iterator[BrowserContext]:
    context = trusting.new_context(viewport=_PHONE, is_mobile=True, has_touch=True, locale="de-DE")
    yield context
    context.close()


def _root(box: Running) -> str:
    return f"https://{_name(box)}:{urlsplit(str(box.hello['https'])).port}"


def test_the_shell_is_kept_and_says_where_the_box_is_when_it_is_away(
    box: Running, member: Visitor, phone: BrowserContext
) -> None:
    assert member.cookies
    page = phone.new_page()
    loud: list[str] = []
    page.on("console", lambda said: loud.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(f"{_root(box)}/open")
    page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    page.wait_for_function("localStorage.getItem('trusted') === 'told'")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    assert "__Host-trusted" in {cookie["name"] for cookie in phone.cookies()}
    kept = page.evaluate(
        """async () => { const found = []; for (const name of await caches.keys())
        for (const one of await (await caches.open(name)).keys()) found.push(new URL(one.url).pathname);
        return found; }"""
    )
    assert {"/static/style.css", "/away", "/language"} <= set(kept)
    assert all(path.startswith("/static/") or path in ("/away", "/language") for path in kept)
    assert loud == []
    phone.set_offline(True)
    page.goto(f"{_root(box)}/photos", wait_until="load")
    page.get_by_role("heading", name="Deine Box ist nicht erreichbar.").wait_for()
    assert page.evaluate("document.fonts.ready.then(() => document.styleSheets.length)") == 1
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/away.png")
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=f"{shots}/away-dark.png")
    phone.set_offline(False)
    page.wait_for_url("**/open?then=/photos")


def test_the_manifest_is_what_browsers_install(box: Running, phone: BrowserContext) -> None:
    page = phone.new_page()
    page.goto(f"{_root(box)}/open")
    session = phone.new_cdp_session(page)
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert (manifest["lang"], manifest["display"], manifest["share_target"]["action"]) == ("de", "standalone", "/share")
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        size = page.evaluate(
            "async (at) => { const i = new Image(); i.src = at; await i.decode(); return i.naturalWidth; }", icon["src"]
        )
        assert f"{size}x{size}" == icon["sizes"]
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {error["errorId"] for error in errors} <= {"in-incognito"}, "what tests run in keeps no apps"
    visitor = Visitor(box)
    for shortcut in manifest["shortcuts"]:
        assert visitor.get(shortcut["url"]).status == 303


def test_a_browser_that_does_not_trust_the_box_registers_nothing(
    box: Running, playwright: Playwright, tmp_path: Path
) -> None:
    browser = playwright.chromium.launch(
        executable_path=chromium.whole(),
        args=[*chromium.FLAGS, f"--host-resolver-rules=MAP {_name(box)} 127.0.0.1"],
        env={**os.environ, "HOME": str(tmp_path)},
    )
    try:
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            browser.new_page().goto(f"{_root(box)}/")
    finally:
        browser.close()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>hello</h1>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _serving(box: Running, host: str, folder: Path) -> Iterator[int]:
    """A server with a leaf for ``host`` that the box's own authority signed: what a thief of its key could do."""
    keys = Path(str(box.hello["ca_pem"])).parent
    leaf, key = make_leaf(
        (keys / "ca.pem").read_bytes(), (keys / "ca.key").read_bytes(), host, [], time.time_ns() // 1_000_000
    )
    (folder / "leaf.pem").write_bytes(leaf)
    (folder / "leaf.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_authority_of_the_box_is_worth_nothing_for_other_names(
    box: Running, phone: BrowserContext, tmp_path: Path
) -> None:
    page = phone.new_page()
    with _serving(box, _name(box), tmp_path) as port:
        page.goto(f"https://{_name(box)}:{port}/")
        assert page.inner_text("h1") == "hello"
    with _serving(box, "bank.example", tmp_path) as port, pytest.raises(Error, match="ERR_CERT_INVALID"):
        page.goto(f"https://bank.example:{port}/")
