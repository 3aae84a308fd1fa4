"""Byte layout of packs, format 1: prelude, frame heads, size classes (docs/formats/pack.md)."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from blake3 import blake3

from firmware.errors import Damaged, NewerFormat
from firmware.limits import KIB
from firmware.seal import Suite

MAGIC = b"LBOXPACK"
VERSION = 1
PRELUDE_BYTES = 16
SALT_BYTES = 32
COMMITMENT_BYTES = 32
FRAMES_AT = PRELUDE_BYTES + SALT_BYTES + COMMITMENT_BYTES
HEAD_BYTES = 32
TAIL_BYTES = 32
TAIL_COUNTER = (1 << 64) - 1
MIN_SHIPPED = 32 * KIB
"""Smallest padded pack; a nightly pack with one note must not be told from one with three."""

FRAME_LINK, FRAME_SEGMENT, FRAME_TRAILER = 1, 2, 3
CODEC_RAW, CODEC_ZSTD = 0, 1

_PRELUDE = struct.Struct(">8sBBBBI")
_HEAD = struct.Struct(">BBHIII")
_TAIL = struct.Struct(">QII")


class Kind(enum.IntEnum):
    """What a pack holds; kinds are never mixed, and ship in this order."""

    META = 1
    PREVIEW = 2
    DATA = 3
    INBOX = 4

    @property
    def word(self) -> str:
        """The kind as it stands in file names."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Prelude:
    """The first 16 bytes of a pack file: local facts that are never shipped but always authenticated."""

    suite: Suite
    kind: Kind
    epoch: int

    def to_bytes(self) -> bytes:
        """Return the 16 bytes."""
        return _PRELUDE.pack(MAGIC, VERSION, self.suite, self.kind, 0, self.epoch)

    @staticmethod
    def parse(data: bytes, what: str) -> Prelude:
        """Read 16 bytes; raises Damaged (not a pack) or NewerFormat. ``what`` names the file in the error."""
        if len(data) < PRELUDE_BYTES:
            raise Damaged(what=what)
        magic, version, suite, kind, zero, epoch = _PRELUDE.unpack_from(data)
        if magic != MAGIC or zero != 0:
            raise Damaged(what=what)
        if version > VERSION:
            raise NewerFormat(what=what, found=version, known=VERSION)
        try:
            return Prelude(Suite(suite), Kind(kind), epoch)
        except ValueError:
            raise Damaged(what=what) from None


@dataclass(frozen=True, slots=True)
class Frame:
    """Where one frame stands: its number, file offset of its head, and what its head says (lengths in bytes)."""

    number: int
    at: int
    type: int
    codec: int
    raw_len: int
    sealed_len: int

    @property
    def end(self) -> int:
        """File offset behind the frame."""
        return self.at + HEAD_BYTES + self.sealed_len


def pack_id(salt: bytes) -> bytes:
    """Return the 32-byte id of the pack with this salt."""
    return blake3(salt).digest()


def pack_name(kind: Kind, identity: bytes) -> str:
    """Return the file name of a pack below the locker's folder."""
    return f"packs/{kind.word}-{identity.hex()}"


def head_bytes(frame_type: int, codec: int, raw_len: int, sealed_len: int) -> bytes:
    """Return the 16 plaintext bytes of a frame head."""
    return _HEAD.pack(frame_type, codec, 0, raw_len, sealed_len, 0)


def parse_head(data: bytes, number: int, at: int, what: str) -> Frame:
    """Read an opened head; raises Damaged when it is authentic but makes no sense."""
    frame_type, codec, zero, raw_len, sealed_len, zero2 = _HEAD.unpack(data)
    if zero or zero2 or codec > CODEC_ZSTD or not FRAME_LINK <= frame_type <= FRAME_TRAILER:
        raise Damaged(what=what)
    return Frame(number, at, frame_type, codec, raw_len, sealed_len)


def tail_bytes(trailer_at: int, frames: int) -> bytes:
    """Return the 16 plaintext bytes of a tail."""
    return _TAIL.pack(trailer_at, frames, 0)


def parse_tail(data: bytes) -> tuple[int, int]:
    """Return (offset of the trailer frame, number of frames before it)."""
    trailer_at, frames, _ = _TAIL.unpack(data)
    return trailer_at, frames


def padded_size(length: int) -> int:
    """Return the Padmé size (Nikitin et al., PETS 2019) for ``length`` shipped bytes, at least MIN_SHIPPED."""
    if length <= MIN_SHIPPED:
        return MIN_SHIPPED
    exponent = length.bit_length() - 1
    free_bits = exponent - exponent.bit_length()
    mask = (1 << free_bits) - 1
    return (length + mask) & ~mask
