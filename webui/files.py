"""What the web front may read: its own pages, styles and modules, taken into memory once at the start.

A path from the network is only ever looked up in this table, so there is no folder to escape from.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parent
STYLE, MEMBER_STYLE = "style.css", "member.css"
"""The style sheet of every page, and what only members see: parts 77 to 79. All lie in ``styles/``."""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
_TIGHT = frozenset({".woff2", ".png"})
"""Files that are compressed as they are."""
_GZIP_LEVEL = 9
_FOR_MEMBERS = re.compile("7[789]-")
_IMPORT = re.compile(r'(?<=from )"\./([a-z0-9.-]+\.js)"')
_LATER = re.compile(r'(?<=import\()"\./([a-z0-9.-]+\.js)"')


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file of the front: bytes, the same compressed (empty where that gains nothing), type, tag of the content."""

    body: bytes
    packed: bytes
    mime: str
    tag: str


class StaticFiles:
    """All static files by name."""

    def __init__(self, folder: Path = HOME / "static", styles: Path = HOME / "styles") -> None:
        """Load every file of ``folder`` whose type is known, and ``styles/*.css`` in order as the two style sheets.

        ``url(name)`` in a style, ``from "./name"`` and ``import("./name")`` in a module name a file of ``folder``;
        raises KeyError when there is none of that name, or when modules import each other in a ring.
        """
        known = {path.name: path for path in sorted(folder.iterdir()) if path.suffix in _TYPES}
        self._files: dict[str, StaticFile] = {}
        self._imports: dict[str, list[str]] = {}
        for name in list(known):
            self._load(name, known)
        parts: dict[str, list[str]] = {STYLE: [], MEMBER_STYLE: []}
        for path in sorted(styles.glob("*.css")):
            parts[MEMBER_STYLE if _FOR_MEMBERS.match(path.name) else STYLE].append(path.read_text("utf-8"))
        for name, texts in parts.items():
            sheet = re.sub(r"url\(([a-z0-9.-]+)\)", lambda found: f"url({self.url(found[1])})", "".join(texts))
            self._files[name] = _loaded(_tight(sheet).encode(), ".css")

    def _load(self, name: str, known: dict[str, Path]) -> None:
        """Load one file after the modules it imports: their addresses stand in it and change with their content."""
        path = known.pop(name, None)
        if path is None:
            return
        body = path.read_bytes()
        if path.suffix == ".js":
            text = body.decode()
            self._imports[name] = _IMPORT.findall(text)
            for imported in (*self._imports[name], *_LATER.findall(text)):
                self._load(imported, known)
            for names in (_IMPORT, _LATER):
                text = names.sub(lambda found: f'"{self.url(found[1])}"', text)
            body = text.encode()
        self._files[name] = _loaded(body, path.suffix)

    def find(self, name: str) -> StaticFile | None:
        """Return the file called ``name``, or None."""
        return self._files.get(name)

    def names(self) -> list[str]:
        """List all names."""
        return list(self._files)

    def url(self, name: str) -> str:
        """Return the address of ``name``; it changes with the content, so it may be cached for ever."""
        return f"/static/{name}?v={self._files[name].tag}"

    def modules(self, *names: str) -> list[str]:
        """Return the addresses of these modules, each after those it imports: all can be asked for at once."""
        found: dict[str, None] = {}

        def add(name: str) -> None:
            for imported in self._imports[name]:
                add(imported)
            found[self.url(name)] = None

        for name in names:
            add(name)
        return list(found)


def _tight(sheet: str) -> str:
    """Return a style sheet without its comments and indentation (a tenth of what a phone has to load)."""
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)).strip()


def _loaded(body: bytes, suffix: str) -> StaticFile:
    tag = hashlib.blake2b(body, digest_size=6).hexdigest()
    packed = b"" if suffix in _TIGHT else gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return StaticFile(body, packed, _TYPES[suffix], tag)
