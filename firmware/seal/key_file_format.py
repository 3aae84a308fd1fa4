"""Bytes <-> values of a key file, format 1, as docs/formats/key-file.md says. Knows pages and maps, opens nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cbor2

from firmware.errors import Damaged, NewerFormat
from firmware.limits import KEY_FILE_BYTES, KEY_FILE_SLOTS
from firmware.seal.aead import OVERHEAD
from firmware.seal.kdf import Argon2Params
from firmware.seal.keyslot import PUBLIC_BYTES, SEAL_OVERHEAD
from firmware.seal.sign import did_key

MAGIC: Final = b"LBKEY\r\n\x1a"
FORMAT: Final = 1
PAGE_BYTES: Final = 4096
CHECKSUM_AT: Final = PAGE_BYTES - 32
SEALED_KEY_BYTES: Final = SEAL_OVERHEAD + 32
WHAT: Final = "The key file"
_MAX_UINT: Final = (1 << 63) - 1


class SlotKind(StrEnum):
    """The kinds of ways into a locker."""

    PASSPHRASE = "passphrase"
    KIT = "kit"
    FRIENDS = "friends"
    PASSKEY = "passkey"
    MEMBER = "member"


class Fields:
    """A decoded CBOR map read field by field; any surprise raises Damaged naming ``what``."""

    def __init__(self, value: object, what: str, names: set[str]) -> None:
        """Take a decoded map that must have exactly the keys ``names``."""
        if not isinstance(value, Mapping) or set(value) != names:
            raise Damaged(what=what)
        self._map: Mapping[str, object] = value
        self._what = what

    def data(self, name: str, size: int) -> bytes:
        """Return the byte string ``name`` of exactly ``size`` bytes."""
        value = self._map[name]
        if not isinstance(value, bytes) or len(value) != size:
            raise Damaged(what=self._what)
        return value

    def uint(self, name: str, low: int, high: int) -> int:
        """Return the whole number ``name`` between ``low`` and ``high``, both included."""
        value = self._map[name]
        if type(value) is not int or not low <= value <= high:
            raise Damaged(what=self._what)
        return value

    def items(self, name: str, most: int) -> list[object]:
        """Return the array ``name`` of at most ``most`` items."""
        value = self._map[name]
        if not isinstance(value, list) or len(value) > most:
            raise Damaged(what=self._what)
        return value

    def raw(self, name: str) -> object:
        """Return the item ``name`` unchecked."""
        return self._map[name]


def encode(value: object) -> bytes:
    """Return the deterministic CBOR encoding (RFC 8949, 4.2.1) of maps with short text keys, arrays, bytes, uints."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, what: str) -> object:
    """Decode one CBOR item that fills ``data``; raises Damaged for anything but its deterministic encoding."""
    try:
        value: object = cbor2.loads(data)
        same = encode(value) == data
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError):
        raise Damaged(what=what) from None
    if not same:
        raise Damaged(what=what)
    return value


def page(head: bytes, body: bytes) -> bytes:
    """Return a 4096-byte page: ``head``, length of ``body`` (2 bytes), ``body``, zeros, SHA-256."""
    filled = (head + len(body).to_bytes(2, "big") + body).ljust(CHECKSUM_AT, b"\0")
    if len(filled) != CHECKSUM_AT:
        raise ValueError("a page of the key file overflows")
    return filled + hashlib.sha256(filled).digest()


def page_body(data: bytes, head_size: int, what: str) -> bytes:
    """Return the body of a page; raises Damaged when checksum, length or padding is wrong."""
    start = head_size + 2
    size = int.from_bytes(data[head_size:start], "big")
    sound = hashlib.sha256(data[:CHECKSUM_AT]).digest() == data[CHECKSUM_AT:]
    if not sound or start + size > CHECKSUM_AT or any(data[start + size : CHECKSUM_AT]):
        raise Damaged(what=what)
    return data[start : start + size]


@dataclass(frozen=True)
class Stretch:
    """How a passphrase becomes a seed: Argon2id with this salt (32 bytes) and these parameters."""

    salt: bytes
    params: Argon2Params


@dataclass(frozen=True)
class Slot:
    """One way in: a KEM public key and the locker key sealed to it. ``stretch`` only for passphrases."""

    kind: SlotKind
    public: bytes
    sealed: bytes
    stretch: Stretch | None

    def _map(self) -> dict[str, object]:
        kdf: dict[str, object] = {"name": "seed"}
        if self.stretch is not None:
            cost = self.stretch.params
            kdf = {"name": "argon2id", "salt": self.stretch.salt, "memory_kib": cost.memory_kib}
            kdf |= {"iterations": cost.iterations, "lanes": cost.lanes}
        return {"kind": self.kind.value, "public": self.public, "kdf": kdf}

    def bound(self) -> bytes:
        """Return SHA-256 of everything but the sealed locker key; it goes into the HPKE info."""
        return hashlib.sha256(encode(self._map())).digest()

    def to_page(self) -> bytes:
        """Return the slot's 4096 bytes."""
        return page(b"", encode(self._map() | {"sealed": self.sealed}))

    @classmethod
    def from_page(cls, data: bytes) -> Slot:
        """Read a slot's page; raises Damaged."""
        what = "A keyslot"
        fields = Fields(decode(page_body(data, 0, what), what), what, {"kind", "public", "sealed", "kdf"})
        kind = fields.raw("kind")
        if not isinstance(kind, str) or kind not in list(SlotKind):
            raise Damaged(what=what)
        stretch = _kdf(SlotKind(kind), fields.raw("kdf"), what)
        sealed = fields.data("sealed", SEALED_KEY_BYTES)
        return cls(SlotKind(kind), fields.data("public", PUBLIC_BYTES), sealed, stretch)


def _kdf(kind: SlotKind, value: object, what: str) -> Stretch | None:
    """Passphrases are stretched; every other kind brings 256 bits of its own."""
    if kind is not SlotKind.PASSPHRASE:
        if Fields(value, what, {"name"}).raw("name") != "seed":
            raise Damaged(what=what)
        return None
    fields = Fields(value, what, {"name", "salt", "memory_kib", "iterations", "lanes"})
    if fields.raw("name") != "argon2id":
        raise Damaged(what=what)
    cost = Argon2Params(
        fields.uint("memory_kib", 8, 1 << 32), fields.uint("iterations", 1, 255), fields.uint("lanes", 1, 255)
    )
    return Stretch(fields.data("salt", 32), cost)


@dataclass(frozen=True)
class Plain:
    """The plain part: what anybody who reads the file sees."""

    locker: bytes
    identity: bytes
    head: bytes
    inbox: bytes
    revision: int
    slots: int
    sealed_size: int
    salt: bytes
    commitment: bytes

    def to_page(self) -> bytes:
        """Return page 0."""
        return page(MAGIC + FORMAT.to_bytes(2, "big"), encode(dict(vars(self))))

    @classmethod
    def from_page(cls, data: bytes) -> Plain:
        """Read page 0; raises Damaged, or NewerFormat for a sound page of a greater format."""
        if len(data) != PAGE_BYTES or not data.startswith(MAGIC):
            raise Damaged(what=WHAT)
        found = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 2], "big")
        sound = hashlib.sha256(data[:CHECKSUM_AT]).digest() == data[CHECKSUM_AT:]
        if sound and found > FORMAT:
            raise NewerFormat(what=WHAT, found=found, known=FORMAT)
        if not sound or found != FORMAT:
            raise Damaged(what=WHAT)
        fields = Fields(decode(page_body(data, len(MAGIC) + 2, WHAT), WHAT), WHAT, set(cls.__dataclass_fields__))
        return cls(
            locker=fields.data("locker", 16),
            identity=fields.data("identity", 32),
            head=fields.data("head", 32),
            inbox=fields.data("inbox", PUBLIC_BYTES),
            revision=fields.uint("revision", 1, _MAX_UINT),
            slots=fields.uint("slots", 0, KEY_FILE_SLOTS),
            sealed_size=fields.uint("sealed_size", OVERHEAD, KEY_FILE_BYTES),
            salt=fields.data("salt", 32),
            commitment=fields.data("commitment", 32),
        )


@dataclass(frozen=True)
class KeyFile:
    """A parsed key file: plain part, the raw page of every slot, the sealed part. Nothing in it is secret."""

    plain: Plain
    pages: tuple[bytes, ...]
    sealed: bytes

    @classmethod
    def parse(cls, data: bytes) -> KeyFile:
        """Read a whole file; raises Damaged or NewerFormat. A damaged slot is kept and stops nothing."""
        plain = Plain.from_page(data[:PAGE_BYTES])
        start = PAGE_BYTES * (plain.slots + 1)
        if len(data) != start + plain.sealed_size:
            raise Damaged(what=WHAT)
        pages = tuple(data[at : at + PAGE_BYTES] for at in range(PAGE_BYTES, start, PAGE_BYTES))
        return cls(plain, pages, data[start:])

    def to_bytes(self) -> bytes:
        """Return the file's bytes."""
        return self.plain.to_page() + b"".join(self.pages) + self.sealed

    @property
    def locker_id(self) -> str:
        """The locker's id, 32 hex digits."""
        return self.plain.locker.hex()

    @property
    def identity(self) -> str:
        """The locker's ``did:key``."""
        return did_key(self.plain.identity)

    @property
    def slots(self) -> tuple[Slot | None, ...]:
        """Every keyslot in order; None where a page is damaged."""
        return tuple(_slot_or_none(data) for data in self.pages)


def _slot_or_none(data: bytes) -> Slot | None:
    try:
        return Slot.from_page(data)
    except Damaged:
        return None
