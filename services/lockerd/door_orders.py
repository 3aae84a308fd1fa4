"""What the main process may order about the doors of an open locker: its guardian, its programs, its passkeys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from firmware.errors import Misused
from firmware.locker import Home
from firmware.seal import ActivityEntry, LockerSecrets, SlotKind, secret_public, ward_secret
from services.lockerd.activity import pages
from services.lockerd.doors import App, Doors, Passkey
from services.lockerd.keys import Keys

Change = Callable[[Callable[[LockerSecrets], LockerSecrets]], Awaitable[None]]
"""Runs a change of keys in the store's own thread and lets the locker go on under what it returns."""


class DoorOrders:
    """Orders over one open locker."""

    def __init__(self, home: Home, keys: Keys, secrets: Callable[[], LockerSecrets], change: Change) -> None:
        """Read the doors; ``secrets`` are those of the moment."""
        self._home, self._keys, self._secrets, self._change = home, keys, secrets, change
        self.doors = Doors(home.disk, secrets, home.clock, home.entropy)

    def orders(self) -> dict[str, Callable[..., Awaitable[dict[str, Any]]]]:
        """Return what can be ordered, by name."""
        return {
            "activity": self._activity,
            "ward_key": self._ward_key,
            "ward_secret": self._ward_secret,
            "drop_guardian": self._drop_guardian,
            "apps": self._apps,
            "add_app": self._add_app,
            "drop_app": self._drop_app,
            "check_app": self._check_app,
            "passkeys": self._passkeys,
            "find_passkey": self._find_passkey,
            "add_passkey": self._add_passkey,
            "used_passkey": self._used_passkey,
            "drop_passkey": self._drop_passkey,
        }

    async def _activity(self, cursor: str | None, limit: int, counting: list[Any]) -> dict[str, Any]:
        more = [ActivityEntry(*one) for one in counting]
        found, cursor = await asyncio.to_thread(pages, self._home.disk, self._secrets(), cursor, limit, more)
        return {"items": [[one.time_ms, one.event, one.fields] for one in found], "next": cursor}

    # -------- guardian

    async def _ward_key(self, ward: str) -> dict[str, Any]:
        public = secret_public(SlotKind.MEMBER, ward_secret(self._secrets(), ward))
        return {"public": public.hex()}

    async def _ward_secret(self, ward: str) -> dict[str, Any]:
        return {"secret": ward_secret(self._secrets(), ward).reveal().hex()}

    async def _drop_guardian(self) -> dict[str, Any]:
        if self._keys.has(SlotKind.MEMBER):
            await self._change(lambda secrets: self._keys.drop(secrets, SlotKind.MEMBER))
        return {}

    # -------- programs

    async def _apps(self) -> dict[str, Any]:
        return {"apps": [_app(one) for one in self.doors.apps]}

    async def _add_app(self, device: str) -> dict[str, Any]:
        made, password = await asyncio.to_thread(self.doors.add_app, device)
        return {**_app(made), "password": password}

    async def _drop_app(self, id: str) -> dict[str, Any]:
        await asyncio.to_thread(self.doors.drop_app, id)
        return {}

    async def _check_app(self, password: str) -> dict[str, Any]:
        return _app(await asyncio.to_thread(self.doors.check_app, password))

    # -------- passkeys

    async def _passkeys(self) -> dict[str, Any]:
        return {"passkeys": [_passkey(one) for one in self.doors.passkeys]}

    async def _find_passkey(self, credential: str) -> dict[str, Any]:
        return _passkey(self.doors.find_passkey(bytes.fromhex(credential)))

    async def _add_passkey(self, label: str, credential: str, public: str, count: int, prf: str) -> dict[str, Any]:
        """Keep a passkey; with ``prf`` (32 bytes) it becomes a keyslot first."""
        raw = bytes.fromhex(credential)
        self.doors.room_for_passkey(raw)
        slots: list[bytes] = []

        def add(secrets: LockerSecrets) -> LockerSecrets:
            slots.append(self._keys.add(secrets, SlotKind.PASSKEY, bytes.fromhex(prf)))
            return secrets

        if prf:
            await self._change(add)
        slot = slots[0] if slots else b""
        made = await asyncio.to_thread(self.doors.add_passkey, label, raw, bytes.fromhex(public), count, slot)
        return _passkey(made)

    async def _used_passkey(self, id: str, count: int) -> dict[str, Any]:
        await asyncio.to_thread(self.doors.used_passkey, id, count)
        return {}

    async def _drop_passkey(self, id: str) -> dict[str, Any]:
        """Close its keyslot (a new locker key for all others), then forget it."""
        one = self.doors.passkey(id)
        if one.slot:
            await self._change(lambda secrets: self._without(secrets, one))
        await asyncio.to_thread(self.doors.drop_passkeys, lambda held: held.id == id)
        return {}

    def _without(self, secrets: LockerSecrets, passkey: Passkey) -> LockerSecrets:
        return self._keys.drop(secrets, SlotKind.PASSKEY, passkey.slot) if self._keys.holds(passkey.slot) else secrets


def slots_dropped(doors: Doors, kind: SlotKind) -> None:
    """All keyslots of ``kind`` are gone: passkeys that carried a key go with them."""
    if kind is SlotKind.PASSKEY:
        doors.drop_passkeys(lambda one: bool(one.slot))


def slot_kind(word: str) -> SlotKind:
    """Return the kind a caller named; raises Misused."""
    try:
        return SlotKind(word)
    except ValueError:
        raise Misused(why=f"there is no keyslot of the kind “{word[:20]}”.") from None


def _app(one: App) -> dict[str, Any]:
    return {"id": one.id, "device": one.device, "created_ms": one.created_ms, "used_ms": one.used_ms}


def _passkey(one: Passkey) -> dict[str, Any]:
    return {
        "id": one.id,
        "label": one.label,
        "credential": one.credential.hex(),
        "public": one.public.hex(),
        "count": one.count,
        "opens": bool(one.slot),
        "created_ms": one.created_ms,
        "used_ms": one.used_ms,
    }
