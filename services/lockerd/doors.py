"""The doors to one open locker besides its keys: app passwords and passkeys. Lives in the worker.

Kept in one sealed file, so nobody who can write the disk adds a door, and nobody who reads it learns of devices.
An app password is 130 random bits, so one hash is enough to keep it; a passkey is kept as its public key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import cbor2

from firmware import limits
from firmware.errors import Conflict, Damaged, Missing, PasskeyUnknown, WrongAppPassword
from firmware.ports import Clock, Disk, Entropy
from firmware.seal import LockerSecrets, open_private, same_bytes, seal_private

_FILE = "doors"
_WHAT = "The list of app passwords and passkeys"
_USED_MS = 600_000
"""Last use is written down at most this often."""

_GROUPS, _IN_GROUP = 5, 6
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: 26 of these characters hold 130 bits; 30 of them, in five groups of six, hold 150."""


@dataclass(frozen=True, slots=True)
class App:
    """One app password; ``digest`` is what is kept of it."""

    id: str
    device: str
    digest: bytes
    created_ms: int
    used_ms: int = 0


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey; ``slot`` is the public key of its keyslot, empty when it carries no key."""

    id: str
    label: str
    credential: bytes
    public: bytes
    count: int
    slot: bytes
    created_ms: int
    used_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Held:
    apps: tuple[App, ...] = field(default=())
    passkeys: tuple[Passkey, ...] = field(default=())


class Doors:
    """App passwords and passkeys of one open locker; every change is durable when its function returns."""

    def __init__(self, disk: Disk, secrets: Callable[[], LockerSecrets], clock: Clock, entropy: Entropy) -> None:
        """Read the file when there is one; a damaged one costs the doors, never the locker. Raises NewerFormat."""
        self._disk, self._secrets, self._clock, self._entropy = disk, secrets, clock, entropy
        self._held = self._read()

    # -------- app passwords

    @property
    def apps(self) -> tuple[App, ...]:
        """All app passwords, newest first."""
        return tuple(sorted(self._held.apps, key=lambda one: one.created_ms, reverse=True))

    def add_app(self, device: str) -> tuple[App, str]:
        """Make an app password; return (entry, the password, shown once). Raises Conflict."""
        if len(self._held.apps) >= limits.APP_PASSWORDS:
            raise Conflict(why=f"a locker has at most {limits.APP_PASSWORDS} app passwords.")
        drawn = self._entropy.bytes(_GROUPS * _IN_GROUP)
        letters = "".join(_ALPHABET[byte % 32] for byte in drawn)
        made = App(self._entropy.bytes(8).hex(), device, _digest(letters), self._clock.now_ms())
        self._write(replace(self._held, apps=(*self._held.apps, made)))
        groups = [letters[at : at + _IN_GROUP] for at in range(0, len(letters), _IN_GROUP)]
        return made, "-".join(groups)

    def drop_app(self, id: str) -> None:
        """Forget one; raises Missing."""
        if all(one.id != id for one in self._held.apps):
            raise Missing(what="app password of this id")
        self._write(replace(self._held, apps=tuple(one for one in self._held.apps if one.id != id)))

    def check_app(self, password: str) -> App:
        """Return whose password it is and note its use; raises WrongAppPassword."""
        digest = _digest(password)
        found = [one for one in self._held.apps if same_bytes(one.digest, digest)]
        if not found:
            raise WrongAppPassword
        now = self._clock.now_ms()
        if now - found[0].used_ms > _USED_MS:
            used = tuple(replace(one, used_ms=now) if one is found[0] else one for one in self._held.apps)
            self._write(replace(self._held, apps=used))
        return found[0]

    # -------- passkeys

    @property
    def passkeys(self) -> tuple[Passkey, ...]:
        """All passkeys, newest first."""
        return tuple(sorted(self._held.passkeys, key=lambda one: one.created_ms, reverse=True))

    def room_for_passkey(self, credential: bytes) -> None:
        """Raise Conflict when there are too many, or this one is there already."""
        if len(self._held.passkeys) >= limits.PASSKEYS:
            raise Conflict(why=f"a locker has at most {limits.PASSKEYS} passkeys.")
        if any(one.credential == credential for one in self._held.passkeys):
            raise Conflict(why="this passkey is in the list already.")

    def add_passkey(self, label: str, credential: bytes, public: bytes, count: int, slot: bytes) -> Passkey:
        """Keep one; raises Conflict."""
        self.room_for_passkey(credential)
        id = hashlib.sha256(credential).hexdigest()[:16]
        made = Passkey(id, label, credential, public, count, slot, self._clock.now_ms())
        self._write(replace(self._held, passkeys=(*self._held.passkeys, made)))
        return made

    def passkey(self, id: str) -> Passkey:
        """Return one by its id in the list; raises Missing."""
        for one in self._held.passkeys:
            if one.id == id:
                return one
        raise Missing(what="passkey of this id")

    def find_passkey(self, credential: bytes) -> Passkey:
        """Return one by the id its maker gave it; raises PasskeyUnknown."""
        for one in self._held.passkeys:
            if one.credential == credential:
                return one
        raise PasskeyUnknown

    def used_passkey(self, id: str, count: int) -> None:
        """Note its use and its signature counter; raises Missing."""
        now, one = self._clock.now_ms(), self.passkey(id)
        if count != one.count or now - one.used_ms > _USED_MS:
            self._put(replace(one, count=count, used_ms=now))

    def drop_passkeys(self, which: Callable[[Passkey], bool]) -> None:
        """Forget those that ``which`` names."""
        kept = tuple(one for one in self._held.passkeys if not which(one))
        if len(kept) < len(self._held.passkeys):
            self._write(replace(self._held, passkeys=kept))

    def _put(self, passkey: Passkey) -> None:
        self._write(
            replace(self._held, passkeys=tuple(passkey if one.id == passkey.id else one for one in self._held.passkeys))
        )

    # -------- the file

    def _read(self) -> _Held:
        try:
            raw = self._disk.read(_FILE, 0, limits.DOORS_BYTES)
        except Missing:
            return _Held()
        try:
            found = cbor2.loads(open_private(self._secrets(), _FILE, raw, _WHAT))
            return _Held(tuple(App(**one) for one in found["apps"]), tuple(Passkey(**one) for one in found["passkeys"]))
        except (Damaged, cbor2.CBORError, ValueError, KeyError, TypeError):
            return _Held()

    def _write(self, held: _Held) -> None:
        body: dict[str, Any] = {
            "apps": [asdict(one) for one in held.apps],
            "passkeys": [asdict(one) for one in held.passkeys],
        }
        plain = cbor2.dumps(body, canonical=True)
        self._disk.replace(_FILE, seal_private(self._secrets(), _FILE, plain, self._entropy))
        self._held = held


def _digest(password: str) -> bytes:
    """Case, spaces and hyphens do not matter, and letters that look like digits count as those."""
    plain = "".join(char for char in password.lower() if char.isalnum())
    plain = plain.translate(str.maketrans("oil", "011"))
    return hashlib.blake2b(plain.encode(), digest_size=32, person=b"lockerbox/app").digest()
