"""The one writer of an open pack: seal, append, sync, cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cbor2
import zstandard
from blake3 import blake3

from firmware.errors import Damaged
from firmware.limits import PACK_BYTES, SEGMENT_BYTES
from firmware.pack.format import (
    CODEC_RAW,
    CODEC_ZSTD,
    FRAME_TRAILER,
    FRAMES_AT,
    HEAD_BYTES,
    PRELUDE_BYTES,
    SALT_BYTES,
    TAIL_BYTES,
    TAIL_COUNTER,
    Frame,
    Kind,
    Prelude,
    head_bytes,
    pack_id,
    pack_name,
    padded_size,
    tail_bytes,
)
from firmware.ports import Disk, Entropy
from firmware.seal import Sealer, Secret, pack_keys
from firmware.seal.aead import OVERHEAD, Buffer

ZSTD_LEVEL = 3
"""restic's default too; levels above cost more CPU than a home's photos give back (`./box bench locker`)."""

_TRAILER_ROOM = 4096
"""Kept free for trailer heads and padding granularity when asking whether a frame still fits."""


class Codec:
    """A compressor and room for what is sealed, as packs want them; 4 MiB from their first use until ``rest``.

    Memory that is used again costs no page faults.
    """

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._made: zstandard.ZstdCompressor | None = None
        self._room = bytearray()

    def compress(self, payload: bytes | bytearray | memoryview) -> bytes:
        """Return ``payload`` as one zstd frame."""
        if self._made is None:
            self._made = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        return self._made.compress(payload)

    def room(self, size: int) -> memoryview:
        """Return ``size`` bytes to write to, good until the next call."""
        if size > SEGMENT_BYTES + OVERHEAD:
            return memoryview(bytearray(size))
        if not self._room:
            self._room = bytearray(SEGMENT_BYTES + OVERHEAD)
        return memoryview(self._room)[:size]

    def rest(self) -> None:
        """Give its memory back; nothing may be compressing or sealed."""
        self._made, self._room = None, bytearray()


@dataclass(frozen=True, slots=True)
class CutPack:
    """A pack closed for ever: what the chain's *cut* entry says of it."""

    id: bytes
    kind: Kind
    frames: int
    size: int
    digest: bytes
    recovered: bool


class PackWriter:
    """Creates a pack and appends sealed frames to it. One process run, one writer, never reopened."""

    def __init__(
        self,
        disk: Disk,
        prelude: Prelude,
        epoch_key: Secret,
        entropy: Entropy,
        codec: Codec | None = None,
    ) -> None:
        """Create the file and write its header (not yet synced). Raises Full when there is no room.

        ``codec`` may be shared by the packs of one writer.
        """
        self.prelude = prelude
        self.salt = entropy.bytes(SALT_BYTES)
        self.id = pack_id(self.salt)
        self.name = pack_name(prelude.kind, self.id)
        key, commitment = pack_keys(epoch_key, self.salt, prelude.suite)
        self._sealer = Sealer(prelude.suite, key)
        self._entropy = entropy
        self._aad = prelude.to_bytes() + self.id
        self._index: list[tuple[object, ...]] = []
        self._index_bytes = 0
        self._codec = codec or Codec()
        self._digest = blake3()
        self._file = disk.create(self.name)
        header = self.salt + commitment
        self._file.append(prelude.to_bytes() + header)
        self._digest.update(header)
        self._size = FRAMES_AT
        self.dirty = True
        self.new = True
        self._failed = False

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._size

    @property
    def frames(self) -> int:
        """Frames appended so far."""
        return len(self._index)

    def fits(self, payload_len: int, chunks: int) -> bool:
        """Tell whether a frame of ``payload_len`` bytes with ``chunks`` ids still fits below PACK_BYTES."""
        trailer = self._index_bytes + 64 + 40 * chunks
        return self._size + payload_len + HEAD_BYTES * 3 + trailer + _TRAILER_ROOM <= PACK_BYTES or not self._index

    def append(
        self, frame_type: int, payload: Buffer, *, compress: bool, ids: bytes = b"", lengths: Sequence[int] = ()
    ) -> Frame:
        """Seal ``payload`` as the next frame and append it; not durable before ``sync``.

        After a failure this pack takes nothing more: its next frame would be sealed under a nonce that was used.
        """
        if self._failed:
            raise Damaged(what=self.name)
        self._failed = True
        frame, head, body = self._sealed(frame_type, payload, compress=compress)
        self._file.append(head)
        self._file.append(body)
        self._digest.update(head)
        self._digest.update(body)
        self._size = frame.end
        self._index.append((frame.at, frame.sealed_len, frame_type, frame.codec, frame.raw_len, ids, list(lengths)))
        self._index_bytes += 24 + 38 * len(lengths)
        self.dirty = True
        self._failed = False
        return frame

    def _sealed(self, frame_type: int, payload: Buffer, *, compress: bool) -> tuple[Frame, bytes, memoryview]:
        """The frame, its sealed head and its sealed body; the body's memory is used again for the next one."""
        number = len(self._index)
        codec, packed = CODEC_RAW, payload
        if compress:
            smaller = self._codec.compress(payload)
            if len(smaller) < len(payload):
                codec, packed = CODEC_ZSTD, smaller
        aad = self._aad + number.to_bytes(4, "big")
        body = self._codec.room(len(packed) + OVERHEAD)
        self._sealer.seal_into(body, 2 * number + 1, packed, aad + b"b")
        plain_head = head_bytes(frame_type, codec, len(payload), len(body))
        head = self._sealer.seal(2 * number, plain_head, aad + b"h")
        return Frame(number, self._size, frame_type, codec, len(payload), len(body)), head, body

    def sync(self) -> None:
        """Make every appended frame durable (the folder entry is the caller's duty: ``new``)."""
        if self.dirty:
            self._file.sync()
            self.dirty = False

    def cut(self) -> CutPack:
        """Write trailer, padding and tail, sync, and close for ever."""
        frames = len(self._index)
        frame, head, body = self._sealed(FRAME_TRAILER, cbor2.dumps(self._index), compress=True)
        length = frame.end - PRELUDE_BYTES + TAIL_BYTES
        padding = self._entropy.bytes(padded_size(length) - length)
        tail = self._sealer.seal(TAIL_COUNTER, tail_bytes(frame.at, frames), self._aad + b"t")
        for piece in (head, body, padding, tail):
            self._file.append(piece)
            self._digest.update(piece)
            self._size += len(piece)
        self.dirty = True
        self.sync()
        self._file.close()
        return CutPack(self.id, self.prelude.kind, frames, self._size, self._digest.digest(), recovered=False)

    def abandon(self) -> None:
        """Close the handle without cutting; the next opening recovers what was synced."""
        self._file.close()


def pad_recovered(disk: Disk, name: str, end: int, entropy: Entropy) -> tuple[int, bytes]:
    """Truncate a dead writer's pack at ``end`` (behind its last whole frame), pad it with random bytes, sync.

    Nothing is sealed: the pack's salt is never used again. Returns (file size, digest of the shipped part). Noise that
    is there already stays the same, for friends may hold it; it is written anew, for where a sync failed once, the
    cache goes on showing bytes that the disk does not have, and a second sync says nothing of them.
    """
    length = end - PRELUDE_BYTES
    room = padded_size(length) - length
    noise = disk.read(name, end, room) if disk.size(name) == end + room else entropy.bytes(room)
    file = disk.reopen(name)
    try:
        file.truncate(end)
        file.append(noise)
        file.sync()
    finally:
        file.close()
    return disk.size(name), shipped_digest(disk, name)


def shipped_digest(disk: Disk, name: str) -> bytes:
    """Return BLAKE3 over everything behind the prelude of ``name``."""
    hasher = blake3()
    at = PRELUDE_BYTES
    while piece := disk.read(name, at, 1 << 20):
        hasher.update(piece)
        at += len(piece)
    return hasher.digest()
