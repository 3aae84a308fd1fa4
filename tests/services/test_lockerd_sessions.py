"""Sessions and throttles by a clock that tests turn."""

from __future__ import annotations

import pytest

from firmware.errors import Locked, Refused, TooManyTries
from firmware.limits import ENDED_SESSIONS, SESSION_IDLE_SECONDS, SESSIONS_PER_MEMBER
from firmware.linux.journal import Journal
from services.api.types import Role
from services.lockerd.household import Member
from services.lockerd.sessions import Session, Sessions
from services.lockerd.throttle import Throttle

ADA = Member("0" * 16, "Ada", Role.OWNER)


class Clock:
    """Time as tests want it."""

    ms = 1_000_000

    def now_ms(self) -> int:
        return self.ms

    def ticks_ns(self) -> int:
        return self.ms * 1_000_000


def test_the_oldest_session_gives_way_and_idle_ones_end() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    made: list[tuple[str, Session]] = []
    for _ in range(SESSIONS_PER_MEMBER):
        token, session, given_way = sessions.mint(ADA, "phone")
        made.append((token, session))
        assert not given_way
        clock.ms += 1
    _, _, given_way = sessions.mint(ADA, "one more")
    assert given_way == [made[0][1]]
    with pytest.raises(Refused):
        sessions.check(made[0][0])
    clock.ms += SESSION_IDLE_SECONDS * 1000 + 1
    sessions.check(made[5][0])
    idle = sessions.idle()
    assert made[5][1] not in idle and len(idle) == SESSIONS_PER_MEMBER - 1


def test_sessions_a_lock_ended_are_told_apart_from_those_that_never_were() -> None:
    sessions = Sessions(Clock())
    minted = [sessions.mint(ADA, "phone") for _ in range(3)]
    sessions.end(minted[0][1])
    sessions.end(minted[1][1], by_lock=True)
    with pytest.raises(Refused):
        sessions.check(minted[0][0])
    with pytest.raises(Locked):
        sessions.check(minted[1][0])
    for _ in range(ENDED_SESSIONS):
        sessions.end(sessions.mint(ADA, "another")[1], by_lock=True)
    with pytest.raises(Refused):
        sessions.check(minted[1][0])
    assert sessions.check(minted[2][0]) is minted[2][1]


def test_a_throttle_closes_for_the_rest_of_the_minute() -> None:
    clock = Clock()
    journal = Journal("test")
    throttle = Throttle("test", 3, clock, journal)
    for left in (2, 1, 0):
        throttle.check()
        assert throttle.wrong() == left
        clock.ms += 10_000
    with pytest.raises(TooManyTries) as caught:
        throttle.check()
    assert caught.value.fields == {"seconds": 30}
    clock.ms += 30_000
    throttle.check()
    journal.close()
