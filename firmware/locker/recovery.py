"""After any end of the last writer: packs, chain and catalog come to one state. A rebuild is the same from zero."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware import chain, events
from firmware.errors import BoxError, Damaged, NewerFormat
from firmware.locker.apply import Applier
from firmware.locker.packs import file_name, reader_for
from firmware.locker.rows import LinkRow, PackRow, PackState
from firmware.pack import FRAME_LINK, FRAMES_AT, CutPack, Frame, Kind, PackReader, pad_recovered
from firmware.pack.writing import shipped_digest
from firmware.seal import SigningKey

if TYPE_CHECKING:
    from firmware.locker.locker import Locker


_ALL = 1 << 32
_NAMED_AS_PACK = re.compile(r"packs/(meta|preview|data|inbox)-[0-9a-f]{64}")


@dataclass(slots=True)
class _Dead:
    """A pack file whose writer is gone. ``end`` is the offset behind its last whole frame; ``whole`` = it was cut."""

    reader: PackReader
    name: str
    frames: int
    end: int
    whole: bool


@dataclass(frozen=True, slots=True)
class _FoundLink:
    """A link frame that the catalog does not have."""

    pack: bytes
    frame: Frame
    seq: int


def catch_up(locker: Locker) -> None:
    """Apply links the catalog lacks, then close every pack that no writer will ever continue.

    Raises Damaged when the chain itself is broken, NewerFormat when a newer box wrote here.
    """
    fresh = locker.head_seq == 0
    dead, links = _survey(locker, fresh=fresh)
    if locker.home.catch_up:
        _apply(locker, links, dead)
    _go_on_behind(locker)
    closed = _close(locker, dead, fresh=fresh)
    if closed:
        home, records = locker.home, locker.stats()["records"]
        home.tell(events.CRASH_RECOVERED, member=home.member, packs=closed, records=records)


def _go_on_behind(locker: Locker) -> None:
    """After a restore: friends know a head whose links never reached them. No number is given out twice."""
    known = locker.home.known_head
    if known is not None and locker.head_seq < known.seq:
        locker.set_head(known.seq, known.hash)


def _survey(locker: Locker, *, fresh: bool) -> tuple[dict[bytes, _Dead], list[_FoundLink]]:
    """Look at every pack that is not known to be cut (at all meta packs when the catalog is empty)."""
    known = {file_name(row): row for row in locker.shelf.rows.values()}
    dead: dict[bytes, _Dead] = {}
    links: list[_FoundLink] = []
    for leaf in locker.home.disk.names("packs"):
        name = f"packs/{leaf}"
        row = known.get(name)
        if row is not None and row.state in (PackState.CUT, PackState.RECOVERED):
            continue
        if fresh and row is None and not leaf.startswith(Kind.META.word):
            continue  # its fate stands in the chain; only packs the chain leaves open are walked, later
        found = _walk(locker, name, row, links)
        if found is not None:
            dead[found.reader.id] = found
    return dead, links


def _walk(locker: Locker, name: str, row: PackRow | None, links: list[_FoundLink]) -> _Dead | None:
    try:
        reader = reader_for(locker.home, locker.secrets, row) if row is not None else _reader(locker, name)
    except NewerFormat:
        raise
    except BoxError:
        return None  # not a pack of this locker (a torn header): nothing in it was ever acknowledged
    if locker.caught_up:
        known_frames, known_end = locker.catalog.extent(row.no) if row is not None else (0, 0)
        return _Dead(reader, name, known_frames, max(known_end, FRAMES_AT), whole=False)
    index = reader.index()
    found = _Dead(reader, name, 0, FRAMES_AT, index is not None)
    if index is not None:
        found.whole = _collect(found, reader.each(index), links) == len(index)
        found.frames = len(index) if found.whole else found.frames
        return found
    # Without a catalog nothing says which frames were acknowledged: then a rotten one must not hide those behind it.
    _collect(found, reader.walk(through=_ALL if locker.head_seq == 0 else 0), links)
    if row is not None and found.end < locker.home.disk.size(name):
        known_frames, known_end = locker.catalog.extent(row.no)
        if known_end > found.end:  # acknowledged frames stand behind one that rotted: only what follows them is torn
            found.frames, found.end = known_frames, known_end
            _collect(found, reader.walk(known_frames, known_end), links)
    return found


def _reader(locker: Locker, name: str) -> PackReader:
    disk, epochs = locker.home.disk, locker.secrets.epochs
    try:
        return PackReader.from_header(disk, name, epochs)
    except (Damaged, NewerFormat):
        reader = PackReader.from_name(disk, name, epochs)
        if reader is None:
            raise
        return reader


def _collect(found: _Dead, frames: Iterator[tuple[Frame, bytes]], links: list[_FoundLink]) -> int:
    count = 0
    for frame, payload in frames:
        found.frames, found.end = frame.number + 1, frame.end
        if frame.type == FRAME_LINK:
            links.append(_FoundLink(found.reader.id, frame, chain.decode_link(payload).seq))
        count += 1
    return count


def _apply(locker: Locker, links: list[_FoundLink], dead: dict[bytes, _Dead]) -> None:
    """Apply the links that continue the chain; each must be signed and point to the one before it.

    A link that is missing because its frame rotted costs what it said, not the locker: ``verify`` names the gap.
    """
    # Files are found in no order, and a pack is opened before it is dropped.
    newer = sorted((found for found in links if found.seq > locker.head_seq), key=lambda found: found.seq)
    if not newer:
        return
    applier = Applier(locker.shelf)
    for link, _ in _read(newer, dead):
        applier.packs(link.entries())
    if locker.head_seq == 0 or len({found.seq for found in newer}) < newer[-1].seq - locker.head_seq:
        _adopt(locker, applier)
    rows = {row.id: row for row in locker.shelf.rows.values()}
    standing = {id for id, row in rows.items() if row.state is not PackState.DROPPED}
    # A repack copies links: the copy in a pack that stays is the one that counts.
    by_seq = {found.seq: found for found in sorted(newer, key=lambda found: found.pack in standing)}
    order = [by_seq[seq] for seq in sorted(by_seq)]
    last = _join(locker, applier, order, dead, rows)
    for link, _ in _read(order, dead):
        applier.records(link.entries(), link.seq)
    dropped = {row.no for row in rows.values() if row.state is PackState.DROPPED}
    if dropped:
        _find_moved(locker, [found for found in links if found.seq < order[0].seq and found.pack in standing], rows)
        gone = [chunk for chunk, place in locker.catalog.places() if place.pack in dropped or not place.pack]
        locker.catalog.drop_chunks(gone)
    locker.set_head(order[-1].seq, last)


def _join(
    locker: Locker, applier: Applier, order: list[_FoundLink], dead: dict[bytes, _Dead], rows: dict[bytes, PackRow]
) -> bytes:
    """Check that links are signed and go on where the chain stopped, write where they lie; return the last hash."""
    public = SigningKey.from_seed(locker.secrets.head_seed).public
    before, previous = locker.head_seq, locker.head_hash
    for link, found in _read(order, dead):
        link.verify(public)
        if link.seq == before + 1 and link.previous != previous:
            raise Damaged(what=f"link {link.seq} of the chain")
        before, previous = link.seq, link.hash
        locker.catalog.add_link(_link_row(found, rows))
        applier.places(link.located)
    return previous


def _adopt(locker: Locker, applier: Applier) -> None:
    """Take in packs that open with our keys though no link tells of them: one may be lost that did."""
    known = {file_name(row) for row in locker.shelf.rows.values()}
    for leaf in locker.home.disk.names("packs"):
        if f"packs/{leaf}" in known:
            continue
        try:
            reader = _reader(locker, f"packs/{leaf}")
        except Damaged:
            continue
        prelude = reader.prelude
        opened = chain.Opened(reader.id, prelude.kind, prelude.suite, prelude.epoch, reader.salt)
        applier.packs([opened])
        locker.packs.entries.append(opened)


def _find_moved(locker: Locker, links: list[_FoundLink], rows: dict[bytes, PackRow]) -> None:
    """Old links whose pack was dropped by a newer link: the catalog lost the commit that said where they went."""
    dropped = {row.no for row in rows.values() if row.state is PackState.DROPPED}
    for found in links:
        row = locker.catalog.link(found.seq)
        if row is not None and row.pack in dropped:
            locker.catalog.add_link(_link_row(found, rows))


def _link_row(found: _FoundLink, rows: dict[bytes, PackRow]) -> LinkRow:
    frame = found.frame
    return LinkRow(found.seq, rows[found.pack].no, frame.number, frame.at, frame.sealed_len)


def _read(order: list[_FoundLink], dead: dict[bytes, _Dead]) -> Iterator[tuple[chain.Link, _FoundLink]]:
    for found in order:
        yield chain.decode_link(dead[found.pack].reader.body(found.frame)), found


def _close(locker: Locker, dead: dict[bytes, _Dead], *, fresh: bool) -> int:
    """Cut what dead writers left at its last whole frame, remove what nothing refers to, commit; return how many."""
    rows = {row.id: row for row in locker.shelf.rows.values()}
    _walk_the_rest(locker, dead)
    garbage = _unreadable(locker, dead, fresh=fresh)
    for identity, found in dead.items():
        known = rows.get(identity)
        if known is None or known.state is PackState.DROPPED:
            garbage.append(found.name)
        elif known.state is PackState.OPEN:
            _finish(locker, known, found, garbage)
    _tidy_folder(locker, garbage, dead)
    for row in rows.values():
        if row.state is PackState.OPEN and row.id not in dead and not locker.home.away.has(row.id):
            row.state = PackState.RECOVERED if _referenced(locker, row.no) else PackState.DROPPED
            locker.packs.touched[row.no] = row
    for row in locker.packs.touched.values():
        locker.catalog.save_pack(row)
    locker.catalog.commit()
    closed = len(locker.packs.entries)
    if closed:
        locker.commit()
    else:
        locker.packs.settle()
    return closed


def _tidy_folder(locker: Locker, garbage: list[str], dead: dict[bytes, _Dead]) -> None:
    locker.remove_pack_files(garbage)
    if dead:
        locker.home.disk.sync_folder("packs")  # a writer that was killed may not have come to it


def _unreadable(locker: Locker, dead: dict[bytes, _Dead], *, fresh: bool) -> list[str]:
    """Dropped packs nobody walked, and files whose header never reached the disk: nothing in them was acknowledged.

    Without a catalog a ruined header may be that of a good pack: then only files too short for any frame are garbage.
    """
    rows = {file_name(row): row for row in locker.shelf.rows.values()}
    walked = {found.name for found in dead.values()}
    garbage = []
    for leaf in locker.home.disk.names("packs"):
        name = f"packs/{leaf}"
        row = rows.get(name)
        if name in walked or (row is not None and row.state is not PackState.DROPPED):
            continue
        torn = row is None and _NAMED_AS_PACK.fullmatch(name)
        if row is not None or (torn and (not fresh or locker.home.disk.size(name) <= FRAMES_AT)):
            garbage.append(name)
    return garbage


def _walk_the_rest(locker: Locker, dead: dict[bytes, _Dead]) -> None:
    """Walk files that the chain leaves open, and files it does not know at all (after a rebuild from nothing)."""
    rows = {file_name(row): row for row in locker.shelf.rows.values()}
    walked = {found.name for found in dead.values()}
    for leaf in locker.home.disk.names("packs"):
        name = f"packs/{leaf}"
        row = rows.get(name)
        if name in walked or (row is not None and row.state is not PackState.OPEN):
            continue
        found = _walk(locker, name, row, [])
        if found is not None:
            dead[found.reader.id] = found


def _finish(locker: Locker, row: PackRow, found: _Dead, garbage: list[str]) -> None:
    if found.frames == 0:
        garbage.append(found.name)
        row.state = PackState.DROPPED
        locker.packs.touched[row.no] = row
        locker.packs.entries.append(chain.Dropped(row.id))
        return
    disk = locker.home.disk
    if found.whole:
        file = disk.reopen(found.name)  # a killed writer may have left its trailer in the cache alone
        try:
            file.sync()
        finally:
            file.close()
        size, digest = disk.size(found.name), shipped_digest(disk, found.name)
    else:
        size, digest = pad_recovered(disk, found.name, found.end, locker.home.entropy)
    done = CutPack(row.id, Kind(row.kind), found.frames, size, digest, recovered=not found.whole)
    locker.packs.record_cut(row, done)


def _referenced(locker: Locker, no: int) -> bool:
    return any(place.pack == no for _, place in locker.catalog.places())
