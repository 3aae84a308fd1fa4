"""Lockers and households of hosted shards as they stand in the folder: small files, read once, replaced as a whole."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from blake3 import blake3

from firmware.errors import BoxError, Missing, PeerGarbled
from firmware.hosting import Account, CapsuleKept, Ending, EndingKind, Waiting, charge
from firmware.limits import PEER_CAPSULE_BYTES, PEER_PIECE_BYTES
from firmware.linux.disk import LinuxDisk
from firmware.linux.hosted_files import FolderSync, is_hex, make_place, sync_folder, translated
from firmware.peer import HeldCustody, HeldHandover, read_custody, read_handover
from firmware.peer.capsules import KitCard
from firmware.peer.cbor import dumps, loads
from firmware.peer.messages import Head, ManifestPart

SHARDS_OF_AN_ASK: Final = 1000
_GONE: Final = "gone-"
_SMALL: Final = 64 * 1024


def place_name(locker: bytes, public: bytes) -> bytes:
    """A locker is its id and its custody key; 16 bytes."""
    return blake3(b"lockerbox place 1" + locker + public).digest(16)


@dataclass(frozen=True)
class Ask:
    """One request to delete."""

    number: int
    effective_ms: int
    lived_ms: int
    asked_ms: int
    count: int

    def write(self, shards: list[bytes]) -> bytes:
        """Return the file's bytes."""
        times = (self.effective_ms, self.lived_ms, self.asked_ms)
        return b"".join([*(each.to_bytes(8, "big") for each in times), *shards])


@dataclass
class Peer:
    """One household."""

    box: bytes
    account: Account = field(default_factory=Account)
    their_quota: int = 0
    our_use: int = 0
    heard_ms: int = 0
    stamped_ms: int = 0


@dataclass
class Place:
    """One locker kept here."""

    name: bytes
    row: int
    held: HeldCustody
    path: Path
    sync: FolderSync
    alive_ms: int = 0
    stamped_ms: int = 0
    waiting: Waiting | None = None
    head: Head | None = None
    ending: Ending | None = None
    shards: int = 0
    used: int = 0
    parts: dict[bytes, int] = field(default_factory=dict)
    """Parts nobody is sending now, with their sizes."""
    active: set[bytes] = field(default_factory=set)
    asks: dict[int, Ask] = field(default_factory=dict)
    capsules: list[CapsuleKept] = field(default_factory=list)
    manifest: dict[tuple[int, int], tuple[ManifestPart, int]] = field(default_factory=dict)
    """By number and part: the part, and the size of its file."""
    kit: tuple[CapsuleKept, KitCard | None] | None = None
    """The kit of the newest capsule, once it was looked at."""
    wave_ms: int = 0
    handovers: list[HeldHandover] = field(default_factory=list)
    """How custody went from the key it was first shown with to the one in force."""

    @property
    def names(self) -> list[bytes]:
        """What it would be called by the keys that custody went over to."""
        return [place_name(self.held.record.locker, each.after.public) for each in self.handovers]

    @property
    def box(self) -> bytes:
        """The box that has custody."""
        return self.held.record.box

    @property
    def pending(self) -> int:
        """How many shards are asked away."""
        return sum(each.count for each in self.asks.values())

    def shard(self, shard: bytes) -> Path:
        """Where a whole shard is."""
        return self.path / "shards" / shard.hex()

    def part(self, shard: bytes) -> Path:
        """Where a part of a shard is."""
        return self.path / "arriving" / shard.hex()

    def whole_manifest(self) -> int | None:
        """Return the number of which all parts are here."""
        for (number, _), (at, _size) in self.manifest.items():
            if all((number, part) in self.manifest for part in range(at.parts)):
                return number
        return None


def _follow(handovers: list[HeldHandover], held: HeldCustody) -> bool:
    """Whether each goes on where the one before ended, and all of them lead to ``held``."""
    ends = [each.after.public for each in handovers]
    begins = [*(each.before for each in handovers[1:]), held.public]
    return not handovers or (
        ends == begins and all(each.after.record.locker == held.record.locker for each in handovers)
    )


class Places:
    """Reads and writes the small files below ``hosted/``."""

    def __init__(self, folder: Path, disk: LinuxDisk) -> None:
        """``disk`` is that of ``folder``."""
        self._folder, self._disk = folder, disk

    def keep(self, name: str, data: bytes) -> None:
        """Replace a file durably; what a full disk left of the attempt is removed."""
        try:
            self._disk.replace(name, data)
        except BoxError:
            self._disk.remove(f"{name}.tmp")
            raise

    def remove(self, name: str) -> None:
        """Remove a file, durably."""
        self._disk.remove(name)
        self._disk.sync_folder(str(Path(name).parent))

    # Households

    def peers(self) -> dict[bytes, Peer]:
        """Read all households."""
        found: dict[bytes, Peer] = {}
        for name in self._disk.names("peers"):
            if not is_hex(name, 32):
                continue
            peer = Peer(bytes.fromhex(name))
            with suppress(BoxError, ValueError, TypeError):
                quota, theirs, ours = _numbers(loads(self._disk.read(f"peers/{name}", 0, _SMALL)), 3)
                peer.account.quota, peer.their_quota, peer.our_use = quota, theirs, ours
            peer.heard_ms = peer.stamped_ms = self._time(f"peers/{name}")
            found[peer.box] = peer
        return found

    def keep_peer(self, peer: Peer) -> None:
        """Write what is known of a household."""
        name = f"peers/{peer.box.hex()}"
        self.keep(name, dumps([peer.account.quota, peer.their_quota, peer.our_use]))
        self._stamp(name, peer.heard_ms)

    def stamp_peer(self, peer: Peer) -> None:
        """Note when it was heard."""
        self._stamp(f"peers/{peer.box.hex()}", peer.heard_ms)

    # Lockers

    def names(self) -> list[bytes]:
        """Return the places there are; what is left of removed ones is removed."""
        for entry in list(os.scandir(self._folder)):
            if entry.name.startswith(_GONE) and is_hex(entry.name.removeprefix(_GONE), 16):
                shutil.rmtree(entry.path, ignore_errors=True)
        found = (entry.name for entry in os.scandir(self._folder) if entry.is_dir(follow_symlinks=False))
        return sorted(bytes.fromhex(name) for name in found if is_hex(name, 16))

    def remove_place(self, place: Place) -> None:
        """Remove a place with everything in it."""
        gone = place.path.with_name(_GONE + place.path.name)
        with translated():
            shutil.rmtree(gone, ignore_errors=True)
            os.rename(place.path, gone)
        sync_folder(self._folder)
        shutil.rmtree(gone, ignore_errors=True)

    def read(self, name: bytes, row: int) -> Place:
        """Read one place; raises BoxError when it has no custody record that can be believed."""
        path = self._folder / name.hex()
        held = read_custody(self._disk.read(f"{name.hex()}/custody", 0, _SMALL))
        handovers = self._read_handovers(name)
        if handovers and handovers[-1].before == held.public:
            held = handovers[-1].after  # it was written down, and the plug was pulled
        first = handovers[0].before if handovers else held.public
        if place_name(held.record.locker, first) != name or not _follow(handovers, held):
            raise PeerGarbled(why="a custody record of another place")
        make_place(path)
        place = Place(name, row, held, path, FolderSync(path / "shards"))
        place.handovers = handovers
        place.alive_ms = place.stamped_ms = self._time(f"{name.hex()}/custody")
        self._read_small(place)
        self._read_asks(place)
        self._read_kept(place)
        for entry in os.scandir(path / "arriving"):
            if is_hex(entry.name, 32):
                place.parts[bytes.fromhex(entry.name)] = entry.stat(follow_symlinks=False).st_size
        place.used = sum(charge(size) for size in place.parts.values())
        place.used += len(place.capsules) * charge(PEER_CAPSULE_BYTES)
        place.used += sum(charge(size) for _, size in place.manifest.values())
        return place

    def _read_handovers(self, name: bytes) -> list[HeldHandover]:
        try:
            found = loads(self._disk.read(f"{name.hex()}/handovers", 0, _SMALL))
        except Missing:
            return []
        return [read_handover(_raw(each)) for each in found] if isinstance(found, list) else []

    def _read_small(self, place: Place) -> None:
        at = place.name.hex()
        with suppress(BoxError, ValueError, TypeError):
            found = loads(self._disk.read(f"{at}/waiting", 0, _SMALL))
            assert isinstance(found, list)
            first, free = _numbers(found[1:], 2)
            place.waiting = Waiting(read_custody(_raw(found[0])), first, free)
        with suppress(BoxError, ValueError, TypeError):
            found = loads(self._disk.read(f"{at}/head", 0, _SMALL))
            assert isinstance(found, list)
            place.head = Head(*(_raw(each) for each in found))
        with suppress(BoxError, ValueError, TypeError):
            found = loads(self._disk.read(f"{at}/ending", 0, _SMALL))
            assert isinstance(found, list)
            place.ending = Ending(EndingKind(str(found[0])), *_numbers(found[1:], 2))

    def _read_asks(self, place: Place) -> None:
        for name in self._disk.names(f"{place.name.hex()}/deletes"):
            if name.isdecimal() and name.isascii():
                number = int(name)
                times, shards = self.ask_file(place, number)
                if len(times) == 3:
                    place.asks[number] = Ask(number, times[0], times[1], times[2], len(shards))

    def ask_file(self, place: Place, number: int) -> tuple[list[int], list[bytes]]:
        """Return the times and the shards of one request to delete."""
        size = 24 + 32 * SHARDS_OF_AN_ASK
        try:
            data = self._disk.read(f"{place.name.hex()}/deletes/{number}", 0, size)
        except Missing:
            return [], []
        times = [int.from_bytes(data[at : at + 8], "big") for at in (0, 8, 16)] if len(data) >= 24 else []
        return times, [data[at : at + 32] for at in range(24, len(data) - 31, 32)]

    def _read_kept(self, place: Place) -> None:
        for name in self._disk.names(f"{place.name.hex()}/capsules"):
            parts = _decimals(name, 2)
            if parts:
                place.capsules.append(CapsuleKept(*parts))
        place.capsules.sort()
        for name in self._disk.names(f"{place.name.hex()}/manifest"):
            parts = _decimals(name, 3)
            if parts:
                size = self._disk.size(f"{place.name.hex()}/manifest/{name}")
                place.manifest[parts[0], parts[1]] = (ManifestPart(*parts), size)

    def create(self, held: HeldCustody) -> bytes:
        """Make the folder of a place and put its custody record down; return its name."""
        name = place_name(held.record.locker, held.public)
        make_place(self._folder / name.hex())
        self.keep(f"{name.hex()}/custody", held.data)
        return name

    def keep_custody(self, place: Place) -> None:
        """Write the record in force, and the one that waits."""
        at = place.name.hex()
        self.keep(f"{at}/custody", place.held.data)
        self._stamp(f"{at}/custody", place.alive_ms)
        self.keep_waiting(place)

    def keep_handovers(self, place: Place) -> None:
        """Write how custody went from key to key, before the record it leads to."""
        self.keep(f"{place.name.hex()}/handovers", dumps([each.data for each in place.handovers]))

    def keep_waiting(self, place: Place) -> None:
        """Write the record that waits, if one does."""
        at, waits = place.name.hex(), place.waiting
        if waits is None:
            self._disk.remove(f"{at}/waiting")
        else:
            self.keep(f"{at}/waiting", dumps([waits.held.data, waits.first_ms, waits.free_ms]))

    def keep_head(self, place: Place, head: Head) -> None:
        """Write the highest head."""
        self.keep(f"{place.name.hex()}/head", dumps([head.header, head.signature, head.public]))

    def keep_ending(self, place: Place) -> None:
        """Write that a notice was given, or that there is none."""
        at, ending = f"{place.name.hex()}/ending", place.ending
        if ending is None:
            self.remove(at)
        else:
            self.keep(at, dumps([ending.kind.value, ending.when_ms, ending.lived_ms]))

    def stamp(self, place: Place) -> None:
        """Note the last sign of life."""
        self._stamp(f"{place.name.hex()}/custody", place.alive_ms)

    def keep_ask(self, place: Place, ask: Ask, shards: list[bytes]) -> None:
        """Write a request to delete, or remove it when nothing is left of it."""
        name = f"{place.name.hex()}/deletes/{ask.number}"
        if shards:
            self.keep(name, ask.write(shards))
        else:
            self.remove(name)

    def data(self, place: Place, name: str) -> bytes:
        """Read a capsule or a part of a manifest."""
        return self._disk.read(f"{place.name.hex()}/{name}", 0, PEER_PIECE_BYTES)

    def _stamp(self, name: str, time_ms: int) -> None:
        with suppress(OSError):
            os.utime(self._folder / name, ns=(time_ms * 1_000_000, time_ms * 1_000_000))

    def _time(self, name: str) -> int:
        with suppress(OSError):
            return (self._folder / name).stat().st_mtime_ns // 1_000_000
        return 0


def capsule_file(each: CapsuleKept) -> str:
    """Where a capsule is, below its place."""
    return f"capsules/{each.received_ms:020}-{each.number:020}"


def manifest_file(at: ManifestPart) -> str:
    """Where a part of a manifest is, below its place."""
    return f"manifest/{at.number}-{at.part}-{at.parts}"


def _numbers(value: object, count: int) -> list[int]:
    if not isinstance(value, list) or len(value) != count:
        raise ValueError("a small file has another shape")
    if not all(isinstance(each, int) for each in value):
        raise ValueError("a small file has another shape")
    return [int(each) for each in value]


def _raw(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a small file has another shape")
    return value


def _decimals(name: str, count: int) -> list[int]:
    parts = name.split("-")
    return [int(each) for each in parts] if len(parts) == count and all(each.isdecimal() for each in parts) else []
