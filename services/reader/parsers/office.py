"""The words of office documents: zip archives of XML, read entry by entry under bounds on bytes, ratio and count."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from firmware.limits import KIB, MIB, TEXT_INDEX_BYTES
from firmware.model import Facts
from firmware.model.mime import DOCX, PPTX, XLSX
from services.reader.answer import TITLE_CHARACTERS, Overtime, ReadError, Trouble
from services.reader.clipping import clip
from services.reader.parsers.html import squeezed

ENTRIES = 10_000
ENTRY_BYTES = 32 * MIB
RATIO = 200
"""A part that unpacks to more than this many times its size is a bomb, no letter (XML of office files stays below
60); parts up to 1 MiB are let through whatever their ratio."""
_PIECE = 64 * KIB
_BREAKS = frozenset({"p", "h", "si", "tr", "table-row", "br", "tab", "line-break"})
_SLIDES = 300


class _Enough(Exception):
    """Text for the whole index is there."""


def facts(file: BinaryIO, mime: str) -> Facts:
    """Read title and text; raises ReadError for bombs, declared entities and archives that are none."""
    try:
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > ENTRIES:
                raise ReadError(Trouble.TOO_LARGE)
            title = _title(archive, mime)
            parts: list[str] = []
            with contextlib.suppress(Overtime):
                for name in _parts(archive, mime):
                    parts.append(_words(archive, name, "t" if mime in (DOCX, XLSX, PPTX) else None))
                    if sum(map(len, parts)) > TEXT_INDEX_BYTES:
                        break
    except RuntimeError as error:  # zipfile's word for a password
        raise ReadError(Trouble.ENCRYPTED) from error
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, NotImplementedError, KeyError, EOFError) as error:
        raise ReadError(Trouble.NOT_UNDERSTOOD) from error
    return Facts(mime=mime, title=title, text=clip(squeezed("\n".join(parts))) or None)


def _parts(archive: zipfile.ZipFile, mime: str) -> list[str]:
    names = archive.namelist()
    if mime == DOCX:
        return [name for name in names if name in ("word/document.xml", "word/footnotes.xml")]
    if mime == XLSX:
        return [name for name in names if name == "xl/sharedStrings.xml"]
    if mime == PPTX:
        slides = [name for name in names if name.startswith("ppt/slides/slide") and name.endswith(".xml")]
        return sorted(slides, key=lambda name: (len(name), name))[:_SLIDES]
    return [name for name in names if name == "content.xml"]


def _title(archive: zipfile.ZipFile, mime: str) -> str | None:
    name = "docProps/core.xml" if mime in (DOCX, XLSX, PPTX) else "meta.xml"
    if name not in archive.namelist():
        return None
    return squeezed(_words(archive, name, "title"))[:TITLE_CHARACTERS] or None


class _Words:
    """Collects the character data of one part: of elements called ``only`` (local name), or of all."""

    def __init__(self, only: str | None) -> None:
        self.parts: list[str] = []
        self._only, self._depth, self._size = only, 0, 0

    def start(self, tag: str, _: dict[str, str]) -> None:
        local = tag.rpartition(":")[2]
        self._depth += local == self._only
        if local in _BREAKS:
            self.parts.append("\n")

    def end(self, tag: str) -> None:
        self._depth -= tag.rpartition(":")[2] == self._only

    def data(self, text: str) -> None:
        if self._only is None or self._depth:
            self.parts.append(text)
            self._size += len(text)
            if self._size > TEXT_INDEX_BYTES:
                raise _Enough


def _words(archive: zipfile.ZipFile, name: str, only: str | None) -> str:
    words, parser = _Words(only), _strict_parser()
    parser.StartElementHandler, parser.EndElementHandler = words.start, words.end
    parser.CharacterDataHandler = words.data
    try:
        for piece in _unpacked(archive, name):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except _Enough:
        pass
    return "".join(words.parts)


def _strict_parser() -> expat.XMLParserType:
    """Return an expat parser that refuses document types and entities (billion laughs, external files)."""

    def refuse(*_: object) -> None:
        raise ReadError(Trouble.NOT_UNDERSTOOD)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def _unpacked(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Unpack one part piece by piece; raises ReadError(TOO_LARGE) as soon as it passes a bound."""
    info = archive.getinfo(name)
    got = 0
    with archive.open(info) as part:
        while piece := part.read(_PIECE):
            got += len(piece)
            if got > ENTRY_BYTES or (got > MIB and got > RATIO * max(info.compress_size, 1)):
                raise ReadError(Trouble.TOO_LARGE)
            yield piece
