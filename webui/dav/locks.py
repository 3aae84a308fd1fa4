"""Write locks of one member, in memory: a restart of the web front frees them all. Time comes in as a value (s)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from firmware import limits


@dataclass(slots=True)
class Lock:
    """One lock; ``deep`` covers everything below, ``device`` is who took it, ``owner`` what it says of itself."""

    token: str
    path: str
    deep: bool
    shared: bool
    owner: str
    device: str
    until: float
    folder: bool

    def covers(self, path: str) -> bool:
        """Whether what lies at ``path`` is locked by it."""
        return path == self.path or (self.deep and lies_below(path, self.path))


class Locks:
    """All locks of one member."""

    def __init__(self) -> None:
        """None yet."""
        self._by_token: dict[str, Lock] = {}

    def on(self, path: str, now: float) -> list[Lock]:
        """Locks that cover ``path``."""
        return [lock for lock in self._live(now) if lock.covers(path)]

    def below(self, path: str, now: float) -> list[Lock]:
        """Locks on anything below ``path``."""
        return [lock for lock in self._live(now) if lies_below(lock.path, path)]

    def find(self, token: str, now: float) -> Lock | None:
        """The live lock of ``token``."""
        return next((lock for lock in self._live(now) if lock.token == token), None)

    def conflicts(self, path: str, now: float, *, deep: bool, shared: bool) -> list[Lock]:
        """Locks that stand against a new one."""
        near = self.on(path, now) + (self.below(path, now) if deep else [])
        return [lock for lock in near if not (shared and lock.shared)]

    def take(self, lock: Lock, now: float) -> bool:
        """Add a lock; False when the member holds too many."""
        if len(self._live(now)) >= limits.DAV_LOCKS:
            return False
        self._by_token[lock.token] = lock
        return True

    def drop(self, token: str) -> None:
        """Free one lock."""
        self._by_token.pop(token, None)

    def gone(self, path: str) -> None:
        """What lay at ``path`` is not there any more, nor is what lay below it."""
        self._by_token = {
            token: lock
            for token, lock in self._by_token.items()
            if lock.path != path and not lies_below(lock.path, path)
        }

    def _live(self, now: float) -> list[Lock]:
        for token in [token for token, lock in self._by_token.items() if lock.until <= now]:
            del self._by_token[token]
        return list(self._by_token.values())


def new_token() -> str:
    """Return a token nobody can guess (122 random bits, as RFC 4918 section 6.5 wants it)."""
    return f"urn:uuid:{_uuid(secrets.token_bytes(16))}"


def _uuid(raw: bytes) -> str:
    made = bytearray(raw)
    made[6], made[8] = made[6] & 0x0F | 0x40, made[8] & 0x3F | 0x80  # RFC 9562: version 4
    text = made.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def lies_below(path: str, folder: str) -> bool:
    """Whether ``path`` lies somewhere inside ``folder``."""
    return path != folder and (not folder or path.startswith(folder + "/"))


def seconds_wanted(header: str) -> int:
    """Return how long a Timeout header asks for, within the bound."""
    for wish in header.split(","):
        kind, _, number = wish.strip().partition("-")
        if kind == "Second" and number.isascii() and number.isdigit() and len(number) <= len("4294967295"):
            return max(1, min(int(number), limits.DAV_LOCK_SECONDS))
    return limits.DAV_LOCK_SECONDS
