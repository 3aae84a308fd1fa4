"""Shelves that carry shards to a friend by car: loaded here, taken in over there, receipts read when they are back.

Taking in goes through the very decisions that answer a put over the wire (``firmware.peer.deciding``): custody, quota,
room, id. The link's handshake is replaced by the sender's signature on each shard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware.backup import PeerState, Ship
from firmware.backup.carrying import meant_for, place_all
from firmware.errors import BadSeal, BoxError, Missing, PeerGarbled, PeerUnpaired, WrongOffset
from firmware.linux.shelf_disk import LinuxShelfDisk, opened
from firmware.linux.shelf_rows import Place, ShelfRow, ShelfRows
from firmware.peer import Caller, read_card, read_custody
from firmware.peer import messages as m
from firmware.peer.deciding import Deciding
from firmware.peer.frames import FrameHead
from firmware.seal import SigningKey
from firmware.shard import Layout, Payload, piece
from firmware.shelf import read_mark
from firmware.shelf.carrying import RECEIPTS, Carried, CarryFolder
from services.api import shelf_types as w
from services.peerd import packs
from services.peerd.naming import say

if TYPE_CHECKING:
    from services.peerd.circle import Circle

_BATCH_BYTES, _BATCH = 32 << 20, 64
_STEP: Final = 1 << 18
_ANSWER_SECONDS: Final = 20.0
"""A load that takes longer is taken in all the same; whoever asks again hears how far it is."""


@dataclass(slots=True)
class _Taken:
    """What became of the shards of one disk."""

    taken: int = 0
    known: int = 0
    left: int = 0
    size: int = 0
    why: str = ""
    receipts: list[bytes] = field(default_factory=list)


class Carrying:
    """Both ends of the journey."""

    def __init__(self, circle: Circle) -> None:
        """The circle is started already."""
        self._circle = circle
        self._loading: dict[tuple[bytes, bytes], int] = {}
        self._taking: dict[Path, tuple[bytes, _Taken]] = {}
        circle.shelving.carried = self.came_back

    def carried(self, shelf: bytes) -> Iterator[w.Carried]:
        """What a shelf carries to whom, as far as it was seen."""
        for peer, size in self._circle.shelving.rows.carries(shelf):
            known = self._circle.rows.view.peers.get(peer)
            waits = self._loading.get((shelf, peer), 0)
            yield w.Carried(peer.hex(), known.label if known is not None else "", size, waits)

    # Loading

    def load(self, row: ShelfRow, peer: bytes) -> None:
        """Begin to load everything that is meant for a peer; raises Missing for one that is not in the circle."""
        known = self._circle.rows.view.peers.get(peer)
        present = self._circle.shelving.present.get(row.id)
        if known is None or known.state is PeerState.LEFT:
            raise Missing(what="household in the circle")
        if present is None:
            raise Missing(what="disk of this shelf")
        if (row.id, peer) not in self._loading:
            self._loading[row.id, peer] = 0
            self._circle.spawn(self._load(row, present.at, peer))

    async def _load(self, row: ShelfRow, at: Path, peer: bytes) -> None:
        circle, shelving, now = self._circle, self._circle.shelving, self._circle.clock.now_ms
        on = _On(row.id, at, row.same_disk, circle.lockers_folder, peer)
        paper = circle.own().card, tuple(circle.rows.papers("custody").values())
        try:
            for _ in place_all(circle.rows.view):
                circle.rows.save()
            circle.rows.save()
            ships = meant_for(circle.rows.view, peer)
            self._loading[row.id, peer] = sum(each.size for each in ships)
            there = await shelving.run(partial(on.introduce, circle.box, *paper))
            shelving.rows.carry(row.id, peer, sum(there.values()))
            for batch in _batches(ships):
                ready = [each for each in [await self._ready(ship) for ship in batch] if each is not None]
                fresh = {each.what.shard: each for each in ready if each.what.shard not in there}
                if fresh:
                    await shelving.run(partial(on.write, list(fresh.values()), circle.identity.key, now()))
                there |= {shard: each.what.size for shard, each in fresh.items()}
                self._loading[row.id, peer] -= sum(each.size for each in batch)
                shelving.rows.carry(row.id, peer, sum(there.values()))
        except (BoxError, OSError) as error:
            say(f"loading the shelf {row.id.hex()[:8]} ended: {error}")
        finally:
            del self._loading[row.id, peer]

    async def _ready(self, ship: Ship) -> _Ready | None:
        outside = self._circle.outside
        try:
            shard = await outside.shard_id(ship.pack, ship.k, ship.n, ship.index)
            return _Ready(Carried(ship.locker, shard, ship.size), ship, outside.pack_file(ship.pack))
        except (BoxError, OSError) as error:
            say(f"a pack cannot be loaded onto a shelf: {error}")
            return None

    # Back again

    def came_back(self, row: ShelfRow, disk: LinuxShelfDisk, rows: ShelfRows) -> None:
        """In the shelves' thread, at a visit: receipts that came back count, and their shards go."""
        circle = self._circle
        for peer, _ in rows.carries(row.id):
            folder = CarryFolder(disk, peer)
            signed = {one.shard: data for data, one in folder.signed_receipts() if one.owner == circle.box}
            there = list(folder.loaded(circle.box)) if signed else []
            arrived = [each for each in there if each.shard in signed]
            if arrived:
                places = rows.places_of({each.shard for each in arrived})
                circle.soon(partial(self._count, peer, signed, places))
                folder.take_off(arrived)
                rows.carry(row.id, peer, sum(each.size for each in there) - sum(each.size for each in arrived))

    def _count(self, peer: bytes, signed: dict[bytes, bytes], places: list[Place]) -> None:
        """On the loop: a receipt from a disk counts as one from the wire."""
        view, rows = self._circle.rows.view, self._circle.rows
        known = view.peers.get(peer)
        for shard, pack_id, k, index in places:
            pack = view.packs.get(pack_id)
            lays = (pack.lay, pack.next) if pack is not None else ()
            lay = next((each for each in lays if each is not None and each.k == k and index < each.n), None)
            if pack is not None and lay is not None and known is not None and lay.hosts[index] == known.number:
                rows.set_receipt(pack_id, k, index, signed[shard])
                view.shipped(Ship(pack.locker, pack_id, k, lay.n, index, peer, lay.shard_size(pack.size)))
        rows.save()

    # Taking in

    async def take(self, at: Path) -> w.ShelfTaken:
        """Take in what the disk at ``at`` carries for this box; raises Missing, PeerUnpaired, what the disk raises."""
        circle = self._circle
        own = circle.own()
        if at in self._taking:
            return self._told(*self._taking[at], going=True)
        sender, custody = await circle.shelving.run(lambda: self._sender(at))
        card = read_card(sender)
        known = circle.rows.view.peers.get(card.box)
        if known is None or known.state is PeerState.LEFT or not circle.pinned(card.endpoint, card.box):
            raise PeerUnpaired
        caller = Caller(card.endpoint, card.box)
        deciding = Deciding(caller, circle.hosted, own, circle.invitations, m.VERSIONS)
        done = _Taken()
        self._taking[at] = card.box, done
        work = asyncio.ensure_future(circle.shelving.run(lambda: self._take_all(at, deciding, card.box, custody, done)))
        work.add_done_callback(lambda _: self._taking.pop(at, None))
        try:
            await asyncio.wait_for(asyncio.shield(work), _ANSWER_SECONDS)
        except TimeoutError:
            return self._told(card.box, done, going=True)
        return self._told(card.box, done, going=False)

    def _told(self, box: bytes, found: _Taken, *, going: bool) -> w.ShelfTaken:
        known = self._circle.rows.view.peers.get(box)
        label = known.label if known is not None else ""
        return w.ShelfTaken(box.hex(), label, found.taken, found.known, found.left, found.size, found.why, going=going)

    def _sender(self, at: Path) -> tuple[bytes, list[bytes]]:
        with opened(at, away_from=self._circle.lockers_folder, same_disk=True) as disk:
            found = CarryFolder(disk, self._circle.box).sender()
        if found is None:
            raise Missing(what="load for this box on the disk")
        return found

    def _take_all(self, at: Path, deciding: Deciding, sender: bytes, custody: list[bytes], done: _Taken) -> None:
        circle = self._circle
        for each in custody:
            try:
                shown = read_custody(each)
            except (PeerGarbled, BadSeal):
                continue
            if shown.record.box == sender:
                circle.hosted.show_custody(shown, circle.clock.now_ms())
        with opened(at, away_from=circle.lockers_folder, same_disk=True) as disk:
            folder = CarryFolder(disk, circle.box)
            for one in folder.loaded(sender):
                self._take_one(folder, deciding, one, done)
                if len(done.receipts) >= RECEIPTS:
                    _leave(folder, done)
            _leave(folder, done)

    def _take_one(self, folder: CarryFolder, deciding: Deciding, one: Carried, done: _Taken) -> None:
        now = self._circle.clock.now_ms()
        try:
            try:
                known, receipt = _put(folder, deciding, one, 0, now)
            except WrongOffset as error:  # the wire brought the beginning
                known, receipt = _put(folder, deciding, one, int(error.fields["offset"]), now)
        except BoxError as error:
            done.left += 1
            done.why = done.why or str(error)
            return
        done.known += known
        done.taken += not known
        done.size += 0 if known else one.size
        done.receipts.append(receipt)


def _put(folder: CarryFolder, deciding: Deciding, one: Carried, offset: int, now_ms: int) -> tuple[bool, bytes]:
    """Put one shard as if it came over the wire; return (whether it was here, the receipt)."""
    request = m.Put(one.locker, one.shard, one.size, offset)
    status, _ = deciding.reply(m.Status(one.locker, (one.shard,)), b"", now_ms)
    if status.states[0] == m.Keeping.HELD:
        answer, _ = deciding.reply(m.Put(one.locker, one.shard, one.size, one.size), b"", now_ms)
        return True, _receipt(answer)
    size = one.size - offset
    arriving = deciding.begin_put(request, size, now_ms)
    try:
        for data in folder.pieces(one, offset):
            arriving.write(data)
    except BoxError:
        arriving.abandon()
        raise
    answer, _ = deciding.end_put(request, arriving, FrameHead({}, size), now_ms)
    return False, _receipt(answer)


def _receipt(answer: m.Putted) -> bytes:
    if answer.receipt is None:  # the file on the disk was shorter than announced; what came stays as a part
        raise PeerGarbled(why="a shard on the disk is not whole")
    return answer.receipt


def _leave(folder: CarryFolder, done: _Taken) -> None:
    """A disk that takes no receipts is no reason to stop: the wire brings them too."""
    if done.receipts:
        try:
            folder.leave_receipts(done.receipts)
        except (BoxError, OSError) as error:
            say(f"receipts go over the wire alone: {error}")
        done.receipts = []


@dataclass(frozen=True, slots=True)
class _On:
    """The folder of one peer on one shelf; for the shelves' thread."""

    shelf: bytes
    at: Path
    same_disk: bool
    lockers: Path
    peer: bytes

    @contextmanager
    def _folder(self) -> Iterator[CarryFolder]:
        with opened(self.at, away_from=self.lockers, same_disk=self.same_disk) as disk:
            mark = read_mark(disk)
            if mark is None or mark.id != self.shelf:
                raise Missing(what="disk of this shelf")
            yield CarryFolder(disk, self.peer)

    def introduce(self, box: bytes, card: bytes, custody: tuple[bytes, ...]) -> dict[bytes, int]:
        """Say who sends this; return the shards that lie there already, with their sizes."""
        with self._folder() as folder:
            folder.introduce(card, custody)
            return {each.shard: each.size for each in folder.loaded(box)}

    def write(self, batch: list[_Ready], key: SigningKey, now_ms: int) -> None:
        """Load a batch."""
        with self._folder() as folder:
            folder.load([(each.what, each.pieces()) for each in batch], key, now_ms)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A shard that can be written now."""

    what: Carried
    ship: Ship
    source: tuple[Path, int, bytes]

    def pieces(self) -> Iterator[bytes]:
        """Compute it from its pack."""
        layout = Layout(self.ship.k, self.ship.n)
        with packs.payload(*self.source) as of:
            yield from _pieces(of, layout, self.ship.index, self.ship.size)


def _pieces(of: Payload, layout: Layout, index: int, size: int) -> Iterator[bytes]:
    for at in range(0, size, _STEP):
        yield bytes(piece(of, layout, index, at, min(_STEP, size - at)))


def _batches(ships: list[Ship]) -> Iterator[list[Ship]]:
    batch: list[Ship] = []
    for each in ships:
        if batch and (len(batch) >= _BATCH or sum(one.size for one in batch) + each.size > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch
