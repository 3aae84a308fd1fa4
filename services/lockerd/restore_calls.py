"""What the main socket answers about restores: a locker comes back from friends to a new box, or to one owned already.

Words pass through here on their way to a worker, as passphrases do; nothing of them is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware import events, restore_events
from firmware.errors import BoxError, Damaged, NewerFormat
from firmware.seal import KeyFile
from services.api import restore_types as z
from services.api import types as t
from services.api.client import Client
from services.api.decode import decode
from services.api.server import Call, Handler
from services.api.tint import distinct
from services.lockerd.desk import Desk
from services.lockerd.household import Member
from services.lockerd.household_calls import HouseholdCalls, erase
from services.lockerd.sessions import Terms


class RestoreCalls:
    """Handlers over members who come back."""

    def __init__(self, run: Path, desk: Desk, house: HouseholdCalls, check_code: Callable[[str], None]) -> None:
        """``run`` is the folder of the sockets; ``check_code`` raises what a wrong claim code raises."""
        self._desk, self._house, self._check_code = desk, house, check_code
        self._peerd = Client(run)

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "restore_near": self._near,
            "restore_look": self._look,
            "restore": self._restore,
            "restore_member": self._restore_member,
            "restore_status": self._status,
        }

    async def _near(self, call: Call) -> z.RestoreNear:
        self._check_code(call.args.code)
        found: z.RestoreNear = await self._peerd.call("at_peerd_restore_near")
        return found

    async def _look(self, call: Call) -> z.RestoreFound:
        args: z.RestoreLook = call.args
        self._check_code(args.code)
        member = self._new("", t.Role.OWNER)
        try:
            found = await self._desk.workers.once(
                member, "restore_look", words=args.words, contacts=list(args.contacts)
            )
        finally:
            await asyncio.to_thread(erase, self._desk.data / "lockers" / member.id)
        return decode(z.RestoreFound, found)

    async def _restore(self, call: Call) -> z.RestoreBegun:
        args: z.Restore = call.args
        async with self._house.one_at_a_time:
            self._check_code(args.code)
            await asyncio.to_thread(self._sweep)
            member, found = await self._come_back(self._new(args.name, t.Role.OWNER), args)
            self._desk.household.found(args.household, member)
            (self._desk.data / "box" / "claim").unlink(missing_ok=True)
        self._desk.tell(events.BOX_CLAIMED, member=member.id)
        self._desk.tell(restore_events.RESTORE_BEGUN, member=member.id)
        token = await self._desk.mint(member, args.device, Terms(proven=True))
        return z.RestoreBegun(member.id, found, token)

    async def _restore_member(self, call: Call) -> z.RestoreBegun:
        args: z.RestoreMember = call.args
        async with self._house.one_at_a_time:
            self._desk.household.check_name(args.name)
            await asyncio.to_thread(self._sweep)
            member, found = await self._come_back(self._new(args.name, args.role), args)
            self._desk.household.add(member)
        self._desk.tell(events.MEMBER_CREATED, member=member.id, role=member.role.value)
        self._desk.tell(restore_events.RESTORE_BEGUN, member=member.id)
        return z.RestoreBegun(member.id, found)

    async def _come_back(self, member: Member, args: Any) -> tuple[Member, z.RestoreFound]:
        """Keys and papers are on this disk when this returns; raises what finding raises, WeakPassphrase."""
        try:
            here = await asyncio.to_thread(self._lockers_here)
            found = await self._desk.workers.enter(
                member, "restore", words=args.words, contacts=list(args.contacts), passphrase=args.passphrase, here=here
            )
        except (BoxError, TimeoutError):
            await asyncio.to_thread(erase, self._desk.data / "lockers" / member.id)  # nothing is lost by it
            raise
        return member, decode(z.RestoreFound, found)

    def _lockers_here(self) -> list[str]:
        """Ids of the lockers of those who live here."""
        found = []
        for one in self._desk.household.members:
            with contextlib.suppress(Damaged, NewerFormat, OSError):
                found.append(KeyFile.parse((self._desk.data / "lockers" / one.id / "key").read_bytes()).locker_id)
        return found

    def _new(self, name: str, role: t.Role) -> Member:
        id = distinct(lambda: secrets.token_hex(8), (one.id for one in self._desk.household.members))
        return Member(id, name, role, self._desk.clock.now_ms())

    def _sweep(self) -> None:
        """A restore that was killed before its member was written down left keys of a locker that nobody has."""
        known = {one.id for one in self._desk.household.members} | set(self._desk.household.left)
        lockers = self._desk.data / "lockers"
        for folder in lockers.iterdir() if lockers.is_dir() else ():
            if folder.name not in known and (folder / "restore").is_dir() and not any(folder.glob("packs/*")):
                erase(folder)

    async def _status(self, call: Call) -> z.RestoreStatus:
        found = await self._desk.workers.order(call.session.member.id, "restore_status")
        return decode(z.RestoreStatus, found)
