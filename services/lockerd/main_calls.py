"""What lockerd's main socket answers: status, claim, members, sessions, and everything about ways into a locker.

This process holds no key: passphrases and words pass through it on their way to a worker, and only a worker opens one.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from pathlib import Path
from typing import Any

from firmware import events, limits
from firmware.errors import (
    AlreadyClaimed,
    ClaimExpired,
    OtherKit,
    Refused,
    WrongClaimCode,
    WrongPassphrase,
)
from firmware.linux.clock import SystemClock, SystemEntropy
from firmware.linux.journal import Journal
from firmware.seal import offered_passphrase, same_bytes
from services.api import types as t
from services.api.routes import Needs, Operation
from services.api.server import Call, Handler
from services.lockerd.household import Household, Member
from services.lockerd.sessions import Session, Sessions
from services.lockerd.spawner import Spawner
from services.lockerd.throttle import Throttle
from services.lockerd.workers import Workers

_CARE_SECONDS = 60.0
_DAY_MS = 86_400_000


class MainCalls:
    """Handlers over the household, the sessions and the workers."""

    def __init__(self, data: Path, run: Path, spawner: Spawner, uids: frozenset[int]) -> None:
        """Read the household; raises Damaged, NewerFormat."""
        self._clock, self._journal = SystemClock(), Journal("lockerd")
        self._data = data
        self._household = Household(data)
        self._sessions = Sessions(self._clock)
        self._workers = Workers(spawner, (data, run), uids, self._journal, self._gone, self._sessions.seen)
        self._claiming = asyncio.Lock()
        self._codes = Throttle("claim", limits.CLAIM_TRIES_PER_MINUTE, self._clock, self._journal)
        self._passphrases: dict[str, Throttle] = {}
        self._visits: dict[str, int] = {}

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "status": self._status,
            "offer": self._offer,
            "check_claim": self._check_claim,
            "claim": self._claim,
            "open": self._open,
            "recover": self._recover,
            "add_member": self._add_member,
            "session": self._session,
            "sessions": self._list_sessions,
            "end_session": self._end_session,
            "lock": self._lock,
            "passwd": self._passwd,
            "kit": self._kit,
            "slots": self._slots,
            "drop_slot": self._drop_slot,
        }

    def authority(self, operation: Operation, token: str | None, uid: int) -> Session | None:  # noqa: ARG002
        """Say whose session calls; raises Refused, Locked."""
        if operation.needs in (Needs.NOTHING, Needs.THROTTLED):
            return None
        session = self._sessions.check(token)
        if operation.needs is Needs.OWNER and session.member.role is not t.Role.OWNER:
            raise Refused
        return session

    async def care(self) -> None:
        """Every minute: end idle sessions, lock lockers nobody visited for VISIT_DAYS."""
        while True:
            await asyncio.sleep(_CARE_SECONDS)
            for session in self._sessions.idle():
                await self._end(session)
            now = self._clock.now_ms()
            for member in self._household.members:
                seen = max([one.seen_ms for one in self._sessions.of(member.id)] + [self._visits.get(member.id, now)])
                self._visits[member.id] = seen
                if now - seen > limits.VISIT_DAYS * _DAY_MS:
                    await self._workers.lock(member.id, "nobody visited it for a month")

    async def close(self) -> None:
        """Lock everything."""
        await self._workers.lock_all("the box stops")

    # -------- nothing proven

    async def _status(self, call: Call) -> t.Status:  # noqa: ARG002
        house = self._household
        listed = tuple(t.MemberInfo(m.id, m.name, m.role, self._workers.is_open(m.id)) for m in house.members)
        return t.Status(True, house.claimed, self._host(), house.name, listed)

    async def _offer(self, call: Call) -> t.Passphrase:  # noqa: ARG002
        return t.Passphrase(offered_passphrase(SystemEntropy()))

    async def _check_claim(self, call: Call) -> t.Nothing:
        self._check_code(call.args.code)
        return t.Nothing()

    async def _claim(self, call: Call) -> t.NewMember:
        args: t.Claim = call.args
        async with self._claiming:
            self._check_code(args.code)
            member, words = await self._create(args.name, t.Role.OWNER, args.passphrase)
            self._household.found(args.household, member)
            (self._data / "box" / "claim").unlink(missing_ok=True)
        self._journal.tell(events.BOX_CLAIMED, member=member.id)
        return t.NewMember(member.id, words, await self._mint(member, "the one that claimed the box"))

    async def _open(self, call: Call) -> t.Opened:
        args: t.Open = call.args
        member = self._household.find(args.member)
        started = self._clock.ticks_ns()
        await self._tried(member, "open", passphrase=args.passphrase)
        spent = (self._clock.ticks_ns() - started) // 1_000_000
        self._journal.tell(events.LOCKER_OPENED, member=member.id, ms=spent)
        return t.Opened(member.id, await self._mint(member, args.device))

    async def _recover(self, call: Call) -> t.Opened:
        args: t.Recover = call.args
        member = self._household.find(args.member)
        await self._tried(member, "recover", words=args.words, passphrase=args.passphrase)
        await self._end_all(member)
        self._journal.tell(events.RECOVERED_WITH_KIT, member=member.id)
        return t.Opened(member.id, await self._mint(member, args.device))

    # -------- a live session

    async def _add_member(self, call: Call) -> t.NewMember:
        args: t.AddMember = call.args
        async with self._claiming:
            self._household.check_name(args.name)
            member, words = await self._create(args.name, args.role, args.passphrase)
            self._household.add(member)
        await self._workers.lock(member.id, "it was just made")
        self._journal.tell(events.MEMBER_CREATED, member=member.id, role=member.role.value)
        return t.NewMember(member.id, words)

    async def _session(self, call: Call) -> t.SessionInfo:
        session: Session = call.session
        return session.info(session.id)

    async def _list_sessions(self, call: Call) -> t.Sessions:
        mine: Session = call.session
        return t.Sessions(tuple(one.info(mine.id) for one in self._sessions.of(mine.member.id)))

    async def _end_session(self, call: Call) -> t.Nothing:
        await self._end(self._sessions.find(call.session.member.id, call.args.session))
        return t.Nothing()

    async def _lock(self, call: Call) -> t.Nothing:
        await self._workers.lock(call.session.member.id, "its member locked it")
        return t.Nothing()

    async def _passwd(self, call: Call) -> t.Nothing:
        args: t.Passwd = call.args
        await self._proven(call, "passwd", passphrase=args.passphrase, new=args.new)
        self._journal.tell(events.PASSPHRASE_CHANGED, member=call.session.member.id)
        return t.Nothing()

    async def _kit(self, call: Call) -> t.Kit:
        found = await self._proven(call, "kit", passphrase=call.args.passphrase)
        return t.Kit(found["words"])

    async def _slots(self, call: Call) -> t.Slots:
        found = await self._workers.order(call.session.member.id, "slots")
        return t.Slots(tuple(found["kinds"]))

    async def _drop_slot(self, call: Call) -> t.Slots:
        args: t.DropSlot = call.args
        found = await self._proven(call, "drop_slot", kind=args.kind, passphrase=args.passphrase)
        return t.Slots(tuple(found["kinds"]))

    # -------- shared steps

    def _check_code(self, code: str) -> None:
        """Raise AlreadyClaimed, TooManyTries, WrongClaimCode or ClaimExpired."""
        if self._household.claimed:
            raise AlreadyClaimed
        self._codes.check()
        try:
            kept = json.loads((self._data / "box" / "claim").read_bytes())
        except (FileNotFoundError, ValueError):
            kept = {}
        expected = _plain_code(str(kept.get("code", "")))
        if not expected or not same_bytes(_plain_code(code).encode(), expected.encode()):
            self._journal.tell(events.WRONG_CLAIM_CODE)
            raise WrongClaimCode(left=self._codes.wrong())
        if self._clock.now_ms() > int(kept.get("until_ms", 1 << 62)):
            raise ClaimExpired

    async def _create(self, name: str, role: t.Role, passphrase: str) -> tuple[Member, str]:
        member = Member(secrets.token_hex(8), name, role)
        found = await self._workers.enter(member, "create", passphrase=passphrase)
        return member, found["words"]

    async def _tried(self, member: Member, order: str, **fields: str) -> None:
        """Let a worker try passphrase or words, throttled for each member."""
        throttle = self._throttle(member)
        throttle.check()
        try:
            await self._workers.enter(member, order, **fields)
        except (WrongPassphrase, OtherKit):
            throttle.wrong()
            self._journal.tell(events.WRONG_PASSPHRASE, member=member.id)
            raise

    async def _proven(self, call: Call, order: str, **fields: str) -> dict[str, Any]:
        """Give an order that needs the passphrase once more, under the same throttle."""
        throttle = self._throttle(call.session.member)
        throttle.check()
        try:
            return await self._workers.order(call.session.member.id, order, **fields)
        except WrongPassphrase:
            throttle.wrong()
            raise

    def _throttle(self, member: Member) -> Throttle:
        tries = limits.PASSPHRASE_TRIES_PER_MINUTE
        return self._passphrases.setdefault(member.id, Throttle("passphrase", tries, self._clock, self._journal))

    async def _mint(self, member: Member, device: str) -> str:
        token, session, given_way = self._sessions.mint(member, device)
        self._visits[member.id] = session.started_ms
        for old in given_way:
            await self._workers.tell(member.id, "dismiss", token=old.token)
        await self._workers.order(member.id, "admit", token=session.token, session=session.id)
        return token

    async def _end(self, session: Session) -> None:
        self._sessions.end(session)
        await self._workers.tell(session.member.id, "dismiss", token=session.token)

    async def _end_all(self, member: Member) -> None:
        for session in self._sessions.of(member.id):
            await self._end(session)

    def _gone(self, member: str) -> None:
        """A locker closed: its sessions hear Locked from now on."""
        for session in self._sessions.of(member):
            self._sessions.end(session, by_lock=True)

    def _host(self) -> str:
        try:
            return str(json.loads((self._data / "box.json").read_bytes())["host"])
        except (OSError, ValueError, KeyError, TypeError):
            return "locker"


def _plain_code(code: str) -> str:
    """Crockford's base 32 as people type it: case, hyphens and look-alikes do not matter."""
    plain = re.sub(r"[^0-9A-Z]", "", code.upper())
    return plain.translate(str.maketrans("OIL", "011"))
