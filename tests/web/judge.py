"""What every screen is held to: axe finds nothing, nothing sticks out, thumbs hit, the keyboard's place is seen.

axe-core judges each size whole by day; by night only its colour rules run again, since nothing else changes with them.
Its rule about the size of targets counts what the bar of tabs covers before anybody scrolled; ours asks for 44 px.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from playwright.sync_api import Page

from tests import npm

_EXPECTED = ("the server responded with a status of", "when fetching the script.", "ERR_INTERNET_DISCONNECTED")
"""What the walk provokes: answers that are a no, a service worker no browser takes over a warning, no network."""
_AXE = """async (colours) => {
  const options = { resultTypes: ["violations"], elementRef: false };
  options.runOnly = colours
    ? { type: "rule", values: ["color-contrast"] }
    : { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
  options.rules = { "target-size": { enabled: false } };
  const found = await globalThis.axe.run(document, options);
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)
    + " " + (node.any[0]?.message ?? "")).slice(0, 3).join(" | ")}`);
}"""
_SMALL = """() => [...document.querySelectorAll("a, button, summary, input, select, textarea")]
  .filter((one) => one.offsetParent && !["radio", "checkbox", "file"].includes(one.type))
  .filter((one) => !one.closest("p, .quietly, noscript") && !one.matches(".skip, [tabindex='-1']"))
  .map((one) => [one.outerHTML.slice(0, 120), one.getBoundingClientRect()])
  .filter(([, at]) => at.width > 1 && (at.height < 43.5 || at.width < 43.5))
  .map(([text, at]) => `${Math.round(at.width)} x ${Math.round(at.height)} ${text}`)"""
_WIDE = """() => document.documentElement.scrollWidth > innerWidth
  ? [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 3).map((one) => one.outerHTML.slice(0, 120)) : []"""
_SEEN = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return "";
  const parts = [one, one.parentElement, one.nextElementSibling, ...one.querySelectorAll("*")].filter(Boolean);
  const shown = parts.some((part) => {
    const style = getComputedStyle(part);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
  });
  return shown ? "" : one.outerHTML.slice(0, 120);
}"""


class Judge:
    """Collects, by the name of the stop, what a person would mind; use it as a walk's judge."""

    def __init__(self) -> None:
        """Nothing was found yet."""
        self.found: defaultdict[str, list[str]] = defaultdict(list)
        self._axe = (npm.package("axe-core") / "axe.min.js").read_text()
        self._heard: set[int] = set()
        self._said: list[str] = []

    def __call__(self, page: Page, name: str, size: str, scheme: str) -> None:
        """Judge the page as it stands."""
        self.hear(page)
        found: list[str] = [f"console: {one}" for one in self._said if not any(end in one for end in _EXPECTED)]
        self._said.clear()
        if not page.evaluate("'axe' in globalThis"):
            page.evaluate(self._axe + ";0")
        found += [f"axe: {one}" for one in page.evaluate(_AXE, scheme == "dark")]
        if scheme == "light":
            found += [f"small: {one}" for one in page.evaluate(_SMALL)]
            found += self._wide(page, size)
        self.found[name] += [f"{size} {scheme} {one}" for one in found]

    def _wide(self, page: Page, size: str) -> list[str]:
        found = [f"wide: {one}" for one in page.evaluate(_WIDE)]
        if size == "phone":
            now: Any = page.viewport_size
            page.set_viewport_size({"width": 320, "height": 640})
            found += [f"wide at 320: {one}" for one in page.evaluate(_WIDE)]
            page.set_viewport_size(now)
        return found

    def hear(self, page: Page) -> None:
        """Listen to the console of ``page`` from now on."""
        if id(page) in self._heard:
            return
        self._heard.add(id(page))
        page.on("console", lambda said: self._said.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._said.append(str(error)))


def unseen_focus(page: Page, steps: int) -> list[str]:
    """Walk ``steps`` stops with the Tab key; returns the elements that do not show that they have the keyboard."""
    found = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        found.append(str(page.evaluate(_SEEN)))
    return [one for one in found if one]
