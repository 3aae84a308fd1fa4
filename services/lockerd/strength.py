"""Judges a passphrase in a process that ends: the word lists take 16 MiB that a worker would keep for weeks.

Run as a program it reads the passphrase from its input and says one JSON object: nothing, or why it is refused.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from firmware.errors import BoxError, TooLarge, Unreachable, WeakPassphrase
from firmware.seal import check_passphrase

_SECONDS = 30
_REFUSALS: dict[str, type[BoxError]] = {kind.code: kind for kind in (WeakPassphrase, TooLarge)}


def require_strong(passphrase: str) -> None:
    """Return if ``passphrase`` may protect a locker; raises WeakPassphrase, TooLarge, or Unreachable."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(Path(__file__))], input=passphrase.encode("utf-8", "surrogatepass"),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/", timeout=_SECONDS, check=True,
            env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        said = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        raise Unreachable(what="the judge of passphrases") from None
    if said:
        raise _REFUSALS[said["code"]](**said["fields"])


def main() -> None:
    """Judge what stands in the input."""
    try:
        check_passphrase(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
    except (WeakPassphrase, TooLarge) as error:
        print(json.dumps({"code": error.code, "fields": error.fields}))
    else:
        print("{}")


if __name__ == "__main__":
    main()
