"""Moves survivors out of packs that are mostly dead or very small, and drops the old files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from firmware import chain
from firmware.errors import StillAtFriends
from firmware.limits import GROUP_COMMIT_BYTES, MIB
from firmware.locker.packs import file_name
from firmware.locker.retention import expired
from firmware.locker.rows import LinkRow, PackRow, PackState, Place
from firmware.pack import FRAME_LINK, Kind

if TYPE_CHECKING:
    from firmware.locker.locker import Locker

LIVE_FLOOR = 0.75
"""A pack with less living data than this is repacked (`./box bench wear` shows what that costs a year)."""

SMALL_BYTES = 1 * MIB
SMALL_PACKS = 16
"""Packs below this size are merged once so many of them have gathered; fewer are left alone to spare the disk.
With 4 MiB a household's nightly preview packs were all written and shipped twice (`./box bench wear`)."""


def repack(locker: Locker, *, whole_epoch: int | None = None) -> dict[str, int]:
    """Repack once; with ``whole_epoch`` every pack of an older epoch. Returns counts. Durable step by step.

    Raises StillAtFriends while a restore is under way.
    """
    require_whole(locker)
    _trim(locker)
    locker.cut()
    live = _live_chunks(locker)
    victims = _victims(locker, live, whole_epoch)
    # Dead chunks elsewhere stay known: their packs count as the fuller of dead bytes, and a new put may use them again.
    leaving = {row.no for row in victims}
    dead = [id for id, place in locker.catalog.places() if id not in live and place.pack in leaving]
    moved = _move_chunks(locker, victims, live)
    links = _move_links(locker, victims)
    locker.catalog.drop_chunks(dead)
    for row in victims:
        row.state = PackState.DROPPED
        locker.packs.touched[row.no] = row
        locker.packs.entries.append(chain.Dropped(row.id))
    names = [file_name(row) for row in victims]
    if victims:
        locker.packs.ready_for_link()
    locker.commit()
    locker.catalog.commit()
    locker.shelf.forget_payloads()
    locker.remove_pack_files(names)
    locker.cut()
    return {"packs_dropped": len(names), "chunks_moved": moved, "links_moved": links, "chunks_dead": len(dead)}


def require_whole(locker: Locker) -> None:
    """Raise StillAtFriends while packs of this locker are still to come: what moves chunks has to have them all."""
    rows = [row for row in locker.shelf.rows.values() if row.state is not PackState.DROPPED]
    if any(locker.home.away.has(row.id) for row in rows):
        raise StillAtFriends


def _trim(locker: Locker) -> None:
    now = locker.now_ms
    seen: set[bytes] = set()
    for rid, _ in list(locker.catalog.contents()):
        if rid in seen:
            continue
        seen.add(rid)
        versions = locker.catalog.versions(rid)
        gone = expired(versions, now)
        if gone:
            locker.queue(chain.Trim(rid, gone))
    locker.commit()


def _live_chunks(locker: Locker) -> set[bytes]:
    live = {chunk for _, chunk in locker.catalog.preview_chunks()}
    for put in tuple(locker.open_puts):
        live.update(put.ids)
    live.update(locker.catalog.upload_ids())
    for _, content in locker.catalog.contents():
        chunks = content.chunks
        for depth in range(content.depth, -1, -1):
            ids = [chunks[at : at + 32] for at in range(0, len(chunks), 32)]
            live.update(ids)
            if depth:
                chunks = b"".join(locker.shelf.chunk(identity) for identity in ids)
    return live


def _victims(locker: Locker, live: set[bytes], whole_epoch: int | None) -> list[PackRow]:
    alive: defaultdict[int, int] = defaultdict(int)
    total: defaultdict[int, int] = defaultdict(int)
    for identity, place in locker.catalog.places():
        total[place.pack] += place.length
        if identity in live:
            alive[place.pack] += place.length
    cut = [row for row in locker.shelf.rows.values() if row.state in (PackState.CUT, PackState.RECOVERED)]
    if whole_epoch is not None:
        return [row for row in cut if row.epoch < whole_epoch]
    victims = [row for row in cut if total[row.no] and alive[row.no] < LIVE_FLOOR * total[row.no]]
    victims += [row for row in cut if not total[row.no] and row.kind in (Kind.DATA, Kind.PREVIEW)]
    for kind in Kind:
        small = [row for row in cut if row.kind == kind and row.size < SMALL_BYTES and row not in victims]
        if len(small) >= SMALL_PACKS:
            victims += small
    return victims


def _move_chunks(locker: Locker, victims: list[PackRow], live: set[bytes]) -> int:
    numbers = {row.no: row for row in victims}
    moving: list[tuple[Place, bytes]] = [
        (place, identity) for identity, place in locker.catalog.places() if place.pack in numbers and identity in live
    ]
    moving.sort(key=lambda item: (item[0].pack, item[0].frame, item[0].offset))
    queued = 0
    for place, identity in moving:
        data = locker.shelf.piece(place)
        kind = Kind(numbers[place.pack].kind)
        locker.packs.add(kind, identity, data, compress=kind is not Kind.PREVIEW)
        queued += len(data)
        if queued >= GROUP_COMMIT_BYTES:
            locker.commit()
            queued = 0
    return len(moving)


def _move_links(locker: Locker, victims: list[PackRow]) -> int:
    """Copy links verbatim into the open meta pack, leaving out the bodies of what was forgotten."""
    numbers = {row.no for row in victims if row.kind == Kind.META}
    moving = [row for row in locker.catalog.links() if row.pack in numbers]
    for row in moving:
        link = chain.erase_bodies(locker.shelf.link(row.seq), lambda entry: _kept(locker, entry))
        payload = chain.encode_link(link)
        writer = locker.packs.writer(Kind.META, len(payload) + 2 * MIB)
        frame = writer.append(FRAME_LINK, payload, compress=True)
        number = next(no for no, pack in locker.shelf.rows.items() if pack.id == writer.id)
        locker.catalog.add_link(LinkRow(row.seq, number, frame.number, frame.at, frame.sealed_len))
    return len(moving)


def _kept(locker: Locker, entry: chain.Entry) -> bool:
    match entry:
        case chain.Put() | chain.FactsFound() | chain.PreviewMade() | chain.Rename() | chain.Trim() | chain.Noted():
            return locker.catalog.record(entry.rid) is not None
        case _:
            return True
