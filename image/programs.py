"""Programs of the builder: this machine's own, and those of the tools root, which are the same on every builder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_INSIDE: Final = "/work"
_ENTER: Final = """
mount --bind "$1" "$2/work"
mount -t proc proc "$2/proc"
shift
root=$1
shift
exec chroot "$root" "$@"
"""
_SAID: Final = 1500
"""How much of what a program said before it failed is repeated."""


class ImageTrouble(Exception):
    """The image cannot be built; the sentence says which step failed and what the program said."""


def call(words: Sequence[str], env: Mapping[str, str] | None = None, text: str | None = None) -> str:
    """Run one program; return what it printed. Raises ImageTrouble."""
    try:
        done = subprocess.run(
            list(words), capture_output=True, text=True, check=False, input=text, env={**os.environ, **(env or {})}
        )
    except FileNotFoundError:
        raise ImageTrouble(f"{words[0]} is not installed") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-_SAID:]
        raise ImageTrouble(f"{' '.join(words)[:300]} ended with {done.returncode}: {said}")
    return done.stdout


class Tools:
    """The tools root with one folder of this machine bound into it; leaves no mount behind, however it ends."""

    def __init__(self, root: Path, work: Path, epoch: int) -> None:
        """``root``: a Debian tree with the tools; ``work``: the only folder they see; ``epoch``: the one date, s."""
        self._root, self.work = root, work
        self._env = {
            "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/sbin:/usr/bin",
            "MTOOLS_SKIP_CHECK": "1", "HOME": "/",
        }  # fmt: skip
        (root / _INSIDE.lstrip("/")).mkdir(exist_ok=True)

    def inside(self, path: Path) -> str:
        """How the tools call a path below ``work``."""
        return f"{_INSIDE}/{path.relative_to(self.work)}"

    def call(self, *words: str | Path, text: str | None = None) -> str:
        """Run a tool; a Path is a path below ``work``. Returns what it printed; raises ImageTrouble."""
        told = [self.inside(word) if isinstance(word, Path) else word for word in words]
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _ENTER, "enter"]
        return call([*enter, str(self.work), str(self._root), *told], self._env, text)
