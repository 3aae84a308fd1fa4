"""Which parser answers for which kind of file. Everything in this package runs inside the sandbox only."""

from __future__ import annotations

import encodings.ascii
import encodings.cp437
import encodings.cp1250
import encodings.cp1251
import encodings.cp1252
import encodings.gb18030
import encodings.iso8859_1
import encodings.iso8859_15
import encodings.shift_jis
import encodings.utf_16
import encodings.utf_16_be
import encodings.utf_16_le  # noqa: F401 - a walled-in child cannot import a codec when it meets one
import os
from dataclasses import replace
from typing import BinaryIO

from firmware.limits import READER_INPUT_BYTES
from firmware.model import Analysis, Facts
from firmware.model.mime import OFFICE, PICTURES, RAW_PHOTOS, VIDEOS, is_media
from services.reader.answer import ReadError, Trouble
from services.reader.parsers import html, images, media, office, pdf, pdf_page
from services.reader.zygote import Job, Tasks


def parse(job: Job, source: int) -> Analysis:
    """Answer ``job`` about the file behind descriptor ``source``; raises ReadError or whatever the parser meets."""
    with os.fdopen(source, "rb", closefd=False) as file:
        if job.task == "previews":
            return _previews(job, file)
        facts = _facts(job, file)
        return Analysis(facts=replace(facts, mime=facts.mime or job.mime))


def warm_up() -> None:
    """Import what parsers import late, while this process may still open files."""
    images.warm_up()
    pdf.warm_up()
    pdf_page.warm_up()


def _previews(job: Job, file: BinaryIO) -> Analysis:
    if job.mime == "application/pdf":
        return Analysis(previews=pdf_page.previews(file))
    if job.mime not in PICTURES and job.mime not in VIDEOS:
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    return Analysis(previews=images.previews(file))


def _facts(job: Job, file: BinaryIO) -> Facts:
    if is_media(job.mime):
        return media.facts(file.read(), job.mime)
    if job.mime in PICTURES or job.mime in RAW_PHOTOS or job.mime == "image/tiff":
        return images.facts(file)
    if job.mime == "application/pdf":
        return pdf.facts(file)
    if job.mime in OFFICE:
        return office.facts(file, job.mime)
    if job.mime == "text/html":
        return html.facts(file)
    raise ReadError(Trouble.NOT_UNDERSTOOD if job.size <= READER_INPUT_BYTES else Trouble.TOO_LARGE)


TASKS = Tasks(parse=parse, command=media.command)
