"""What lockerd's main socket answers: status, claim, sessions, and the keys of a locker.

This process holds no key: passphrases and words pass through it on their way to a worker, and only a worker opens one.
People and roles are in ``household_calls``, programs and passkeys in ``door_calls``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from pathlib import Path

from firmware import events, limits
from firmware.errors import AlreadyClaimed, BoxError, ClaimExpired, Refused, WrongClaimCode
from firmware.linux.clock import SystemEntropy
from firmware.seal import offered_passphrase, same_bytes
from services.api import household_types as h
from services.api import types as t
from services.api.server import Call, Handler
from services.lockerd.box_calls import BoxCalls
from services.lockerd.circle_calls import CircleCalls
from services.lockerd.costs import Costs
from services.lockerd.desk import Desk
from services.lockerd.door_calls import DoorCalls
from services.lockerd.household_calls import HouseholdCalls
from services.lockerd.key_calls import KeyCalls
from services.lockerd.restore_calls import RestoreCalls
from services.lockerd.sessions import Session, Terms
from services.lockerd.shelf_restore import ShelfRestoring
from services.lockerd.spawner import Spawner
from services.lockerd.throttle import Throttle

_CARE_SECONDS = 60.0
_DAY_MS = 86_400_000


class MainCalls:
    """Handlers over the household, the sessions and the workers."""

    def __init__(self, data: Path, run: Path, spawner: Spawner, uids: frozenset[int]) -> None:
        """Read the household; raises Damaged, NewerFormat."""
        self._data, self._run = data, run
        self._desk = desk = Desk(data, run, spawner, uids)
        self._house = HouseholdCalls(desk)
        self._doors = DoorCalls(desk, self._house, self._host)
        self._circle = CircleCalls(run, desk)
        self._box = BoxCalls(run)
        self._keys = KeyCalls(run, desk, self._check_code)
        self.costs = Costs(data, desk.clock)
        self._codes = Throttle("claim", limits.CLAIM_TRIES_PER_MINUTE, desk.clock, desk.journal)
        self._visits: dict[str, int] = {}
        self.authority = desk.authority

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        mine: dict[str, Handler] = {
            "status": self._status,
            "offer": self._offer,
            "check_claim": self._check_claim,
            "claim": self._claim,
            "open": self._open,
            "recover": self._recover,
            "session": self._session,
            "sessions": self._list_sessions,
            "end_session": self._end_session,
            "end_others": self._end_others,
            "step_up": self._step_up,
            "step_down": self._step_down,
            "lock": self._lock,
            "passwd": self._passwd,
            "kit": self._kit,
            "slots": self._slots,
            "drop_slot": self._drop_slot,
            "activity": self._activity,
        }
        passed_on = self._circle.handlers()  # what is decided here is not merely passed on
        others = self._house.handlers() | self._doors.handlers() | self._box.handlers()
        mine |= self._keys.handlers() | self.costs.handlers()
        mine |= ShelfRestoring(self._run, self._desk, self._house, self._check_code).handlers()
        others |= RestoreCalls(self._run, self._desk, self._house, self._check_code).handlers()
        return passed_on | mine | others

    async def start(self) -> None:
        """Finish what a power cut left undone."""
        await self._house.move_out()
        for each in self._desk.household.members:
            self._desk.coming.begin(each.id)

    async def care(self) -> None:
        """Every minute: idle sessions end, ended guardianships too, and lockers nobody visited for VISIT_DAYS lock."""
        desk = self._desk
        while True:
            await asyncio.sleep(_CARE_SECONDS)
            await desk.end_those(desk.sessions.idle())
            await self._keys.tell_members()
            await desk.activities.tick()
            now = desk.clock.now_ms()
            for member in desk.household.members:
                await self._house.settle(member)
                seen = max([one.seen_ms for one in desk.sessions.of(member.id)] + [self._visits.get(member.id, now)])
                self._visits[member.id] = seen
                if now - seen > limits.VISIT_DAYS * _DAY_MS:
                    await desk.workers.lock(member.id, "nobody visited it for a month")

    async def close(self) -> None:
        """Lock everything."""
        await self._desk.coming.close()
        await self._desk.workers.lock_all("the box stops")
        await self._desk.activities.close()
        with contextlib.suppress(BoxError):  # a full disk keeps nobody from stopping
            self.costs.close()

    # -------- nothing proven

    async def _status(self, call: Call) -> t.Status:  # noqa: ARG002
        house, workers, coming = self._desk.household, self._desk.workers, self._desk.coming
        opened = {m.id: workers.is_open(m.id) for m in house.members}
        listed = tuple(
            t.MemberInfo(m.id, m.name, m.role, opened[m.id], coming.state(m.id, is_open=opened[m.id]))
            for m in house.members
        )
        return t.Status(True, house.claimed, self._host(), house.name, listed)

    async def _offer(self, call: Call) -> t.Passphrase:  # noqa: ARG002
        return t.Passphrase(offered_passphrase(SystemEntropy()))

    async def _check_claim(self, call: Call) -> t.Nothing:
        self._check_code(call.args.code)
        return t.Nothing()

    async def _claim(self, call: Call) -> t.NewMember:
        args: t.Claim = call.args
        async with self._house.one_at_a_time:
            self._check_code(args.code)
            member, words = await self._house.create(args.name, t.Role.OWNER, args.passphrase)
            self._desk.household.found(args.household, member)
            (self._data / "box" / "claim").unlink(missing_ok=True)
        self._desk.tell(events.BOX_CLAIMED, member=member.id)
        token = await self._desk.mint(member, args.device, Terms(proven=True))
        return t.NewMember(member.id, words, token)

    async def _open(self, call: Call) -> t.Opened:
        args: t.Open = call.args
        member = self._desk.household.find(args.member)
        started = self._desk.clock.ticks_ns()
        await self._desk.enter(member, "open", passphrase=args.passphrase)
        spent = (self._desk.clock.ticks_ns() - started) // 1_000_000
        self._desk.tell(events.LOCKER_OPENED, {"device": args.device}, member=member.id, ms=spent)
        await self._house.settle(member)
        return t.Opened(member.id, await self._desk.mint(member, args.device, Terms(proven=True)))

    async def _recover(self, call: Call) -> t.Opened:
        args: t.Recover = call.args
        member = self._desk.household.find(args.member)
        await self._desk.enter(member, "recover", words=args.words, passphrase=args.passphrase)
        await self._desk.end_all(member.id)
        self._desk.tell(events.RECOVERED_WITH_KIT, {"device": args.device}, member=member.id)
        await self._house.settle(member)
        return t.Opened(member.id, await self._desk.mint(member, args.device, Terms(proven=True)))

    # -------- sessions

    async def _session(self, call: Call) -> t.SessionInfo:
        session: Session = call.session
        return session.info(session.id, self._desk.clock.ticks_ns())

    async def _list_sessions(self, call: Call) -> t.Sessions:
        mine, now = call.session, self._desk.clock.ticks_ns()
        return t.Sessions(tuple(one.info(mine.id, now) for one in self._desk.sessions.of(mine.member.id)))

    async def _end_session(self, call: Call) -> t.Nothing:
        mine: Session = call.session
        if mine.terms.rights is not t.Rights.ALL and call.args.session != mine.id:
            raise Refused
        session = self._desk.sessions.find(mine.member.id, call.args.session)
        await self._desk.end(session)
        if session is not mine:
            self._desk.tell(events.SESSION_ENDED, {"device": session.device}, member=mine.member.id)
        return t.Nothing()

    async def _end_others(self, call: Call) -> h.Ended:
        mine: Session = call.session
        count = await self._desk.end_all(mine.member.id, keep=mine)
        if count:
            self._desk.tell(events.SESSION_ENDED, {"times": str(count)}, member=mine.member.id)
        return h.Ended(count)

    async def _step_up(self, call: Call) -> h.SteppedUp:
        session: Session = call.session
        await self._desk.prove(session, "prove", passphrase=call.args.proof)
        until = self._desk.sessions.step_up(session)
        await self._desk.sure(session, limits.STEP_UP_SECONDS)
        self._desk.tell(events.STEPPED_UP, {"device": session.device}, member=session.member.id)
        return h.SteppedUp(until)

    async def _step_down(self, call: Call) -> t.Nothing:
        call.session.sure_until_ns = 0
        await self._desk.sure(call.session, 0)
        return t.Nothing()

    async def _lock(self, call: Call) -> t.Nothing:
        await self._desk.workers.lock(call.session.member.id, "its member locked it")
        return t.Nothing()

    # -------- keys

    async def _passwd(self, call: Call) -> t.Nothing:
        args: t.Passwd = call.args
        await self._desk.prove(call.session, "passwd", passphrase=args.passphrase, new=args.new)
        self._desk.tell(events.PASSPHRASE_CHANGED, member=call.session.member.id)
        return t.Nothing()

    async def _kit(self, call: Call) -> t.Kit:
        found = await self._desk.workers.order(call.session.member.id, "kit")
        self._desk.tell(events.KIT_MADE, member=call.session.member.id)
        return t.Kit(found["words"])

    async def _slots(self, call: Call) -> t.Slots:
        found = await self._desk.workers.order(call.session.member.id, "slots")
        return t.Slots(tuple(found["kinds"]))

    async def _drop_slot(self, call: Call) -> t.Slots:
        args, member = call.args, call.session.member
        if args.kind == "member" and member.guardian is not None:
            raise Refused
        found = await self._desk.workers.order(member.id, "drop_slot", kind=args.kind)
        if args.kind == "passkey":
            await self._desk.end_those([one for one in self._desk.sessions.of(member.id) if _by_passkey(one, call)])
        self._desk.tell(events.SLOT_DROPPED, member=member.id, kind=args.kind)
        return t.Slots(tuple(found["kinds"]))

    async def _activity(self, call: Call) -> h.Activity:
        args, member = call.args, call.session.member.id
        await self._desk.activities.flush(member)
        counting = [[one.time_ms, one.event, one.fields] for one in self._desk.activities.counting(member)]
        found = await self._desk.workers.order(
            member, "activity", cursor=args.cursor, limit=args.limit, counting=counting
        )
        return h.Activity(tuple(h.Happening(*one) for one in found["items"]), found["next"])

    # -------- shared steps

    def _check_code(self, code: str) -> None:
        """Raise AlreadyClaimed, TooManyTries, WrongClaimCode or ClaimExpired."""
        if self._desk.household.claimed:
            raise AlreadyClaimed
        self._codes.check()
        try:
            kept = json.loads((self._data / "box" / "claim").read_bytes())
        except (FileNotFoundError, ValueError):
            kept = {}
        expected = _plain_code(str(kept.get("code", "")))
        if not expected or not same_bytes(_plain_code(code).encode(), expected.encode()):
            self._desk.tell(events.WRONG_CLAIM_CODE)
            raise WrongClaimCode(left=self._codes.wrong())
        if self._desk.clock.now_ms() > int(kept.get("until_ms", 1 << 62)):
            raise ClaimExpired

    def _host(self) -> str:
        try:
            return str(json.loads((self._data / "box.json").read_bytes())["host"])
        except (OSError, ValueError, KeyError, TypeError):
            return "locker"


def _by_passkey(session: Session, call: Call) -> bool:
    """Whether a passkey opened this session (of a person; programs have doors of their own)."""
    return session.terms.door is not None and session.terms.rights is t.Rights.ALL and session is not call.session


def _plain_code(code: str) -> str:
    """Crockford's base 32 as people type it: case, hyphens and look-alikes do not matter."""
    plain = re.sub(r"[^0-9A-Z]", "", code.upper())
    return plain.translate(str.maketrans("OIL", "011"))
