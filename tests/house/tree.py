"""What lies in the clone: the files a commit would hold, and the Python among them."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ("firmware", "services", "webui", "provisioning", "image")


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file git knows or would take (ignored ones left out), relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return tuple(Path(name) for name in sorted(listed.split("\0")) if name and (ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """The Python files in ``folders`` (all without any)."""
    return [p for p in files() if p.suffix == ".py" and (not folders or p.parts[0] in folders)]


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is UTF-8 text, with its text."""
    for path in files():
        raw = (ROOT / path).read_bytes()
        if b"\0" not in raw[:8192]:
            yield path, raw.decode("utf-8", "replace")


def run(*command: str) -> str:
    """Run Python with these arguments in the root; return what it printed, or "" when it is content."""
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
