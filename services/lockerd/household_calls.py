"""Who lives here: members, roles, guardians and their wards, and those who leave."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from datetime import date
from pathlib import Path

from firmware import events, limits
from firmware.errors import BoxError, Conflict, GuardianOver, Locked, Misused, Refused
from services.api import household_types as h
from services.api import types as t
from services.api.server import Call, Handler
from services.api.tint import distinct
from services.lockerd.desk import Desk
from services.lockerd.household import Member, unguarded
from services.lockerd.ratchet import Ratchet
from services.lockerd.sessions import Session, Terms

_GUARDIANS = (t.Role.OWNER, t.Role.ADULT)
_LEFT = "left"


class HouseholdCalls:
    """Handlers over the people of one box."""

    def __init__(self, desk: Desk) -> None:
        """Work at ``desk``."""
        self._desk = desk
        self._ratchet = Ratchet(desk.data / "clock", desk.clock)
        self.one_at_a_time = asyncio.Lock()

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "members": self._members,
            "add_member": self._add_member,
            "set_role": self._set_role,
            "leave": self._leave,
            "open_ward": self._open_ward,
        }

    # -------- coming

    async def _members(self, call: Call) -> h.Members:  # noqa: ARG002
        return self._listed()

    def _listed(self) -> h.Members:
        is_open = self._desk.workers.is_open
        return h.Members(
            tuple(
                h.MemberCard(
                    one.id, one.name, one.role, is_open(one.id), one.since_ms, one.guardian, one.guardian_until
                )
                for one in self._desk.household.members
            )
        )

    async def create(
        self, name: str, role: t.Role, passphrase: str, guardian: Member | None = None, until: str | None = None
    ) -> tuple[Member, str]:
        """Make a locker; return (its member, the 24 words). Raises WeakPassphrase, Conflict."""
        who = guardian.id if guardian is not None else None
        id = distinct(lambda: secrets.token_hex(8), (one.id for one in self._desk.household.members))
        member = Member(id, name, role, self._desk.clock.now_ms(), who, until)
        public = ""
        if guardian is not None:
            public = (await self._desk.workers.order(guardian.id, "ward_key", ward=member.id))["public"]
        try:
            found = await self._desk.workers.enter(member, "create", passphrase=passphrase, guardian=public)
        except (BoxError, TimeoutError):
            await asyncio.to_thread(erase, self._desk.data / "lockers" / member.id)  # it never was anybody's
            raise
        return member, found["words"]

    async def _add_member(self, call: Call) -> t.NewMember:
        args: t.AddMember = call.args
        async with self.one_at_a_time:
            self._desk.household.check_name(args.name)
            guardian = self._guardian(args)
            until = args.guardian_until if guardian is not None else None
            member, words = await self.create(args.name, args.role, args.passphrase, guardian, until)
            self._desk.household.add(member)
        self._desk.tell(events.MEMBER_CREATED, member=member.id, role=member.role.value)
        await self._desk.activities.flush(member.id)
        await self._desk.workers.lock(member.id, "it was just made")
        return t.NewMember(member.id, words)

    def _guardian(self, args: t.AddMember) -> Member | None:
        """Return who is asked to be guardian; raises Misused, NoSuchMember, Conflict."""
        if args.guardian is None and args.guardian_until is None:
            return None
        if args.role is not t.Role.CHILD:
            raise Misused(why="only a child has a guardian.")
        if args.guardian is None or args.guardian_until is None:
            raise Misused(why="a guardian needs a day on which that ends, and a day needs a guardian.")
        until, today = _day(args.guardian_until), self._ratchet.today()
        if not today < until <= date(today.year + limits.GUARDIAN_YEARS, 12, 31):
            raise Misused(why=f"a guardianship ends on a day to come, at most {limits.GUARDIAN_YEARS} years from now.")
        guardian = self._desk.household.find(args.guardian)
        if guardian.role not in _GUARDIANS:
            raise Misused(why="a guardian is an owner or an adult.")
        if not self._desk.workers.is_open(guardian.id):
            raise Conflict(why="the guardian's locker has to be open for that.")
        return guardian

    # -------- changing

    async def _set_role(self, call: Call) -> h.Members:
        args: h.SetRole = call.args
        async with self.one_at_a_time:
            member = self._desk.household.find(args.member)
            if member.role is t.Role.OWNER and member.id != call.session.member.id:
                raise Refused
            changed = replace(member, role=args.role)
            if args.role is not t.Role.CHILD:
                changed = unguarded(changed)
            if args.role not in _GUARDIANS and self._desk.household.wards_of(member.id):
                raise Conflict(why="she is the guardian of a child, and a guardian is an owner or an adult.")
            if changed != member:
                self._desk.household.change(changed)
                self._desk.sessions.renamed(changed)
                self._desk.tell(events.ROLE_CHANGED, member=member.id, role=args.role.value)
            await self.settle(changed)
        return self._listed()

    # -------- guardians

    async def _open_ward(self, call: Call) -> t.Opened:
        args: h.OpenWard = call.args
        guardian: Member = call.session.member
        ward = self._desk.household.find(args.member)
        if ward.guardian != guardian.id:
            raise Refused
        if self._is_over(ward):
            raise GuardianOver
        key = await self._desk.workers.order(guardian.id, "ward_secret", ward=ward.id)
        await self._desk.workers.enter(ward, "open_with", kind="member", secret=key["secret"])
        self._desk.tell(events.WARD_OPENED, {"name": guardian.name}, member=ward.id, guardian=guardian.id)
        terms = Terms(rights=t.Rights.WARD, guardian=guardian)
        return t.Opened(ward.id, await self._desk.mint(ward, args.device, terms))

    def _is_over(self, ward: Member) -> bool:
        if ward.guardian is None or ward.guardian_until is None:
            return ward.unguarded
        return self._ratchet.today() >= _day(ward.guardian_until)

    async def settle(self, member: Member) -> None:
        """End a guardianship whose day came: sessions at once, the keyslot as soon as the locker is open."""
        member = next((one for one in self._desk.household.members if one.id == member.id), member)
        if not self._is_over(member):
            return
        over = [one for one in self._desk.sessions.of(member.id) if one.terms.rights is t.Rights.WARD]
        await self._desk.end_those(over)
        if not self._desk.workers.is_open(member.id):
            return
        try:
            await self._desk.workers.order(member.id, "drop_guardian")
        except Locked:
            return  # it was locked just now; the next opening does it
        free = replace(unguarded(member), unguarded=False)
        self._desk.household.change(free)
        self._desk.sessions.renamed(free)
        self._desk.tell(events.GUARDIAN_ENDED, member=member.id)

    # -------- leaving

    async def _leave(self, call: Call) -> t.Nothing:
        args: h.Leave = call.args
        asks: Session = call.session
        who = self._desk.household.find(args.member)
        herself = who.id == asks.member.id
        if herself and who.role is t.Role.CHILD and who.guardian is not None:
            raise Refused
        if not herself and (asks.member.role is not t.Role.OWNER or who.role is t.Role.OWNER or args.erase):
            raise Refused
        await self._desk.prove(asks, "prove", passphrase=args.proof)
        async with self.one_at_a_time:
            self._desk.household.remove(who)
        self._desk.tell(events.MEMBER_LEFT, {"name": who.name}, member=asks.member.id, by=asks.member.id)
        for one in self._desk.household.members:
            self._desk.sessions.renamed(one)
            await self.settle(one)
        await self._desk.end_all(who.id)
        await self._desk.workers.lock(who.id, "its member left the household")
        if args.erase:
            await asyncio.to_thread(erase, self._desk.data / "lockers" / who.id)
        await self.move_out()
        return t.Nothing()

    async def move_out(self) -> None:
        """Move the lockers of those who left out of the way, sealed as they are."""
        for id in self._desk.household.left:
            if not self._desk.workers.is_open(id):
                await asyncio.to_thread(_move_out, self._desk.data, id)
                self._desk.household.moved_out(id)


def erase(folder: Path) -> None:
    """Destroy a locker: its keys first, so that what a power cut leaves opens with nothing."""
    for name in ("key", "key.copy"):
        (folder / name).unlink(missing_ok=True)
    if not folder.exists():
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    os.fsync(fd)
    os.close(fd)
    import shutil  # late: it brings every compression along

    shutil.rmtree(folder)


def _move_out(data: Path, id: str) -> None:
    here, there = data / "lockers" / id, data / _LEFT / id
    if here.exists() and not there.exists():
        there.parent.mkdir(mode=0o700, exist_ok=True)
        here.rename(there)


def _day(word: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise Misused(why=f"“{word[:10]}” is not a day; it is written like 2031-05-24.") from None
