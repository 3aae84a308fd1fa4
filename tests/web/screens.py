"""Every screen and state as a picture: ``python -m tests.web.screens [--only WORD] [--to FOLDER]``.

Writes ``build/screens/<name>-<phone|laptop>-<light|dark>.png``; ``--readme`` renews ``docs/screens`` as well. One real
box is walked through; at every stop the same page is drawn in all four ways. Whoever adds a screen adds a stop to
``tests/web/walks.py``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.house.tree import ROOT
from tests.services.hasty import python
from tests.web import chromium
from tests.web.front import start
from tests.web.walk import Judge, Walk, page_of
from tests.web.walks import WALKS

FOLDER = ROOT / "build" / "screens"
README = {"home": "15-home-safe-phone-light", "photos": "16-photos-phone-dark", "find": "find-words-phone-light"}


def draw(folder: Path = FOLDER, only: str = "", judges: tuple[Judge, ...] = ()) -> list[str]:
    """Walk all walks, write the pictures whose names hold ``only`` to ``folder``; returns the names of the stops."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        flags = [*chromium.FLAGS, "--font-render-hinting=none"]
        browser = playwright.chromium.launch(executable_path=chromium.shell(), args=flags)
        box = start(Path(home), python())
        try:
            walk = Walk(box, page_of(browser), folder, only, judges)
            for each in WALKS:
                each(walk)
        finally:
            browser.close()
            box.stop()
    return walk.met


def for_readme(folder: Path) -> None:
    """Renew the pictures of the README, small: a few of those in ``folder`` as WebP."""
    for name, picture in README.items():
        with Image.open(folder / f"{picture}.png") as drawn:
            drawn.convert("RGB").save(ROOT / "docs" / "screens" / f"{name}.webp", quality=84, method=6)


def main() -> None:
    """Draw what was asked for."""
    parser = argparse.ArgumentParser(prog="tests.web.screens", description="Pictures of every screen and state.")
    parser.add_argument("--only", default="", help="only pictures whose name holds this")
    parser.add_argument("--to", type=Path, default=FOLDER, help="where to (default: build/screens)")
    parser.add_argument("--readme", action="store_true", help="renew the pictures of the README as well")
    asked = parser.parse_args()
    draw(asked.to, asked.only)
    if asked.readme:
        for_readme(asked.to)


if __name__ == "__main__":
    main()
