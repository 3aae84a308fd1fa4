"""What crosses the wall: one bounded answer of a child, and its strict check on the side that holds keys.

Wire form: 4 bytes length (big-endian), that many bytes of JSON (the head), then the previews' bytes one after the
other. JSON and not CBOR, because these bytes come from a process that hostile input may have taken over, and they are
decoded next to keys: JSON has no tags, no shared references and no lengths that announce memory.
"""

from __future__ import annotations

import enum
import json
import re
import struct
from dataclasses import fields, replace
from typing import Any

from firmware.limits import KIB, READER_OUTPUT_BYTES, TEXT_INDEX_BYTES
from firmware.model import Analysis, Facts, Preview

HEAD_BYTES = 512 * KIB
"""Longest JSON head: text at its worst escaping (six bytes for one) and a few numbers."""
TITLE_CHARACTERS = 300
EDGE_PIXELS = 2048
PREVIEWS = 3

_WRITER = json.JSONEncoder(ensure_ascii=False)
_MIME = re.compile(r"[a-z]+/[a-z0-9.+-]{1,100}")
_MAGIC = {"image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}
_YEAR_MS = 366 * 86_400_000
_FACTS = frozenset(field.name for field in fields(Facts))
_RANGES = {
    "taken_ms": (-200 * _YEAR_MS, 300 * _YEAR_MS),
    "width": (1, 1_000_000),
    "height": (1, 1_000_000),
    "duration_ms": (0, 10 * _YEAR_MS),
    "lat_e7": (-900_000_000, 900_000_000),
    "lon_e7": (-1_800_000_000, 1_800_000_000),
}


class Trouble(enum.StrEnum):
    """Why there is no (whole) analysis; the original is kept all the same."""

    NOT_UNDERSTOOD = "not-understood"
    """The bytes are not what they claim, cut short, or of a variant nobody here reads."""
    ENCRYPTED = "encrypted"
    """A document behind a password of its own."""
    TOO_LARGE = "too-large"
    """More bytes than READER_INPUT_BYTES, or a zip that unpacks beyond its bounds."""
    TOO_MANY_PIXELS = "too-many-pixels"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    BAD_ANSWER = "bad-answer"
    """The child said something no honest reader says; treated as a break-in that failed."""
    NO_SANDBOX = "no-sandbox"
    """This kernel cannot confine the reader, so nothing foreign is parsed."""
    NO_TOOL = "no-tool"
    """ffmpeg is not installed."""
    READER_FAILED = "reader-failed"
    """The reader process itself could not be started or went away twice."""


LATER = frozenset({Trouble.NO_SANDBOX, Trouble.NO_TOOL, Trouble.READER_FAILED})
"""Troubles of the box, not of the file: worth another try after a repair or an update."""


class ReadError(Exception):
    """Raised inside a child by a parser that gives up for a known reason."""

    def __init__(self, trouble: Trouble) -> None:
        """Carry ``trouble`` out of the parser."""
        super().__init__(trouble.value)
        self.trouble = trouble


class Overtime(Exception):
    """Half of a child's CPU time is used up: a parser in Python answers with what it has."""


def pack(head: dict[str, Any], blobs: tuple[bytes, ...] = ()) -> bytes:
    """Put ``head`` and ``blobs`` into the wire form."""
    text = _WRITER.encode(head).encode("utf-8", "replace")
    return b"".join((struct.pack(">I", len(text)), text, *blobs))


def unpack(answer: bytes) -> tuple[dict[str, Any], bytes]:
    """Split the wire form into head and what follows; raises ValueError for anything else."""
    if len(answer) < 4 or len(answer) > READER_OUTPUT_BYTES + HEAD_BYTES:
        raise ValueError("answer of a wrong size")
    (size,) = struct.unpack(">I", answer[:4])
    if size > HEAD_BYTES or size > len(answer) - 4:
        raise ValueError("head longer than the answer")
    try:
        head = json.loads(answer[4 : 4 + size].decode("utf-8"))
    except RecursionError as error:
        raise ValueError("head nested too deep") from error
    if type(head) is not dict:
        raise ValueError("head is no object")
    return head, answer[4 + size :]


def encode(analysis: Analysis) -> bytes:
    """Give the wire form of ``analysis`` (the child's side)."""
    head: dict[str, Any] = {"trouble": analysis.trouble, "previews": []}
    if analysis.facts is not None:
        found = ((name, getattr(analysis.facts, name)) for name in _FACTS)
        head["facts"] = {name: value for name, value in found if value is not None}
    head["previews"] = [[p.edge, p.mime, len(p.data)] for p in analysis.previews]
    return pack(head, tuple(p.data for p in analysis.previews))


def with_mime(facts: Facts, mime: str) -> Facts:
    """Give ``facts`` the type the caller believes in, unless the parser knew better."""
    return facts if facts.mime else replace(facts, mime=mime)


def decode(answer: bytes) -> Analysis:
    """Check a child's answer in every field and return it; raises ValueError when anything is out of bounds."""
    head, rest = unpack(answer)
    if not head.keys() <= {"trouble", "previews", "facts"}:
        raise ValueError("unknown words in the head")
    trouble = head.get("trouble")
    if trouble is not None:
        trouble = Trouble(trouble).value
    facts = _facts(head["facts"]) if "facts" in head else None
    return Analysis(facts=facts, previews=_previews(head.get("previews"), rest), trouble=trouble)


def _facts(found: object) -> Facts:
    if type(found) is not dict or not found.keys() <= _FACTS:
        raise ValueError("facts are no facts")
    clean: dict[str, Any] = {}
    for name, value in found.items():
        if name in _RANGES:
            low, high = _RANGES[name]
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"{name} out of range")
        elif name == "taken_local":
            if type(value) is not bool:
                raise ValueError("taken_local is no bool")
        elif type(value) is not str:
            raise ValueError(f"{name} is no text")
        clean[name] = value
    return _checked_words(clean)


def _checked_words(clean: dict[str, Any]) -> Facts:
    if "mime" in clean and not _MIME.fullmatch(clean["mime"]):
        raise ValueError("mime is no media type")
    if max(len(clean.get("title", "")), len(clean.get("place", ""))) > TITLE_CHARACTERS:
        raise ValueError("title or place too long")
    if len(clean.get("place", "")) > TITLE_CHARACTERS:
        raise ValueError("place too long")
    if len(clean.get("text", "").encode("utf-8")) > TEXT_INDEX_BYTES:
        raise ValueError("text too long")
    return Facts(**clean)


def _previews(listed: object, rest: bytes) -> tuple[Preview, ...]:
    if type(listed) is not list or len(listed) > PREVIEWS:
        raise ValueError("previews are no list")
    found = []
    for item in listed:
        if type(item) is not list or [type(part) for part in item] != [int, str, int]:
            raise ValueError("a preview is no preview")
        edge, mime, size = item
        data, rest = rest[: max(size, 0)], rest[max(size, 0) :]
        if not 1 <= edge <= EDGE_PIXELS or len(data) != size or not data.startswith(_MAGIC.get(mime, b"\0no")):
            raise ValueError("a preview is out of bounds")
        found.append(Preview(edge, mime, data))
    if rest:
        raise ValueError("bytes nobody announced")
    return tuple(found)
