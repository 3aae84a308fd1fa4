"""The words and the title of a PDF, by pypdf; page by page until there is enough, or it took long enough."""

from __future__ import annotations

import contextlib
import importlib
import logging
import pkgutil
import zlib
from typing import BinaryIO

import pypdf
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

from firmware.limits import TEXT_INDEX_BYTES
from firmware.model import Facts
from services.reader.answer import TITLE_CHARACTERS, Overtime, ReadError, Trouble
from services.reader.clipping import clip
from services.reader.parsers.html import squeezed

PAGES = 200
_BROKEN = (PyPdfError, zlib.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError)


def warm_up() -> None:
    """Silence pypdf's log (it would quote the file) and load what it loads late."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    for module in pkgutil.walk_packages(pypdf.__path__, "pypdf."):
        with contextlib.suppress(ImportError):  # parts for packages we do not have
            importlib.import_module(module.name)


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
        except (MemoryError, Overtime):
            break
        parts.append(words)
        size += len(words)
        if size > TEXT_INDEX_BYTES:
            break
    return clip("\n".join(parts)) or None
