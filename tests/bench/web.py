"""What the pages weigh, what uploads cost, how soon a photo is seen, what an idle box holds; and the photo grid.

Everything runs on one real box that two members share, over its own TLS. Uploads speak the browser's own protocol
(tus: PATCH after PATCH of the pieces the page would cut, on one connection); the sink they are held against gets the
same bytes in the same pieces in the same run, round by round. CPU is that of all processes of the box until the answer
to the last piece, after which the file is durable.

``first_page_*`` is the heaviest of the pages somebody can see first (the way in, claiming, a locked box), as an empty
cache loads it; kB are 1000 bytes. ``idle_pss_mib`` is taken after all of that, 60 s after the last request.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from services.api.client import Client
from tests.bench import web_grid
from tests.bench.boxrun import ROOT
from tests.bench.measure import MIB, median, memory, percentile, tree, tree_cpu
from tests.bench.options import Figures, Options, main, workplace
from tests.services.running import Running
from tests.web import chromium
from tests.web.front import PASSPHRASE, Visitor
from tests.web.tus_client import STREAMED, pairs

PHOTOS: Final = 20
IDLE_SECONDS: Final = 60
_PIECE: Final = 8 * MIB
"""What webui/static/transfer.js sends at once on a fast network."""
_EDGE: Final = (4000, 3000)
_QUALITY: Final = 79
_GRAIN: Final = 0.66
_TICK: Final = 0.01
_PATIENCE_S: Final = 60
_LOOK_S: Final = 0.01
_ELIAS: Final = "harvest violin salad meadow bridge"


@dataclass(frozen=True)
class Size:
    """How much a bench does; smoke tests do less."""

    photos: int = PHOTOS
    idle_seconds: float = IDLE_SECONDS
    settle_ms: int = web_grid.SETTLE_MS


def bench(options: Options, size: Size | None = None) -> Figures:
    """Measure everything, one after the other."""
    size = size or Size()
    with workplace(options) as folder:
        box = Running(folder / "box" / "data")
        try:
            figures = pages_before(box)
            marta = Visitor(box)
            marta.claim()
            figures = weighed([figures, pages_after(box, marta)])
            _join(box, marta)
            options.say(f"uploading {options.rounds} times ...")
            figures |= uploads(box, marta, options)
            options.say(f"{size.photos} photos ...")
            figures |= photos_seen(box, marta, options.seed, size.photos, options.photo_divide)
            options.say(f"idle for {size.idle_seconds:.0f} s ...")
            time.sleep(size.idle_seconds)
            figures |= idle(box)
        finally:
            box.stop()
    return {**figures, **web_grid.bench(options, size.settle_ms)}


# -- what pages weigh ------------------------------------------------------------------------------------------------


@dataclass
class Load:
    """One page as an empty cache loads it."""

    requests: int = 0
    octets: int = 0
    script_octets: int = 0
    kinds: dict[str, str] = field(default_factory=dict)


def load(browser: Browser, url: str, cookies: dict[str, str] | None = None) -> Load:
    """Load ``url`` in a new context; counts the bytes that crossed the wire, headers included."""
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in (cookies or {}).items()])
    page = context.new_page()
    seen, wire = Load(), context.new_cdp_session(page)

    def sent(event: dict[str, Any]) -> None:
        seen.requests += 1
        seen.kinds[event["requestId"]] = event.get("type", "")

    def loaded(event: dict[str, Any]) -> None:
        size = int(event["encodedDataLength"])
        seen.octets += size
        seen.script_octets += size if seen.kinds.get(event["requestId"]) == "Script" else 0

    wire.send("Network.enable")
    wire.on("Network.requestWillBeSent", sent)
    wire.on("Network.loadingFinished", loaded)
    page.goto(url)
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(1000)
    context.close()
    return seen


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.whole(), args=list(chromium.FLAGS))
        yield browser
        browser.close()


def pages_before(box: Running) -> Figures:
    """Weigh what an unclaimed box shows first."""
    with _chromium() as browser:
        return _first([load(browser, str(box.hello["http"])), load(browser, f"{box.hello['https']}/")])


def pages_after(box: Running, member: Visitor) -> Figures:
    """Weigh what a claimed box shows to a stranger, and the scripts of a member's home."""
    with _chromium() as browser:
        home = load(browser, f"{box.hello['https']}/home", member.cookies)
        return {
            **_first([load(browser, f"{box.hello['https']}/")]),
            "js_gz_kb_home": round(home.script_octets / 1000, 1),
            "home_gz_kb": round(home.octets / 1000, 1),
            "home_requests": home.requests,
        }


def _first(loads: list[Load]) -> Figures:
    return {
        "first_page_gz_kb": round(max(each.octets for each in loads) / 1000, 1),
        "first_page_requests": max(each.requests for each in loads),
    }


def weighed(parts: list[Figures]) -> Figures:
    """Put figures together; of the first pages the heaviest counts."""
    found: Figures = {}
    for part in parts:
        for name, value in part.items():
            found[name] = max(float(str(found.get(name, 0))), float(str(value)))
    return found


# -- uploads ---------------------------------------------------------------------------------------------------------


def uploads(box: Running, member: Visitor, options: Options) -> Figures:
    """Send --gib in all, in --rounds files, each to the box and to the sink."""
    count = max(1, int(options.gib * 1024 * MIB / _PIECE / options.rounds))
    whole = count * _PIECE / MIB
    ratios, speeds, sinks, costs = [], [], [], []
    with _sink(box) as (pid, port):
        for number in range(options.rounds):
            dice = random.Random(f"web-{options.seed}-{number}")
            pieces = [dice.randbytes(_PIECE) for _ in range(count)]
            before = tree_cpu(pid)
            _to_sink(box, port, pieces)
            sink = tree_cpu(pid) - before
            before, began = tree_cpu(box.process.pid), time.monotonic()
            to_box(member, f"Films/{number}.bin", pieces)
            speeds.append(whole / (time.monotonic() - began))
            cost = tree_cpu(box.process.pid) - before
            ratios.append(cost / max(sink, _TICK))
            sinks.append(sink / whole * 1000)
            costs.append(cost / whole * 1000)
    return {
        "upload_cpu_vs_sink": round(median(ratios), 2),
        "upload_tls_mib_s": round(median(speeds), 1),
        "upload_cpu_ms_per_mib": round(median(costs), 2),
        "sink_cpu_ms_per_mib": round(median(sinks), 2),
        "upload_mib": round(whole * options.rounds),
    }


def to_box(member: Visitor, name: str, pieces: list[bytes]) -> str:
    """Upload as the page does; returns the record's id once the file is durable."""
    wire = member.connect()
    cookie = "; ".join(f"{key}={value}" for key, value in member.cookies.items())
    said = {"Cookie": cookie, "Tus-Resumable": "1.0.0"}
    size = str(sum(map(len, pieces)))
    made = _ask(
        wire, "POST", "/uploads", None, {**said, "Upload-Length": size, "Upload-Metadata": pairs(filename=name)}
    )
    where, answer, offset = made["Location"], made, 0
    for piece in pieces:
        answer = _ask(wire, "PATCH", where, piece, {**said, "Upload-Offset": str(offset), "Content-Type": STREAMED})
        offset += len(piece)
    wire.close()
    return str(answer["Upload-Record"])


def _to_sink(box: Running, port: int, pieces: list[bytes]) -> None:
    host = urlsplit(str(box.hello["https"])).hostname or ""
    trust = ssl.create_default_context(cafile=str(box.hello["ca_pem"]))
    wire = http.client.HTTPSConnection(host, port, timeout=_PATIENCE_S, context=trust)
    for piece in pieces:
        _ask(wire, "PATCH", "/", piece, {"Content-Type": STREAMED})
    wire.close()


def _ask(
    wire: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> http.client.HTTPMessage:
    wire.request(method, path, body, headers)
    answer = wire.getresponse()
    answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path} answered {answer.status}")
    return answer.headers


@contextmanager
def _sink(box: Running) -> Iterator[tuple[int, int]]:
    """Run the sink with the box's own certificate; yields its process id and port."""
    keys = box.data / "box"
    program = "import sys; from tests.bench.sink import serve; serve(*sys.argv[1:])"
    command = [sys.executable, "-c", program, str(keys / "leaf.pem"), str(keys / "leaf.key")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.pid, int(child.stdout.readline())
        finally:
            child.terminate()


# -- photos ----------------------------------------------------------------------------------------------------------


def photos_seen(box: Running, member: Visitor, seed: int, count: int, divide: int) -> Figures:
    """Upload photographs of 3 MB one by one; the time runs from the last byte until the thumbnail is served."""
    took, sizes = [], []
    address = "/preview/{}/256"
    for number in range(count):
        data = photograph(f"{seed}-{number}", divide)
        sizes.append(len(data) / 1e6)
        record = to_box(member, f"Camera/IMG_{number:04}.jpg", [data])
        began = time.monotonic()
        while member.get(address.format(record)).status != 200:
            if time.monotonic() - began > _PATIENCE_S:
                raise RuntimeError(f"no thumbnail came: {box.log.read_text()[-2000:]}")
            time.sleep(_LOOK_S)
        took.append(time.monotonic() - began)
    return {
        "photo_visible_p95_s": round(percentile(took, 0.95), 3),
        "photo_visible_median_s": round(median(took), 3),
        "photo_mb_median": round(median(sizes), 2),
        "photos": count,
    }


def photograph(seed: str, divide: int) -> bytes:
    """Return a JPEG of twelve megapixels and about 3 MB (its edges divided by ``divide``)."""
    dice = random.Random(f"photo-{seed}")
    size = (_EDGE[0] // divide, _EDGE[1] // divide)
    coarse = Image.frombytes("RGB", (40, 30), dice.randbytes(40 * 30 * 3)).resize(size, Image.Resampling.BICUBIC)
    grain = Image.frombytes("L", (1000, 750), dice.randbytes(1000 * 750)).resize(size, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    Image.blend(coarse, grain.convert("RGB"), _GRAIN).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


# -- at rest ---------------------------------------------------------------------------------------------------------


def _join(box: Running, member: Visitor) -> None:
    """Add a second member, whose locker opens too."""

    async def add() -> None:
        free = Client((box.data / "run").resolve())
        made = await free.call("open", member="Marta", passphrase=PASSPHRASE)
        owner = free.as_session(made.token, made.member)
        await owner.call("step_up", proof=PASSPHRASE)
        await owner.call("add_member", name="Elias", passphrase=_ELIAS)
        await free.call("open", member="Elias", passphrase=_ELIAS)

    asyncio.run(add())


def idle(box: Running) -> Figures:
    """Add up what all processes of the box hold (PSS)."""
    parts = [(memory(process.pid) / MIB, process.command) for process in tree(box.process.pid)]
    return {
        "idle_pss_mib": round(sum(size for size, _ in parts), 1),
        "idle_parts_mib": [f"{size:.1f} {command.partition(' -m ')[2][:30]}" for size, command in parts],
    }


if __name__ == "__main__":
    sys.exit(main(bench, __doc__ or ""))
