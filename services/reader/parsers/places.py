"""The words for a place that a photographer or a program wrote into a picture: spot, city, region, country.

Sources: IPTC-IIM 4.2 (record 2, datasets 92, 90, 95, 101) inside Photoshop's image resources (0x0404), and the same
fields in XMP (IPTC Photo Metadata Standard 2023.1). XMP is searched for these fields as text: it is never parsed as
XML, so there is nothing in it that could unfold.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

IPTC_HEAD = b"Photoshop 3.0\0"
_FIELD_CHARACTERS, _CHARACTERS = 64, 200
_PARTS = (b"Iptc4xmpCore:Location", b"photoshop:City", b"photoshop:State", b"photoshop:Country")
_IN_XMP = re.compile(
    rb"(Iptc4xmpCore:Location|photoshop:(?:City|State|Country))(?:\s{0,9}=\s{0,9}(?:\"([^\"<]{1,400})\"|'([^'<]{1,400})')"
    rb"|>([^<]{1,400})<)"
)
_IN_IIM = (92, 90, 95, 101)
_RESOURCES, _DATASETS = 64, 256
_UTF8 = b"\x1b%G"


def place(xmp: bytes, resources: bytes = b"") -> str | None:
    """Return the words for the place, the nearest first; None when nobody wrote any."""
    found = _of_iim(resources) if resources else {}
    found |= {_PARTS.index(match[1]): html.unescape(_text(match)) for match in _IN_XMP.finditer(xmp)}
    words = [_clean(found[part]) for part in sorted(found)]
    return ", ".join(dict.fromkeys(word for word in words if word))[:_CHARACTERS] or None


def _text(match: re.Match[bytes]) -> str:
    return (match[2] or match[3] or match[4]).decode("utf-8", "replace")


def _clean(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:_FIELD_CHARACTERS]


def _of_iim(resources: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    charset = "latin-1"
    for record, number, value in _datasets(_resource(resources, 0x0404)):
        if (record, number) == (1, 90) and value == _UTF8:
            charset = "utf-8"
        elif record == 2 and number in _IN_IIM:
            found[_IN_IIM.index(number)] = value.decode(charset, "replace")
    return found


def _resource(data: bytes, wanted: int) -> bytes:
    at = 0
    for _ in range(_RESOURCES):
        if data[at : at + 4] != b"8BIM" or at + 7 > len(data):
            break
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        start = at + 6 + (data[at + 6] + 2) // 2 * 2  # the name with its length is padded to even
        size = int.from_bytes(data[start : start + 4], "big")
        if number == wanted:
            return data[start + 4 : start + 4 + size]
        at = start + 4 + (size + 1) // 2 * 2
    return b""


def _datasets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    for _ in range(_DATASETS):
        if data[at : at + 1] != b"\x1c" or at + 5 > len(data):
            return
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        if size & 0x8000:
            return  # an extended dataset: pictures, not words
        yield data[at + 1], data[at + 2], data[at + 5 : at + 5 + size]
        at += 5 + size
