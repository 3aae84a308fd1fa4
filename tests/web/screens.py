"""Every screen and state as a picture: ``python -m tests.web.screens [--only WORD] [--to FOLDER]``.

Writes ``build/screens/<name>-<phone|laptop>-<light|dark>.png``. One real box is walked through; at every stop the same
page is drawn in all four ways. Whoever adds a screen adds a stop to ``tests/web/walks.py``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.house.tree import ROOT
from tests.web.front import start
from tests.web.walk import Judge, Walk, page_of
from tests.web.walks import WALKS

FOLDER = ROOT / "build" / "screens"
CHROMIUM = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--font-render-hinting=none")


def draw(folder: Path = FOLDER, only: str = "", judges: tuple[Judge, ...] = ()) -> list[str]:
    """Walk all walks, write the pictures whose names hold ``only`` to ``folder``; returns the names of the stops."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=list(CHROMIUM)
        )
        box = start(Path(home))
        try:
            walk = Walk(box, page_of(browser), folder, only, judges)
            for each in WALKS:
                each(walk)
        finally:
            browser.close()
            box.stop()
    return walk.met


def main() -> None:
    """Draw what was asked for."""
    parser = argparse.ArgumentParser(prog="tests.web.screens", description="Pictures of every screen and state.")
    parser.add_argument("--only", default="", help="only pictures whose name holds this")
    parser.add_argument("--to", type=Path, default=FOLDER, help="where to (default: build/screens)")
    asked = parser.parse_args()
    draw(asked.to, asked.only)


if __name__ == "__main__":
    main()
