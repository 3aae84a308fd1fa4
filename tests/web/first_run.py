"""How much a newcomer has to do: a box set up by touch (``./box bench first_run`` prints it).

``taps`` on our pages, counted by the browser as trusted pointer events; ``os_taps``, what a phone asks around
them (camera, the one warning about the certificate, the picture chooser), counted from what those screens ask for;
``seconds_to_first_photo``, from the scanned label to a thumbnail on the screen, typing left out as the browser types at
once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.bench.web import photograph
from tests.services.running import Running
from tests.web import chromium
from tests.web.front import PASSPHRASE, start

OS_TAPS = {"the camera's notice of the label": 1, "“advanced” and “continue” at the warning": 2, "photo and “add”": 2}
PHONE: dict[str, Any] = {
    "ignore_https_errors": True,
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "locale": "en-GB",
}
_COUNT = """() => addEventListener("pointerdown", (event) => {
  if (event.isTrusted) sessionStorage.setItem("taps", Number(sessionStorage.getItem("taps") ?? 0) + 1);
}, true)"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a first run took."""

    taps: int
    os_taps: int
    seconds_to_first_photo: float


def measure(box: Running, context: BrowserContext, photo: Path) -> Measured:
    """Walk from the label to the first photo on an unclaimed ``box``; ``context`` is a phone with a touch screen."""
    context.add_init_script(f"({_COUNT})()")
    page = context.new_page()
    began = time.monotonic()
    page.goto(f"{box.hello['https']}/claim#{box.hello['claim_code']}")
    _tap(page, ".foot .button")
    page.keyboard.type("Novak home")
    page.locator("#name").tap()
    page.keyboard.type("Marta")
    _tap(page, ".foot .button")
    page.locator("#passphrase").tap()
    page.keyboard.type(PASSPHRASE)
    _tap(page, ".foot .button")
    words = page.locator(".kit li").all_inner_texts()
    _tap(page, "a[href='/kit/check']")
    for label in page.locator(".field label").all_inner_texts():
        page.keyboard.type(words[int(label.split()[-1]) - 1])
        with page.expect_response("**/kit/check"):
            page.keyboard.press("Enter")
        page.get_by_label(label, exact=True).and_(page.locator("[readonly]")).wait_for()
    page.locator(".foot .button[aria-disabled=false]").tap()
    page.wait_for_url("**/guide?first=1")
    _tap(page, ".foot .button")
    with page.expect_file_chooser() as chooser:
        page.locator("[data-add=files]").first.tap()
    chooser.value.set_files(str(photo))
    taps = int(page.evaluate("sessionStorage.getItem('taps')"))
    _wait_for_photo(page, box)
    return Measured(taps, sum(OS_TAPS.values()), round(time.monotonic() - began, 1))


def _tap(page: Page, selector: str) -> None:
    with page.expect_navigation():
        page.locator(selector).first.tap()


def _wait_for_photo(page: Page, box: Running) -> None:
    """Look at the photos until one of them is drawn."""
    deadline = time.monotonic() + 60
    look = page.context.new_page()
    while time.monotonic() < deadline:
        look.goto(f"{box.hello['https']}/photos")
        picture = look.locator("main img[src*='/preview/']").first
        if picture.count() and picture.evaluate("(one) => one.decode().then(() => one.naturalWidth > 0, () => false)"):
            return
        look.wait_for_timeout(150)
    raise AssertionError("no photo appeared within a minute")


def newcomer(folder: Path) -> Measured:
    """Measure on a new box in ``folder``, with a photograph of 3 MB."""
    photo = folder / "Strand am Abend.jpg"
    photo.write_bytes(photograph("first-run", 1))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.whole(), args=list(chromium.FLAGS))
        box = start(folder)
        try:
            return measure(box, browser.new_context(**PHONE), photo)
        finally:
            browser.close()
            box.stop()
