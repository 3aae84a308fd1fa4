"""The reader on hostile input: bombs, loops, cut files, noise. It always answers, and the next file is read."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator

import pytest

from firmware.limits import READER_RSS_BYTES
from firmware.model import Analysis, Facts, Preview, mime
from services.reader import answer
from services.reader.client import Reader
from tests.services import reader_files as files


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    assert 0 < reader.peak_rss_bytes <= READER_RSS_BYTES
    reader.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("films")
    exif = files.exif().tobytes()
    return {
        "a.jpg": files.picture("JPEG", 300, 200, exif=exif),
        "a.png": files.picture("PNG", 300, 200, exif=exif),
        "a.webp": files.picture("WEBP", 300, 200, exif=exif),
        "a.gif": files.picture("GIF", 300, 200),
        "a.heic": files.picture("HEIF", 300, 200, exif=exif),
        "a.tif": files.picture("TIFF", 300, 200, exif=exif),
        "a.pdf": files.pdf(),
        "a.docx": files.docx(),
        "a.odt": files.odt(),
        "a.html": b"<html><title>t</title><p>words &amp; more<!-- x --></html>" * 20,
        "a.mp4": files.film(folder, "a.mp4", "-c:v", "mpeg4", seconds=1),
        "a.webm": files.film(folder, "a.webm", "-c:v", "libvpx", "-deadline", "realtime", seconds=1),
    }


def look(reader: Reader, name: str, data: bytes, kind: str | None = None) -> list[Analysis]:
    kind = kind or mime.mime_of(name, data)
    return [reader.facts(kind, name, data), reader.previews(kind, name, data)]


def fine(reader: Reader) -> bool:
    return reader.facts("image/jpeg", "x", files.picture("JPEG", 30, 20)).trouble is None


@pytest.mark.parametrize(
    ("name", "data", "troubles"),
    [
        ("bomb.png", files.png_bomb(), {"too-many-pixels"}),
        ("bomb.png", files.png_bomb(8000, 7900), {"memory", "not-understood"}),
        ("flat.png", files.png_bomb(2**31 - 1, 1), {"too-many-pixels", "not-understood"}),
        ("bomb.docx", files.zip_bomb(), {"too-large"}),
        ("laugh.docx", files.laughing_docx(), {"not-understood"}),
        ("entity.docx", files.docx("", "<!DOCTYPE w SYSTEM 'file:///etc/passwd'>"), {"not-understood"}),
        ("loop.pdf", files.looping_pdf(), {"not-understood", "memory", "timeout", None}),
        ("empty.jpg", b"", {"not-understood"}),
        ("deep.html", b"<p><b>" * 500_000, {None}),
        ("comment.html", b"<!--" * 1_000_000, {None}),
        ("charset.html", b"<meta charset='base64'><p>x", {None}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bombs_cost_one_analysis(reader: Reader, name: str, data: bytes, troubles: set[str | None]) -> None:
    found = look(reader, name, data)
    last = found[1] if mime.has_preview(mime.mime_of(name, data)) else found[0]
    assert last.trouble in troubles and not last.previews
    assert fine(reader)


def test_a_document_behind_a_password(reader: Reader) -> None:
    assert reader.facts("application/pdf", "x.pdf", files.closed_pdf()).trouble == "encrypted"
    assert reader.previews("application/pdf", "x.pdf", files.closed_pdf()).trouble == "encrypted"


def test_files_cut_short(reader: Reader, samples: dict[str, bytes]) -> None:
    for name, data in samples.items():
        kind = mime.mime_of(name, data)
        for part in (2, 3) if mime.is_media(kind) else (1, 20, len(data) // 4, len(data) // 2, len(data) - 3):
            size = len(data) // part if mime.is_media(kind) else part
            for found in look(reader, name, data[:size], kind):
                assert found.trouble in (None, "not-understood"), (name, size, found.trouble)
    assert fine(reader)


def test_noise(reader: Reader, samples: dict[str, bytes]) -> None:
    """A few hundred files with random bytes changed: an answer for each, never a taken-over or dead reader."""
    draw = random.Random(20_261_121)
    counted = 0
    for name, data in samples.items():
        kind = mime.mime_of(name, data)
        for _ in range(3 if mime.is_media(kind) else 12):
            changed = bytearray(data)
            for _ in range(draw.choice((1, 3, 30))):
                changed[draw.randrange(len(changed))] = draw.randrange(256)
            for found in look(reader, name, bytes(changed), kind):
                counted += 1
                assert found.trouble not in ("bad-answer", "reader-failed", "no-sandbox", "timeout"), name
    for name, data in samples.items():
        kind = mime.mime_of(name, data)
        for found in look(reader, name, draw.randbytes(2000), kind):
            assert found.trouble in (None, "not-understood") and not found.previews
    assert counted >= 250 and fine(reader)


GOOD = Analysis(Facts(mime="image/png", width=3, text="x"), (Preview(5, "image/jpeg", b"\xff\xd8\xff1"),), None)


def test_an_answer_survives_the_wall() -> None:
    assert answer.decode(answer.encode(GOOD)) == GOOD
    assert answer.decode(answer.encode(Analysis(trouble="timeout"))) == Analysis(trouble="timeout")
    lone = Analysis(Facts(text="\ud800"))
    assert answer.decode(answer.encode(lone)).facts == Facts(text="?")


@pytest.mark.parametrize(
    "head",
    [
        [],
        {"facts": {"width": True}, "previews": []},
        {"facts": {"width": 1.5}, "previews": []},
        {"facts": {"width": 10**9}, "previews": []},
        {"facts": {"lat_e7": 10**9}, "previews": []},
        {"facts": {"text": 5}, "previews": []},
        {"facts": {"text": "x" * 70_000}, "previews": []},
        {"facts": {"title": "x" * 301}, "previews": []},
        {"facts": {"place": "x" * 301}, "previews": []},
        {"facts": {"mime": "text/html; charset=x"}, "previews": []},
        {"facts": {"__class__": "x"}, "previews": []},
        {"facts": [], "previews": []},
        {"trouble": "made-up", "previews": []},
        {"previews": [[256, "image/jpeg", 4]]},
        {"previews": [[256, "image/jpeg", -1]]},
        {"previews": [[256, "text/html", 0]]},
        {"previews": [[99_999, "image/jpeg", 0]]},
        {"previews": [[1, "image/jpeg", 0, 0]]},
        {"previews": {}},
        {"previews": [], "more": 1},
        {},
    ],
)
def test_a_lying_child_is_not_believed(head: object) -> None:
    text = json.dumps(head).encode()
    with pytest.raises(ValueError):  # noqa: PT011 - any refusal will do
        answer.decode(struct.pack(">I", len(text)) + text)


@pytest.mark.parametrize(
    "raw", [b"", b"\0\0\0", b"\xff\xff\xff\xff{}", b"\0\0\0\x02{", b"\0\0\0\x02{}x", b"\0\0\0\x01\xff"]
)
def test_bytes_that_are_no_answer(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        answer.decode(raw)
    deep = b"[" * 100_000
    with pytest.raises(ValueError):  # noqa: PT011
        answer.decode(struct.pack(">I", len(deep)) + deep)
