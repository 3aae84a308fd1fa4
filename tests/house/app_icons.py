"""The icons of the installed app, drawn from ``logo.svg`` by Chromium: ``python -m tests.house.app_icons --write``.

Two sizes of the logo as it is, and two "whole" ones for systems that cut their own shape (maskable): the colour of the
house's wall to the edges; the house stays inside the circle that is never cut (80 % of the width).
"""

from __future__ import annotations

import re
import sys

from playwright.sync_api import sync_playwright

from tests.house.tree import ROOT
from tests.web import chromium

STATIC = ROOT / "webui/static"
SIZES = (192, 512)


def drawings() -> dict[str, tuple[int, str]]:
    """Name of each icon, its width in pixels, and its SVG."""
    logo = (STATIC / "logo.svg").read_text("utf-8")
    found = re.fullmatch(r'(<svg [^>]*>)<rect width="36" height="36" rx="11" fill="([^"]+)"/>(.*)</svg>\s*', logo)
    assert found, "the logo is drawn another way now"
    start, wall, house = found.groups()
    whole = f'{start}<rect width="36" height="36" fill="{wall}"/>{house}</svg>'
    icons: dict[str, tuple[int, str]] = {}
    for size in SIZES:
        icons[f"icon-{size}.png"] = size, logo
        icons[f"icon-whole-{size}.png"] = size, whole
    return icons


def main() -> int:
    """Draw all icons."""
    if sys.argv[1:] != ["--write"]:
        print(__doc__)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.shell(), args=["--no-sandbox"])
        for name, (size, svg) in drawings().items():
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(f"<style>*{{margin:0}}svg{{display:block;width:{size}px;height:{size}px}}</style>{svg}")
            page.screenshot(path=STATIC / name, omit_background=True)
            page.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
