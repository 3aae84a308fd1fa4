"""WebDAV judged by others: litmus against a real box, then rclone copies files in and out and checks them."""

from __future__ import annotations

import random
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.bench.boxrun import BoxRun
from tests.bench.compare import compare
from tests.bench.measure import run
from tests.bench.options import Figures, Options, main, workplace
from tests.bench.relay import relay
from tests.folders import plain_files

FILES: Final = 1000
SUITES: Final = ("basic", "copymove", "props", "locks", "http")
_LITMUS: Final = Path("/usr/libexec/litmus")
_HTDOCS: Final = Path("/usr/share/litmus/htdocs")
_SUMMARY: Final = re.compile(r"summary for `\w+': of (\d+) tests run: (\d+) passed")
_SKIPPED: Final = re.compile(r"(\d+) tests? w(?:as|ere) skipped")
_FOLDERS: Final = ("photos/Straße am Hafen", "photos/日本 🌸", "papers/a b+c%20d", "deep/er/and/deeper", "x & y <z>")
_SIZES: Final = (0, 10, 1_000, 30_000, 200_000)


@dataclass(frozen=True)
class Device:
    """How a client gets in."""

    url: str
    member: str
    password: str
    authority: str


def tools_missing() -> list[str]:
    """Names of the programs this bench needs and does not find."""
    missing = [] if (_LITMUS / "basic").exists() else ["litmus"]
    return missing + ([] if shutil.which("rclone") else ["rclone"])


def bench(options: Options) -> Figures:
    """Run both judges; a missing one is an error."""
    missing = tools_missing()
    if missing:
        sys.exit(f"these programs are missing: {', '.join(missing)} (apt-get install {' '.join(missing)})")
    with workplace(options) as folder:
        source = options.data or generated(folder / "source", min(options.files, FILES), options.seed)
        box = BoxRun(folder / "box")
        ready = box.start()
        try:
            box.init()
            made = box.call("add_app_password", device="bench")
            member = box.call("session").name
            device = Device(f"{ready['https']}/dav/", member, made.password, str(ready["ca_pem"]))
            options.say("litmus …")
            figures = litmus(device, folder)
            options.say("rclone …")
            return {**figures, **rclone(device, source, folder)}
        finally:
            box.stop()


def litmus(device: Device, folder: Path) -> Figures:
    """Run every suite over TLS; the one that leaves a test out over TLS also through a plain relay."""
    passed = total = skipped = 0
    where = urlsplit(device.url)
    assert where.hostname and where.port
    with relay(where.hostname, where.port, device.authority) as port:
        for suite in SUITES:
            url = f"http://127.0.0.1:{port}/dav/" if suite == "http" else device.url
            command: list[str | Path] = [_LITMUS / suite, "--htdocs", _HTDOCS, url, device.member, device.password]
            output = run(command, cwd=folder, check=False).output
            found = _SUMMARY.search(output)
            if found is None:
                raise RuntimeError(f"litmus {suite} did not end: {output[-2000:]}")
            left_out = _SKIPPED.search(output)
            total += int(found[1])
            passed += int(found[2])
            skipped += int(left_out[1]) if left_out else 0
    return {"litmus_passed": passed, "litmus_total": total + skipped, "litmus_skipped": skipped}


def rclone(device: Device, source: Path, folder: Path) -> Figures:
    """Copy ``source`` in and out again; every byte is compared by rclone and once more by us."""
    config, back = folder / "rclone.conf", folder / "back"
    env = {"RCLONE_CONFIG": str(config), "RCLONE_CA_CERT": device.authority, "RCLONE_SKIP_LINKS": "true"}
    secret = run(["rclone", "obscure", device.password], env=env).output.strip().splitlines()[-1]
    config.write_text(
        f"[box]\ntype = webdav\nurl = {device.url}\nvendor = other\nuser = {device.member}\npass = {secret}\n"
    )
    config.chmod(0o600)
    seconds: dict[str, float] = {}

    def step(name: str, *words: str | Path) -> bool:
        began = time.monotonic()
        done = run(["rclone", *words, "--stats=0"], env=env, check=False)
        seconds[f"rclone_{name}_seconds"] = round(time.monotonic() - began, 1)
        if done.code:
            print(done.output[-2000:], file=sys.stderr)
        return done.code == 0

    steps = [
        step("up", "copy", source, "box:backup", "--create-empty-src-dirs"),
        step("check", "check", source, "box:backup", "--download"),
        step("down", "copy", "box:backup", back, "--create-empty-src-dirs"),
        step("check_back", "check", back, "box:backup", "--download"),
    ]
    same = compare(source, back)
    figures: dict[str, Any] = {"rclone_check_ok": all(steps) and same.identical, "files_compared": same.files}
    return {**figures, **seconds, "mib": round(same.size / (1 << 20), 1)}


def generated(folder: Path, files: int, seed: int) -> Path:
    """Make ``files`` small files with names of every kind, and one folder without any."""
    dice = random.Random(f"dav-{seed}")
    for number in range(files):
        place = folder / _FOLDERS[number % len(_FOLDERS)]
        place.mkdir(parents=True, exist_ok=True)
        size = 3_000_000 if number == 0 else dice.choice(_SIZES)
        (place / f"file {number:04} #{number}.bin").write_bytes(dice.randbytes(size))
    (folder / "nothing in here").mkdir(parents=True, exist_ok=True)
    assert len(plain_files(folder)) == files
    return folder


if __name__ == "__main__":
    sys.exit(main(bench, __doc__ or ""))
