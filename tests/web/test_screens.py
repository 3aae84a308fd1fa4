"""Every screen and state, in both sizes and by day and night: nobody is shut out, nothing sticks out; see judge.py."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.services.running import Running
from tests.web.front import Visitor
from tests.web.judge import Judge, unseen_focus
from tests.web.screens import FOLDER, draw
from tests.web.things import cookies
from tests.web.walks import STOPS

_FOCUS_STEPS = 12


@pytest.fixture(scope="session")
def judged() -> Judge:
    """One walk past everything; the pictures stay in build/screens."""
    judge = Judge()
    met = draw(FOLDER, judges=(judge,))
    assert met == list(STOPS), "STOPS in walks.py names every stop, in the order of the walks"
    return judge


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("stop", STOPS)
def test_a_screen_is_for_everybody(judged: Judge, stop: str) -> None:
    assert judged.found[stop] == []


def test_the_keyboard_shows_where_it_is(member: Visitor, box: Running, browser: Browser) -> None:
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    for path in ("/claim", "/open", "/recover", "/home", "/photos", "/find", "/files", "/box", "/members", "/box/apps"):
        if path == "/home":
            context.add_cookies(cookies(box, member))  # type: ignore[arg-type]
        page.goto(f"{box.hello['https']}{path}")
        assert unseen_focus(page, _FOCUS_STEPS) == [], path
    context.close()
