"""Who is at the browser: an opaque cookie id on one side, a live token of the locker on the other, in memory only.

The browser never sees the token and the box never stores the cookie: a restart of this process logs every browser
out, and what they typed is kept by the forms themselves. Time comes in as a value (seconds on a monotonic clock).
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware import limits
from services.api.restore_types import RestoreFound
from webui.copying import Copying

COOKIE = "__Host-locker"
"""The prefix makes browsers insist on Secure, Path=/ and this very host."""

KIT_ASKED = 3
"""Words of a new kit that are asked back."""

OUTCOMES = 16
"""Answers remembered per browser, so that a form sent twice acts once."""


@dataclass(slots=True)
class Kit:
    """A kit on its way to a new box: its words, codes of friends' boxes, what they opened when friends were asked."""

    words: str = field(repr=False)
    contacts: tuple[str, ...] = ()
    found: RestoreFound | None = None
    disk: str = ""
    """Where the shelf is mounted that the locker comes from, instead of friends."""
    copying: Copying | None = None


@dataclass(slots=True)
class Session:
    """One browser. ``token`` is empty until a locker was opened; secrets live here only as long as they are needed."""

    key: str
    seen: float
    token: str = field(default="", repr=False)
    member: str = ""
    name: str = ""
    code: str = field(default="", repr=False)
    """The claim code, checked, until the box is claimed."""
    household: str = ""
    kit: Kit | None = field(default=None, repr=False)
    """What was typed to bring a locker back, until it is on its way."""
    words: str = field(default="", repr=False)
    """The 24 words of a new kit until she has proven that they are on paper."""
    words_seen: float = 0.0
    """When they were last asked for."""
    fresh_kit: bool = False
    """True until she has typed some of the words back."""
    asked: tuple[int, ...] = ()
    """Which words are asked back, counted from 1."""
    proven: int = 0
    """How many of them were right so far."""
    sure_until_ms: int = 0
    """Until when this browser need not ask for the passphrase again (wall time)."""
    waiting: tuple[str, dict[str, str]] | None = field(default=None, repr=False)
    """A form that waits for the passphrase to be typed once more: path and fields."""
    app_password: tuple[str, str] | None = field(default=None, repr=False)
    """Device and app password just made, until they were shown."""
    own: tuple[str, str, str] | None = field(default=None, repr=False)
    """A guardian in her ward's locker: her own token, member and name."""
    circle_needs: bool = False
    """Whether the circle needed somebody when this browser looked at it last."""
    room: int = 0
    """The room she wants to give the next friend's box, in bytes; 0 before she said so."""
    invite: str = field(default="", repr=False)
    """The code of an invitation this browser was shown."""
    kept: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    """What was typed into a form whose session had ended: path -> fields."""
    outcomes: dict[str, str] = field(default_factory=dict, repr=False)
    """Form id -> where its answer led, for forms sent twice."""
    running: dict[str, asyncio.Future[str]] = field(default_factory=dict, repr=False)
    """Form id -> its action while it is under way."""

    @property
    def is_member(self) -> bool:
        """True when this browser holds a token of an open locker."""
        return bool(self.token)

    def remember_outcome(self, once: str, location: str) -> None:
        """Note where the form ``once`` led; the oldest note gives way."""
        if once:
            self.outcomes[once] = location
            while len(self.outcomes) > OUTCOMES:
                self.outcomes.pop(next(iter(self.outcomes)))


class Sessions:
    """All browsers of this process."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Use ``now`` (seconds, monotonic) to age sessions."""
        self._now = now
        self._by_hash: dict[str, Session] = {}

    def find(self, cookie: str | None) -> Session | None:
        """Return the live session of ``cookie`` and mark it as seen, or None."""
        if not cookie:
            return None
        session = self._by_hash.get(_hash(cookie))
        if session is None:
            return None
        idle = self._now() - session.seen
        if idle > (limits.SESSION_IDLE_SECONDS if session.is_member else limits.WEB_SETUP_SECONDS):
            self.end(session)
            return None
        session.seen = self._now()
        if session.words and session.seen - session.words_seen > limits.WEB_SETUP_SECONDS:
            session.words = ""
        return session

    def give_words(self, session: Session, words: str) -> None:
        """Keep the 24 words of a new kit until three of them were typed back, or nobody looked at them for long."""
        draw = secrets.SystemRandom()
        session.words, session.words_seen, session.fresh_kit, session.proven = words, self._now(), True, 0
        session.asked = tuple(sorted(draw.sample(range(1, len(words.split()) + 1), KIT_ASKED)))

    def take_words(self, session: Session) -> None:
        """The kit is proven: the words leave memory."""
        session.words, session.asked, session.fresh_kit = "", (), False

    def start(self) -> tuple[str, Session]:
        """Begin a session; return the cookie's value (256 bits, told to nobody else) and the session."""
        while len(self._by_hash) >= limits.WEB_SESSIONS:
            self.end(min(self._by_hash.values(), key=lambda one: (one.is_member, one.seen)))
        cookie = secrets.token_urlsafe(32)
        session = Session(key=_hash(cookie), seen=self._now())
        self._by_hash[session.key] = session
        return cookie, session

    def end(self, session: Session) -> None:
        """Forget a browser and everything it was trusted with."""
        self._by_hash.pop(session.key, None)
        session.token = session.code = session.words = ""
        session.kit = None
        session.kept.clear()

    def by_key(self, key: str) -> Session | None:
        """Return the live member's session of this key, or None."""
        session = self._by_hash.get(key)
        return session if session is not None and session.is_member else None

    def of_member(self, member: str) -> list[Session]:
        """Return the live sessions of one member (to end them all when her locker is locked)."""
        return [one for one in self._by_hash.values() if one.member == member and one.token]


def _hash(cookie: str) -> str:
    return hashlib.blake2b(cookie.encode("utf-8", "replace"), digest_size=32).hexdigest()
