"""After any end of the last writer: packs, chain and catalog come to one state. A rebuild is the same from zero."""

from __future__ import annotations

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
    closed = _close(locker, dead)
    if closed:
        home, records = locker.home, locker.stats()["records"]
        home.tell(events.CRASH_RECOVERED, member=home.member, packs=closed, records=records)


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
        if row is not None:
            reader = reader_for(locker.home, locker.secrets, row)
        else:
            reader = PackReader.from_header(locker.home.disk, name, locker.secrets.epochs)
    except NewerFormat:
        raise
    except BoxError:
        return None  # not a pack of this locker (a torn header): nothing in it was ever acknowledged
    return walk_pack(reader, name, links, locker.head_seq)


def walk_pack(reader: PackReader, name: str, links: list[_FoundLink], after_seq: int) -> _Dead:
    """Walk one pack's whole frames; collect its links newer than ``after_seq``."""
    index = reader.index()
    frames, end = 0, FRAMES_AT
    for frame, payload in reader.walk() if index is None else reader.each(index):
        frames, end = frame.number + 1, frame.end
        if frame.type == FRAME_LINK:
            seq = chain.decode_link(payload).seq
            if seq > after_seq:
                links.append(_FoundLink(reader.id, frame, seq))
    return _Dead(reader, name, frames if index is None else len(index), end, index is not None)


def _apply(locker: Locker, links: list[_FoundLink], dead: dict[bytes, _Dead]) -> None:
    """Apply the links that continue the chain; each must be signed and point to the one before it.

    A link that is missing because its frame rotted costs what it said, not the locker: ``verify`` names the gap.
    """
    by_seq: dict[int, _FoundLink] = {}
    for found in links:
        by_seq[found.seq] = found
    order = [by_seq[seq] for seq in sorted(by_seq)]
    if not order:
        return
    applier = Applier(locker.shelf)
    for link, _ in _read(order, dead):
        applier.packs(link.entries())
    rows = {row.id: row for row in locker.shelf.rows.values()}
    public = SigningKey.from_seed(locker.secrets.head_seed).public
    before, previous = locker.head_seq, locker.head_hash
    for link, found in _read(order, dead):
        link.verify(public)
        if link.seq == before + 1 and link.previous != previous:
            raise Damaged(what=f"link {link.seq} of the chain")
        before, previous = link.seq, link.hash
        frame = found.frame
        locker.catalog.add_link(LinkRow(link.seq, rows[found.pack].no, frame.number, frame.at, frame.sealed_len))
        applier.places(link.located)
    for link, _ in _read(order, dead):
        applier.records(link.entries(), link.seq)
    dropped = {row.no for row in rows.values() if row.state is PackState.DROPPED}
    if dropped:
        locker.catalog.drop_chunks(
            [c for c, place in locker.catalog.places() if place.pack in dropped or not place.pack]
        )
    locker.saw_time(link.time_ms)
    locker.set_head(order[-1].seq, previous)


def _read(order: list[_FoundLink], dead: dict[bytes, _Dead]) -> Iterator[tuple[chain.Link, _FoundLink]]:
    for found in order:
        yield chain.decode_link(dead[found.pack].reader.body(found.frame)), found


def _close(locker: Locker, dead: dict[bytes, _Dead]) -> int:
    """Cut what dead writers left at its last whole frame, remove what nothing refers to, commit; return how many."""
    rows = {row.id: row for row in locker.shelf.rows.values()}
    _walk_the_rest(locker, dead)
    garbage: list[str] = []
    for identity, found in dead.items():
        known = rows.get(identity)
        if known is None or known.state is PackState.DROPPED:
            garbage.append(found.name)
        elif known.state is PackState.OPEN:
            _finish(locker, known, found, garbage)
    locker.remove_pack_files(garbage)
    for row in rows.values():
        if row.state is PackState.OPEN and row.id not in dead:
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
        size, digest = disk.size(found.name), shipped_digest(disk, found.name)
    else:
        size, digest = pad_recovered(disk, found.name, found.end, locker.home.entropy)
    done = CutPack(row.id, Kind(row.kind), found.frames, size, digest, recovered=not found.whole)
    locker.packs.record_cut(row, done)


def _referenced(locker: Locker, no: int) -> bool:
    return any(place.pack == no for _, place in locker.catalog.places())
