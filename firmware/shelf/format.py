"""Bytes of a shelf (docs/formats/shelf.md): what marks one, the records of its lists, names of its files."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from blake3 import blake3

from firmware.errors import Damaged, NewerFormat
from firmware.pack.format import PRELUDE_BYTES, Kind

FOLDER: Final = "locker-box-shelf"
MARK, READ_ME, LIST, CARRY = "shelf", "READ-ME.txt", "list", "carry"
TEMPORARY: Final = ".tmp"
_FIRST: Final = "lockerbox shelf 1"
_CONTEXT: Final = b"lockerbox shelf list 1"
_RECORD: Final = struct.Struct(">BBHIQ32s32s")
_CHECK_BYTES: Final = 16
RECORD_BYTES: Final = _RECORD.size + _CHECK_BYTES
PACK_NAME: Final = re.compile(r"(meta|preview|data|inbox)-([0-9a-f]{64})")
_PAPER_NAME: Final = re.compile(r"([a-z]+)-([0-9]{20})")
PLACES: Final = tuple(f"{each:02x}" for each in range(256))
"""The 256 folders of packs or shards."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What makes a disk a shelf: its id (16 bytes), the key of the box it belongs to, when it was made (ms)."""

    id: bytes
    box: bytes
    made_ms: int

    def to_bytes(self) -> bytes:
        """Return the file ``shelf``."""
        lines = f"{_FIRST}\n{self.id.hex()}\n{self.box.hex()}\n{self.made_ms}\n".encode()
        return lines + blake3(lines).hexdigest().encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Mark:
        """Read it; raises NewerFormat, Damaged."""
        found = re.fullmatch(rb"(([^\n]*)\n([0-9a-f]{32})\n([0-9a-f]{64})\n([0-9]{1,15})\n)([0-9a-f]{64})\n", data)
        if found is None or found[2] != _FIRST.encode() or blake3(found[1]).hexdigest().encode() != found[6]:
            if data.startswith(b"lockerbox shelf ") and not data.startswith(f"{_FIRST}\n".encode()):
                raise NewerFormat(what="The shelf on this disk", found="later", known=1)
            raise Damaged(what="The mark of a shelf")
        return cls(bytes.fromhex(found[3].decode()), bytes.fromhex(found[4].decode()), int(found[5]))


class What(IntEnum):
    """What a record of the list says of a pack."""

    HERE = 1
    DROPPED = 2
    """The locker does without it since ``time``; it is here all the same."""
    OFF = 3
    """It was taken off the shelf."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the list. ``size`` is that of the whole file, ``digest`` that of what is behind its prelude."""

    what: What
    kind: Kind
    size: int
    time: int
    pack: bytes
    digest: bytes

    @property
    def name(self) -> str:
        """Where its file is in the locker's folder."""
        return pack_file(self.kind, self.pack)

    def to_bytes(self, locker: bytes) -> bytes:
        """Return its 96 bytes."""
        data = _RECORD.pack(self.what, self.kind, 0, self.size, self.time, self.pack, self.digest)
        return data + _check(locker, data)


def _check(locker: bytes, data: bytes) -> bytes:
    return blake3(_CONTEXT + locker + data).digest(_CHECK_BYTES)


def read_list(locker: bytes, data: bytes) -> list[Entry]:
    """Return the records that are whole, in order; a torn or rotten one is passed over."""
    found = []
    for at in range(0, len(data) - RECORD_BYTES + 1, RECORD_BYTES):
        body, check = data[at : at + _RECORD.size], data[at + _RECORD.size : at + RECORD_BYTES]
        if _check(locker, body) != check:
            continue
        what, kind, _, size, time, pack, digest = _RECORD.unpack(body)
        if what in iter(What) and kind in iter(Kind) and size > PRELUDE_BYTES:
            found.append(Entry(What(what), Kind(kind), size, time, pack, digest))
    return found


def pack_file(kind: Kind, pack: bytes) -> str:
    """Where a pack lies in its locker's folder on a shelf."""
    name = pack.hex()
    return f"packs/{name[:2]}/{kind.word}-{name}"


def paper_file(kind: str, number: int) -> str:
    """Where a paper lies in its locker's folder on a shelf."""
    return f"papers/{kind}-{number:020d}"


def read_paper_file(name: str) -> tuple[str, int] | None:
    """Return kind and number of a file in ``papers``; None when it is none of ours."""
    found = _PAPER_NAME.fullmatch(name)
    return (found[1], int(found[2])) if found else None


READ_ME_TEXT: Final = """\
This folder belongs to a Locker Box: a box at home that keeps a household's files.

It holds a second copy of them. Everything is sealed; nobody can read it with this disk alone.
With the recovery kit (24 words on paper) of the person whose files they are, all of it comes back.
Please do not change or delete anything in here. Everything outside of this folder is yours.


Dieser Ordner gehört zu einer Locker Box: einem Gerät, das die Dateien eines Haushalts aufbewahrt.

Er enthält eine zweite Kopie davon. Alles ist versiegelt; mit dieser Platte allein kann es niemand lesen.
Mit dem Notfall-Blatt (24 Wörter) der Person, der die Dateien gehören, kommt alles zurück.
Bitte hier drin nichts ändern oder löschen. Alles außerhalb dieses Ordners gehört Ihnen.
"""
