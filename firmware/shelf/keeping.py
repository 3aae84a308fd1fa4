"""One shelf over a disk port: what is on it, packs and papers put onto it, read back, taken off.

The order of every write is that of docs/formats/shelf.md, so that a disk pulled at any moment holds nothing that counts
and is not whole. Never touches a file that is not named as ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from blake3 import blake3

from firmware.errors import BoxError, Damaged, Full, Missing
from firmware.limits import MIB, SHELF_PAPERS
from firmware.pack.format import PRELUDE_BYTES, Kind
from firmware.ports import AppendFile, Disk
from firmware.shelf.deciding import MARGIN_BYTES, Wanted
from firmware.shelf.format import (
    LIST,
    MARK,
    PACK_NAME,
    PLACES,
    READ_ME,
    READ_ME_TEXT,
    RECORD_BYTES,
    TEMPORARY,
    Entry,
    Mark,
    What,
    pack_file,
    paper_file,
    read_list,
    read_paper_file,
)

STEP: Final = 1 * MIB
_MARK_BYTES: Final = 4096
_PAPER_BYTES: Final = 8 * MIB

Source = Callable[[Wanted], Iterator[bytes]]
"""The whole file of a pack as the box has it, in pieces; raises Missing or Damaged."""


class ShelfDisk(Disk, Protocol):
    """The folder of a shelf; names are relative to it."""

    def rename(self, old: str, new: str) -> None:
        """Rename within one folder, replacing ``new``; durable after ``sync_folder``."""
        ...

    def temporaries(self, folder: str) -> list[str]:
        """List what a pulled plug left in ``folder``: plain files whose name ends in ``.tmp``."""
        ...


def read_mark(disk: ShelfDisk) -> Mark | None:
    """Return the mark of the shelf on ``disk``, None where there is none; raises Damaged, NewerFormat."""
    try:
        return Mark.parse(disk.read(MARK, 0, _MARK_BYTES))
    except Missing:
        return None


def make(disk: ShelfDisk, mark: Mark) -> None:
    """Make a shelf of an empty folder; the mark comes last."""
    put_file(disk, READ_ME, READ_ME_TEXT.encode())
    put_file(disk, MARK, mark.to_bytes())


def put_file(disk: ShelfDisk, name: str, data: bytes) -> None:
    """Write a small file durably in one piece; raises Full, Damaged, Unreachable."""
    _write(disk, name + TEMPORARY, iter((data,)))
    disk.rename(name + TEMPORARY, name)
    disk.sync_folder(name.rpartition("/")[0])


def _write(disk: ShelfDisk, name: str, pieces: Iterator[bytes]) -> tuple[int, bytes]:
    """Write a temporary durably; return its size and the digest of what is behind the prelude."""
    disk.remove(name)
    file, hasher, size = disk.create(name), blake3(), 0
    try:
        for piece in pieces:
            hasher.update(piece[max(0, PRELUDE_BYTES - size) :])
            file.append(piece)
            size += len(piece)
        file.sync()
    except BoxError:
        file.close()
        disk.remove(name)
        raise
    file.close()
    return size, hasher.digest()


@dataclass(slots=True)
class Survey:
    """What a plug found: packs that count again though they were not listed, and those that must be written anew."""

    listed: list[bytes] = field(default_factory=list)
    lost: list[bytes] = field(default_factory=list)
    strange: int = 0
    """Files named like packs that the box knows nothing of; left as they are."""


@dataclass(slots=True)
class Wrote:
    """What became of one batch."""

    packs: list[bytes] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)
    """Packs that are not whole on the box itself; nothing of them is on the shelf."""


class LockerShelf:
    """One locker's folder on a shelf. ``entries`` are the packs that count, by id."""

    def __init__(self, disk: ShelfDisk, locker: bytes) -> None:
        """Read the list; raises Damaged when the disk cannot, Unreachable. Files are judged by ``survey``."""
        self._disk, self._locker, self._base = disk, locker, locker.hex()
        self.entries: dict[bytes, Entry] = {}
        self.off: dict[bytes, Entry] = {}
        """The record of every pack that was taken off."""
        self._size = 0
        for each in read_list(locker, self._read_list()):
            self._take(each)

    def _at(self, name: str) -> str:
        return f"{self._base}/{name}"

    def _take(self, each: Entry) -> None:
        here, gone = (self.off, self.entries) if each.what is What.OFF else (self.entries, self.off)
        gone.pop(each.pack, None)
        here[each.pack] = each

    def _read_list(self) -> bytes:
        parts, at = [], 0
        try:
            while data := self._disk.read(self._at(LIST), at, STEP):
                parts.append(data)
                at += len(data)
        except Missing:
            return b""
        self._size = at
        return b"".join(parts)

    # After a plug

    def survey(self, wanted: Mapping[bytes, Wanted]) -> Iterator[Survey]:
        """Make list and files one again, folder by folder; yields after each. The last one yielded is complete."""
        found = Survey()
        sizes: dict[bytes, int] = {}
        for place in PLACES:
            self._look(place, sizes)
            yield found
        found.lost = [id for id, each in self.entries.items() if sizes.get(id) != each.size]
        for id in found.lost:
            del self.entries[id]
        for id in [each for each in sizes if each in self.off and each not in wanted]:  # the plug was pulled meanwhile
            self._disk.remove(self._at(self.off[id].name))
            del sizes[id]
        unlisted = [id for id in sizes if id not in self.entries]
        found.strange = sum(1 for id in unlisted if id not in wanted)
        for each in [wanted[id] for id in unlisted if id in wanted]:
            if self._is_whole(each.kind, each.pack, each.file_size, each.digest):
                self._list([_entry(each, 0)])
                found.listed.append(each.pack)
            yield found
        yield found

    def _look(self, place: str, sizes: dict[bytes, int]) -> None:
        folder = self._at(f"packs/{place}")
        for name in self._disk.temporaries(folder):
            self._disk.remove(f"{folder}/{name}")
        for name in self._disk.names(folder):
            match = PACK_NAME.fullmatch(name)
            if match is not None and match[2][:2] == place:
                sizes[bytes.fromhex(match[2])] = self._disk.size(f"{folder}/{name}")

    def check(self, each: Entry) -> bool:
        """Read a pack back; return whether it is bit for bit what was written. One that is not no longer counts."""
        good = self._is_whole(each.kind, each.pack, each.size, each.digest)
        if not good:
            self.entries.pop(each.pack, None)
        return good

    def _is_whole(self, kind: Kind, pack: bytes, size: int, digest: bytes) -> bool:
        name, hasher, at = self._at(pack_file(kind, pack)), blake3(), 0
        try:
            if self._disk.size(name) != size:
                return False
            while at < size:
                data = self._disk.read(name, at, STEP)
                if not data:
                    return False
                hasher.update(data[max(0, PRELUDE_BYTES - at) :])
                at += len(data)
        except (Missing, Damaged):
            return False
        return hasher.digest() == digest

    # Writing

    def put(self, batch: Sequence[Wanted], source: Source, now_ms: int) -> Wrote:
        """Write packs; those returned count, durably. Raises Full before a byte is written, Damaged, Unreachable."""
        need = sum(each.file_size for each in batch) + MARGIN_BYTES
        free = self._disk.free_bytes()
        if free < need:
            raise Full(need_mib=-(-need // MIB), free_mib=free // MIB)
        done = Wrote()
        written: list[Wanted] = []
        for each in batch:
            if self._copy(each, source):
                written.append(each)
            else:
                done.bad.append(each.pack)
        for each in written:
            name = self._at(pack_file(each.kind, each.pack))
            self._disk.rename(name + TEMPORARY, name)
        for folder in sorted({self._at(pack_file(each.kind, each.pack)).rpartition("/")[0] for each in written}):
            self._disk.sync_folder(folder)
        self._list([_entry(each, now_ms) for each in written])
        done.packs = [each.pack for each in written]
        return done

    def _copy(self, each: Wanted, source: Source) -> bool:
        temporary = self._at(pack_file(each.kind, each.pack)) + TEMPORARY
        try:
            found = _write(self._disk, temporary, _guarded(source(each)))
        except _SourceBad:
            return False
        if found == (each.file_size, each.digest):
            return True
        self._disk.remove(temporary)
        return False

    def _list(self, records: Sequence[Entry]) -> None:
        """Append to the list, durably; only then do the records count."""
        if not records:
            return
        name = self._at(LIST)
        file = self._opened(name)
        try:
            file.append(b"".join(each.to_bytes(self._locker) for each in records))
            file.sync()
        finally:
            file.close()
        self._size += RECORD_BYTES * len(records)
        for each in records:
            self._take(each)

    def _opened(self, name: str) -> AppendFile:
        try:
            self._size = self._disk.size(name)
        except Missing:
            file = self._disk.create(name)
            self._disk.sync_folder(self._base)
            return file
        file = self._disk.reopen(name)
        rest = self._size % RECORD_BYTES
        if rest:
            self._size -= rest
            file.truncate(self._size)
        return file

    def note(self, entries: Iterable[Entry], what: What, time: int) -> None:
        """Note that the locker does without these packs since ``time`` (awake), or wants them again."""
        self._list([Entry(what, each.kind, each.size, time, each.pack, each.digest) for each in entries])

    def take_off(self, entries: Sequence[Entry], awake_ms: int) -> None:
        """Remove packs: first the list says so, then the files go."""
        self.note(entries, What.OFF, awake_ms)
        for each in entries:
            self._disk.remove(self._at(each.name))
        for folder in sorted({self._at(each.name).rpartition("/")[0] for each in entries}):
            self._disk.sync_folder(folder)

    # Papers

    def put_paper(self, kind: str, number: int, data: bytes) -> bool:
        """Keep a paper; the newest few of its kind stay. Returns whether it was not there already."""
        name = self._at(paper_file(kind, number))
        try:
            if self._disk.read(name, 0, _PAPER_BYTES) == data:
                return False
        except (Missing, Damaged):
            pass
        put_file(self._disk, name, data)
        for old in [each for each in self._papers(kind) if each < number][: -SHELF_PAPERS + 1 or None]:
            self._disk.remove(self._at(paper_file(kind, old)))
        return True

    def _papers(self, kind: str) -> list[int]:
        found = (read_paper_file(name) for name in self._disk.names(self._at("papers")))
        return sorted(each[1] for each in found if each is not None and each[0] == kind)

    def papers(self, kind: str) -> Iterator[bytes]:
        """Yield the papers of a kind, the newest first, for whoever restores; unreadable ones are left out."""
        for number in reversed(self._papers(kind)):
            try:
                yield self._disk.read(self._at(paper_file(kind, number)), 0, _PAPER_BYTES)
            except (Missing, Damaged):
                continue


class _SourceBad(Exception):
    """The box cannot read its own pack."""


def _guarded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What goes wrong on the box is told apart from what goes wrong on the shelf."""
    try:
        yield from pieces
    except (Missing, Damaged):
        raise _SourceBad from None


def _entry(each: Wanted, time: int) -> Entry:
    return Entry(What.HERE, each.kind, each.file_size, time, each.pack, each.digest)
