"""Real files of every kind the reader reads, made by the programs that make them everywhere; and hostile ones."""

from __future__ import annotations

import io
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pillow_heif
from PIL import Image

from firmware.model import mime

TAKEN = "2023:07:14 18:30:05"
TAKEN_LOCAL_MS = 1_689_359_405_000
"""18:30:05 on 14 July 2023, read as if it were UTC."""


def scene(width: int, height: int) -> Image.Image:
    """A picture with a red left half, a blue right half and a green top edge, so that turning it shows."""
    picture = Image.new("RGB", (width, height), "red")
    picture.paste("blue", (width // 2, 0, width, height))
    picture.paste("green", (0, 0, width, max(height // 10, 1)))
    return picture


def exif(*, orientation: int = 1, zone: str | None = None) -> Image.Exif:
    """A camera's EXIF: taken at TAKEN, at 52° 31' 12.5" N, 13° 24' 18" W."""
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x010F] = "Lens & Sons"
    part = data.get_ifd(0x8769)
    part[0x9003] = TAKEN
    if zone:
        part[0x9011] = zone
    place = data.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "N", (52.0, 31.0, 12.5), "W", (13.0, 24.0, 18.0)
    return data


def picture(kind: str, width: int = 1200, height: int = 800, **options: object) -> bytes:
    """The scene in ``kind`` (JPEG, PNG, WEBP, GIF, TIFF, HEIF)."""
    if kind == "HEIF":
        pillow_heif.register_heif_opener()
    box = io.BytesIO()
    scene(width, height).save(box, kind, **options)
    return box.getvalue()


def pdf(text: str = "Invoice 4711", title: str = "A letter") -> bytes:
    """One page saying ``text``, written by hand with a correct table of objects."""
    stream = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Title(%b)>>" % title.encode(),
    )


def pdf_of(*objects: bytes) -> bytes:
    """A PDF of these objects; the first is the catalog, the last the information dictionary."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1, len(objects), start,
    )  # fmt: skip
    return bytes(out)


def closed_pdf() -> bytes:
    """A blank page behind the password “secret” (RC4, 128 bits; revision 3 of the standard handler)."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n2 0 obj<</Type/Catalog/Pages 1 0 R>>endobj\n"
        b"3 0 obj<</Type/Page/Resources<<>>/MediaBox[0 0 100 100]/Parent 1 0 R>>endobj\n"
        b"4 0 obj<</V 2/R 3/Length 128/P 4294967292/Filter/Standard"
        b"/O<0e522925a3e4e874c3cfacbef511a73ac4ec2bd865dcd3d4627614917abfd7e4>"
        b"/U<2bde1cdc932c2684f83982821dc884a628bf4e5e4e758a4164004e56fffa0108>>>endobj\n"
        b"trailer<</Size 5/Root 2 0 R/ID[<1ca15fa0fad02e8f3296673c9323f593><1ca15fa0fad02e8f3296673c9323f593>]"
        b"/Encrypt 4 0 R>>\n%%EOF\n"
    )


def looping_pdf() -> bytes:
    """A page tree that is its own child, twice."""
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R 2 0 R]/Count 9999999>>", b"<<>>"
    )


def archive(parts: dict[str, str | bytes], compress: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these parts; ``mimetype`` stored first and plain, as OpenDocument asks."""
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", compress) as out:
        for name, body in parts.items():
            out.writestr(name, body, zipfile.ZIP_STORED if name == "mimetype" else compress)
    return box.getvalue()


def docx(body: str = "<w:p><w:r><w:t>Dear Aunt Ottilie</w:t></w:r></w:p>", head: str = "") -> bytes:
    """A letter as Word writes it, as far as a reader of words looks."""
    core = "<cp:coreProperties xmlns:cp='c' xmlns:dc='d'><dc:title>Thanks</dc:title></cp:coreProperties>"
    document = f"<?xml version='1.0'?>{head}<w:document xmlns:w='w'><w:body>{body}</w:body></w:document>"
    return archive({"[Content_Types].xml": "<Types/>", "word/document.xml": document, "docProps/core.xml": core})


def odt() -> bytes:
    """A letter as LibreOffice writes it."""
    words = "<text:p>Liebe Tante</text:p><text:p>Ottilie</text:p>"
    content = f"<o:doc xmlns:o='o' xmlns:text='t'><o:body>{words}</o:body></o:doc>"
    return archive({"mimetype": mime.ODT, "content.xml": content, "meta.xml": "<m><title>Dank</title></m>"})


def xlsx() -> bytes:
    """A sheet's shared strings."""
    strings = "<sst><si><t>Rent</t></si><si><r><t>Electri</t></r><r><t>city</t></r></si></sst>"
    return archive({"xl/sharedStrings.xml": strings, "xl/workbook.xml": "<workbook/>"})


def laughing_docx() -> bytes:
    """A billion laughs: ten entities, each ten times the one before."""
    entities = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
    return docx("<w:t>&e9;</w:t>", f"<!DOCTYPE w [<!ENTITY e0 'ha'>{entities}]>")


def zip_bomb() -> bytes:
    """A letter that unpacks to a thousand times its size."""
    return docx("<w:p>" + " " * 200_000_000 + "</w:p>")


def png_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG that declares ``width`` x ``height`` and brings a little of it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def film(folder: Path, name: str, *options: str, seconds: int = 2) -> bytes:
    """Two seconds of a test picture with a tone, by ffmpeg; ``name`` decides the container."""
    path = folder / name
    subprocess.run(
        [
            "ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s=640x360:d={seconds}:r=10",
            "-f", "lavfi", "-i", f"sine=d={seconds}", "-threads", "1", "-metadata", "title=Garden",
            "-metadata", "creation_time=2024-05-06T07:08:09Z", "-metadata", "location=+52.5200-013.4050/",
            *options, str(path),
        ],
        check=True,
    )  # fmt: skip
    return path.read_bytes()
