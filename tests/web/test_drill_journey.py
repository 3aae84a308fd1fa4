"""A phone asks two real boxes for a rehearsal, reads at home what came back, and sees a friend go dark by itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.services.hasty import python
from tests.services.running import Running, until
from tests.services.test_circle import Box, pair
from tests.web.front import Visitor
from tests.web.judge import Judge
from tests.web.things import cookies

_FILES = 5


class Home(Box):
    """A box with an owner and a few files, and a friend's box that keeps them."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.running = Running(data, python=python())
        self.visitor = Visitor(self.running)


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[Home, Box]]:
    ada, ben = Home(tmp_path / "ada"), Box(tmp_path / "ben")
    try:
        ada.visitor.prove_kit(ada.visitor.claim())
        pair(ada, ben)
        for number in range(_FILES):
            assert ada.visitor.put(f"{number}.bin", os.urandom(200_000)).status == 201
        assert ada.visitor.post("/circle/now").leads_to == "/circle"
        until(lambda: _is_safe(ada), 120)
        yield ada, ben
    finally:
        for each in (ada, ben):
            each.running.kill()
    assert "a page broke" not in ada.running.log.read_text()


def _is_safe(home: Home) -> bool:
    (mine,) = home.show().lockers
    return bool(mine.safe_bytes) and not mine.here_bytes + mine.going_bytes


@pytest.fixture
def phone(homes: tuple[Home, Box], browser: Browser) -> Iterator[Page]:
    running, visitor = homes[0].running, homes[0].visitor
    context = browser.new_context(
        ignore_https_errors=True, base_url=str(running.hello["https"]), locale="en-GB",
        viewport={"width": 390, "height": 844},
    )  # fmt: skip
    context.add_cookies(cookies(running, visitor))  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def test_what_came_back_is_read_at_home_and_the_circle_lives(homes: tuple[Home, Box], phone: Page) -> None:
    judge = Judge()
    phone.goto("/circle")
    phone.get_by_role("link", name="Restore rehearsal").click()
    expect(phone.get_by_role("heading", name="Not rehearsed yet.")).to_be_visible()
    phone.get_by_role("button", name="Rehearse now").click()
    expect(phone.get_by_role("heading", name="It would all come back.")).to_be_visible(timeout=120_000)
    judge(phone, "drill", "phone", "light")
    phone.goto("/home")
    expect(phone.get_by_text(re.compile(f"{_FILES} files came back from .* alone, bit for bit"))).to_be_visible()
    for path in ("/kit", "/kit/prove", "/box/cost"):
        phone.goto(path)
        judge(phone, path, "phone", "light")
    phone.goto("/kit")
    expect(phone.get_by_role("heading", name="Your spare key knows too few friends.")).to_be_visible()
    phone.goto("/kit/friends")
    expect(phone.locator(".lines li")).to_have_count(1)
    phone.goto("/kit")
    expect(phone.get_by_role("heading", name="Your spare key is in order.")).to_be_visible()
    phone.goto("/circle")
    expect(phone.locator("html[data-awake=yes]")).to_have_count(1)
    expect(phone.locator("#touch")).to_have_text(re.compile("is in touch"))
    homes[1].running.stop()
    expect(phone.locator("#touch")).to_have_text(re.compile("is not in touch"), timeout=120_000)
    judge(phone, "circle", "phone", "light")
    assert not {name: found for name, found in judge.found.items() if found}
