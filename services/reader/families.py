"""Three mother processes instead of one, each with only the parsers its kinds of file need.

A fork copies the page tables of everything its mother imported, and a child pays for every page it touches: the facts
of photographs and pages of text, which are most of the work of a new box, need none of the large libraries.
"""

from __future__ import annotations

import enum


class Family(enum.StrEnum):
    """Which mother a job goes to."""

    LIGHT = "light"
    """Facts of pictures, media, web pages and office documents: the standard library alone."""
    PAPERS = "papers"
    """Words of PDFs: pdfium."""
    PICTURES = "pictures"
    """Everything that decodes pixels: Pillow, libheif, pdfium."""


_HEIC = frozenset({"image/heic", "image/heif"})


def family_of(task: str, mime: str) -> Family:
    """Say which mother answers ``task`` (facts or previews) about a file of type ``mime``."""
    if task == "previews" or mime in _HEIC:
        return Family.PICTURES
    return Family.PAPERS if mime == "application/pdf" else Family.LIGHT
