"""Who a device is: Basic credentials on one side, a live token of the locker on the other, in memory only.

What is remembered of a password is a keyed hash. A password that was wrong is not asked again for a while, so that one
device with an old password cannot use up the tries of the household.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from firmware import limits
from firmware.errors import Locked, Missing, Misused, Refused, TooManyTries
from services.api.client import Client
from services.api.types import Opened
from webui.dav.locks import Locks
from webui.dav.shadows import Shadows

_LONGEST = 512


class NotSignedIn(Exception):
    """The credentials are missing or open nothing."""


@dataclass(slots=True)
class Key:
    """One device that is signed in; ``device`` names it to locks."""

    device: str
    member: str
    token: str = field(repr=False)
    seen: float


@dataclass(slots=True)
class Desk:
    """What the web front remembers for one member."""

    locks: Locks = field(default_factory=Locks)
    shadows: Shadows = field(default_factory=Shadows)
    times: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """Modification times told before the bytes came (Windows does): path -> ns."""
    noting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the note about a folder is read and written again."""


class Door:
    """All devices of this process."""

    def __init__(self) -> None:
        """Nobody is signed in."""
        self._secret = secrets.token_bytes(32)
        self._keys: OrderedDict[str, Key] = OrderedDict()
        self._wrong: OrderedDict[str, float] = OrderedDict()
        self._opening: dict[str, asyncio.Task[Opened]] = {}
        self._desks: dict[str, Desk] = {}

    def desk(self, member: str) -> Desk:
        """What is remembered for ``member``."""
        return self._desks.setdefault(member, Desk())

    async def enter(self, box: Client, header: str, now: float) -> Key:
        """Return the key of the device that sent ``header`` (Authorization) at ``now`` (s, monotonic).

        Raises NotSignedIn, Locked, TooManyTries, or Unreachable.
        """
        name, password = _credentials(header)
        device = hashlib.blake2b(f"{name}\0{password}".encode(), key=self._secret, digest_size=16).hexdigest()
        if now - self._wrong.get(device, -limits.DAV_WRONG_SECONDS) < limits.DAV_WRONG_SECONDS:
            raise NotSignedIn
        key = self._keys.get(device)
        if key is not None and now - key.seen > limits.DAV_PROBE_SECONDS and not await self._still_good(box, key):
            key = None
        if key is None:
            opened = await self._open(box, device, name, password, now)
            key = self._keys.setdefault(device, Key(device, opened.member, opened.token, now))
        key.seen = now
        self._keys.move_to_end(device)
        while len(self._keys) > limits.DAV_DEVICES:
            self._keys.popitem(last=False)
        return key

    def forget(self, key: Key) -> None:
        """Its token opens nothing any more."""
        if self._keys.get(key.device) is key:
            del self._keys[key.device]

    async def _still_good(self, box: Client, key: Key) -> bool:
        try:
            await box.as_session(key.token, key.member).call("look", path="")
        except (Refused, Locked):
            self.forget(key)
            return False
        return True

    async def _open(self, box: Client, device: str, name: str, password: str, now: float) -> Opened:
        """Sign in once, however many requests of the device wait for it."""
        running = self._opening.get(device)
        if running is None:
            running = self._opening[device] = asyncio.ensure_future(
                box.call("app_open", member=name, password=password)
            )
            running.add_done_callback(lambda _: self._opening.pop(device, None))
        try:
            return await asyncio.shield(running)
        except TooManyTries:
            raise
        except (Refused, Missing, Misused):
            self._wrong[device] = now
            while len(self._wrong) > limits.DAV_DEVICES:
                self._wrong.popitem(last=False)
            raise NotSignedIn from None


def _credentials(header: str) -> tuple[str, str]:
    """Read Basic credentials (RFC 7617, UTF-8); raises NotSignedIn."""
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() != "basic" or len(text) > _LONGEST:
        raise NotSignedIn
    try:
        name, colon, password = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise NotSignedIn from None
    if not (colon and name and password):
        raise NotSignedIn
    return name, password
