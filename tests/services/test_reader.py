"""The reader on real input: every kind it promises, through the real zygote and its walls."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from firmware.limits import MIB, READER_INPUT_BYTES, READER_RSS_BYTES, TEXT_INDEX_BYTES
from firmware.model import Facts, Preview, mime
from firmware.model.text import decode_text
from services.reader.client import Reader
from services.reader.families import Family
from services.reader.ranges import TOTAL_BYTES, Read, needed
from tests.services import reader_files as files

BACKGROUNDS = sorted(Path("/usr/share/backgrounds").rglob("*.webp"))[:2]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    assert 0 < reader.peak_rss_bytes <= READER_RSS_BYTES
    reader.close()


def facts_of(reader: Reader, name: str, data: bytes) -> Facts:
    found = reader.facts(mime.mime_of(name, data), name, data)
    assert found.trouble is None and found.facts is not None
    return found.facts


def previews_of(reader: Reader, name: str, data: bytes) -> tuple[Preview, ...]:
    found = reader.previews(mime.mime_of(name, data), name, data)
    assert found.trouble is None
    for preview in found.previews:
        with Image.open(io.BytesIO(preview.data)) as picture:
            picture.load()
            assert max(picture.size) == preview.edge and len(picture.getexif()) == 0
    return found.previews


def colours(preview: Preview) -> dict[str, tuple[int, ...]]:
    """The middle of each side of a preview."""
    with Image.open(io.BytesIO(preview.data)) as picture:
        full = picture.convert("RGB")
        width, height = full.size
        places = {"left": (width // 8, height // 2), "right": (width * 7 // 8, height // 2)}
        return {side: full.getpixel(place) for side, place in places.items()}  # type: ignore[misc]


KINDS = ["JPEG", "PNG", "WEBP", "GIF", "HEIF"]


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_get_three_sizes_and_their_facts(reader: Reader, kind: str) -> None:
    data = files.picture(kind, 2000, 300)
    facts = facts_of(reader, "x", data)
    assert (facts.width, facts.height) == (2000, 300) and facts.mime == mime.mime_of("x", data)
    previews = previews_of(reader, "x", data)
    assert [preview.edge for preview in previews] == [256, 768, 1600]
    red, blue = colours(previews[0])["left"], colours(previews[0])["right"]
    assert red[0] > 200 and red[2] < 60 and blue[2] > 200 and blue[0] < 60


@pytest.mark.parametrize("kind", KINDS)
def test_small_pictures_are_never_made_larger(reader: Reader, kind: str) -> None:
    assert [one.edge for one in previews_of(reader, "x", files.picture(kind, 400, 300))] == [256, 400]
    assert [one.edge for one in previews_of(reader, "x", files.picture(kind, 64, 20))] == [64]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "TIFF"])
def test_date_and_place_of_a_photograph(reader: Reader, kind: str) -> None:
    facts = facts_of(reader, "x.jpg", files.picture(kind, 300, 200, exif=files.exif().tobytes()))
    assert (facts.taken_ms, facts.taken_local) == (files.TAKEN_LOCAL_MS, True)
    assert facts.lat_e7 == 525_201_389 and facts.lon_e7 == -134_050_000
    zoned = facts_of(reader, "x.jpg", files.picture(kind, 300, 200, exif=files.exif(zone="+02:00").tobytes()))
    assert (zoned.taken_ms, zoned.taken_local) == (files.TAKEN_LOCAL_MS - 2 * 3_600_000, False)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_photograph_is_shown_upright(reader: Reader, kind: str) -> None:
    data = files.picture(kind, 1200, 800, exif=files.exif(orientation=3).tobytes())
    sides = colours(previews_of(reader, "x", data)[0])
    assert sides["left"][2] > 200 and sides["right"][0] > 200
    data = files.picture(kind, 1200, 800, exif=files.exif(orientation=6).tobytes())
    facts = facts_of(reader, "x", data)
    assert (facts.width, facts.height) == (800, 1200)
    with Image.open(io.BytesIO(previews_of(reader, "x", data)[-1].data)) as upright:
        assert upright.size == (800, 1200)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_mode_of_pixels(reader: Reader, mode: str) -> None:
    box = io.BytesIO()
    Image.new(mode, (900, 700), 0).save(box, "PNG")
    assert [one.edge for one in previews_of(reader, "x.png", box.getvalue())] == [256, 768, 900]


def test_a_pdf_shows_its_first_page(reader: Reader) -> None:
    made = previews_of(reader, "letter.pdf", files.pdf("X" * 12))
    assert [one.edge for one in made] == [256, 768, 1600]
    with Image.open(io.BytesIO(made[-1].data)) as page:
        assert page.size == (1237, 1600) and page.getpixel((1200, 1500)) == (255, 255, 255)
        assert min(page.convert("L").crop((100, 100, 900, 300)).tobytes()) < 80, "the words are drawn"
    scan = io.BytesIO()
    files.scene(200, 200).save(scan, "PDF")
    assert colours(previews_of(reader, "scan.pdf", scan.getvalue())[0])["left"][0] > 200


def test_a_pdf_that_is_none_has_no_picture(reader: Reader) -> None:
    for data in (files.pdf_of(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>", b"<<>>"), b"%PDF-1"):
        found = reader.previews("application/pdf", "x.pdf", data)
        assert (found.trouble, found.previews) == ("not-understood", ())
    huge = files.pdf().replace(b"0 0 612 792", b"0 0 99999 99999")
    assert reader.previews("application/pdf", "x.pdf", huge).trouble == "not-understood"


def test_a_cmyk_jpeg_and_a_clear_picture(reader: Reader) -> None:
    box = io.BytesIO()
    Image.new("CMYK", (500, 400)).save(box, "JPEG")
    assert len(previews_of(reader, "x.jpg", box.getvalue())) == 2
    clear = io.BytesIO()
    Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(clear, "PNG")
    assert colours(previews_of(reader, "x.png", clear.getvalue())[0])["left"] == (255, 255, 255)


@pytest.mark.parametrize("size", [(5712, 4284), (8000, 8000)])
def test_large_photographs_stay_within_memory(reader: Reader, size: tuple[int, int]) -> None:
    data = files.picture("JPEG", *size, progressive=size[0] < 6000)
    assert [one.edge for one in previews_of(reader, "x.jpg", data)] == [256, 768, 1600]


def test_a_large_webp_goes_to_ffmpeg(reader: Reader) -> None:
    sides = colours(previews_of(reader, "x", files.picture("WEBP", 3200, 2400, method=0))[-1])
    assert sides["left"][0] > 200 and sides["right"][2] > 200


def test_photographs_debian_carries(reader: Reader) -> None:
    for path in BACKGROUNDS:
        data = path.read_bytes()
        facts = facts_of(reader, path.name, data)
        assert facts.width and facts.height
        assert previews_of(reader, path.name, data)[-1].edge == min(max(facts.width, facts.height), 1600)


def test_tiff_gives_its_header_only(reader: Reader) -> None:
    data = files.picture("TIFF", 640, 480)
    assert facts_of(reader, "scan.tif", data).width == 640
    assert reader.previews("image/tiff", "scan.tif", data).previews == ()


def test_words_of_documents(reader: Reader) -> None:
    letter = facts_of(reader, "letter.docx", files.docx())
    assert (letter.title, letter.text, letter.mime) == ("Thanks", "Dear Aunt Ottilie", mime.DOCX)
    assert facts_of(reader, "brief.odt", files.odt()).text == "Liebe Tante\nOttilie"
    assert facts_of(reader, "brief", files.odt()).title == "Dank"
    assert facts_of(reader, "rent.xlsx", files.xlsx()).text == "Rent\nElectricity"
    invoice = facts_of(reader, "x.pdf", files.pdf())
    assert (invoice.title, invoice.text) == ("A letter", "Invoice 4711")
    picture_pdf = io.BytesIO()
    files.scene(200, 200).save(picture_pdf, "PDF")
    assert facts_of(reader, "scan.pdf", picture_pdf.getvalue()).text is None


def test_words_of_web_pages(reader: Reader) -> None:
    page = "<html><head><title>Käse &amp; Brot</title><style>p{}</style></head><body><p>Guten <b>Tag</b><script>no()"
    page += "</script><p>Ende"
    facts = facts_of(reader, "a.html", page.encode())
    assert (facts.title, facts.text) == ("Käse & Brot", "Guten Tag\nEnde")
    for charset in ("iso-8859-1", "windows-1252", "iso-8859-15", "utf-8"):
        other = page.replace("<style>", f'<meta charset="{charset}"><style>').encode(charset)
        assert facts_of(reader, "a.html", other).title == "Käse & Brot"
    long = b"<p>" + b"word " * 100_000
    assert len((facts_of(reader, "a.html", long).text or "").encode()) <= TEXT_INDEX_BYTES


FILMS = {
    "a.mp4": ["-c:v", "mpeg4"],
    "front.mp4": ["-c:v", "libx264", "-preset", "ultrafast", "-movflags", "+faststart"],
    "b.mov": ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    "c.webm": ["-c:v", "libvpx", "-deadline", "realtime"],
    "d.mkv": ["-c:v", "mpeg4"],
}


@pytest.mark.parametrize("name", FILMS)
def test_films(reader: Reader, tmp_path: Path, name: str) -> None:
    data = files.film(tmp_path, name, *FILMS[name])
    facts = facts_of(reader, name, data)
    assert (facts.width, facts.height, facts.title) == (640, 360, "Garden")
    assert facts.duration_ms is not None and abs(facts.duration_ms - 2000) < 200
    if name not in ("c.webm", "d.mkv"):
        assert (facts.taken_ms, facts.taken_local) == (1_714_979_289_000, False)
        assert (facts.lat_e7, facts.lon_e7) == (525_200_000, -134_050_000)
    assert [one.edge for one in previews_of(reader, name, data)] == [256, 640]


def test_sound(reader: Reader, tmp_path: Path) -> None:
    for name in ("a.mp3", "a.m4a", "a.flac", "a.ogg", "a.wav"):
        data = files.film(tmp_path, name, "-vn")
        facts = facts_of(reader, name, data)
        assert facts.duration_ms is not None and abs(facts.duration_ms - 2000) < 200 and facts.width is None
        assert reader.previews(mime.mime_of(name, data), name, data).previews == ()


def test_a_film_of_many_gigabytes_costs_few_reads(reader: Reader, tmp_path: Path) -> None:
    """A recorder's MOV with its index at the end: the pictures in front, 40 GB of hole, then moov."""
    film = files.film(tmp_path, "b.mov", *FILMS["b.mov"])
    at = film.index(b"mdat") - 4
    size = int.from_bytes(film[at : at + 4], "big")
    hole = 40_000_000_000
    front, back = film[: at + size], film[at + size :]
    # A box of junk between mdat and moov: 64-bit length, as large recordings have.
    junk = (1).to_bytes(4, "big") + b"free" + (hole + 16).to_bytes(8, "big")
    total = len(front) + 16 + hole + len(back)
    asked = 0

    def read(start: int, stop: int) -> bytes:
        nonlocal asked
        asked += stop - start
        whole = bytearray(stop - start)
        for base, part in ((0, front + junk), (total - len(back), back)):
            low, high = max(start, base), min(stop, base + len(part))
            if low < high:
                whole[low - start : high - start] = part[low - base : high - base]
        return bytes(whole)

    found = reader.facts("video/quicktime", "b.mov", read, total)
    assert found.facts is not None and found.facts.duration_ms == 2000
    assert [one.edge for one in reader.previews("video/quicktime", "b.mov", read, total).previews] == [256, 640]
    assert asked <= 2 * (TOTAL_BYTES + 1024)


def test_ranges_find_the_index_in_the_middle_and_stay_bounded() -> None:
    def boxes(*sizes: tuple[bytes, int]) -> tuple[int, Read]:
        heads, at = {}, 0
        for name, size in sizes:
            heads[at] = size.to_bytes(4, "big") + name + bytes(8)
            at += size
        return at, lambda start, stop: heads.get(start, bytes(16))[: stop - start]

    size, read = boxes((b"ftyp", 32), (b"mdat", 50 * MIB), (b"moov", 9 * MIB), (b"mdat", 70 * MIB))
    got = list(needed("video/mp4", size, read))
    assert (32 + 50 * MIB, 32 + 59 * MIB) in got
    size, read = boxes((b"ftyp", 32), (b"mdat", 50 * MIB), (b"moov", 90 * MIB), (b"mdat", 70 * MIB))
    assert sum(stop - start for start, stop in needed("video/mp4", size, read)) == TOTAL_BYTES
    assert list(needed("video/webm", 100, read)) == [(0, 100)]
    zeros: list[tuple[int, int]] = list(needed("video/mp4", 100 * MIB, lambda start, stop: bytes(stop - start)))
    assert zeros == [(0, 4 * MIB), (96 * MIB, 100 * MIB)]


def test_what_is_too_large_is_not_even_sent(reader: Reader) -> None:
    asked: list[int] = []

    def read(start: int, stop: int) -> bytes:
        asked.append(start)
        return bytes(stop - start)

    assert reader.facts("image/jpeg", "x.jpg", read, READER_INPUT_BYTES + 1).trouble == "too-large"
    assert not asked


def test_threads_take_turns(reader: Reader) -> None:
    data, found = files.picture("JPEG", 300, 200), []
    threads = [
        threading.Thread(target=lambda: found.append(reader.facts("image/jpeg", "x", data).trouble)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [None] * 8


def test_a_mother_that_died_is_replaced_silently(reader: Reader) -> None:
    data = files.picture("JPEG", 300, 200)
    assert reader.facts("image/jpeg", "x", data).trouble is None
    mother = reader._mothers[Family.LIGHT]
    before = mother.pid
    mother.kill()
    assert reader.facts("image/jpeg", "x", data).trouble is None
    assert before and mother.pid and mother.pid != before


def test_text_needs_no_child() -> None:
    assert decode_text(b"hello", whole=True) == "hello"
    assert decode_text("\ufeffhallo \u00e4".encode("utf-16-le"), whole=True) == "hallo \u00e4"
    assert decode_text(b"\xef\xbb\xbf{}", whole=True) == "{}"
    assert decode_text(b"a\0b", whole=True) is None
    assert decode_text(b"caf\xe9 cr\xe8me", whole=True) is None
    long = decode_text("\u00e4".encode() * TEXT_INDEX_BYTES, whole=True)
    assert long is not None and len(long.encode()) == TEXT_INDEX_BYTES
