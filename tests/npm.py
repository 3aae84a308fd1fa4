"""npm packages the tests judge with (official clients), exactly as ``locks/npm/package-lock.json`` pins them.

They are installed once, without running any of their scripts, into ``build/npm``; nothing of them is part of the box.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

_HOUSE = Path(__file__).resolve().parents[1]
_LOCK = _HOUSE / "locks" / "npm"
_PLACE = _HOUSE / "build" / "npm"


def package(name: str) -> Path:
    """Return the folder of package ``name``; raises RuntimeError when npm cannot install it."""
    _PLACE.mkdir(parents=True, exist_ok=True)
    with (_PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = _PLACE / "made-from"
        wanted = hashlib.sha256((_LOCK / "package-lock.json").read_bytes()).hexdigest()
        if not stamp.exists() or stamp.read_text() != wanted:
            _install()
            stamp.write_text(wanted)
    return _PLACE / "node_modules" / name


def _install() -> None:
    for file in ("package.json", "package-lock.json"):
        shutil.copy(_LOCK / file, _PLACE / file)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(_PLACE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"npm could not install what {_LOCK} pins:\n{done.stderr[-2000:]}")
