"""Uploads by the official tus-js-client in Chromium, while webd, lockerd, the worker or everything is killed.

Real files chosen in a real browser, real processes through the supervisor. The client is left to its own retries; the
harness only logs the browser in again, as a person would after a restart. At the end every file is fetched from the
locker and its SHA-256 compared with the one on the disk. Run by ``tests.sim.kill --via browser``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import BrowserContext, Error, Page, sync_playwright

from firmware.errors import BoxError, Locked, Unreachable
from firmware.limits import KIB, MIB
from services.api.blocking import Blocking
from tests.npm import package
from tests.services.running import Running, alive, children_of, until
from tests.web import chromium

TARGETS = ("webd", "worker", "main", "all")
AT_ONCE = 3
_PASSPHRASE = "violet tractor humming nineteen pillows"
_SIZES = (0, 1, 200 * KIB, 3 * MIB, 9 * MIB, 24 * MIB)
_CHUNKS = (512 * KIB, 4 * MIB, 0)
"""Bytes per PATCH; 0: the whole rest in one."""
_HTTPS_ABOVE_HTTP = 443 - 80
_TRY_SECONDS = 90

_DRIVER = """() => {
  window.done = []; window.trouble = []; window.moved = 0; window.resumed = 0;
  const field = document.createElement("input");
  field.type = "file"; field.multiple = true; field.id = "field";
  document.body.append(field);
  window.begin = (chunk) => {
    for (const file of field.files) {
      const upload = new tus.Upload(file, {
        endpoint: "/uploads", chunkSize: chunk || Infinity, retryDelays: Array(900).fill(150),
        metadata: { filename: file.name, filetype: file.type }, removeFingerprintOnSuccess: true,
        onShouldRetry: () => true,
        onProgress: () => { window.moved += 1; },
        onAfterResponse: (request, response) => {
          if (request.getMethod() === "HEAD" && Number(response.getHeader("Upload-Offset")) > 0) window.resumed += 1;
        },
        onSuccess: () => window.done.push(file.name),
        onError: (error) => window.trouble.push(`${file.name}: ${error.message}`),
      });
      upload.start();
    }
  };
}"""


def free_port() -> int:
    """Return a port that is free together with the one 363 above it, as ``./box run --port`` wants them."""
    while True:
        with socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", 0))
            port = int(low.getsockname()[1])
            with contextlib.suppress(OSError, OverflowError):
                high.bind(("127.0.0.1", port + _HTTPS_ABOVE_HTTP))
                return port


class Household:
    """One box that keeps its ports through every death, and the files that are sent to it."""

    def __init__(self, place: Path, seed: int) -> None:
        """Start the box, claim it."""
        self._place, self._port = place, free_port()
        self._rng = random.Random(f"files/{seed}")
        self.files: dict[str, str] = {}
        """Name -> SHA-256."""
        self.bytes = 0
        self._box = self._start()
        code = str(self._box.hello["claim_code"])
        self._member = (
            self._free().call("claim", code=code, household="Simulated", name="Ada", passphrase=_PASSPHRASE).member
        )
        self.url = str(self._box.hello["https"])

    def _start(self) -> Running:
        return Running(self._place / "box", "--port", str(self._port), "--host", "127.0.0.1")

    def _free(self) -> Blocking:
        return Blocking((self._place / "box" / "run").resolve())

    def more(self, count: int) -> list[Path]:
        """Make ``count`` new files on the disk."""
        folder = self._place / "files"
        folder.mkdir(exist_ok=True)
        made = []
        for _ in range(count):
            size = self._rng.choice(_SIZES)
            content = self._rng.randbytes(size and self._rng.randint(max(1, size // 2), size))
            path = folder / f"file-{len(self.files)}.bin"
            path.write_bytes(content)
            self.files[path.name] = hashlib.sha256(content).hexdigest()
            self.bytes += len(content)
            made.append(path)
        return made

    def kill(self, target: str) -> None:
        """SIGKILL ``target``; everything is started again at once, the rest by the supervisor."""
        if target == "all":
            for pid in self._box.descendants():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._box.kill()
            self._box = self._start()
            return
        pid = self._pid(target)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))

    def _pid(self, target: str) -> int:
        children = self._box.children()
        if target != "worker":
            return children["lockerd" if target == "main" else target]
        (spawner,) = children_of(children["lockerd"])
        (worker,) = [pid for pid in children_of(spawner) if alive(pid)]
        return worker

    def log_in(self, context: BrowserContext) -> None:
        """Open the locker in the browser, again and again until the box is there."""
        deadline = time.monotonic() + _TRY_SECONDS
        form = {"member": self._member, "passphrase": _PASSPHRASE, "then": "/home"}
        while True:
            try:
                answer = context.request.post(f"{self.url}/open", form=form, max_redirects=0)
                if answer.status == 303:
                    return
            except Error:
                pass  # webd is not there yet
            if time.monotonic() > deadline:
                raise SystemExit("the locker did not open again")
            time.sleep(0.02)

    def differing(self) -> list[str]:
        """Fetch every file and return the names of those that are not what lies on the disk."""
        opened = self._opened()
        return [name for name, wanted in self.files.items() if self._digest(opened, name) != wanted]

    def _opened(self) -> Blocking:
        deadline = time.monotonic() + _TRY_SECONDS
        while True:
            try:
                opened = self._free().call("open", member=self._member, passphrase=_PASSPHRASE, device="simulation")
                return self._free().as_session(opened.token, opened.member)
            except (Locked, Unreachable):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _digest(self, client: Blocking, name: str) -> str | None:
        try:
            record = client.call("find", path=name)
            with client.stream("content", id=record.id) as answer:
                return hashlib.sha256(b"".join(answer)).hexdigest()
        except BoxError:
            return None

    def stop(self) -> None:
        """End the box."""
        self._box.stop()


@contextlib.contextmanager
def _browser(url: str, household: Household) -> Iterator[tuple[BrowserContext, Page]]:
    """A Chromium page of the box's own origin with the official client in it."""
    with sync_playwright() as playwright:
        flags = [*chromium.FLAGS, "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium.whole(), args=flags)
        context = browser.new_context(ignore_https_errors=True, bypass_csp=True)
        household.log_in(context)
        page = context.new_page()
        page.goto(f"{url}/status")
        page.add_script_tag(path=package("tus-js-client") / "dist" / "tus.min.js")
        page.evaluate(_DRIVER)
        try:
            yield context, page
        finally:
            browser.close()


def kill_via_browser(kills: int, seed: int) -> dict[str, object]:
    """Run ``kills`` rounds; return the figures (see the module)."""
    started = time.monotonic()
    place = Path(tempfile.mkdtemp(prefix="locker-kill-browser-"))
    rng = random.Random(f"kill/{seed}")
    hits = dict.fromkeys(TARGETS, 0)
    household = Household(place, seed)
    try:
        with _browser(household.url, household) as (context, page):
            for number in range(kills):
                _keep_sending(page, household, rng)
                target = TARGETS[number % len(TARGETS)] if number < len(TARGETS) else rng.choice(TARGETS)
                household.kill(target)
                hits[target] += 1
                household.log_in(context)
            _finish(page, household)
            resumed, trouble = page.evaluate("[window.resumed, window.trouble]")
        differing = household.differing()
    finally:
        household.stop()
        shutil.rmtree(place)
    return {
        "files_identical": not differing and not trouble,
        "files_compared": len(household.files),
        "files_differing": differing,
        "trouble": trouble,
        "kills": kills,
        **{f"kills_of_{target}": count for target, count in hits.items()},
        "resumed_in_the_middle": resumed,
        "mib_sent": round(household.bytes / MIB, 1),
        "seed": seed,
        "seconds": round(time.monotonic() - started, 1),
    }


def _keep_sending(page: Page, household: Household, rng: random.Random) -> None:
    """Have AT_ONCE uploads under way, and wait until something moved since the last death."""
    done = page.evaluate("window.done.length + window.trouble.length")
    missing = AT_ONCE - (len(household.files) - done)
    if missing > 0:
        page.set_input_files("#field", household.more(missing))
        page.evaluate("(chunk) => window.begin(chunk)", rng.choice(_CHUNKS))
    page.evaluate("() => { window.moved = 0; }")
    page.wait_for_function(
        "([left, all]) => window.moved > left || window.done.length + window.trouble.length >= all",
        arg=[rng.randrange(1, 12), len(household.files)],
        timeout=_TRY_SECONDS * 1000,
    )
    time.sleep(rng.random() * 0.05)


def _finish(page: Page, household: Household) -> None:
    """Wait until every file is here."""
    page.wait_for_function(
        "(all) => window.done.length + window.trouble.length >= all",
        arg=len(household.files),
        timeout=_TRY_SECONDS * 1000,
    )
