"""A picture of a PDF's first page, by pdfium: inside the sandbox, from the file as it lies, with no font of the system.

Fonts a file does not carry come from the dozen built into pdfium; it can open none, because a child opens nothing.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import pypdfium2
from pypdfium2.raw import FPDF_ERR_PASSWORD

from firmware.model import Preview
from services.reader.answer import ReadError, Trouble
from services.reader.parsers import images

_POINTS = 14_400
"""Longest side a page may claim (200 inches, Acrobat's own bound); beyond it the file plays games."""
_BLANK = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n"
    b"4 0 obj<</Length 32>>stream\nBT /F 9 Tf 9 9 Td (warm) Tj ET  \nendstream endobj\n"
    b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


def warm_up() -> None:
    """Start pdfium and let it find its fonts once, in this process, before the walls."""
    previews(io.BytesIO(_BLANK))


def previews(file: BinaryIO) -> tuple[Preview, ...]:
    """Draw the first page on white in the sizes of every preview; raises ReadError for what is no readable PDF."""
    try:
        document = pypdfium2.PdfDocument(file)
        page = document[0]
    except pypdfium2.PdfiumError as error:
        encrypted = error.err_code == FPDF_ERR_PASSWORD
        raise ReadError(Trouble.ENCRYPTED if encrypted else Trouble.NOT_UNDERSTOOD) from error
    longest = max(page.get_size())
    if not 1 <= longest <= _POINTS:
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    drawn = page.render(scale=images.EDGES[0] / longest, rev_byteorder=True, may_draw_forms=False)
    return images.sizes(drawn.to_pil().convert("RGB"), None)
