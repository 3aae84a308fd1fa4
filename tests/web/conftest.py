"""Boxes and browsers of the tests of the web pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.services.hasty import python
from tests.services.running import Running
from tests.web import chromium
from tests.web.front import Visitor, start

_QUIET = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
expect.set_options(timeout=30_000)  # the machine may be busy; no test depends on how long anything takes


def _box(folder: Path) -> Iterator[Running]:
    box = start(folder, python())
    try:
        yield box
    finally:
        code = box.stop()
    log = box.log.read_text()
    assert code == 0
    assert "Traceback" not in log
    assert "a page broke" not in log, log[-2000:]


@pytest.fixture
def new_box(tmp_path: Path) -> Iterator[Running]:
    """An unclaimed box of its own; passphrases cost little."""
    yield from _box(tmp_path)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A box that all tests of one module share; passphrases cost little."""
    yield from _box(tmp_path_factory.mktemp("box"))


@pytest.fixture(scope="module")
def member(box: Running) -> Visitor:
    """Its first member, with an open locker."""
    visitor = Visitor(box)
    assert len(visitor.claim()) == 24
    return visitor


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.shell(), args=[*chromium.FLAGS, *_QUIET])
        yield browser
        browser.close()
