"""A locker comes back from a shelf with the kit alone: no friend and no network is asked (docs/formats/shelf.md).

peerd reads the disk, a worker tries the words; here sealed packs are copied, each checked against the shelf's list and
durable before it counts. What a kill leaves is gone on with: packs that are here whole are not copied again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from firmware import events
from firmware.errors import Damaged, Missing, ShelfNoLocker
from firmware.linux.disk import LinuxDisk
from firmware.pack.format import PRELUDE_BYTES
from services.api import shelf_types as w
from services.api import types as t
from services.api.client import Client
from services.api.server import Call, Handler
from services.lockerd.desk import Desk
from services.lockerd.household import Member
from services.lockerd.household_calls import HouseholdCalls
from services.lockerd.sessions import Terms

_NOBODY: Final = Member("0" * 16, "", t.Role.OWNER)
_ID: Final = 16


class ShelfRestoring:
    """Calls on the main socket: which disks there are; and one that answers with lines until everything is here."""

    def __init__(self, run: Path, desk: Desk, house: HouseholdCalls, check_code: Callable[[str], None]) -> None:
        """``check_code`` raises AlreadyClaimed, TooManyTries, WrongClaimCode, ClaimExpired."""
        self._peerd, self._desk, self._house, self._check_code = Client(run), desk, house, check_code

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {"shelf_disks": self._disks, "shelf_restore": self._restore}

    async def _disks(self, call: Call) -> w.ShelfDisks:
        self._check_code(call.args.code)
        found: w.Shelves = await self._peerd.call("at_peerd_shelves")
        return w.ShelfDisks(tuple(each for each in found.disks if each.state is not w.DiskIs.FREE))

    async def _restore(self, call: Call) -> None:
        args: w.ShelfRestore = call.args
        async with self._house.one_at_a_time:
            self._check_code(args.code)
            shelf: w.ShelfLockers = await self._peerd.call("shelf_lockers", at=args.at)
            found = await self._whose(shelf, args)
            member = Member(found.locker[:_ID], args.name, t.Role.OWNER, self._desk.clock.now_ms())
            await call.begin()
            last: dict[str, Any] = {}
            async for last in self._copy(args.at, found.locker, member):
                await call.line(last)
            opened = await self._open(member, shelf.box, found, args)
            self._desk.household.found(args.household, member)
            (self._desk.data / "box" / "claim").unlink(missing_ok=True)
        self._desk.tell(events.BOX_CLAIMED, member=member.id)
        self._desk.tell(events.SHELF_RESTORED, member=member.id, packs=last.get("packs", 0), left=last.get("left", 0))
        token = await self._desk.mint(member, args.device, Terms(proven=True))
        await call.line({"done": True, "member": member.id, "token": token, **last, **opened})

    async def _whose(self, shelf: w.ShelfLockers, args: w.ShelfRestore) -> w.ShelfLocker:
        """The locker on the shelf that these words open; raises ShelfNoLocker, OtherKit, WeakPassphrase."""
        if not shelf.lockers:
            raise ShelfNoLocker
        keys = [each.key for each in shelf.lockers]
        found = await self._desk.workers.once(
            _NOBODY, "shelf_look", keys=keys, words=args.words, passphrase=args.passphrase
        )
        which: int = found["which"]
        return shelf.lockers[which]

    async def _open(self, member: Member, box: str, found: w.ShelfLocker, args: w.ShelfRestore) -> dict[str, Any]:
        head = found.head
        return await self._desk.workers.enter(
            member,
            "shelf_open",
            key=found.key,
            words=args.words,
            passphrase=args.passphrase,
            head=[head.header, head.signature, head.public] if head is not None else [],
            custody=found.custody,
            box=box,
        )

    # Packs

    async def _copy(self, at: str, locker: str, member: Member) -> AsyncIterator[dict[str, Any]]:
        """Copy every pack, names first; yields what is here after each. A pack that is not whole there is left."""
        disk = LinuxDisk(self._desk.data / "lockers" / member.id)
        told, seen = {"packs": 0, "bytes": 0, "left": 0}, 0
        while True:
            page: w.ShelfPacks = await self._peerd.call("shelf_packs", at=at, locker=locker, skip=seen)
            for each in page.packs:
                here = await asyncio.to_thread(_is_here, disk, each) or await self._bring(disk, at, locker, each)
                told["packs"] += here
                told["bytes"] += each.size * here
                told["left"] += not here
                yield {**told, "of": page.count, "of_bytes": page.size}
            seen += len(page.packs)
            if not page.packs:
                break
        await asyncio.to_thread(disk.sync_folder, "packs")

    async def _bring(self, disk: LinuxDisk, at: str, locker: str, each: w.ShelfPack) -> bool:
        """Copy one pack; False when it changed on the shelf. Raises Missing when the disk went, Full."""
        try:
            async with self._peerd.stream("shelf_pack", at=at, locker=locker, kind=each.kind, pack=each.pack) as got:
                data = b"".join([piece async for piece in got])
        except (Missing, Damaged):
            await self._peerd.call("shelf_lockers", at=at)  # raises when the disk itself is gone
            return False
        if len(data) != each.size or blake3(data[PRELUDE_BYTES:]).hexdigest() != each.digest:
            return False
        await asyncio.to_thread(_keep, disk, each, data)
        return True


def _name(each: w.ShelfPack) -> str:
    return f"packs/{each.kind}-{each.pack}"


def _is_here(disk: LinuxDisk, each: w.ShelfPack) -> bool:
    """Whether a pack was copied whole before; what a kill left of one is removed."""
    try:
        data = disk.read(_name(each), 0, each.size + 1)
    except (Missing, Damaged):
        data = b""
    if len(data) == each.size and blake3(data[PRELUDE_BYTES:]).hexdigest() == each.digest:
        return True
    disk.remove(_name(each))
    return False


def _keep(disk: LinuxDisk, each: w.ShelfPack, data: bytes) -> None:
    file = disk.create(_name(each))
    try:
        file.append(data)
        file.sync()
    finally:
        file.close()
