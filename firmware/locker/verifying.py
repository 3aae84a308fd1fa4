"""Reads every byte of a locker and says exactly what is not as it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from firmware import chain
from firmware.chunk import chunk_id
from firmware.errors import BoxError, Damaged, Missing, StillAtFriends
from firmware.locker.packs import PackShelf, file_name
from firmware.locker.rows import PackRow, PackState
from firmware.model import Problem, VerifyReport
from firmware.pack import FRAME_LINK, FRAME_SEGMENT, FRAMES_AT, Frame, PackReader
from firmware.pack.reading import IndexedFrame
from firmware.pack.writing import shipped_digest
from firmware.seal import SigningKey

if TYPE_CHECKING:
    from firmware.locker.locker import Locker

_NAMED_RECORDS = 100


@dataclass(slots=True)
class _Count:
    id_key: bytes
    packs: int = 0
    frames: int = 0
    chunks: int = 0
    records: int = 0
    bytes_read: int = 0
    links: int = 0
    problems: list[Problem] = field(default_factory=list)
    bad_chunks: dict[bytes, Problem] = field(default_factory=dict)

    def report(self) -> VerifyReport:
        return VerifyReport(
            self.packs, self.frames, self.chunks, self.records, self.bytes_read, self.links, tuple(self.problems)
        )


def verify(locker: Locker) -> Iterator[VerifyReport]:
    """Yield a report after each pack; the last one includes chain, references, catalog and who is touched."""
    count = _Count(locker.id_key)
    shelf = PackShelf(locker.home, locker.secrets, locker.catalog)
    shelf.load()
    unindexed = _unindexed_frames(locker, shelf)
    expected = set()
    for row in sorted(shelf.rows.values(), key=lambda row: row.no):
        if row.state is PackState.DROPPED:
            continue
        expected.add(file_name(row))
        if locker.home.away.has(row.id):
            continue  # on its way from friends
        _check_pack(locker, shelf.reader(row.no), row, unindexed.get(row.no, []), count)
        count.packs += 1
        yield count.report()
    for leaf in locker.home.disk.names("packs"):
        if f"packs/{leaf}" not in expected:
            _problem(count, "stray-file", f"packs/{leaf}", "A pack file lies here that the locker does not know.")
    _check_chain(locker, count)
    _check_records(locker, count)
    for complaint in locker.catalog.check():
        _problem(count, "catalog", "catalog", f"The catalog is damaged ({complaint}); `rebuild` makes it anew.")
    yield count.report()


def _problem(count: _Count, code: str, where: str, sentence: str, records: tuple[str, ...] = ()) -> Problem:
    problem = Problem(code, where, sentence, records)
    count.problems.append(problem)
    return problem


def _unindexed_frames(locker: Locker, shelf: PackShelf) -> dict[int, list[IndexedFrame]]:
    """Frames and chunks of packs without a trailer, from the catalog (one walk for all of them)."""
    bare = {no for no, row in shelf.rows.items() if row.state in (PackState.OPEN, PackState.RECOVERED)}
    grouped: defaultdict[tuple[int, int, int, int], list[tuple[int, bytes, int]]] = defaultdict(list)
    for identity, place in locker.catalog.places():
        if place.pack in bare:
            key = (place.pack, place.frame, place.at, place.sealed_len)
            grouped[key].append((place.offset, identity, place.length))
    frames: defaultdict[int, list[IndexedFrame]] = defaultdict(list)
    for (pack, number, at, sealed), chunks in grouped.items():
        chunks.sort()
        ids, lengths = b"".join(c[1] for c in chunks), tuple(c[2] for c in chunks)
        offsets = tuple(c[0] for c in chunks)
        frames[pack].append(IndexedFrame(Frame(number, at, FRAME_SEGMENT, 0, 0, sealed), ids, lengths, offsets))
    for link in locker.catalog.links():
        if link.pack in bare:
            frame = Frame(link.frame, link.at, FRAME_LINK, 0, 0, link.sealed_len)
            frames[link.pack].append(IndexedFrame(frame, b"", ()))
    return frames


def _check_pack(locker: Locker, reader: PackReader, row: PackRow, frames: list[IndexedFrame], count: _Count) -> None:
    name = file_name(row)
    try:
        size = locker.home.disk.size(name)
        count.bytes_read += size
        header_fine = reader.header_matches(locker.home.disk.read(name, 0, FRAMES_AT))
    except Missing:
        _problem(count, "pack-missing", name, "A pack file is missing.")
        _blame(locker, row, count)
        return
    before = len(count.problems)
    if not header_fine:
        _problem(count, "pack-header", name, "The header of a pack changed; its contents are still readable.")
    if row.state is PackState.CUT:
        index = reader.index()
        if index is None:
            _problem(count, "pack-trailer", name, "The index of a pack changed; its contents are still readable.")
            index = _frames_from_catalog(locker, row)
        frames = index
    for line in frames:
        _check_frame(reader, line, name, count)
    if row.state is PackState.OPEN:
        return
    if (size != row.size or shipped_digest(locker.home.disk, name) != row.digest) and len(count.problems) == before:
        _problem(count, "pack-bytes", name, "Bytes between the frames of a pack changed; its contents are readable.")


def _frames_from_catalog(locker: Locker, row: PackRow) -> list[IndexedFrame]:
    shelf = PackShelf(locker.home, locker.secrets, locker.catalog)
    shelf.load()
    shelf.rows[row.no].state = PackState.RECOVERED
    return _unindexed_frames(locker, shelf)[row.no]


def _check_frame(reader: PackReader, line: IndexedFrame, name: str, count: _Count) -> None:
    count.frames += 1
    frame = line.frame
    try:
        payload = reader.payload(frame.number, frame.at, frame.sealed_len)
    except (Damaged, Missing):
        problem = _problem(count, "bad-seal", f"{name} at {frame.at}", "A sealed piece changed and does not open.")
        for at in range(0, len(line.ids), 32):
            count.bad_chunks[line.ids[at : at + 32]] = problem
        return
    offsets = line.offsets or tuple(accumulate(line.lengths, initial=0))
    view = memoryview(payload)
    for n, length in enumerate(line.lengths):
        count.chunks += 1
        identity = line.ids[n * 32 : n * 32 + 32]
        if chunk_id(count.id_key, view[offsets[n] : offsets[n] + length]) != identity:
            count.bad_chunks[identity] = _problem(
                count, "bad-chunk", f"{name} at {frame.at}", "A chunk is not the one that was stored."
            )


def _blame(locker: Locker, row: PackRow, count: _Count) -> None:
    problem = count.problems[-1]
    for identity, place in locker.catalog.places():
        if place.pack == row.no:
            count.bad_chunks[identity] = problem


def _check_chain(locker: Locker, count: _Count) -> None:
    public = SigningKey.from_seed(locker.secrets.head_seed).public
    previous, expected = chain.NO_HASH, 1
    for row in locker.catalog.links():
        count.links += 1
        if row.seq != expected:
            _problem(count, "chain-gap", f"links {expected} to {row.seq - 1}", "Links of the chain are missing.")
            previous = b""
        expected = row.seq + 1
        try:
            link = locker.shelf.link(row.seq)
            link.verify(public)
        except BoxError:
            _problem(count, "chain-link", f"link {row.seq}", "A link of the chain does not verify.")
            previous = b""
            continue
        if previous and link.previous != previous:
            _problem(count, "chain-fork", f"link {row.seq}", "The chain does not continue where it stopped.")
        previous = link.hash
    if expected - 1 != locker.head_seq:
        _problem(count, "chain-head", f"link {locker.head_seq}", "The end of the chain is missing.")


def _check_records(locker: Locker, count: _Count) -> None:
    touched: defaultdict[int, set[str]] = defaultdict(set)
    seen: set[bytes] = set()
    for rid, content in locker.catalog.contents():
        seen.add(rid)
        for identity in _ids_of(locker, content.chunks, content.depth):
            problem = count.bad_chunks.get(identity)
            if problem is None and locker.catalog.place(identity) is not None:
                continue
            if problem is None:
                where = f"record {rid.hex()}"
                problem = _problem(count, "chunk-missing", where, "A part of this record is nowhere on the disk.")
                count.bad_chunks[identity] = problem
            touched[id(problem)].add(rid.hex())
    count.records = len(seen)
    count.problems = [
        Problem(p.code, p.where, p.sentence, tuple(sorted(touched[id(p)]))[:_NAMED_RECORDS]) if id(p) in touched else p
        for p in count.problems
    ]


def _ids_of(locker: Locker, chunks: bytes, depth: int) -> Iterator[bytes]:
    for at in range(0, len(chunks), 32):
        identity = chunks[at : at + 32]
        yield identity
        if depth:
            try:
                yield from _ids_of(locker, locker.shelf.chunk(identity), depth - 1)
            except (Damaged, Missing, StillAtFriends):
                continue
