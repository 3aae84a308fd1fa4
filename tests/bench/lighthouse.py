"""Lighthouse judges the first page, home and photos: performance, accessibility, best practices, out of 100 each.

The official program (pinned in locks/npm) drives Debian's Chromium as a phone on a slow network, the way it does by
default, against a real box with photos in it. By default it makes the processor four times slower, which is its phone
only on a machine as fast as the one it was made on; for others it asks for a slowdown that suits them ("CPU throttling"
in its docs/throttling.md), and on half as fast a machine it says so in each report. So ``cpu_slowdown`` follows the
speed Lighthouse found in the run before (``benchmark_index``), up and down; with several rounds a run before all others
only finds it. The medians of both are printed.

Performance varies from run to run, so each page is judged in ``rounds`` runs and the median counts, as Lighthouse's own
page on variability advises; of the other categories the worst run counts. ``lighthouse_least`` is the lowest score.

Every run has a browser and a profile of its own, as Lighthouse's command line does it: in a browser that goes on, the
documents of earlier runs stay in the renderer's heap, and the profiler Lighthouse starts there takes 120 ms to list
their functions before the page is even asked for, which counts as half a second of blocked main thread.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from playwright.sync_api import sync_playwright

from tests import npm
from tests.bench.measure import median, run
from tests.bench.options import Figures, Options, main, workplace
from tests.services.running import Running
from tests.web import chromium
from tests.web.front import Visitor
from tests.web.scenery import photograph
from tests.web.things import cookies

CATEGORIES: Final = ("performance", "accessibility", "best-practices")
PHOTOS: Final = 24
_AGAIN: Final = "Please run Lighthouse again"
_TRIES: Final = 4
_TODAY: Final = datetime(2026, 10, 21, 18, 0, tzinfo=UTC)
_WORDS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--ignore-certificate-errors",
    "--remote-debugging-port=0",
)  # fmt: skip
_PATIENCE_S: Final = 60
_PHONE: Final = ((150, 1.0), (800, 2.0), (1300, 3.0), (1533, 4.0), (1766, 5.0), (2000, 6.0))
"""Which slowdown makes Lighthouse's phone of a machine of that benchmark index: the points of the calculator that its
docs/throttling.md names; straight lines between them.
"""
_BY_DEFAULT: Final = 4.0


def slowdown(index: float) -> float:
    """Return how many times slower Lighthouse's phone is than a machine of benchmark index ``index``: 1 to 6."""
    for (low, least), (high, most) in pairwise(_PHONE):
        if index < high:
            return least + (most - least) * max(0.0, index - low) / (high - low)
    return _PHONE[-1][1]


def bench(options: Options) -> Figures:
    """Judge three pages; the browser is logged in for the last two."""
    with workplace(options) as folder:
        box = Running(folder / "box" / "data")
        runs = Runs(folder, options)
        try:
            if options.rounds > 1:  # one more before all others: it only finds how fast this machine is
                runs.judged("speed", f"{box.hello['https']}/claim", [])
            figures = runs.often("first", f"{box.hello['https']}/claim", [])
            member = Visitor(box)
            member.claim()
            fill(member)
            for name in ("home", "photos"):
                figures |= runs.often(name, f"{box.hello['https']}/{name}", cookies(box, member))
        finally:
            box.stop()
    least = min(figures.values())
    return {**figures, "lighthouse_least": least, **runs.speed()}


@contextmanager
def _browser(folder: Path, known: list[dict[str, object]]) -> Iterator[str]:
    """Start a new browser that has the cookies ``known``; yields the port it listens on."""
    with TemporaryDirectory(prefix="profile-", dir=folder) as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium.whole(), args=list(_WORDS), ignore_https_errors=True
        )
        try:
            context.add_cookies(known)  # type: ignore[arg-type]
            yield (Path(profile) / "DevToolsActivePort").read_text().split()[0]
        finally:
            context.close()


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


@dataclass
class Runs:
    """The runs of one bench, in ``folder``; ``indices``: how fast each found this machine."""

    folder: Path
    options: Options
    indices: list[float] = field(default_factory=list)

    def often(self, name: str, url: str, known: list[dict[str, object]]) -> dict[str, int]:
        """Judge ``url`` in as many runs as ``options.rounds``; see the module for what counts."""
        found = [self.judged(name, url, known) for _ in range(self.options.rounds)]
        self.options.say(f"{name}: performance {[one[f'{name}_performance'] for one in found]}")
        scores = {key: [one[key] for one in found] for key in found[0]}
        return {key: round(median(of) if key.endswith("_performance") else min(of)) for key, of in scores.items()}

    def judged(self, name: str, url: str, known: list[dict[str, object]]) -> dict[str, int]:
        """Run Lighthouse on ``url`` in a browser with the cookies ``known``; returns scores by page and category."""
        said = self.folder / f"{name}.json"
        self._run(url, said, known)
        report: dict[str, Any] = json.loads(said.read_text())
        for sentence in lost(report):
            self.options.say(f"{name}: {sentence}")
        self.indices.append(float(report["environment"]["benchmarkIndex"]))
        scores = report["categories"]
        return {f"{name}_{each.replace('-', '_')}": round(100 * scores[each]["score"]) for each in CATEGORIES}

    def speed(self) -> dict[str, float]:
        """Return how fast this machine was and how many times slower it was made, in the middle of all runs."""
        before = self._slowdowns[:-1]  # the last one would be the next run's
        return {"benchmark_index": round(median(self.indices)), "cpu_slowdown": round(median(before), 2)}

    @property
    def _slowdowns(self) -> list[float]:
        return [_BY_DEFAULT, *map(slowdown, self.indices)]

    def _run(self, url: str, said: Path, known: list[dict[str, object]]) -> None:
        """Write the report on ``url`` to ``said``.

        A run that Lighthouse itself calls lost (its trace has no start or no paint, as happens on a busy machine)
        judged nothing; it is done again as Lighthouse asks, in a new browser, at most ``_TRIES`` times in all.
        """
        program = npm.package("lighthouse") / "cli" / "index.js"
        for left in reversed(range(_TRIES)):
            with _browser(self.folder, known) as port:
                command: list[str | Path] = [
                    *("node", program, url, "--quiet", "--output=json", f"--output-path={said}", f"--port={port}"),
                    *(f"--only-categories={','.join(CATEGORIES)}", "--disable-storage-reset"),
                    f"--throttling.cpuSlowdownMultiplier={self._slowdowns[-1]:.2f}",
                ]
                done = run(command, cwd=self.folder, check=False)
            if not done.code:
                return
            if not left or _AGAIN not in done.output:
                raise RuntimeError(f"Lighthouse ended with {done.code}: {done.output[-2000:]}")
            self.options.say(f"{url}: a run was lost: {done.output[-300:]}")


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
