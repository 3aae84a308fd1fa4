"""Lighthouse judges the first page, home and photos: performance, accessibility, best practices, out of 100 each.

The official program (pinned in locks/npm) drives Debian's Chromium as a phone on a slow network, the way it does by
default, against a real box with photos in it. ``lighthouse_least`` is the lowest of all scores.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests import npm
from tests.bench.measure import run
from tests.bench.options import Figures, Options, main, workplace
from tests.services.running import Running
from tests.web.front import Visitor
from tests.web.scenery import photograph

CATEGORIES: Final = ("performance", "accessibility", "best-practices")
PHOTOS: Final = 24
_TODAY: Final = datetime(2026, 10, 21, 18, 0, tzinfo=UTC)
_CHROMIUM: Final = "--headless=new --no-sandbox --disable-gpu --disable-quic --ignore-certificate-errors"
_PATIENCE_S: Final = 60


def bench(options: Options) -> Figures:
    """Judge three pages."""
    with workplace(options) as folder:
        box = Running(folder / "box" / "data")
        try:
            first = judged(folder, "first", f"{box.hello['https']}/claim", {}, options)
            member = Visitor(box)
            member.claim()
            fill(member)
            cookie = "; ".join(f"{name}={value}" for name, value in member.cookies.items())
            pages = {name: f"{box.hello['https']}/{name}" for name in ("home", "photos")}
            told = [judged(folder, name, url, {"Cookie": cookie}, options) for name, url in pages.items()]
        finally:
            box.stop()
    figures = {**first, **told[0], **told[1]}
    return {**figures, "lighthouse_least": min(figures.values())}


def fill(member: Visitor) -> None:
    """Put photos in and wait for their previews."""
    for number in range(PHOTOS):
        taken = _TODAY - timedelta(days=number // 4, minutes=9 * number)
        assert member.put(f"Camera/IMG_{number:04}.jpg", photograph(number, taken)).status == 201
    deadline = time.monotonic() + _PATIENCE_S
    items: list[Any] = []
    while len(items) < PHOTOS or not all(one[4] for one in items):
        if time.monotonic() > deadline:
            raise RuntimeError("the previews did not come")
        time.sleep(0.1)
        items = json.loads(member.get("/photos/items?from=2020-01-01&to=2030-01-01").body)["items"]


def judged(folder: Path, name: str, url: str, headers: dict[str, str], options: Options) -> dict[str, int]:
    """Run Lighthouse on ``url``; returns its scores by name of page and category."""
    said, sent = folder / f"{name}.json", folder / f"{name}-headers.json"
    sent.write_text(json.dumps(headers))
    sent.chmod(0o600)
    program = npm.package("lighthouse") / "cli" / "index.js"
    command: list[str | Path] = [
        *("node", program, url, "--quiet", "--output=json", f"--output-path={said}", f"--chrome-flags={_CHROMIUM}"),
        *(f"--only-categories={','.join(CATEGORIES)}", f"--extra-headers={sent}", "--disable-storage-reset"),
    ]
    chromium = os.environ.get("CHROMIUM", shutil.which("chromium") or "/usr/bin/chromium")
    run(command, env={"CHROME_PATH": chromium, "LIGHTHOUSE_CHROMIUM_PATH": chromium}, cwd=folder)
    report: dict[str, Any] = json.loads(said.read_text())
    for sentence in lost(report):
        options.say(f"{name}: {sentence}")
    return {f"{name}_{each.replace('-', '_')}": round(100 * report["categories"][each]["score"]) for each in CATEGORIES}


def lost(report: dict[str, Any]) -> list[str]:
    """Return the audits that cost points, and what they found."""
    found = []
    for each in CATEGORIES:
        for audit in report["categories"][each]["auditRefs"]:
            told = report["audits"][audit["id"]]
            if audit["weight"] and told["score"] is not None and told["score"] < 1:
                found.append(f"{each}: {told['id']} {told['score']} {told.get('displayValue', '')}")
    return found


if __name__ == "__main__":
    sys.exit(main(bench, __doc__ or ""))
