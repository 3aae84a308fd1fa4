"""What a shelf gives to a box whose locker comes back: which lockers are on it, their papers, their packs. Reads only.

lockerd asks, checks and writes; the disk is seen here alone. Any disk with a shelf will do, whosever box made it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from firmware.errors import BadSeal, Damaged, Missing, NewerFormat, PeerGarbled
from firmware.limits import API_CHUNK_BYTES, PACK_BYTES, SHELF_LISTED
from firmware.linux.shelf_disk import LinuxShelfDisk, folders, opened
from firmware.pack.format import Kind
from firmware.peer import read_custody, read_head
from firmware.peer.cbor import loads
from firmware.peer.messages import Head
from firmware.seal import KeyFile
from firmware.shelf import LockerShelf, pack_file, read_mark
from services.api import shelf_types as w
from services.api.circle_types import FeedHead
from services.api.server import Call, Handler
from services.peerd.circle import Circle

T = TypeVar("T")
_PACK_MOST = 2 * PACK_BYTES
_UNREADABLE = (Damaged, NewerFormat, BadSeal, PeerGarbled)


class ShelfGiving:
    """Handlers over any shelf that is plugged in."""

    def __init__(self, circle: Circle) -> None:
        """The circle is started already."""
        self._circle = circle

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {"shelf_lockers": self._lockers, "shelf_packs": self._packs, "shelf_pack": self._pack}

    async def _at(self, at: str, work: Callable[[LinuxShelfDisk], T]) -> T:
        """Run ``work`` on the shelf at ``at`` in a thread; raises Missing where there is none."""

        def run() -> T:
            with opened(Path(at), away_from=self._circle.lockers_folder, same_disk=True) as disk:
                if read_mark(disk) is None:
                    raise Missing(what="shelf on this disk")
                return work(disk)

        try:
            return await self._circle.shelving.run(run)
        except OSError:
            raise Missing(what="shelf on this disk") from None

    async def _lockers(self, call: Call) -> w.ShelfLockers:
        found = await self._at(call.args.at, lambda disk: [_locker(disk, each) for each in _ids(disk)])
        return w.ShelfLockers(self._circle.box.hex(), tuple(each for each in found if each is not None))

    async def _packs(self, call: Call) -> w.ShelfPacks:
        args: w.ShelfPacksArgs = call.args
        entries = await self._at(args.at, lambda disk: LockerShelf(disk, bytes.fromhex(args.locker)).entries)
        order = sorted(entries.values(), key=lambda each: (each.kind, each.pack))
        page = order[args.skip : args.skip + SHELF_LISTED]
        packs = (w.ShelfPack(each.pack.hex(), w.PackIs(each.kind.word), each.size, each.digest.hex()) for each in page)
        return w.ShelfPacks(tuple(packs), len(order), sum(each.size for each in order))

    async def _pack(self, call: Call) -> None:
        args: w.ShelfPackArgs = call.args

        name = f"{args.locker}/{pack_file(Kind[args.kind.name], bytes.fromhex(args.pack))}"
        data = await self._at(args.at, lambda disk: disk.read(name, 0, _PACK_MOST))
        await call.begin(200, {"Content-Length": str(len(data))})
        for at in range(0, len(data), API_CHUNK_BYTES):
            await call.send(data[at : at + API_CHUNK_BYTES])


def _ids(disk: LinuxShelfDisk) -> list[bytes]:
    return [bytes.fromhex(name) for name in folders(disk) if len(name) == 32]


def _locker(disk: LinuxShelfDisk, id: bytes) -> w.ShelfLocker | None:
    """A locker on a shelf with the newest papers that are whole; None where no key file is."""
    shelf = LockerShelf(disk, id)
    key = _newest(shelf, "key", lambda data: KeyFile.parse(data).locker_id == id.hex())
    if key is None:
        return None
    custody = _newest(shelf, "custody", lambda data: read_custody(data).record.locker == id)
    head = _newest(shelf, "head", lambda data: bool(read_head(_head(data)).seq))
    return w.ShelfLocker(
        id.hex(),
        base64.b64encode(key).decode(),
        custody.hex() if custody is not None else "",
        _told(_head(head)) if head is not None else None,
    )


def _newest(shelf: LockerShelf, kind: str, is_whole: Callable[[bytes], bool]) -> bytes | None:
    for data in shelf.papers(kind):
        try:
            if is_whole(data):
                return data
        except _UNREADABLE:
            continue
    return None


def _head(data: bytes) -> Head:
    found = loads(data)
    if not isinstance(found, list) or len(found) != 3 or not all(isinstance(each, bytes) for each in found):
        raise PeerGarbled(why="it is no head")
    header, signature, public = (bytes(each) for each in found if isinstance(each, bytes))
    return Head(header, signature, public)


def _told(head: Head) -> FeedHead:
    return FeedHead(read_head(head).seq, head.header.hex(), head.signature.hex(), head.public.hex())
