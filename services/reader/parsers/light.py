"""What is answered without any library beyond Python's own: facts of pictures, media, web pages, office documents."""

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
import io
import os
import zipfile

from firmware.limits import READER_INPUT_BYTES
from firmware.model import Analysis, Facts
from firmware.model.mime import DOCX, OFFICE, PICTURES, RAW_PHOTOS, is_media
from services.reader.answer import ReadError, Trouble, with_mime
from services.reader.parsers import headers, html, media, office
from services.reader.zygote import Job, Tasks

_HEADERS = PICTURES | RAW_PHOTOS | {"image/tiff"}


def parse(job: Job, source: int) -> Analysis:
    """Answer ``job`` about the file behind descriptor ``source``; raises ReadError or whatever the parser meets."""
    if job.task != "facts":
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    return Analysis(facts=with_mime(_facts(job, source), job.mime))


def _facts(job: Job, source: int) -> Facts:
    if job.mime in _HEADERS:
        return headers.facts(source, job.size)
    with os.fdopen(source, "rb", closefd=False) as file:
        if is_media(job.mime):
            return media.facts(file.read(), job.mime)
        if job.mime in OFFICE:
            return office.facts(file, job.mime)
        if job.mime == "text/html":
            return html.facts(file)
    raise ReadError(Trouble.NOT_UNDERSTOOD if job.size <= READER_INPUT_BYTES else Trouble.TOO_LARGE)


_TIFF = (
    b"MM\0*\0\0\0\x08\0\x03\x01\x12\0\x03\0\0\0\x01\0\x01\0\0\x87\x69\0\x04\0\0\0\x01\0\0\0\x32\x88\x25\0\x04\0\0\0\x01"
    b"\0\0\0\x44\0\0\0\0\0\x01\x90\x03\0\x02\0\0\0\x14\0\0\0\x7a\0\0\0\0\0\x04\0\x01\0\x02\0\0\0\x02N\0\0\0\0\x02\0\x05"
    b"\0\0\0\x03\0\0\0\x8e\0\x03\0\x02\0\0\0\x02E\0\0\0\0\x04\0\x05\0\0\0\x03\0\0\0\x8e\0\0\0\0"
    b"2024:05:06 07:08:09\0" + b"\0\0\0\x07\0\0\0\x01" * 3
)
_JPEG = b"\xff\xd8\xff\xe1\0\xaeExif\0\0" + _TIFF + b"\xff\xc0\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0\xff\xda\0\x02"
_PAGE = b"<!doctype html><title>warm</title><style>p{}</style><p class=x>one &amp; two<br>three<!-- no --><p>four\n" * 4


def _letter() -> bytes:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<w:document xmlns:w='w'><w:p><w:t>warm</w:t></w:p></w:document>")
        archive.writestr("docProps/core.xml", "<c xmlns:d='d'><d:title>warm</d:title></c>")
    return box.getvalue()


TASKS = Tasks(parse, media.command, samples=(("image/jpeg", _JPEG), ("text/html", _PAGE), (DOCX, _letter())))
