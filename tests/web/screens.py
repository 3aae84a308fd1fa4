"""Every screen and state as a picture: ``python -m tests.web.screens [--only WORD] [--to FOLDER]``.

Writes ``build/screens/<name>-<phone|laptop>-<light|dark>.png``. One real box is walked through; at every stop the same
page is drawn in all four ways. Whoever adds a screen adds a walk to ``WALKS`` or a stop to one of them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.services.running import Running
from tests.web.front import PASSPHRASE, Visitor, start
from tests.web.things import fill, record_of

SIZES = {"phone": (390, 844), "laptop": (1280, 800)}
SCHEMES = ("light", "dark")
CONTEXT: dict[str, Any] = {
    "ignore_https_errors": True,
    "locale": "en-GB",
    "viewport": {"width": 390, "height": 844},
}
CHROMIUM = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--font-render-hinting=none")


@dataclass
class Walk:
    """One browser on one box, and the folder for its pictures."""

    box: Running
    page: Page
    folder: Path
    only: str = ""

    def go(self, path: str) -> None:
        """Open ``path`` on the private connection."""
        self.page.goto(f"{self.box.hello['https']}{path}")

    def snap(self, name: str, *, whole: bool = False) -> None:
        """Draw the page as it stands, on both sizes, by day and by night."""
        if self.only not in name:
            return
        for size, (width, height) in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                self.page.evaluate("document.fonts.ready")
                self.page.screenshot(path=self.folder / f"{name}-{size}-{scheme}.png", full_page=whole)
        self.page.set_viewport_size({"width": 390, "height": 844})

    def press(self, selector: str = ".foot .button") -> None:
        """Press the first of these and wait for the page it leads to."""
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()


def first_run(walk: Walk) -> None:
    """From the porch to a home screen without anything in it."""
    page = walk.page
    page.goto(str(walk.box.hello["http"]))
    walk.snap("01-porch", whole=True)
    walk.go("/claim")
    page.locator("#code").type("K7QM2XFD9T")
    walk.snap("02-claim")
    page.locator("#code").fill("K7QM-2XFD-9T00-0000")
    walk.press()
    walk.snap("02-claim-wrong")
    walk.go(f"/claim#c={walk.box.hello['claim_code']}")
    walk.press()
    page.locator("#household").fill("Novak home")
    page.locator("#name").type("Marta Novak")
    walk.snap("03-household")
    walk.press()
    offered = page.locator(".words-offered li").all_inner_texts()
    page.locator("#passphrase").type(" ".join(offered[:4])[:-2])
    walk.snap("04-passphrase")
    page.locator("#passphrase").fill("password1")
    walk.press()
    walk.snap("04-passphrase-weak")
    walk.go("/passphrase?own=1")
    walk.snap("04-passphrase-own")
    page.locator("#passphrase").fill(PASSPHRASE)
    walk.press()
    words = page.locator(".kit li").all_inner_texts()
    walk.snap("05-kit")
    walk.go("/kit/paper")
    walk.snap("06-kit-paper", whole=True)
    page.pdf(path=walk.folder / "06-kit-paper-a4.pdf", prefer_css_page_size=True)
    walk.go("/kit/check")
    asked = [int(label.split()[-1]) for label in page.locator(".field label").all_inner_texts()]
    _type_word(page, words[asked[0] - 1])
    _type_word(page, "medow")
    walk.snap("07-kit-check")
    page.locator(".verdict .button").click()
    _type_word(page, words[asked[0] - 1])
    walk.snap("07-kit-check-order")
    for at in asked[1:]:
        _type_word(page, words[at - 1])
    page.locator(".foot .button[aria-disabled=false]").wait_for()
    walk.snap("07-kit-check-done")
    page.locator(".foot .button").first.click()
    page.wait_for_url("**/guide?first=1")
    walk.snap("08-guide", whole=True)
    walk.press()
    page.wait_for_timeout(700)
    walk.snap("09-home-empty")


def inside(walk: Walk) -> None:
    """The places of an open locker, and its door."""
    walk.go("/box")
    walk.snap("20-box", whole=True)
    walk.go("/kit")
    walk.snap("21-kit-again")
    walk.go("/nowhere")
    walk.snap("29-error")
    walk.go("/home")
    walk.page.locator("form[action='/lock'] button:visible").first.click()
    walk.page.wait_for_url("**/open**")
    walk.snap("14-locked")
    walk.page.locator("#passphrase").fill("not this one")
    walk.press()
    walk.snap("14-locked-wrong")


def people(walk: Walk) -> None:
    """Somebody is invited, joins on a phone of their own; ways in; back in with the kit."""
    page = walk.page
    page.locator("#passphrase").fill(PASSPHRASE)
    walk.press()
    walk.go("/sure?then=/take-home")
    walk.snap("31-sure")
    walk.go("/members/invite?again=1")
    page.locator("input[value=child]").check()
    walk.snap("30-invite")
    page.locator("input[value=adult]").check()
    walk.press(".card .button")
    if "/sure" in page.url:
        page.locator("#passphrase").fill(PASSPHRASE)
        page.locator(".card .button").click()
    page.wait_for_url("**/members/invite")
    walk.snap("32-invited")
    other = page.context.browser.new_context(**CONTEXT).new_page() if page.context.browser else page
    guest = Walk(walk.box, other, walk.folder, walk.only)
    guest.go(f"/join#{page.locator('.secret').inner_text()}")
    other.locator("#name").fill("Elias")
    guest.snap("33-join")
    guest.press()
    other.locator("#passphrase").fill("harvest violin salad meadow bridge")
    guest.press()
    other.wait_for_url("**/kit")
    page.wait_for_url("**/members?joined=*")
    walk.snap("34-members")
    walk.press("a.row:nth-child(1) >> nth=1")
    walk.snap("35-member")
    walk.press(".button.danger")
    walk.snap("36-leaving")
    for name, path in (
        ("37-log-ins", "/box/log-ins"),
        ("38-passkeys", "/box/passkeys"),
        ("39-activity", "/box/activity"),
        ("40-passphrase-new", "/box/passphrase"),
        ("41-take-home", "/take-home"),
    ):
        walk.go(path)
        walk.snap(name)
    walk.go("/box/apps")
    page.locator("#device").fill("PhotoSync on my phone")
    walk.press("form[action='/box/apps'] .button.wide")
    page.wait_for_url("**/box/apps")
    walk.snap("42-apps")
    guest.go("/kit")
    words = other.locator(".kit li").all_inner_texts()
    other.context.clear_cookies()
    guest.go("/recover")
    other.locator("input[name=member]").nth(1).check(force=True)
    other.locator("#words").fill(" ".join(["medow", *words[1:]]))
    other.locator("#passphrase").fill(PASSPHRASE)
    guest.press()
    guest.snap("43-recover")
    other.context.close()


def finding(walk: Walk) -> None:
    """Find, a record, files in folders, the bin."""
    visitor = Visitor(walk.box)
    visitor.cookies = {one["name"]: one["value"] for one in walk.page.context.cookies()}
    fill(visitor)
    booking = record_of(visitor, "flowerpot")
    note = "Paid from the joint account, ask about the meter."
    visitor.post(f"/record/{booking}/annotate", note=note, add="to pay, holidays")
    stops = {
        "find": "/find", "find-words": "/find?q=lake", "find-days": "/find?q=photos+july+2025",
        "find-nothing": "/find?q=flowerpto", "record": f"/record/{booking}", "files": "/files?in=Papers",
        "bin-empty": "/bin",
    }  # fmt: skip
    for name, path in stops.items():
        walk.go(path)
        walk.snap(name)
    visitor.post(f"/record/{booking}/delete")
    for name, path in {
        "bin": "/bin",
        "bin-gone": f"/bin/gone?ids={booking}",
        "record-bin": f"/record/{booking}",
    }.items():
        walk.go(path)
        walk.snap(name)
    visitor.post("/bin/undelete", id=booking)


def _type_word(page: Page, word: str) -> None:
    field = page.locator("input[name=word]")
    field.fill(word)
    with page.expect_response("**/kit/check"):
        field.press("Enter")
    page.locator(".field.ok, .field.bad").last.wait_for()


WALKS: list[Callable[[Walk], None]] = [first_run, finding, inside, people]
"""In this order, on one box and in one browser."""


def draw(folder: Path, only: str = "") -> None:
    """Walk all walks and write the pictures whose names hold ``only`` to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=list(CHROMIUM)
        )
        box = start(Path(home))
        try:
            walk = Walk(box, _page(browser), folder, only)
            for each in WALKS:
                each(walk)
        finally:
            browser.close()
            box.stop()


def _page(browser: Browser) -> Page:
    return browser.new_context(**CONTEXT).new_page()


def main() -> None:
    """Draw what was asked for."""
    parser = argparse.ArgumentParser(prog="tests.web.screens", description="Pictures of every screen and state.")
    parser.add_argument("--only", default="", help="only pictures whose name holds this")
    parser.add_argument("--to", type=Path, default=Path("build/screens"), help="where to (default: build/screens)")
    asked = parser.parse_args()
    draw(asked.to, asked.only)


if __name__ == "__main__":
    main()
