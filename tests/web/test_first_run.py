"""A newcomer is home in a few taps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.services.running import Running
from tests.web.first_run import PHONE, measure
from tests.web.front import start

_MOST_TAPS = 13


@pytest.fixture
def as_sold(tmp_path: Path) -> Iterator[Running]:
    """A box whose passphrases cost what they cost at home."""
    box = start(tmp_path)
    yield box
    assert box.stop() == 0
    log = box.log.read_text()
    assert "Traceback" not in log and "a page broke" not in log, log[-2000:]


def test_from_the_label_to_the_first_photo_in_a_few_taps(as_sold: Running, browser: Browser, tmp_path: Path) -> None:
    photo = tmp_path / "Garten.jpg"
    Image.linear_gradient("L").resize((1200, 900)).convert("RGB").save(photo)
    context = browser.new_context(**PHONE)
    found = measure(as_sold, context, photo)
    context.close()
    assert 0 < found.taps <= _MOST_TAPS
