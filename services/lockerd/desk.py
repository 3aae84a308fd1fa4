"""The steps that everything on the main socket shares: who is it, is it really she, give her a session, tell of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from firmware import events, limits
from firmware.errors import BoxError, OtherKit, Refused, StepUpNeeded, WrongPassphrase
from firmware.events import Event
from firmware.linux.clock import SystemClock
from firmware.linux.journal import Journal
from services.api import types as t
from services.api.routes import Needs, Operation, allowed
from services.lockerd.activity import Activities
from services.lockerd.household import Household, Member
from services.lockerd.sessions import Session, Sessions, Terms
from services.lockerd.spawner import Spawner
from services.lockerd.still_coming import StillComing
from services.lockerd.throttle import Throttle
from services.lockerd.workers import Workers

_SURE = (Needs.STEP_UP, Needs.OWNER_STEP_UP)
_OWNERS = (Needs.OWNER, Needs.OWNER_STEP_UP)


class Desk:
    """Household, sessions, workers and activity of one box, and what is done with them again and again."""

    def __init__(self, data: Path, run: Path, spawner: Spawner, uids: frozenset[int]) -> None:
        """Read the household; raises Damaged, NewerFormat."""
        self.data = data
        self.clock, self.journal = SystemClock(), Journal("lockerd")
        self.household = Household(data)
        self.sessions = Sessions(self.clock)
        self.activities = Activities(data / "lockers", self.clock)
        self.coming = StillComing(data, run, self.tell, self._lives_here)
        self.workers = Workers(
            spawner, (data, run), uids, self.tell, self._gone, {"seen": self._seen, "told": self._told}, self.coming
        )
        self._throttles: dict[tuple[str, str], Throttle] = {}

    def authority(self, operation: Operation, token: str | None, uid: int) -> Session | None:  # noqa: ARG002
        """Say whose session calls; raises Refused, StepUpNeeded, Locked."""
        if operation.needs in (Needs.NOTHING, Needs.THROTTLED):
            return None
        session = self.sessions.check(token)
        if not allowed(operation, session.terms.rights):
            raise Refused
        if operation.needs in _OWNERS and session.member.role is not t.Role.OWNER:
            raise Refused
        if operation.needs in _SURE and not session.is_sure(self.clock.ticks_ns()):
            raise StepUpNeeded
        return session

    # -------- telling

    def tell(self, event: Event, private: dict[str, str] | None = None, **fields: str | int) -> None:
        """Tell the journal, and the activity of the member it concerns; ``private`` goes into the activity alone."""
        self.journal.tell(event, **fields)
        member = fields.pop("member", None)
        if isinstance(member, str) and self._lives_here(member):
            self.activities.note(member, event.name, fields | (private or {}))

    def _told(self, member: str, news: Any) -> None:
        """A worker told the journal something; it belongs into the activity of its member."""
        fields = {str(key): value for key, value in news["fields"].items() if isinstance(value, str | int)}
        self.activities.note(member, str(news["event"]), fields)

    def _lives_here(self, member: str) -> bool:
        return any(one.id == member for one in self.household.members)

    # -------- proving

    def throttle(self, what: str, member: Member, tries: int) -> Throttle:
        """Return the throttle of one kind of try for one member."""
        return self._throttles.setdefault((what, member.id), Throttle(what, tries, self.clock, self.journal))

    def passphrase_tries(self, member: Member) -> Throttle:
        """Return what bounds the guessing of her passphrase, however it is asked for."""
        return self.throttle("passphrase", member, limits.PASSPHRASE_TRIES_PER_MINUTE)

    async def enter(self, member: Member, order: str, **fields: Any) -> dict[str, Any]:
        """Let a worker try passphrase or words, throttled for each member."""
        throttle = self.passphrase_tries(member)
        throttle.check()
        try:
            return await self.workers.enter(member, order, **fields)
        except (WrongPassphrase, OtherKit):
            throttle.wrong()
            self.tell(events.WRONG_PASSPHRASE, member=member.id)
            raise

    async def prove(self, session: Session, order: str, **fields: Any) -> dict[str, Any]:
        """Give an order that needs the passphrase once more, under the same throttle."""
        throttle = self.passphrase_tries(session.member)
        throttle.check()
        try:
            return await self.workers.order(session.member.id, order, **fields)
        except WrongPassphrase:
            throttle.wrong()
            self.tell(events.WRONG_PASSPHRASE, member=session.member.id)
            raise

    # -------- sessions

    async def mint(self, member: Member, device: str, terms: Terms) -> str:
        """Begin a session on an open locker and return its token; raises Locked."""
        token, session, given_way = self.sessions.mint(member, device, terms)
        for old in given_way:
            await self._dismiss(old)
        try:
            await self.workers.order(
                member.id,
                "admit",
                token=session.token,
                session=session.id,
                rights=terms.rights.value,
                sure=limits.STEP_UP_SECONDS if terms.proven else 0,
            )
        except BoxError:
            self.sessions.end(session)
            raise
        return token

    async def sure(self, session: Session, seconds: int) -> None:
        """Tell the worker for how long this session counts as proven."""
        await self.workers.order(session.member.id, "sure", token=session.token, seconds=seconds)

    async def end(self, session: Session) -> None:
        """End one session."""
        self.sessions.end(session)
        await self._dismiss(session)

    async def end_all(self, member: str, keep: Session | None = None) -> int:
        """End every session of a member (but ``keep``); return how many."""
        return await self.end_those([one for one in self.sessions.of(member) if one is not keep])

    async def end_those(self, sessions: list[Session]) -> int:
        """End these sessions; return how many."""
        for session in sessions:
            await self.end(session)
        return len(sessions)

    async def _dismiss(self, session: Session) -> None:
        await self.workers.tell(session.member.id, "dismiss", token=session.token)

    def _gone(self, member: str) -> None:
        """A locker closed: its sessions hear Locked from now on."""
        for session in self.sessions.of(member):
            self.sessions.end(session, by_lock=True)

    def _seen(self, member: str, news: Any) -> None:  # noqa: ARG002
        self.sessions.seen([str(one) for one in news])
