"""What needs pixels: previews of pictures, posters of films, first pages of PDFs; and the facts of HEIC."""

from __future__ import annotations

import os

from firmware.model import Analysis
from firmware.model.mime import PICTURES, VIDEOS
from services.reader.answer import ReadError, Trouble, with_mime
from services.reader.parsers import images, media, pdf_page
from services.reader.zygote import Job, Tasks


def parse(job: Job, source: int) -> Analysis:
    """Answer ``job`` about the file behind descriptor ``source``; raises ReadError or whatever the parser meets."""
    with os.fdopen(source, "rb", closefd=False) as file:
        if job.task == "facts" and job.mime in PICTURES:
            return Analysis(facts=with_mime(images.facts(file), job.mime))
        if job.task == "previews" and job.mime == "application/pdf":
            return Analysis(previews=pdf_page.previews(file))
        if job.task == "previews" and (job.mime in PICTURES or job.mime in VIDEOS):
            return Analysis(previews=images.previews(file))
    raise ReadError(Trouble.NOT_UNDERSTOOD)


images.warm_up()
pdf_page.warm_up()
TASKS = Tasks(parse, media.command)
