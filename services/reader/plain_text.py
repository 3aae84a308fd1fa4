"""Text files need no parser: decode them in place, without a child."""

from __future__ import annotations

from firmware.limits import TEXT_INDEX_BYTES
from firmware.model.mime import is_text, needs_reader

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def plain_text(data: bytes | memoryview, mime: str) -> str | None:
    """Return the searchable text (at most TEXT_INDEX_BYTES of UTF-8) of a txt, md, csv, json or source file.

    ``data`` may be just the file's start. None when ``mime`` is no plain text, when a NUL says it is binary after
    all, or when it is neither UTF-8, UTF-16 with a byte order mark, nor Latin-1 with words in it.
    """
    if not is_text(mime) or needs_reader(mime):
        return None
    start = bytes(data[: TEXT_INDEX_BYTES * 2])
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            text = start[len(mark) :].decode(encoding, "replace")
            return None if "\0" in text else clip(text)
    if b"\0" in start:
        return None
    try:
        return clip(start.decode("utf-8"))
    except UnicodeDecodeError as error:
        if error.start >= len(start) - 3:
            return clip(start[: error.start].decode("utf-8"))
        return clip(start.decode("cp1252", "replace"))


def clip(text: str, limit: int = TEXT_INDEX_BYTES) -> str:
    """Cut ``text`` to ``limit`` bytes of UTF-8 at a character; lone surrogates become U+FFFD."""
    raw = text[:limit].encode("utf-8", "replace")
    return raw[:limit].decode("utf-8", "ignore")
