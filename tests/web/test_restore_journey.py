"""A phone brings a burnt home back to a new box: words, a friend's code, the way home, a file asked for early."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from firmware.limits import MIB
from tests.services.hasty import python
from tests.services.running import Running, until
from tests.services.test_circle import Box, pair
from tests.services.test_lockerd_feed import Home
from tests.services.test_restore import NEW_PASSPHRASE, PATIENT, has_book, later, noise
from tests.web.judge import Judge

pytestmark = pytest.mark.timeout(400)
_AWAKE = "document.documentElement.dataset.awake === 'yes'"
_FILM = noise("a film", 3 * MIB)
_SMALL = 6


@dataclass
class Street:
    """What the fire left: a friend's box and 24 words; and a new box nobody owns."""

    friend: Box
    words: list[str]
    new: Box

    @property
    def contact(self) -> str:
        return str(self.friend.ask("at_peerd_contact").text)


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    friend, ada, new = Box(tmp_path / "ben"), Home(tmp_path / "ada"), Box.__new__(Box)
    new.data = tmp_path / "new"
    boxes = [friend, ada]
    try:
        pair(ada, friend)
        for number in range(_SMALL):
            ada.mine.call("put", body=[b"dear friend"], name=f"Letters/{number}.txt", size=11)
        ada.mine.call("cut")
        ada.mine.call("put", body=[_FILM], name="Films/Harbour.mov", size=len(_FILM))
        until(lambda: not ada.mine.call("analysis").pending_text)
        ada.mine.call("circle_now")
        until(lambda: ada.lockers()[0].safe_bytes and not ada.lockers()[0].going_bytes, PATIENT)
        packs = len(list(ada.data.glob("lockers/*/packs/*"))) - 1
        until(lambda: has_book(friend, ada.words, packs), PATIENT)
        ada.running.kill()
        shutil.rmtree(ada.data)
        later(friend)
        new.running = Running(new.data, python=python())
        boxes = [friend, new]
        yield Street(friend, ada.words.split(), new)
    finally:
        for each in boxes:
            each.running.kill()
    log = new.running.log.read_text()
    assert "a page broke" not in log and "Traceback" not in log, log[-2000:]
    assert not any(" ".join(ada.words.split()[at : at + 2]) in log for at in range(0, 24, 2))


@pytest.fixture
def phone(street: Street, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        ignore_https_errors=True, base_url=str(street.new.running.hello["https"]), locale="en-GB",
        viewport={"width": 390, "height": 844}, accept_downloads=True,
    )  # fmt: skip
    yield context.new_page()
    context.close()


def test_a_home_comes_back_to_a_phone(street: Street, phone: Page) -> None:
    judge = Judge()

    def look(name: str) -> None:
        for scheme in ("light", "dark"):
            phone.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            judge(phone, name, "phone", scheme)

    new = street.new
    phone.goto(f"/claim#{new.running.hello['claim_code']}")
    phone.get_by_role("button", name="I have a recovery kit").click()
    _words(street, phone, look)
    expect(phone.get_by_role("heading", name="Now one friend’s box.")).to_be_visible()
    look("friends")
    phone.locator("#contact").fill(street.contact)
    phone.get_by_role("button", name="Ask friends’ boxes").click()
    expect(phone.get_by_role("heading", name="Your locker is found.")).to_be_visible(timeout=90_000)
    expect(phone.locator(".answers li")).to_have_count(1)
    look("found")
    phone.locator("#name").fill("Ada")
    phone.locator("#household").fill("Elm")
    phone.get_by_role("button", name="Continue").click()
    new.ask("at_peerd_set_circle_caps", down_kib_s=64)
    phone.locator("#passphrase").fill(NEW_PASSPHRASE)
    phone.get_by_role("button", name="Use these words").click()
    expect(phone.get_by_role("heading", name="Welcome back, Ada.")).to_be_visible(timeout=90_000)
    phone.wait_for_function(_AWAKE)
    expect(phone.get_by_text(f"{_SMALL + 1} names and dates")).to_be_visible(timeout=120_000)
    look("coming")
    _film(street, phone, look)
    phone.goto("/restore/progress")
    expect(phone.get_by_role("heading", name="Everything is home, Ada.")).to_be_visible(timeout=240_000)
    expect(phone.locator(".friends .row")).to_contain_text("Gave back what it kept")
    look("done")
    phone.goto("/circle")
    expect(phone.locator(".friends .name")).to_have_count(1)
    assert not {name: found for name, found in judge.found.items() if found}


def _words(street: Street, phone: Page, look: Callable[[str], None]) -> None:
    """The words are looked up while they are typed; a wrong one is mended with one tap."""
    phone.wait_for_url("**/restore")
    phone.wait_for_function(_AWAKE)
    field = phone.locator("#words")
    field.fill(" ".join(["zebrra", *street.words[1:]]))
    phone.get_by_role("button", name="Use “zebra”").wait_for()
    look("words")
    field.fill(" ".join(street.words[:23]))
    phone.get_by_role("button", name="Continue").click()
    expect(phone.get_by_role("alert")).to_contain_text("these are 23")
    phone.wait_for_function(_AWAKE)
    field.fill(" ".join(street.words))
    expect(phone.locator("#words-hint")).to_have_text("All 24 words, and they belong together.")
    phone.get_by_role("button", name="Continue").click()


def _film(street: Street, phone: Page, look: Callable[[str], None]) -> None:
    """A file that is still with friends says so, and is saved as soon as it is here."""
    phone.get_by_role("link", name="Look around now").click()
    phone.wait_for_url("**/home")
    expect(phone.get_by_role("link", name="Coming home")).to_be_visible()
    look("home")
    phone.goto("/files?in=Films")
    phone.get_by_role("link", name="Harbour.mov").first.click()
    phone.locator("a[data-download]").first.click()
    expect(phone.get_by_role("heading", name="This one is still with friends.")).to_be_visible()
    phone.wait_for_function(_AWAKE)
    look("still")
    with phone.expect_download(timeout=240_000) as saved:
        street.new.ask("at_peerd_set_circle_caps")
    assert hashlib.sha256(Path(saved.value.path()).read_bytes()).digest() == hashlib.sha256(_FILM).digest()
