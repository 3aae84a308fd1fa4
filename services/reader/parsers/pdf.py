"""The words and the title of a PDF, by pypdf; page by page until there is enough, or it took long enough."""

from __future__ import annotations

import logging
import time
import zlib
from typing import BinaryIO

import pypdf
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

from firmware.limits import READER_SECONDS, TEXT_INDEX_BYTES
from firmware.model import Facts
from services.reader.answer import TITLE_CHARACTERS, ReadError, Trouble
from services.reader.parsers.html import squeezed
from services.reader.plain_text import clip

PAGES = 200
_ENOUGH_SECONDS = READER_SECONDS / 2
"""CPU time after which the pages read so far are the answer."""
_BROKEN = (PyPdfError, zlib.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError)


def warm_up() -> None:
    """Silence pypdf's log (it would quote the file) and load what it loads late."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)


def facts(file: BinaryIO) -> Facts:
    """Read title and text of the first PAGES pages; raises ReadError for encrypted or senseless files."""
    try:
        document = pypdf.PdfReader(file, strict=False)
        if document.is_encrypted and not document.decrypt(""):
            raise ReadError(Trouble.ENCRYPTED)
        count = len(document.pages)
        title = _title(document)
    except (DependencyError, FileNotDecryptedError) as error:
        raise ReadError(Trouble.ENCRYPTED) from error
    except (*_BROKEN, RecursionError) as error:
        raise ReadError(Trouble.NOT_UNDERSTOOD) from error
    return Facts(title=title, text=_text(document, min(count, PAGES)))


def _title(document: pypdf.PdfReader) -> str | None:
    try:
        found = document.metadata.title if document.metadata else None
    except (*_BROKEN, RecursionError):
        return None
    return squeezed(found)[:TITLE_CHARACTERS] or None if isinstance(found, str) else None


def _text(document: pypdf.PdfReader, pages: int) -> str | None:
    parts: list[str] = []
    size = 0
    for number in range(pages):
        try:
            words = squeezed(document.pages[number].extract_text())
        except (*_BROKEN, RecursionError):
            continue
        except MemoryError:
            break
        parts.append(words)
        size += len(words)
        if size > TEXT_INDEX_BYTES or time.process_time() > _ENOUGH_SECONDS:
            break
    return clip("\n".join(parts)) or None
