"""Live sessions, in memory only: minted when a locker is opened, known here by a hash of their token."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from firmware import limits
from firmware.errors import Locked, Missing, Refused
from firmware.ports import Clock
from services.api.types import Rights, SessionInfo
from services.lockerd.household import Member


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a session was given: its rights, whose door it came through, whether the member is proven."""

    rights: Rights = Rights.ALL
    proven: bool = False
    """True when the passphrase (or the kit) was typed for this very session."""
    guardian: Member | None = None
    door: str | None = None
    """The app password or passkey that opened it; dropping that one ends the session."""


@dataclass(slots=True)
class Session:
    """One session; ``token`` is the hash of its token."""

    id: str
    token: str
    member: Member
    device: str
    started_ms: int
    seen_ms: int
    terms: Terms
    sure_until_ns: int = 0
    """Until when its member counts as proven, on the monotonic clock; 0 for not at all."""

    def info(self, current: str, now_ns: int) -> SessionInfo:
        """Return what its member sees; ``current`` is the id of the session that asks."""
        return SessionInfo(
            id=self.id,
            member=self.member.id,
            name=self.member.name,
            role=self.member.role,
            device=self.device,
            started_ms=self.started_ms,
            seen_ms=self.seen_ms,
            current=self.id == current,
            rights=self.terms.rights,
            guardian=self.terms.guardian.name if self.terms.guardian is not None else None,
            stepped_up=self.is_sure(now_ns),
        )

    def is_sure(self, now_ns: int) -> bool:
        """Whether its member proved herself not long ago."""
        return now_ns < self.sure_until_ns


class Sessions:
    """All live sessions, and the hashes of those a lock ended (they hear Locked instead of Refused)."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._live: dict[str, Session] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def mint(self, member: Member, device: str, terms: Terms | None = None) -> tuple[str, Session, list[Session]]:
        """Return (token, session, sessions that had to give way)."""
        terms = terms or Terms()
        token, now = secrets.token_urlsafe(32), self._clock.now_ms()
        given_way = self._given_way(member.id, terms)
        for session in given_way:
            self.end(session)
        session = Session(secrets.token_hex(8), token_hash(token), member, device, now, now, terms)
        if terms.proven:
            self.step_up(session)
        self._live[session.token] = session
        return token, session, given_way

    def _given_way(self, member: str, terms: Terms) -> list[Session]:
        """A program may open many sessions; its own old ones go first, never those of a person."""
        mine = self.of(member)
        if terms.rights is Rights.FILES:
            same = [one for one in mine if one.terms.door == terms.door]
            return same[limits.APP_SESSIONS - 1 :]
        people = [one for one in mine if one.terms.rights is not Rights.FILES]
        return people[limits.SESSIONS_PER_MEMBER - 1 :]

    def step_up(self, session: Session) -> int:
        """Let ``session`` count as proven for STEP_UP_SECONDS; return when that ends (ms)."""
        session.sure_until_ns = self._clock.ticks_ns() + limits.STEP_UP_SECONDS * 1_000_000_000
        return self._clock.now_ms() + limits.STEP_UP_SECONDS * 1000

    def check(self, token: str | None) -> Session:
        """Return the live session of ``token``; raises Locked after a lock, else Refused."""
        digest = token_hash(token) if token else ""
        session = self._live.get(digest)
        if session is None:
            if digest in self._ended:
                raise Locked
            raise Refused
        session.seen_ms = self._clock.now_ms()
        return session

    def of(self, member: str) -> list[Session]:
        """Return the live sessions of ``member``, newest first."""
        mine = [session for session in self._live.values() if session.member.id == member]
        return sorted(mine, key=lambda session: session.started_ms, reverse=True)

    def find(self, member: str, id: str) -> Session:
        """Return one of ``member``'s sessions by id; raises Missing."""
        for session in self.of(member):
            if session.id == id:
                return session
        raise Missing(what="session of this id")

    def renamed(self, member: Member) -> None:
        """Let every session of ``member`` see what she is now."""
        for session in self.of(member.id):
            session.member = member

    def end(self, session: Session, *, by_lock: bool = False) -> None:
        """End one session."""
        self._live.pop(session.token, None)
        if by_lock:
            self._ended[session.token] = None
            while len(self._ended) > limits.ENDED_SESSIONS:
                self._ended.popitem(last=False)

    def seen(self, ids: list[str]) -> None:
        """Note that these sessions were used on a locker's socket."""
        now = self._clock.now_ms()
        for session in self._live.values():
            if session.id in ids:
                session.seen_ms = now

    def idle(self) -> list[Session]:
        """Return the sessions nobody used for SESSION_IDLE_SECONDS."""
        since = self._clock.now_ms() - limits.SESSION_IDLE_SECONDS * 1000
        return [session for session in self._live.values() if session.seen_ms < since]


def token_hash(token: str) -> str:
    """Return what is kept of a token instead of the token."""
    return hashlib.blake2b(token.encode(), digest_size=32, person=b"lockerbox/token").hexdigest()
