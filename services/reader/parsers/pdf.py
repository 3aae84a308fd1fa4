"""The words and the title of a PDF, by pdfium; page by page until there is enough, or it took long enough."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from typing import BinaryIO

from firmware.limits import TEXT_INDEX_BYTES
from firmware.model import Facts
from services.reader.answer import TITLE_CHARACTERS, Overtime, ReadError, Trouble
from services.reader.clipping import clip
from services.reader.parsers.html import squeezed

PAGES = 200
_FILE_PASSWORD, _FILE_SECURITY = 4, 5
"""Of FPDF_GetLastError: behind a password, or behind a lock pdfium does not know."""
_EVERYWHERE = (-1e6, 1e6, 1e6, -1e6)
"""Left, top, right, bottom in points: more than any page has."""
SAMPLE = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n"
    b"4 0 obj<</Length 61>>stream\nBT /F 9 Tf 9 90 Td 9 TL (two warm) Tj T* (lines, no more) Tj ET \nendstream endobj\n"
    b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n6 0 obj<</Title(Warm)>>endobj\n"
    b"trailer<</Root 1 0 R/Info 6 0 R>>\n%%EOF\n"
)
"""A page of ours to rehearse with (see Tasks.samples)."""


_int, _long, _pointer, _text, _double = (
    ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_double,
)  # fmt: skip
_CALLS: tuple[tuple[str, object, tuple[object, ...]], ...] = (
    ("FPDF_InitLibraryWithConfig", None, (_pointer,)),
    ("FPDF_LoadMemDocument64", _pointer, (_text, ctypes.c_size_t, _text)),
    ("FPDF_GetLastError", _long, ()),
    ("FPDF_GetPageCount", _int, (_pointer,)),
    ("FPDF_GetMetaText", _long, (_pointer, _text, _pointer, _long)),
    ("FPDF_LoadPage", _pointer, (_pointer, _int)),
    ("FPDF_ClosePage", None, (_pointer,)),
    ("FPDFText_LoadPage", _pointer, (_pointer,)),
    ("FPDFText_ClosePage", None, (_pointer,)),
    ("FPDFText_CountChars", _int, (_pointer,)),
    ("FPDFText_GetBoundedText", _int, (_pointer, _double, _double, _double, _double, _pointer, _int)),
)
"""Name, result and arguments of what is called (fpdfview.h, fpdf_text.h, fpdf_doc.h); pypdfium2's own module declares
four hundred more, which would triple the memory every child inherits."""


class _Config(ctypes.Structure):
    """FPDF_LIBRARY_CONFIG, version 2: where fonts lie, no JavaScript engine."""

    _fields_ = (
        ("version", _int), ("fonts", _pointer), ("isolate", _pointer), ("slot", ctypes.c_uint),
    )  # fmt: skip


def _pdfium() -> ctypes.CDLL:
    """Load and start the library that pypdfium2's wheel carries; raises OSError when it is not installed."""
    found = importlib.util.find_spec("pypdfium2_raw")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("pypdfium2 is not installed")
    library = ctypes.CDLL(os.path.join(found.submodule_search_locations[0], "libpdfium.so"))
    for name, result, arguments in _CALLS:
        call = getattr(library, name)
        call.restype, call.argtypes = result, arguments
    fonts = (_text * 2)(b"/proc/no-fonts", None)  # words need no outlines; a list of the system's would be searched
    library.FPDF_InitLibraryWithConfig(ctypes.byref(_Config(2, ctypes.addressof(fonts))))
    return library


pdfium = _pdfium()


def facts(file: BinaryIO) -> Facts:
    """Read title and text of the first PAGES pages; raises ReadError for encrypted or senseless files."""
    data = file.read()
    document = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
    if not document:
        encrypted = pdfium.FPDF_GetLastError() in (_FILE_PASSWORD, _FILE_SECURITY)
        raise ReadError(Trouble.ENCRYPTED if encrypted else Trouble.NOT_UNDERSTOOD)
    count = pdfium.FPDF_GetPageCount(document)
    if count <= 0:
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    return Facts(title=_title(document), text=_words(document, min(count, PAGES)))


def _title(document: int) -> str | None:
    size = min(pdfium.FPDF_GetMetaText(document, b"Title", None, 0), 8 * TITLE_CHARACTERS)
    found = ctypes.create_string_buffer(max(size, 2))
    pdfium.FPDF_GetMetaText(document, b"Title", found, size)
    return squeezed(_decoded(found.raw))[:TITLE_CHARACTERS] or None


def _words(document: int, pages: int) -> str | None:
    parts: list[str] = []
    size = 0
    try:
        for number in range(pages):
            words = squeezed(_page(document, number))
            parts.append(words)
            size += len(words)
            if size > TEXT_INDEX_BYTES:
                break
    except (MemoryError, Overtime):
        pass  # what is there so far is worth keeping
    return clip("\n".join(parts)) or None


def _page(document: int, number: int) -> str:
    page = pdfium.FPDF_LoadPage(document, number)
    if not page:
        return ""
    text = pdfium.FPDFText_LoadPage(page)
    try:
        length = min(2 * pdfium.FPDFText_CountChars(text) + 2, TEXT_INDEX_BYTES) if text else 0
        if length <= 2:
            return ""
        found = (ctypes.c_ushort * length)()
        got = pdfium.FPDFText_GetBoundedText(text, *_EVERYWHERE, found, length)
        return _decoded(bytes(memoryview(found))[: 2 * max(got, 0)])
    finally:
        if text:
            pdfium.FPDFText_ClosePage(text)
        pdfium.FPDF_ClosePage(page)


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-16-le", "replace").replace("\0", "")
