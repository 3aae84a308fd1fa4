"""Shards on a shelf for a friend's box (docs/formats/shelf.md, *Carrying*): each with its sender's signed wish.

Both ends use it: the sender loads and reads receipts, the friend's box reads shards and leaves receipts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from firmware.errors import BadSeal, BoxError, Damaged, Full, Missing, PeerGarbled
from firmware.limits import MIB, PACK_BYTES
from firmware.peer import Receipt, read_receipt
from firmware.peer.cbor import dumps, loads
from firmware.seal import SigningKey, verify_signature
from firmware.shelf.deciding import MARGIN_BYTES
from firmware.shelf.format import CARRY, LIST, PLACES, TEMPORARY
from firmware.shelf.keeping import STEP, ShelfDisk, put_file

_CONTEXT: Final = b"lockerbox carry v1\n"
_RECORD: Final = struct.Struct(">B3xIQ16s32s")
_SIGNED: Final = _RECORD.size
_SHARD_AT: Final = _SIGNED - 32
RECORD_BYTES: Final = _SIGNED + 64
_PUT: Final = 1
RECEIPTS: Final = 256
"""Receipts in one file."""
_FROM, _FROM_BYTES = "from", 1 * MIB
_RECEIPTS_BYTES: Final = MIB


@dataclass(frozen=True, slots=True)
class Carried:
    """One shard that the sender wants kept: of which locker, how long."""

    locker: bytes
    shard: bytes
    size: int

    @property
    def name(self) -> str:
        """Where it lies in the peer's folder."""
        digits = self.shard.hex()
        return f"shards/{digits[:2]}/{digits}"


def record(each: Carried, to: bytes, by: SigningKey, now_ms: int) -> bytes:
    """Return the 128 bytes by which the sender asks ``to`` to keep a shard."""
    data = _RECORD.pack(_PUT, each.size, now_ms, each.locker, each.shard)
    return data + by.sign(_CONTEXT + to + data)


def read_record(data: bytes, to: bytes, sender: bytes) -> Carried | None:
    """Return what a record asks, None unless ``sender`` signed it for ``to``."""
    if len(data) != RECORD_BYTES:
        return None
    what, size, _, locker, shard = _RECORD.unpack(data[:_SIGNED])
    if what != _PUT or not 0 < size <= PACK_BYTES:
        return None
    try:
        verify_signature(sender, data[_SIGNED:], _CONTEXT + to + data[:_SIGNED])
    except BadSeal:
        return None
    return Carried(locker, shard, size)


class CarryFolder:
    """``carry/<to>`` on a shelf."""

    def __init__(self, disk: ShelfDisk, to: bytes) -> None:
        """``to`` is the key of the box that is to keep the shards."""
        self._disk, self._to, self._base = disk, to, f"{CARRY}/{to.hex()}"

    def _at(self, name: str) -> str:
        return f"{self._base}/{name}"

    # The sender

    def introduce(self, card: bytes, custody: Sequence[bytes]) -> None:
        """Say whose shards these are, and for which lockers that box acts."""
        put_file(self._disk, self._at(_FROM), dumps([card, [*custody]]))

    def load(self, batch: Sequence[tuple[Carried, Iterable[bytes]]], by: SigningKey, now_ms: int) -> list[Carried]:
        """Write shards, durably, each once; return those that are on the shelf now. Raises Full and its like."""
        need = sum(each.size for each, _ in batch) + MARGIN_BYTES
        free = self._disk.free_bytes()
        if free < need:
            raise Full(need_mib=-(-need // MIB), free_mib=free // MIB)
        for each, pieces in batch:
            self._write(self._at(each.name) + TEMPORARY, pieces)
        for each, _ in batch:
            self._disk.rename(self._at(each.name) + TEMPORARY, self._at(each.name))
        for folder in sorted({self._at(each.name).rpartition("/")[0] for each, _ in batch}):
            self._disk.sync_folder(folder)
        self._append(b"".join(record(each, self._to, by, now_ms) for each, _ in batch))
        return [each for each, _ in batch]

    def _write(self, name: str, pieces: Iterable[bytes]) -> None:
        self._disk.remove(name)
        file = self._disk.create(name)
        try:
            for piece in pieces:
                file.append(piece)
            file.sync()
        except BoxError:
            file.close()
            self._disk.remove(name)
            raise
        file.close()

    def _append(self, data: bytes) -> None:
        name = self._at(LIST)
        try:
            rest = self._disk.size(name) % RECORD_BYTES
        except Missing:
            file, rest = self._disk.create(name), 0
            self._disk.sync_folder(self._base)
        else:
            file = self._disk.reopen(name)
        try:
            if rest:
                file.truncate(self._disk.size(name) - rest)
            file.append(data)
            file.sync()
        finally:
            file.close()

    def signed_receipts(self) -> Iterator[tuple[bytes, Receipt]]:
        """Yield (its bytes, the receipt) of everything the friend's box signed."""
        for name in self._disk.names(self._at("receipts")):
            try:
                found = loads(self._disk.read(self._at(f"receipts/{name}"), 0, _RECEIPTS_BYTES))
            except (Damaged, PeerGarbled):
                continue
            for data in _items(found):
                receipt = _receipt(data) if isinstance(data, bytes) else None
                if receipt is not None and receipt.host == self._to and isinstance(data, bytes):
                    yield data, receipt

    def take_off(self, shards: Iterable[Carried]) -> None:
        """Remove shards that have arrived."""
        folders = set()
        for each in shards:
            self._disk.remove(self._at(each.name))
            folders.add(self._at(each.name).rpartition("/")[0])
        for folder in sorted(folders):
            self._disk.sync_folder(folder)

    # Both

    def sender(self) -> tuple[bytes, list[bytes]] | None:
        """Return (card, custody records) of whoever loaded this; None where nobody did."""
        try:
            found = loads(self._disk.read(self._at(_FROM), 0, _FROM_BYTES))
        except (Missing, Damaged, PeerGarbled):
            return None
        parts = _items(found)
        if len(parts) != 2 or not isinstance(parts[0], bytes):
            return None
        return parts[0], [each for each in _items(parts[1]) if isinstance(each, bytes)]

    def loaded(self, sender: bytes) -> Iterator[Carried]:
        """Yield every shard that ``sender`` asked for and whose file is there, each once, in the order of loading."""
        there = {name for place in PLACES for name in self._disk.names(self._at(f"shards/{place}"))}
        seen, at = set(), 0
        while data := self._records(at):
            for start in range(0, len(data) - RECORD_BYTES + 1, RECORD_BYTES):
                shard = data[start + _SHARD_AT : start + _SIGNED]
                if shard in seen or shard.hex() not in there:
                    continue
                each = read_record(data[start : start + RECORD_BYTES], self._to, sender)
                if each is not None:
                    seen.add(shard)
                    yield each
            at += len(data)

    def _records(self, at: int) -> bytes:
        try:
            return self._disk.read(self._at(LIST), at, RECORD_BYTES * 4096)
        except Missing:
            return b""

    # The friend's box

    def pieces(self, each: Carried, offset: int = 0) -> Iterator[bytes]:
        """Yield a shard from ``offset`` on as it lies there; no more than was announced. Raises Missing, Damaged."""
        at = offset
        while at < each.size:
            data = self._disk.read(self._at(each.name), at, min(STEP, each.size - at))
            if not data:
                return
            yield data
            at += len(data)

    def leave_receipts(self, receipts: Sequence[bytes]) -> None:
        """Leave receipts for the way back; raises what a full or read-only disk raises."""
        names = [name for name in self._disk.names(self._at("receipts")) if name.isdecimal()]
        number = 1 + max((int(name) for name in names), default=0)
        put_file(self._disk, self._at(f"receipts/{number:08d}"), dumps([*receipts]))


def _items(found: object) -> list[object]:
    return list(found) if isinstance(found, list) else []


def _receipt(data: bytes) -> Receipt | None:
    try:
        return read_receipt(data)
    except (PeerGarbled, BadSeal):
        return None
