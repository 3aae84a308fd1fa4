"""Live sessions, in memory only: minted when a locker is opened, known here by a hash of their token."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from firmware import limits
from firmware.errors import Locked, Missing, Refused
from firmware.ports import Clock
from services.api.types import SessionInfo
from services.lockerd.household import Member


@dataclass(slots=True)
class Session:
    """One session; ``token`` is the hash of its token."""

    id: str
    token: str
    member: Member
    device: str
    started_ms: int
    seen_ms: int

    def info(self, current: str) -> SessionInfo:
        """Return what its member sees; ``current`` is the id of the session that asks."""
        who = self.member
        return SessionInfo(
            self.id, who.id, who.name, who.role, self.device, self.started_ms, self.seen_ms, self.id == current
        )


class Sessions:
    """All live sessions, and the hashes of those a lock ended (they hear Locked instead of Refused)."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._live: dict[str, Session] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def mint(self, member: Member, device: str) -> tuple[str, Session, list[Session]]:
        """Return (token, session, sessions that had to give way)."""
        token, now = secrets.token_urlsafe(32), self._clock.now_ms()
        mine = self.of(member.id)
        given_way = mine[limits.SESSIONS_PER_MEMBER - 1 :]
        for session in given_way:
            self.end(session)
        session = Session(secrets.token_hex(8), token_hash(token), member, device, now, now)
        self._live[session.token] = session
        return token, session, given_way

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
