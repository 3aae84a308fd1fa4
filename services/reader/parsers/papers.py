"""What is answered about PDFs by pdfium alone: their words."""

from __future__ import annotations

import os

from firmware.model import Analysis
from services.reader.answer import ReadError, Trouble, with_mime
from services.reader.parsers import media, pdf
from services.reader.zygote import Job, Tasks


def parse(job: Job, source: int) -> Analysis:
    """Answer ``job`` about the PDF behind descriptor ``source``; raises ReadError or whatever pdfium meets."""
    if job.task != "facts" or job.mime != "application/pdf":
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    with os.fdopen(source, "rb", closefd=False) as file:
        return Analysis(facts=with_mime(pdf.facts(file), job.mime))


TASKS = Tasks(parse, media.command, samples=(("application/pdf", pdf.SAMPLE),))
