"""Two real boxes, two phones: a link is sent, one code stands on both screens, both say yes; axe looks on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.services.hasty import python
from tests.services.running import Running
from tests.web.front import PASSPHRASE, Visitor, hidden, start
from tests.web.judge import Judge
from tests.web.things import cookies

_AWAKE = "document.documentElement.dataset.awake === 'yes'"


@dataclass
class Home:
    """One household: its box and its owner's phone."""

    box: Running
    page: Page

    def go(self, path: str) -> None:
        """Open a page and wait until its module is there."""
        self.page.goto(path)
        if path != "/circle":
            self.page.wait_for_function(_AWAKE)


def _moved_in(box: Running, household: str, name: str) -> Visitor:
    visitor = Visitor(box)
    visitor.post("/claim", code=str(box.hello["claim_code"]))
    visitor.post("/household", household=household, name=name)
    form = hidden(visitor.get("/passphrase").text, "once")
    assert visitor.post("/passphrase", once=form, offered="", passphrase=PASSPHRASE).leads_to == "/kit"
    return visitor


@pytest.fixture
def homes(tmp_path: Path, browser: Browser) -> Iterator[tuple[Home, Home]]:
    """Two boxes with their owners, who are no friends yet; nothing secret is in what the boxes said."""
    boxes = [start(tmp_path / name, python()) for name in ("novak", "lindqvist")]
    made = []
    try:
        for box, household, name in zip(boxes, ("Novak home", "Lindqvist family"), ("Marta", "Kerstin"), strict=True):
            visitor = _moved_in(box, household, name)
            context = browser.new_context(
                ignore_https_errors=True,
                base_url=str(box.hello["https"]),
                locale="en-GB",
                viewport={"width": 390, "height": 844},
            )
            context.add_cookies(cookies(box, visitor))  # type: ignore[arg-type]
            made.append(Home(box, context.new_page()))
        yield made[0], made[1]
    finally:
        for home in made:
            home.page.context.close()
        for box in boxes:
            box.stop()
    for box in boxes:
        log = box.log.read_text()
        assert "Traceback" not in log and "a page broke" not in log, log[-2000:]
        assert "lbx1" not in log and "invitation#" not in log


def test_two_households_become_friends(homes: tuple[Home, Home]) -> None:
    novak, lindqvist = homes
    judge = Judge()

    def look(home: Home, name: str) -> None:
        for scheme in ("light", "dark"):
            home.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            judge(home.page, name, "phone", scheme)
        home.page.emulate_media(color_scheme="light")

    ours, theirs = novak.page, lindqvist.page
    novak.go("/circle")
    expect(ours.get_by_role("heading", name="Friends keep a sealed copy.")).to_be_visible()
    look(novak, "empty")
    novak.go("/circle/invite")
    look(novak, "invite")
    ours.get_by_role("button", name="Make the invitation").click()
    link = str(ours.locator(".link-text").text_content())
    assert ours.locator(".spoken li").count() == 6
    ours.wait_for_function(_AWAKE)
    look(novak, "invited")

    lindqvist.page.goto(f"/invitation#{link.partition('#')[2]}")
    theirs.wait_for_url(re.compile("/circle/join$"))
    expect(theirs.locator("#invitation")).to_have_value(link.partition("#")[2])
    look(lindqvist, "join")
    theirs.get_by_role("button", name="Find their box").click()
    expect(theirs.locator(".digits")).to_be_visible(timeout=60_000)
    ours.wait_for_url("**/circle/pairing/i*", timeout=60_000)
    assert ours.locator(".digits b").all_inner_texts() == theirs.locator(".digits b").all_inner_texts()
    expect(ours.get_by_role("heading", name="Lindqvist family would like to join your circle.")).to_be_visible()
    look(novak, "compare")
    theirs.wait_for_function(_AWAKE)
    theirs.get_by_role("button", name="Yes, the same code").click()
    expect(theirs.get_by_text("You said yes.")).to_be_visible()
    ours.get_by_role("button", name="Yes, the same code").click()
    expect(ours.get_by_role("heading", name="Lindqvist family is in your circle.")).to_be_visible(timeout=60_000)
    expect(theirs.get_by_role("heading", name="Novak home is in your circle.")).to_be_visible(timeout=60_000)
    look(lindqvist, "paired")
    for home, friend in ((novak, "Lindqvist family"), (lindqvist, "Novak home")):
        home.go("/circle")
        expect(home.page.locator(".friends .name")).to_have_text(friend)
    look(novak, "circle")
    novak.go("/circle/join")
    ours.locator("#invitation").fill(link)
    ours.get_by_role("button", name="Find their box").click()
    expect(ours.get_by_role("alert")).to_be_visible(timeout=60_000)
    assert not {name: found for name, found in judge.found.items() if found}
