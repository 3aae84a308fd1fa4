"""What Finder writes beside every file (``._name``, ``.DS_Store``): accepted, kept in memory, never in the locker.

Only for Finder itself: a copying program that sends such a file means it, and gets a record like any other.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from firmware import limits

_FINDER = ("WebDAVFS/", "WebDAVLib/")


@dataclass(frozen=True, slots=True)
class Shadow:
    """One such file."""

    data: bytes
    mtime_ns: int


def is_shadow(leaf: str, agent: str) -> bool:
    """Whether ``leaf`` sent by the program ``agent`` (User-Agent) is such a file."""
    return agent.startswith(_FINDER) and (leaf.startswith("._") or leaf == ".DS_Store")


class Shadows:
    """Those of one member; the oldest give way."""

    def __init__(self) -> None:
        """None yet."""
        self._files: OrderedDict[str, Shadow] = OrderedDict()
        self._bytes = 0

    def get(self, path: str) -> Shadow | None:
        """The file at ``path``."""
        return self._files.get(path)

    def put(self, path: str, data: bytes, mtime_ns: int) -> None:
        """Keep a file; one that is far too large is kept empty."""
        self.drop(path)
        data = data if len(data) <= limits.DAV_SHADOW_BYTES // 4 else b""
        self._files[path] = Shadow(data, mtime_ns)
        self._bytes += len(data) + len(path)
        while self._bytes > limits.DAV_SHADOW_BYTES:
            self.drop(next(iter(self._files)))

    def drop(self, path: str) -> None:
        """Forget one."""
        gone = self._files.pop(path, None)
        if gone is not None:
            self._bytes -= len(gone.data) + len(path)

    def inside(self, folder: str) -> list[tuple[str, Shadow]]:
        """Those right inside ``folder``: (path, file)."""
        return [(path, one) for path, one in self._files.items() if path.rpartition("/")[0] == folder]
