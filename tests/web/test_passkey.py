"""A passkey in Chromium's virtual authenticator opens a locked locker by its PRF output; what needs more asks again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.services.running import Running
from tests.web import chromium
from tests.web.front import PASSPHRASE

_AUTHENTICATOR = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "hasPrf": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def by_name(new_box: Running) -> Iterator[tuple[Browser, str]]:
    """A browser that finds the box under its .local name, and the box's address under that name."""
    host = json.loads((new_box.data / "box.json").read_bytes())["host"] + ".local"
    port = str(new_box.hello["https"]).rpartition(":")[2]
    words = [*chromium.FLAGS, f"--host-resolver-rules=MAP {host} 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.whole(), args=words)
        yield browser, f"https://{host}:{port}"
        browser.close()


def _claimed(page: Page, box: Running, address: str) -> None:
    page.goto(f"{address}/claim#{box.hello['claim_code']}")
    page.locator(".foot .button").first.click()
    page.locator("#household").fill("Haus Novak")
    page.locator("#name").fill("Marta")
    page.locator(".foot .button").click()
    page.locator("#passphrase").fill(PASSPHRASE)
    page.locator(".foot .button").click()
    page.wait_for_url("**/kit")


def test_a_passkey_opens_a_locked_locker(by_name: tuple[Browser, str], new_box: Running) -> None:
    browser, address = by_name
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 390, "height": 844}, locale="en-GB")
    page = context.new_page()
    tools: Any = context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR})
    _claimed(page, new_box, address)

    page.goto(f"{address}/box/passkeys")
    page.locator("#label").fill("Marta’s phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Opens your locker, also when it is locked")).to_be_visible()
    page.goto(f"{address}/home")
    page.locator("form[action='/lock'] button:visible").click()
    expect(page.locator("h1")).to_have_text("Locked, and still on watch.")
    page.get_by_role("button", name="Open with a passkey").click()
    page.wait_for_url("**/home?lit=1")

    page.goto(f"{address}/kit")
    page.get_by_role("button", name="Make a new kit").click()
    page.wait_for_url("**/sure?then=/kit")
    page.locator("#passphrase").fill("not it")
    page.get_by_role("button", name="It is me").click()
    expect(page.get_by_role("alert")).to_contain_text("does not open the locker")
    page.locator("#passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="It is me").click()
    expect(page.locator(".kit li")).to_have_count(24)
    page.goto(f"{address}/box/activity")
    expect(page.get_by_text("Opened with a passkey")).to_be_visible()
    page.goto(f"{address}/box/passkeys")
    page.get_by_role("button", name=re.compile("Remove")).click()
    expect(page.get_by_text("Opens your locker, also when it is locked")).to_be_hidden()
    context.close()
