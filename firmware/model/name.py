"""Names of records: a relative path a file came with, safe to write back to any folder."""

from __future__ import annotations

from firmware.errors import BadName

MAX_NAME_BYTES = 4096
"""Longest whole path in bytes (Linux PATH_MAX); guards listings and the catalog against absurd names."""

MAX_PART_BYTES = 255
"""Longest single path component in bytes (ext4, APFS, NTFS all stop there)."""


class SafeName(str):
    """A relative path without ``.``/``..``/empty components and without NUL.

    Bytes that are not UTF-8 travel as surrogate escapes (PEP 383), so that the original name survives exactly;
    ``shown`` is what a person sees. Any other character is allowed: emoji and right-to-left marks are
    somebody's names too, and pages isolate them when they print them.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> SafeName:
        """Check ``text`` and return it as a SafeName; raises BadName with the reason."""
        try:
            raw = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raw = b""
        if not raw:
            raise BadName(why="it is empty or not text")
        if len(raw) > MAX_NAME_BYTES:
            raise BadName(why=f"it is longer than {MAX_NAME_BYTES} bytes")
        if "\0" in text:
            raise BadName(why="it contains a NUL character")
        for part in text.split("/"):
            if part in ("", ".", ".."):
                raise BadName(why="it points outside its folder (an empty part, “.” or “..”)")
            if len(raw) > MAX_PART_BYTES < len(part.encode("utf-8", "surrogateescape")):
                raise BadName(why=f"one part of it is longer than {MAX_PART_BYTES} bytes")
        return super().__new__(cls, text)

    @property
    def leaf(self) -> str:
        """The last component."""
        return self.rsplit("/", 1)[-1]

    @property
    def raw(self) -> bytes:
        """The exact bytes of the name."""
        return self.encode("utf-8", "surrogateescape")

    @property
    def shown(self) -> str:
        """The name as text a person can read; undecodable bytes become U+FFFD."""
        return self.raw.decode("utf-8", "replace")
