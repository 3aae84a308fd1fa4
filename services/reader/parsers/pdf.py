"""The words and the title of a PDF, by pdfium; page by page until there is enough, or it took long enough."""

from __future__ import annotations

import ctypes
from typing import BinaryIO

import pypdfium2  # noqa: F401 - starts pdfium in this process
from pypdfium2 import raw as pdfium

from firmware.limits import TEXT_INDEX_BYTES
from firmware.model import Facts
from services.reader.answer import TITLE_CHARACTERS, Overtime, ReadError, Trouble
from services.reader.clipping import clip
from services.reader.parsers.html import squeezed

PAGES = 200
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


def facts(file: BinaryIO) -> Facts:
    """Read title and text of the first PAGES pages; raises ReadError for encrypted or senseless files."""
    data = file.read()
    document = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
    if not document:
        encrypted = pdfium.FPDF_GetLastError() in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY)
        raise ReadError(Trouble.ENCRYPTED if encrypted else Trouble.NOT_UNDERSTOOD)
    count = pdfium.FPDF_GetPageCount(document)
    if count <= 0:
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    return Facts(title=_title(document), text=_text(document, min(count, PAGES)))


def _title(document: pdfium.FPDF_DOCUMENT) -> str | None:
    size = min(pdfium.FPDF_GetMetaText(document, b"Title", None, 0), 8 * TITLE_CHARACTERS)
    found = ctypes.create_string_buffer(max(size, 2))
    pdfium.FPDF_GetMetaText(document, b"Title", found, size)
    return squeezed(_decoded(found.raw))[:TITLE_CHARACTERS] or None


def _text(document: pdfium.FPDF_DOCUMENT, pages: int) -> str | None:
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


def _page(document: pdfium.FPDF_DOCUMENT, number: int) -> str:
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
