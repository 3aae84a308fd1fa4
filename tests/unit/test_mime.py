"""Kinds of files: magic before name, and nothing believed that the bytes contradict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.model import mime

PDF, JPEG, ZIP = b"%PDF-1.7\n", b"\xff\xd8\xff\xe0\0\x10JFIF", b"PK\x03\x04" + bytes(40)


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.jpg", JPEG, "image/jpeg"),
        ("a.txt", JPEG, "image/jpeg"),
        ("a.jpg", PDF, "application/pdf"),
        ("a.jpg", b"just words", "text/plain"),
        ("a.jpg", b"\0\1\2\3", mime.UNKNOWN),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("a", b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        ("IMG.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        ("IMG.HEIC", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
        ("x", b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "image/avif"),
        ("m", b"\0\0\0\x18ftypisom\0\0\0\0isomiso2", "video/mp4"),
        ("m.mov", b"\0\0\0\x14ftypqt  \0\0\0\0", "video/quicktime"),
        ("m.mov", b"\0\0\0\x08wide\0\0\0\0mdat", "video/quicktime"),
        ("v", b"\x1a\x45\xdf\xa3\x9fB\x86\x81\1B\x82\x84webm", "video/webm"),
        ("v", b"\x1a\x45\xdf\xa3\x9fB\x86\x81\1B\x82\x88matroska", "video/x-matroska"),
        ("letter.docx", ZIP, mime.DOCX),
        ("letter.zip", ZIP, "application/zip"),
        ("letter", b"PK\x03\x04" + bytes(26) + b"mimetype" + mime.ODT.encode() + b"PK", mime.ODT),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
        ("raw.NEF", b"MM\0*\0\0\0\x08", "image/x-nikon-nef"),
        ("scan", b"II*\0\x08\0\0\0", "image/tiff"),
        ("song.mp3", b"\xff\xfb\x90\x00", "audio/mpeg"),
        ("notes.md", "# Grüße".encode(), "text/markdown"),
        ("page", b"\n <!DOCTYPE html><title>", "text/html"),
        ("page.txt", b"<html>", "text/plain"),
        ("drawing.svg", b"<svg/>", "image/svg+xml"),
        ("video.ts", b"\x47\x40\0\x10\0", "video/mp2t"),
        ("code.ts", b"let a = 1", "text/x-typescript"),
        ("README", b"words", "text/plain"),
        (".bashrc", b"alias", "text/plain"),
        ("dir.d/file", b"\0", mime.UNKNOWN),
        ("empty.csv", b"", "text/csv"),
        ("empty", b"", mime.UNKNOWN),
        ("wide.txt", "\ufeffäöü".encode("utf-16-le"), "text/plain"),
    ],
)
def test_kinds(name: str, head: bytes, expected: str) -> None:
    assert mime.mime_of(name, head) == expected


def test_a_character_cut_by_the_head_is_still_text() -> None:
    text = ("ä" * 3000).encode()
    assert mime.mime_of("a.txt", text[: mime.HEAD_BYTES - 1]) == "text/plain"
    assert mime.mime_of("a", text[:101] + b"\xff" + text[101:200]) == mime.UNKNOWN


def test_old_encodings_are_text_when_the_name_says_so() -> None:
    assert mime.mime_of("a.txt", "Käse".encode("latin-1")) == "text/plain"
    assert mime.mime_of("a", "Käse".encode("latin-1")) == mime.UNKNOWN
    assert mime.mime_of("a.txt", b"a\0b") == mime.UNKNOWN


@given(st.text(max_size=40), st.binary(max_size=300))
def test_every_answer_is_a_media_type(name: str, head: bytes) -> None:
    kind, _, rest = mime.mime_of(name, head).partition("/")
    assert kind in {"application", "audio", "font", "image", "message", "text", "video"}
    assert rest


def test_what_the_house_does_with_each_kind() -> None:
    assert mime.is_text("text/html") and mime.needs_reader("text/html") and not mime.has_preview("text/html")
    assert mime.is_text("application/json") and not mime.needs_reader("application/json")
    assert mime.needs_reader("image/tiff") and not mime.has_preview("image/tiff")
    assert mime.has_preview("image/heic") and mime.has_preview("video/quicktime")
    assert mime.needs_reader("audio/mpeg") and not mime.has_preview("audio/mpeg") and mime.is_media("audio/mpeg")
    assert not mime.needs_reader("application/zip") and not mime.is_text("application/zip")
    assert all(mime.needs_reader(kind) for kind in mime.PICTURES | mime.VIDEOS | mime.AUDIOS | mime.OFFICE)
