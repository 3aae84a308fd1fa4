"""A newcomer is home in a few taps."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from tests.services.running import Running
from tests.web.first_run import PHONE, measure

_MOST_TAPS = 13


def test_from_the_label_to_the_first_photo_in_a_few_taps(new_box: Running, browser: Browser, tmp_path: Path) -> None:
    photo = tmp_path / "Garten.jpg"
    Image.linear_gradient("L").resize((1200, 900)).convert("RGB").save(photo)
    context = browser.new_context(**PHONE)
    found = measure(new_box, context, photo)
    context.close()
    assert 0 < found.taps <= _MOST_TAPS
