"""Does the photo grid stay smooth at 100,000 photos? Chromium at phone size, its processor slowed down four times.

The box and the pages are the real ones; only the photos are short: 100,000 records of a few hundred bytes, each with
its own date and with previews in three sizes, drawn from a palette of real JPEGs. The browser does all it would do
for a member: it asks, decodes and paints every preview it shows.

``grid_scroll_long_tasks_ms_p95``: the main thread's long tasks (over 50 ms, as the browser itself reports them) during
one scroll, added up; 95 of 100 scrolls stay below. Scrolls are flings of a finger, wheel steps, and throws of the
scrubber across years.
"""

from __future__ import annotations

import io
import itertools
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import CDPSession, Page, sync_playwright
from playwright.sync_api import TimeoutError as Unseen

from firmware.linux.home import linux_home
from firmware.locker import Locker
from firmware.model import Analysis, Facts, Preview, SafeName
from services.lockerd.keys import Keys
from tests.bench.measure import median, percentile
from tests.bench.options import Figures, Options, main, workplace
from tests.services.running import Running
from tests.web import chromium
from tests.web.front import PASSPHRASE, Visitor

_SLOWER: Final = 4
_PALETTE: Final = 80
_EDGES: Final = (1600, 768, 256)
_COMMIT_EVERY: Final = 1000
_FIRST_MS: Final = 1_230_000_000_000
SETTLE_MS: Final = 1200
_FRAME_MS: Final = 16
_RUN_MS: Final = 350
_SHOWN_MS: Final = 3000
_SCROLLS: Final = 10
_PHONE: Final = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}
_WATCH: Final = """
globalThis.longTasks = [];
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) globalThis.longTasks.push(task.duration);
}).observe({ type: "longtask", buffered: true });
"""


def bench(options: Options, settle_ms: int = SETTLE_MS) -> Figures:
    """Fill a box, scroll, count; ``settle_ms`` is how long the page is left alone before its long tasks are counted."""
    with workplace(options) as folder:
        data = folder / "data"
        _claimed(data)
        options.say(f"laying out {options.files} photos ...")
        began = time.monotonic()
        _fill(next((data / "lockers").iterdir()), options.files, options.seed)
        options.say(f"laid out in {time.monotonic() - began:.0f} s; scrolling ...")
        box = Running(data)
        try:
            return _scrolled(box, options, settle_ms)
        finally:
            box.stop()


def _claimed(data: Path) -> None:
    box = Running(data)
    try:
        Visitor(box).claim()
    finally:
        box.stop()


def _fill(folder: Path, count: int, seed: int) -> None:
    """Write the records as the worker would, without its socket."""
    home = linux_home(folder)
    locker = Locker.open(home, Keys(home).open(PASSPHRASE))
    dice = random.Random(f"grid-{seed}")
    palette = [_previews(dice) for _ in range(max(1, min(_PALETTE, count // 25)))]
    moments = enumerate(_moments(dice, count))
    while batch := list(itertools.islice(moments, _COMMIT_EVERY)):
        ids = []
        for number, taken_ms in batch:
            put = locker.begin(SafeName(f"Camera/IMG_{number:06d}.jpg"), mtime_ns=taken_ms * 10**6, mime="image/jpeg")
            put.write(b"\xff\xd8\xff\xe0" + dice.randbytes(300))
            ids.append(put.finish().id)
        locker.commit()
        for (number, taken_ms), id in zip(batch, ids, strict=True):
            facts = Facts(mime="image/jpeg", taken_ms=taken_ms, width=4000, height=3000)
            locker.analyse(id, Analysis(facts=facts))
            locker.analyse(id, Analysis(previews=palette[number % len(palette)]))
        locker.commit()
    locker.close()


def _moments(dice: random.Random, count: int) -> Iterator[int]:
    """Yield moments over many years: holidays with hundreds of photos a day, weeks without one."""
    moment, left = _FIRST_MS, 0
    for _ in range(count):
        if not left:
            moment += dice.choice((1, 1, 1, 2, 3, 5, 9)) * 86_400_000
            left = dice.choice((1, 2, 3, 5, 8, 14, 25, 60, 180))
        left -= 1
        yield moment + left * 61_000


def _previews(dice: random.Random) -> tuple[Preview, ...]:
    scene = Image.frombytes("RGB", (16, 12), dice.randbytes(16 * 12 * 3)).resize((1600, 1200), Image.Resampling.BICUBIC)
    grain = Image.frombytes("L", (1600, 1200), dice.randbytes(1600 * 1200))
    picture = Image.blend(scene, Image.merge("RGB", (grain, grain, grain)), 0.06)
    made = []
    for edge in _EDGES:
        out = io.BytesIO()
        picture.resize((edge, edge * 3 // 4)).save(out, "JPEG", quality=78)
        made.append(Preview(edge, "image/jpeg", out.getvalue()))
    return tuple(made)


def _scrolled(box: Running, options: Options, settle_ms: int) -> Figures:
    visitor = Visitor(box)
    visitor.open()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.whole(), args=["--headless", "--no-sandbox"])
        context = browser.new_context(ignore_https_errors=True, has_touch=True, **_PHONE)  # type: ignore[arg-type]
        address = str(box.hello["https"])
        context.add_cookies([{"name": name, "value": value, "url": address} for name, value in visitor.cookies.items()])
        page = context.new_page()
        page.add_init_script(_WATCH)
        began = time.monotonic()
        page.goto(f"{address}/photos")
        page.wait_for_selector(".days.virtual .tile img")
        first_s = time.monotonic() - began
        session = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
        page.wait_for_timeout(settle_ms)
        took, tiles = _rounds(page, session, options.rounds, settle_ms)
        height = page.evaluate("document.querySelector('.days').offsetHeight")
        browser.close()
    return {
        "grid_scroll_long_tasks_ms_p95": round(percentile(took, 0.95), 1),
        "grid_scroll_long_tasks_ms_median": round(median(took), 1),
        "grid_scroll_long_tasks_ms_max": round(max(took), 1),
        "grid_scrolls": len(took),
        "grid_photos": options.files,
        "grid_tiles_max": tiles,
        "grid_height_px": height,
        "grid_first_picture_s": round(first_s, 2),
    }


def _rounds(page: Page, session: CDPSession, rounds: int, settle_ms: int) -> tuple[list[float], int]:
    """Scroll in every way ``rounds`` times; returns the long tasks of each scroll (ms) and the most tiles seen."""
    took: list[float] = []
    most = 0
    for _ in range(rounds):
        for scroll in _scrolls():
            page.evaluate("globalThis.longTasks.length = 0")
            _do(page, session, scroll)
            page.wait_for_timeout(settle_ms)
            tasks, tiles = page.evaluate("[globalThis.longTasks, document.querySelectorAll('.tile').length]")
            took.append(sum(tasks))
            most = max(most, tiles)
    return took, most


def _scrolls() -> Iterator[dict[str, Any]]:
    for flings, step in ((1, 18), (1, 45), (3, 60), (2, -50), (6, 70)):
        yield {"flings": flings, "step": step}
    for distance, speed in ((2000, 3000), (-3000, 6000), (9000, 12000)):
        yield {"distance": distance, "speed": speed}
    for part in (0.3, 0.32, 0.8, 0.05, 0.55):
        yield {"part": part}


def _do(page: Page, session: CDPSession, scroll: dict[str, Any]) -> None:
    if "part" in scroll:
        _throw(page, float(scroll["part"]))
        return
    if "flings" in scroll:
        for _ in range(scroll["flings"]):
            _fling(page, session, scroll["step"])
        return
    gesture = {"x": 150, "y": 420, "yDistance": -scroll["distance"], "speed": scroll["speed"]}
    session.send("Input.synthesizeScrollGesture", {**gesture, "gestureSourceType": "mouse"})


def _fling(page: Page, session: CDPSession, step: int) -> None:
    """One finger: down, nine moves of ``step`` pixels a frame, up; the page runs on by itself."""
    start = 650 if step > 0 else 150
    for number in range(10):
        point = {"x": 150, "y": start - step * number}
        session.send(
            "Input.dispatchTouchEvent", {"type": "touchMove" if number else "touchStart", "touchPoints": [point]}
        )
        page.wait_for_timeout(_FRAME_MS)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(_RUN_MS)


def _show_scrubber(page: Page) -> None:
    """Scroll a little, again and again: the scrubber goes before a browser that is slowed down has drawn it."""
    for _ in range(_SCROLLS):
        page.mouse.wheel(0, 60)
        with suppress(Unseen):
            page.wait_for_selector(".scrubber.moving", timeout=_SHOWN_MS)
            return
    raise RuntimeError("the scrubber does not show when somebody scrolls")


def _throw(page: Page, part: float) -> None:
    """Drag the scrubber's knob to another year, through everything between."""
    _show_scrubber(page)
    knob = page.locator("[data-knob]").bounding_box()
    track = page.locator("[data-scrubber]").bounding_box()
    assert knob and track
    page.mouse.move(knob["x"] + 30, knob["y"] + 28)
    page.mouse.down()
    page.mouse.move(knob["x"] + 30, track["y"] + 28 + part * (track["height"] - 56), steps=20)
    page.mouse.up()


if __name__ == "__main__":
    raise SystemExit(main(bench, __doc__ or ""))
