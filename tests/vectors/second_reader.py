"""A second reader of a whole locker folder, written from docs/formats alone; imports nothing of the product.

It opens the key file, walks every pack (by its trailer when cut, by its heads when recovered or still open), checks
digests, padding, links, signatures and commitments, and gives back every record with all its versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from mnemonic import Mnemonic

from tests.vectors.second_key_file_reader import house_hkdf
from tests.vectors.second_key_file_reader import read as read_key_file

KINDS = {1: "meta", 2: "preview", 3: "data", 4: "inbox"}
LINK, SEGMENT, TRAILER = 1, 2, 3
TAIL_COUNTER = (1 << 64) - 1
LIVE, BIN, GONE = "live", "bin", "gone"


@dataclass(frozen=True)
class Frame:
    """One opened frame; ``payload`` is what stood there before the codec."""

    offset: int
    sealed: int
    kind: int
    codec: int
    payload: bytes


@dataclass
class Pack:
    """One opened pack: its frames without the trailer, and its digest over everything behind the prelude."""

    kind: str
    digest: bytes
    size: int
    is_cut: bool
    salt: bytes
    frames: list[Frame]
    trailer: list[Any] = field(default_factory=list)


@dataclass
class Version:
    """One version of a record with all its bytes (None when the chunks were given up)."""

    size: int
    mtime_ns: int
    stored_ms: int
    mime: str
    text: bool | str | None
    data: bytes | None
    facts: dict[str, Any] = field(default_factory=dict)
    trouble: str | None = None
    previews: dict[int, tuple[str, bytes]] = field(default_factory=dict)


@dataclass
class Record:
    """One record: ``name`` is the exact bytes, ``state`` one of live, bin, gone."""

    name: bytes
    state: str = LIVE
    deleted_ms: int | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    versions: dict[int, Version] = field(default_factory=dict)


@dataclass
class Opened:
    """Everything in a locker folder."""

    locker_id: bytes
    records: dict[str, Record]
    packs: dict[bytes, Pack]
    links: int
    erased: int
    epochs: int


class _PackOpener:
    """The keys of one pack and its AAD."""

    def __init__(self, data: bytes, epochs: list[bytes]) -> None:
        assert data[:8] == b"LBOXPACK"
        assert data[8] == 1
        assert data[11] == 0
        suite, epoch, self.salt = data[9:10], int.from_bytes(data[12:16], "big"), data[16:48]
        self.id = blake3(self.salt).digest()
        key = house_hkdf(epochs[epoch - 1], "pack-key", self.salt, suite)
        assert house_hkdf(epochs[epoch - 1], "pack-commitment", self.salt, suite) == data[48:80]
        assert suite[0] in {1, 2}
        self._aead: AESGCM | ChaCha20Poly1305 = AESGCM(key) if suite[0] == 1 else ChaCha20Poly1305(key)
        self._prefix = data[:16] + self.id

    def open(self, counter: int, sealed: bytes, aad: bytes) -> bytes:
        return self._aead.decrypt(counter.to_bytes(12, "big"), sealed, self._prefix + aad)

    def frame(self, data: bytes, number: int, offset: int) -> Frame:
        """Open frame ``number`` at ``offset`` of the file; InvalidTag when there is none."""
        place = number.to_bytes(4, "big")
        head = self.open(2 * number, data[offset : offset + 32], place + b"h")
        raw, sealed = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
        assert head[2:4] == bytes(2)
        assert head[12:] == bytes(4)
        body = self.open(2 * number + 1, data[offset + 32 : offset + 32 + sealed], place + b"b")
        if head[1] == 1:
            body = zstandard.ZstdDecompressor().decompress(body, max_output_size=raw)
        assert head[1] in {0, 1}
        assert len(body) == raw
        return Frame(offset, sealed, head[0], head[1], body)


def padme(size: int) -> int:
    """The Padmé size of ``size`` bytes, at least 32 KiB."""
    exponent = size.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return max(32 * 1024, -(-size // step) * step)


def read_pack(path: Path, epochs: list[bytes]) -> Pack:
    """Open one pack and check all that can be checked without the chain."""
    data = path.read_bytes()
    opener = _PackOpener(data, epochs)
    kind = KINDS[data[10]]
    assert path.name == f"{kind}-{opener.id.hex()}"
    pack = Pack(kind, blake3(data[16:]).digest(), len(data), False, opener.salt, [])
    try:
        tail = opener.open(TAIL_COUNTER, data[-32:], b"t")
    except InvalidTag:
        pack.frames = list(_walk(opener, data))
        return pack
    pack.is_cut = True
    assert len(data) - 16 == padme(len(data) - 16)
    assert len(data) - 16 <= 16 * 1024 * 1024
    start, count = int.from_bytes(tail[:8], "big"), int.from_bytes(tail[8:12], "big")
    trailer = opener.frame(data, count, start)
    assert trailer.kind == TRAILER
    pack.trailer = cbor2.loads(trailer.payload)
    assert len(pack.trailer) == count
    for number, (offset, sealed, frame_type, codec, raw, ids, lengths) in enumerate(pack.trailer):
        frame = opener.frame(data, number, offset)
        assert (sealed, frame_type, codec, raw) == (frame.sealed, frame.kind, frame.codec, len(frame.payload))
        assert len(ids) == 32 * len(lengths)
        assert sum(lengths) == (raw if frame_type == SEGMENT else 0)
        pack.frames.append(frame)
    return pack


def _walk(opener: _PackOpener, data: bytes) -> Iterator[Frame]:
    offset, number = 80, 0
    while True:
        try:
            frame = opener.frame(data, number, offset)
        except InvalidTag:
            return
        if frame.kind == TRAILER:
            return
        yield frame
        offset, number = offset + 32 + frame.sealed, number + 1


class _Chain:
    """Links in order, checked; entries applied to records."""

    def __init__(self, packs: dict[bytes, Pack], secrets: dict[str, Any], locker_id: bytes) -> None:
        self.records: dict[str, Record] = {}
        self.erased = 0
        self.epoch = 1
        self._locker_id = locker_id
        self._packs = packs
        self._secrets = secrets
        self._where: dict[bytes, tuple[bytes, int, int, int]] = {}
        self._puts: list[tuple[Version, bytes, int, int]] = []
        self._pictures: list[tuple[Version, int, str, bytes, int]] = []
        self._cut: dict[bytes, list[Any]] = {}
        self._dropped: set[bytes] = set()
        self.links = self._read_links()
        self._check_packs()
        self._join()

    def _read_links(self) -> int:
        found: dict[int, tuple[bytes, bytes, list[Any], list[Any]]] = {}
        for pack in self._packs.values():
            for frame in pack.frames:
                if frame.kind != LINK:
                    continue
                assert pack.kind == "meta"
                header, signature, bodies, located = cbor2.loads(frame.payload)
                found[cbor2.loads(header)[1]] = (header, signature, bodies, located)
        key = Ed25519PrivateKey.from_private_bytes(self._secrets["head"]).public_key()
        previous, time = bytes(32), 0
        for expected in range(1, len(found) + 1):
            header, signature, bodies, located = found[expected]
            version, seq, before, time_ms, root, count = cbor2.loads(header)
            assert (version, seq, before, count) == (1, expected, previous, len(bodies))
            assert time_ms >= time
            key.verify(signature, b"lockerbox link v1\n" + header)
            previous, time = blake3(header + signature).digest(), time_ms
            assert blake3(b"".join(map(_commitment, bodies))).digest() == root
            self._apply_located(located)
            for body in bodies:
                self._body(body)
        return len(found)

    def _apply_located(self, located: list[Any]) -> None:
        for pack, frame, offset, sealed, ids, lengths in located:
            start = 0
            for number, length in enumerate(lengths):
                self._where[ids[32 * number : 32 * number + 32]] = (pack, frame, start, length)
                start += length
            if pack in self._packs:
                stands = self._packs[pack].frames[frame]
                assert (stands.kind, stands.offset, stands.sealed) == (SEGMENT, offset, sealed)
                assert len(stands.payload) == start

    def _body(self, body: Any) -> None:
        if isinstance(body, bytes):
            self.erased += 1
            return
        kind, *fields = cbor2.loads(body[1])
        apply: dict[int, Callable[..., None]] = {
            0: self._genesis,
            1: self._put,
            2: self._facts,
            3: self._preview,
            4: self._delete,
            5: self._undelete,
            6: self._forget,
            7: self._rename,
            8: self._opened,
            9: self._cut_entry,
            10: self._dropped_entry,
            11: self._snapshot,
            12: self._epoch_entry,
            13: self._trim,
            14: self._noted,
        }
        if kind in apply:
            apply[kind](*fields)

    def _genesis(self, locker_id: str, _time_ms: int) -> None:
        assert locker_id == self._locker_id.hex()

    def _put(self, rid: bytes, number: int, name: bytes, size: int, *more: Any) -> None:
        mtime_ns, stored_ms, mime, chunks, depth, text = more
        record = self.records.setdefault(rid.hex(), Record(name))
        record.name = name
        version = Version(size, mtime_ns, stored_ms, mime, text, None)
        record.versions[number] = version
        self._puts.append((version, chunks, depth, size))

    def _version(self, rid: bytes, number: int) -> Version | None:
        record = self.records.get(rid.hex())
        return record.versions.get(number) if record else None

    def _facts(self, rid: bytes, number: int, facts: dict[str, Any], trouble: str | None) -> None:
        if version := self._version(rid, number):
            version.facts, version.trouble = facts, trouble

    def _preview(self, rid: bytes, number: int, edge: int, mime: str, chunk: bytes, size: int) -> None:
        if version := self._version(rid, number):
            self._pictures.append((version, edge, mime, chunk, size))

    def _delete(self, rids: list[bytes], time_ms: int) -> None:
        self._state(rids, BIN, time_ms)

    def _undelete(self, rids: list[bytes]) -> None:
        self._state(rids, LIVE, None)

    def _forget(self, rids: list[bytes], _time_ms: int) -> None:
        self._state(rids, GONE, None)

    def _state(self, rids: list[bytes], state: str, deleted_ms: int | None) -> None:
        for rid in rids:
            if rid.hex() in self.records:
                record = self.records[rid.hex()]
                record.state, record.deleted_ms = state, deleted_ms

    def _rename(self, rid: bytes, name: bytes) -> None:
        if rid.hex() in self.records:
            self.records[rid.hex()].name = name

    def _opened(self, pack: bytes, _kind: int, _suite: int, _epoch: int, salt: bytes) -> None:
        assert blake3(salt).digest() == pack

    def _cut_entry(self, pack: bytes, *fields: Any) -> None:
        self._cut[pack] = list(fields)

    def _dropped_entry(self, pack: bytes) -> None:
        self._dropped.add(pack)

    def _snapshot(self, _number: int, packs: int, root: bytes) -> None:
        standing = sorted(cut[2] for pack, cut in self._cut.items() if pack not in self._dropped)
        assert packs == len(standing)
        assert blake3(b"".join(standing)).digest() == root

    def _epoch_entry(self, number: int) -> None:
        self.epoch = number

    def _trim(self, rid: bytes, numbers: list[int]) -> None:
        for number in numbers:
            self.records[rid.hex()].versions.pop(number, None)

    def _noted(self, rid: bytes, tags: list[str], note: str) -> None:
        assert tags == sorted(tags)
        if rid.hex() in self.records:
            self.records[rid.hex()].tags, self.records[rid.hex()].note = tuple(tags), note

    def _check_packs(self) -> None:
        """What the chain says of each cut pack is what stands in its file; no cut pack is missing."""
        for pack_id, (frames, size, digest, recovered) in self._cut.items():
            if pack_id in self._dropped:
                continue
            pack = self._packs[pack_id]
            assert (len(pack.frames), pack.size, pack.digest) == (frames, size, digest)
            assert pack.is_cut is not recovered

    def _chunk(self, chunk: bytes) -> bytes | None:
        if chunk not in self._where:
            return None
        pack, frame, start, length = self._where[chunk]
        if pack not in self._packs:
            return None
        data = self._packs[pack].frames[frame].payload[start : start + length]
        assert blake3(data, key=self._secrets["id"]).digest() == chunk
        return data

    def _join(self) -> None:
        for version, chunks, depth, size in self._puts:
            lists = chunks
            for _ in range(depth):
                lists = b"".join(self._chunk(chunk) or b"" for chunk in _split(lists))
            parts = [self._chunk(chunk) for chunk in _split(lists)]
            if None not in parts:
                version.data = b"".join(part for part in parts if part is not None)
                version.data = version.data if len(version.data) == size else None
        for version, edge, mime, chunk, size in self._pictures:
            data = self._chunk(chunk)
            if data is not None:
                assert len(data) == size
                version.previews[edge] = (mime, data)


def _split(ids: bytes) -> list[bytes]:
    return [ids[at : at + 32] for at in range(0, len(ids), 32)]


def _commitment(body: Any) -> bytes:
    if isinstance(body, bytes):
        assert len(body) == 32
        return body
    salt, entry = body
    assert len(salt) == 16
    return blake3(salt + entry).digest()


def read_locker(folder: Path, *, passphrase: str = "", words: str = "") -> Opened:
    """Open the locker in ``folder`` (with its file ``key``) by passphrase or by the 24 words of a kit."""
    key_file = (folder / "key").read_bytes()
    if passphrase:
        secrets = read_key_file(key_file, "passphrase", passphrase=passphrase)
    else:
        secrets = read_key_file(key_file, "kit", secret=bytes(Mnemonic("english").to_entropy(words)))
    packs: dict[bytes, Pack] = {}
    for path in sorted((folder / "packs").iterdir()):
        packs[bytes.fromhex(path.name.split("-")[1])] = read_pack(path, secrets["epochs"])
    size = int.from_bytes(key_file[10:12], "big")
    locker_id = cbor2.loads(key_file[12 : 12 + size])["locker"]
    chain = _Chain(packs, secrets, locker_id)
    return Opened(locker_id, chain.records, packs, chain.links, chain.erased, chain.epoch)
