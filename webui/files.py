"""What the web front may read: its own pages, styles and modules, taken into memory once at the start.

A path from the network is only ever looked up in this table, so there is no folder to escape from.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parent
STYLE = "style.css"
"""The one style sheet; its parts lie in ``styles/``."""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_GZIP_LEVEL = 9


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file of the front: its bytes, the same compressed, its type and a tag of its content."""

    body: bytes
    packed: bytes
    mime: str
    tag: str


class StaticFiles:
    """All static files by name."""

    def __init__(self, folder: Path = HOME / "static", styles: Path = HOME / "styles") -> None:
        """Load every file of ``folder`` whose type is known, and ``styles/*.css`` in order as the one style sheet."""
        self._files = {
            path.name: _loaded(path.read_bytes(), path.suffix)
            for path in sorted(folder.iterdir())
            if path.suffix in _TYPES
        }
        sheet = b"".join(path.read_bytes() for path in sorted(styles.glob("*.css")))
        self._files[STYLE] = _loaded(sheet, ".css")

    def find(self, name: str) -> StaticFile | None:
        """Return the file called ``name``, or None."""
        return self._files.get(name)

    def names(self) -> list[str]:
        """List all names."""
        return list(self._files)

    def url(self, name: str) -> str:
        """Return the address of ``name``; it changes with the content, so it may be cached for ever."""
        return f"/static/{name}?v={self._files[name].tag}"


def _loaded(body: bytes, suffix: str) -> StaticFile:
    tag = hashlib.blake2b(body, digest_size=6).hexdigest()
    return StaticFile(body, gzip.compress(body, _GZIP_LEVEL, mtime=0), _TYPES[suffix], tag)
