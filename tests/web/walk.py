"""One browser that walks through one box and stops at every screen: there it is drawn, and judged by who wants to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.services.running import Running
from tests.web.front import Visitor

SIZES = {"phone": (390, 844), "laptop": (1280, 800)}
SCHEMES = ("light", "dark")
CONTEXT: dict[str, Any] = {
    "ignore_https_errors": True,
    "locale": "en-GB",
    "viewport": {"width": 390, "height": 844},
}

Judge = Callable[[Page, str, str, str], None]
"""Looks at a page as it stands: the page, the name of the stop, size, scheme."""


@dataclass
class Walk:
    """One browser on one box, and the folder for its pictures."""

    box: Running
    page: Page
    folder: Path
    only: str = ""
    judges: tuple[Judge, ...] = ()
    met: list[str] = field(default_factory=list)
    """The names of all stops so far."""

    def go(self, path: str) -> None:
        """Open ``path`` on the private connection."""
        self.page.goto(f"{self.box.hello['https']}{path}")

    def snap(self, name: str, *, whole: bool = False) -> None:
        """Draw the page as it stands, on both sizes, by day and by night, and have it judged."""
        if self.only not in name:
            return
        self.met.append(name)
        for size, (width, height) in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                self.page.evaluate("document.fonts.ready")
                self.page.screenshot(path=self.folder / f"{name}-{size}-{scheme}.png", full_page=whole)
                for judge in self.judges:
                    judge(self.page, name, size, scheme)
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": 390, "height": 844})

    def visitor(self) -> Visitor:
        """The same member, without a screen."""
        found = Visitor(self.box)
        found.cookies = {str(one.get("name")): str(one.get("value")) for one in self.page.context.cookies()}
        return found

    def press(self, selector: str = ".foot .button") -> None:
        """Press the first of these and wait for the page it leads to."""
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()

    def somebody_else(self, **more: Any) -> Walk:
        """Another browser on the same box; end it with ``page.context.close()``."""
        browser = self.page.context.browser
        assert browser is not None
        return Walk(self.box, page_of(browser, **more), self.folder, self.only, self.judges, self.met)


def page_of(browser: Browser, **more: Any) -> Page:
    """Return a page in a context of its own."""
    return browser.new_context(**{**CONTEXT, **more}).new_page()
