"""Invitations into the household: made by an owner on her screen, used once by the new member on her own phone.

The new member chooses her passphrase where nobody else looks; the owner's live session, which proved itself minutes
ago, lends the right to add her. In memory only; time comes in as seconds on a monotonic clock.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from firmware import limits

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHARS = 16
_GROUP = 4


@dataclass(slots=True)
class Invitation:
    """One open invitation. ``by`` is the key of the owner's browser session; ``joined`` the new member's name."""

    code: str
    by: str
    role: str
    guardian: str | None
    guardian_until: str | None
    until: float
    joined: str = ""

    @property
    def typed(self) -> str:
        """The code as people read it: four groups of four."""
        return "-".join(self.code[at : at + _GROUP] for at in range(0, _CHARS, _GROUP))


class Invitations:
    """All open invitations of this process."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Use ``now`` (seconds, monotonic) to end them."""
        self._now = now
        self._open: dict[str, Invitation] = {}

    def make(self, by: str, role: str, guardian: str | None, guardian_until: str | None) -> Invitation:
        """Invite somebody; an older invitation of the same browser ends."""
        self._open = {code: one for code, one in self._open.items() if one.by != by and one.until > self._now()}
        while len(self._open) >= limits.INVITATIONS:
            self._open.pop(next(iter(self._open)))
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_CHARS))
        until = self._now() + limits.INVITATION_SECONDS
        self._open[code] = Invitation(code, by, role, guardian, guardian_until, until)
        return self._open[code]

    def find(self, code: str) -> Invitation | None:
        """Return the unused invitation of ``code`` (case, dashes and look-alikes do not matter), or None."""
        found = self._open.get(plain(code))
        return found if found and not found.joined and found.until > self._now() else None

    def of(self, by: str) -> Invitation | None:
        """Return the newest invitation of one browser, used or not, or None."""
        return next((one for one in self._open.values() if one.by == by and one.until > self._now()), None)


def plain(code: str) -> str:
    """Return a typed code without dashes and spaces, look-alikes mapped (Crockford's base 32)."""
    kept = "".join(char for char in code.upper() if char.isascii() and char.isalnum())
    return kept.translate(str.maketrans("OIL", "011"))
