"""The words and the title of a web page; scripts, styles and markup left out."""

from __future__ import annotations

import contextlib
import re
from html.parser import HTMLParser
from typing import BinaryIO

from firmware.limits import KIB, MIB, TEXT_INDEX_BYTES
from firmware.model import Facts
from services.reader.answer import TITLE_CHARACTERS, Overtime
from services.reader.clipping import clip

_READ_BYTES = 1 * MIB
"""Words further in than this do not matter to a search; html.parser is slow, and slower on hostile pages."""
_PIECE = 64 * KIB
_LEFT_CHARACTERS = 4 * KIB
"""An unfinished tag or comment at the end; html.parser takes quadratic time to give up on a longer one."""
_SILENT = frozenset({"script", "style", "template", "noscript", "svg", "math"})
_BLOCKS = frozenset({"p", "div", "br", "li", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "section"})
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([a-zA-Z0-9_.:-]{2,40})", re.IGNORECASE)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self.size = 0
        self._silent = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base class calls
        if tag in _SILENT:
            self._silent += 1
        elif tag == "title":
            self._in_title = True
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(self._silent - 1, 0)
        elif tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._silent:
            self.parts.append(data)
            self.size += len(data)


def facts(file: BinaryIO) -> Facts:
    """Read the page's title and text, at most TEXT_INDEX_BYTES."""
    text = decoded(file.read(_READ_BYTES))
    words = _Words()
    with contextlib.suppress(Overtime):
        for start in range(0, len(text), _PIECE):
            words.feed(text[start : start + _PIECE])
            if words.size > TEXT_INDEX_BYTES:
                break
        else:
            if len(words.rawdata) < _LEFT_CHARACTERS:
                words.close()
    title = squeezed("".join(words.title))[:TITLE_CHARACTERS]
    return Facts(title=title or None, text=clip(squeezed("".join(words.parts))) or None)


def decoded(raw: bytes) -> str:
    """Decode by byte order mark, then the page's own ``charset=``, then UTF-8, then Windows-1252."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace")
    named = _CHARSET.search(raw[:2048])
    for encoding in (named[1].decode("ascii") if named else "utf-8", "utf-8"):
        try:
            return raw.decode(encoding)
        except (LookupError, ValueError):
            continue
    return raw.decode("cp1252", "replace")


def squeezed(text: str) -> str:
    """Bring every run of blanks to one blank, and of line ends to one line end."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
