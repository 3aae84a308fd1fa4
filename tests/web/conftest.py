"""Boxes and browsers of the tests of the web pages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.services import hasty
from tests.services.running import Running
from tests.web.front import Visitor, start

_CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _box(folder: Path, python: str) -> Iterator[Running]:
    box = start(folder, python)
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
    """An unclaimed box of its own, as people have it."""
    yield from _box(tmp_path, sys.executable)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A box that all tests of one module share; passphrases cost little."""
    yield from _box(tmp_path_factory.mktemp("box"), hasty.python())


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
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=list(_CHROMIUM)
        )
        yield browser
        browser.close()
