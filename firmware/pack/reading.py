"""Opens packs: one frame by its place, or a walk over all of them."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cbor2
import zstandard

from firmware.errors import BadSeal, Damaged
from firmware.limits import PACK_BYTES, SEGMENT_BYTES
from firmware.pack.format import (
    CODEC_RAW,
    COMMITMENT_BYTES,
    FRAMES_AT,
    HEAD_BYTES,
    PRELUDE_BYTES,
    SALT_BYTES,
    TAIL_BYTES,
    TAIL_COUNTER,
    Frame,
    Kind,
    Prelude,
    pack_id,
    parse_head,
    parse_tail,
)
from firmware.ports import Disk
from firmware.seal import OVERHEAD, Sealer, Secret, Suite, pack_keys


@dataclass(frozen=True, slots=True)
class IndexedFrame:
    """One line of a trailer: a frame and the chunks in it (``offsets`` only where they do not lie end to end)."""

    frame: Frame
    ids: bytes
    lengths: tuple[int, ...]
    offsets: tuple[int, ...] = ()


class Rooms:
    """Buffers for opening one segment after the other, in one thread: fresh ones would be fresh pages every time.

    ``./box bench locker`` shows what they save (restore_cpu_vs_restic).
    """

    def __init__(self) -> None:
        """Memory is taken when it is needed first."""
        self._sealed = bytearray()
        self._spare: list[bytearray] = []

    @property
    def sealed(self) -> bytearray:
        """Where a whole sealed segment has room."""
        if not self._sealed:
            self._sealed = bytearray(HEAD_BYTES + SEGMENT_BYTES + OVERHEAD)
        return self._sealed

    def take(self) -> bytearray:
        """Return a buffer for one opened segment."""
        return self._spare.pop() if self._spare else bytearray(SEGMENT_BYTES)

    def give(self, payload: bytes | memoryview) -> None:
        """Take back a buffer that ``take`` gave, whoever looks at it; of anything else nothing is kept."""
        if isinstance(payload, memoryview) and isinstance(payload.obj, bytearray):
            self._spare.append(payload.obj)

    def rest(self) -> None:
        """Give the memory back until somebody reads again."""
        self._sealed, self._spare = bytearray(), []


class PackReader:
    """One pack, its key derived and its commitment checked. Holds no file handle and caches no plaintext."""

    def __init__(self, disk: Disk, name: str, prelude: Prelude, salt: bytes, epoch_key: Secret) -> None:
        """Use facts known from the catalog or the chain, so that a damaged header costs nothing."""
        self._disk = disk
        self.name = name
        self.prelude = prelude
        self.salt = salt
        self.id = pack_id(salt)
        key, self._commitment = pack_keys(epoch_key, salt, prelude.suite)
        self._sealer = Sealer(prelude.suite, key)
        self._aad = prelude.to_bytes() + self.id
        self._codec = zstandard.ZstdDecompressor()

    @staticmethod
    def from_header(disk: Disk, name: str, epoch_keys: tuple[Secret, ...]) -> PackReader:
        """Open by what the file itself says; raises Damaged when header, id or commitment do not agree."""
        header = disk.read(name, 0, FRAMES_AT)
        prelude = Prelude.parse(header, name)
        if len(header) < FRAMES_AT or not 1 <= prelude.epoch <= len(epoch_keys):
            raise Damaged(what=name)
        salt = header[PRELUDE_BYTES : PRELUDE_BYTES + SALT_BYTES]
        reader = PackReader(disk, name, prelude, salt, epoch_keys[prelude.epoch - 1])
        if not reader.header_matches(header) or not name.endswith(reader.id.hex()):
            raise BadSeal(what=name)
        return reader

    @staticmethod
    def from_name(disk: Disk, name: str, epoch_keys: tuple[Secret, ...]) -> PackReader | None:
        """Open a pack with one flipped bit in its header, or None: the name says kind and id, an opened frame proves.

        The id is the hash of the salt, so a flipped bit of the salt is found by trying all of them.
        """
        header = disk.read(name, 0, FRAMES_AT)
        kind = next((kind for kind in Kind if name.startswith(f"packs/{kind.word}-")), None)
        salt = _salt_of(header[PRELUDE_BYTES : PRELUDE_BYTES + SALT_BYTES], name[-64:])
        if kind is None or salt is None:
            return None
        for epoch in range(len(epoch_keys), 0, -1):
            for suite in Suite if len(epoch_keys[epoch - 1]) else ():
                reader = PackReader(disk, name, Prelude(suite, kind, epoch), salt, epoch_keys[epoch - 1])
                try:
                    reader.frame_at(0, FRAMES_AT)
                except Damaged:
                    continue
                return reader
        return None

    @property
    def kind(self) -> Kind:
        """What the pack holds."""
        return self.prelude.kind

    def header_matches(self, header: bytes) -> bool:
        """Tell whether the file's first 80 bytes are what the known salt and key say."""
        commitment = header[FRAMES_AT - COMMITMENT_BYTES : FRAMES_AT]
        same = header[: PRELUDE_BYTES + SALT_BYTES] == self.prelude.to_bytes() + self.salt
        return same and hmac.compare_digest(commitment, self._commitment)

    def frame_at(self, number: int, at: int) -> Frame:
        """Open the head of frame ``number`` at file offset ``at``; raises BadSeal."""
        what = f"{self.name} at {at}"
        sealed = self._disk.read(self.name, at, HEAD_BYTES)
        if len(sealed) < HEAD_BYTES:
            raise BadSeal(what=what)
        aad = self._aad + number.to_bytes(4, "big") + b"h"
        return parse_head(self._sealer.open(2 * number, sealed, aad, what), number, at, what)

    def payload(self, number: int, at: int, sealed_len: int) -> bytes:
        """Read, authenticate and decode one frame whose place is known; raises BadSeal or Damaged."""
        blob = self._disk.read(self.name, at, HEAD_BYTES + sealed_len)
        what = f"{self.name} at {at}"
        if len(blob) < HEAD_BYTES + sealed_len:
            raise BadSeal(what=what)
        aad = self._aad + number.to_bytes(4, "big")
        view = memoryview(blob)
        body = self._sealer.open(2 * number + 1, view[HEAD_BYTES:], aad + b"b", what)
        return self._decoded(self._head(view, number, at, what), body, what)

    def payload_into(self, rooms: Rooms, number: int, at: int, sealed_len: int) -> bytes | memoryview:
        """As ``payload``, in buffers that are used again; the caller gives a buffer back to ``rooms`` in the end."""
        what, size = f"{self.name} at {at}", HEAD_BYTES + sealed_len
        if size > len(rooms.sealed):
            return self.payload(number, at, sealed_len)
        blob = memoryview(rooms.sealed)[:size]
        if self._disk.read_into(self.name, at, blob) < size:
            raise BadSeal(what=what)
        frame = self._head(blob, number, at, what)
        aad = self._aad + number.to_bytes(4, "big") + b"b"
        if frame.codec != CODEC_RAW:
            return self._decoded(frame, self._sealer.open(2 * number + 1, blob[HEAD_BYTES:], aad, what), what)
        plain = memoryview(rooms.take())[: sealed_len - OVERHEAD]
        try:
            self._sealer.open_into(plain, 2 * number + 1, blob[HEAD_BYTES:], aad, what)
        except Damaged:
            rooms.give(plain)
            raise
        return plain

    def _head(self, blob: memoryview, number: int, at: int, what: str) -> Frame:
        aad = self._aad + number.to_bytes(4, "big") + b"h"
        return parse_head(self._sealer.open(2 * number, blob[:HEAD_BYTES], aad, what), number, at, what)

    def body(self, frame: Frame) -> bytes:
        """Read, authenticate and decode the body of a frame whose head is open."""
        what = f"{self.name} at {frame.at}"
        sealed = self._disk.read(self.name, frame.at + HEAD_BYTES, frame.sealed_len)
        if len(sealed) < frame.sealed_len:
            raise BadSeal(what=what)
        aad = self._aad + frame.number.to_bytes(4, "big") + b"b"
        return self._decoded(frame, self._sealer.open(2 * frame.number + 1, sealed, aad, what), what)

    def _decoded(self, frame: Frame, body: bytes, what: str) -> bytes:
        if frame.codec == CODEC_RAW:
            return body
        if frame.raw_len > PACK_BYTES * 4:
            raise Damaged(what=what)
        try:
            plain = self._codec.decompress(body, max_output_size=frame.raw_len)
        except zstandard.ZstdError:
            raise Damaged(what=what) from None
        if len(plain) != frame.raw_len:
            raise Damaged(what=what)
        return plain

    def walk(self, number: int = 0, at: int = FRAMES_AT, *, through: int = 0) -> Iterator[tuple[Frame, bytes]]:
        """Yield (frame, payload) from frame ``number`` at offset ``at`` until one is not whole: a dead writer's prefix.

        A body that does not open is passed over in frames numbered below ``through``.
        """
        while True:
            try:
                frame = self.frame_at(number, at)
            except Damaged:
                return
            at, number = frame.end, number + 1
            try:
                payload = self.body(frame)
            except Damaged:
                if frame.number < through:
                    continue
                return
            yield frame, payload

    def tail(self) -> tuple[int, int] | None:
        """Return (trailer offset, frames) of a cut pack, or None where there is no authentic tail."""
        size = self._disk.size(self.name)
        if size < FRAMES_AT + TAIL_BYTES:
            return None
        sealed = self._disk.read(self.name, size - TAIL_BYTES, TAIL_BYTES)
        try:
            return parse_tail(self._sealer.open(TAIL_COUNTER, sealed, self._aad + b"t", self.name))
        except BadSeal:
            return None

    def index(self) -> list[IndexedFrame] | None:
        """Return what the trailer of a cut pack lists, or None where there is no whole trailer."""
        tail = self.tail()
        if tail is None:
            return None
        try:
            lines = cbor2.loads(self.body(self.frame_at(tail[1], tail[0])))
            return [
                IndexedFrame(Frame(number, at, kind, codec, raw, sealed), ids, tuple(lengths))
                for number, (at, sealed, kind, codec, raw, ids, lengths) in enumerate(lines)
            ]
        except (Damaged, cbor2.CBORDecodeError, TypeError, ValueError):
            return None

    def each(self, index: Iterable[IndexedFrame]) -> Iterator[tuple[Frame, bytes]]:
        """Yield (frame, payload) of every indexed frame that is whole; a damaged one is passed over."""
        for line in index:
            try:
                yield line.frame, self.body(line.frame)
            except Damaged:
                continue


def _salt_of(stored: bytes, id_hex: str) -> bytes | None:
    """Return ``stored``, or the one salt a single bit away from it, that has this pack id."""
    if len(stored) < SALT_BYTES:
        return None
    number = int.from_bytes(stored, "big")
    for mask in (0, *(1 << bit for bit in range(8 * SALT_BYTES))):
        salt = (number ^ mask).to_bytes(SALT_BYTES, "big")
        if pack_id(salt).hex() == id_hex:
            return salt
    return None
