"""The words for a place: out of IPTC and XMP, through the wall, into the search."""

from __future__ import annotations

import random
import struct
import time

from firmware.model import Facts
from services.reader.parsers import headers, places
from tests.services import reader_files as files
from tests.services.lockerd_box import LockerdBox

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description photoshop:City="Bad Segeberg &amp; Klein Rönnau"'
    " photoshop:Country='Germany'><Iptc4xmpCore:Location>Lighthouse\n  pier</Iptc4xmpCore:Location>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
).encode()


def iim(fields: dict[int, str], charset: str = "utf-8") -> bytes:
    """Photoshop's image resources with IPTC fields in them, behind one of another kind."""
    sets = b"\x1c\x01\x5a\x00\x03\x1b%G" if charset == "utf-8" else b""
    for number, text in fields.items():
        value = text.encode(charset)
        sets += struct.pack(">BBBH", 0x1C, 2, number, len(value)) + value
    other = b"8BIM" + struct.pack(">H", 0x03ED) + b"\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    return other + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(sets)) + sets


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    """A picture with more segments behind its start."""
    more = b"".join(struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments)
    picture = files.picture("JPEG", 300, 200)
    return picture[:2] + more + picture[2:]


def found_in(data: bytes) -> Facts:
    return headers.of(memoryview(data))


def test_xmp_and_iptc_say_where_it_was() -> None:
    xmp = (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    old = (0xED, places.IPTC_HEAD + iim({90: "Plön", 101: "Deutschland", 95: "Holstein"}))
    assert found_in(jpeg(xmp)).place == "Lighthouse pier, Bad Segeberg & Klein Rönnau, Germany"
    assert found_in(jpeg(old)).place == "Plön, Holstein, Deutschland"
    both = found_in(jpeg(old, xmp)).place
    assert both == "Lighthouse pier, Bad Segeberg & Klein Rönnau, Holstein, Germany"
    assert found_in(jpeg()).place is None
    assert places.place(b"", iim({90: "Plön"}, "latin-1")) == "Plön"
    assert places.place(b'photoshop:City="Rome" photoshop:State="Rome"') == "Rome"


def test_nothing_odd_breaks_it_or_makes_it_long() -> None:
    rng = random.Random(4)
    whole = iim({90: "x" * 30_000, 101: "\x1b[2J\u202eevil"})
    assert len(places.place(b"", whole) or "") < 200
    assert all(letter.isprintable() for letter in places.place(b"", whole) or "")
    for _ in range(500):
        cut = bytearray(whole[: rng.randrange(200)])
        for _ in range(rng.randrange(4)):
            if cut:
                cut[rng.randrange(len(cut))] = rng.randrange(256)
        places.place(bytes(cut), bytes(cut))


def test_a_photo_is_found_by_the_place_in_it(shared_lockerd: LockerdBox) -> None:
    ada = shared_lockerd.claim()[0]
    id = ada.call("put", body=[jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP))], name="IMG_1.jpg").id
    deadline = time.monotonic() + 60
    while ada.call("get", id=id).place is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [one.id for one in ada.call("search", q="segeberg lighthouse").records] == [id]
    assert [one.id for one in ada.call("search", q="img 1").records] == [id]
