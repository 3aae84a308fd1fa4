"""Splitting a key among friends, in the worker that holds it; and signing that a friend's box was stolen."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from firmware.errors import BoxError, Missing, Misused, PeerAway
from firmware.locker import Home
from firmware.peer.capsules import open_capsule
from firmware.peer.kits import open_circle
from firmware.peer.parts import FriendsKey, Holder, note_info, part_info
from firmware.peer.signed import Report
from firmware.seal import (
    KeyFile,
    KitUse,
    LockerSecrets,
    Secret,
    SigningKey,
    SlotKind,
    kit_key,
    open_with_words,
    seal_to,
    secret_public,
    words_to_entropy,
)
from services.api import key_types as y
from services.api.client import Client
from services.lockerd.keys import Keys
from services.lockerd.split_keys import keep, kept_key, take_back

_LABEL_BYTES = 63

Change = Callable[[Callable[[LockerSecrets], LockerSecrets]], Awaitable[None]]


class FriendsOrders:
    """Orders over one open locker; ``change`` runs a change of keys and lets the locker go on under it."""

    def __init__(
        self, home: Home, keys: Keys, run: Path, change: Change, told: Callable[[], None]
    ) -> None:  # fmt: skip
        """``run`` is the folder of the sockets; ``told`` is called when there is something to feed."""
        self._home, self._keys, self._change, self._told = home, keys, change, told
        self._peerd = Client(run)

    def orders(self) -> dict[str, Callable[..., Awaitable[dict[str, Any]]]]:
        """Return what can be ordered, by name."""
        return {"friends_make": self._make, "friends_drop": self._drop, "sign_theft": self._sign_theft}

    async def _make(
        self, k: int, boxes: list[str], papers: int, heir: str, words: str, label: str
    ) -> dict[str, Any]:  # fmt: skip
        """Split a fresh secret; raises Misused, PeerAway, what typed words raise."""
        known = await self._peerd.call("at_peerd_part_boxes")
        chosen = _chosen(known.boxes, boxes, heir)
        from firmware.seal.split import split_key  # SLIP-39 is in memory only where somebody wants it

        entropy, secret = self._home.entropy, Secret(self._home.entropy.bytes(32))
        parts = await asyncio.to_thread(split_key, secret, k, len(chosen) + papers, entropy)
        kit: list[str] = [words]
        await self._change(lambda secrets: self._new_slot(secrets, secret, kit))
        locker, public = self._keys.locker_id, secret_public(SlotKind.FRIENDS, secret)
        holders = [
            _holder(number, locker, each, part)
            for number, (each, part) in enumerate(zip(chosen, parts, strict=False), start=1)
        ]
        printed = [(number, part) for number, part in enumerate(parts, start=1) if number > len(chosen)]
        holders += [Holder(number, b"", "", b"") for number, _ in printed]
        note = seal_to(public, words_to_entropy(kit[0]).reveal(), note_info(locker))
        now, before = self._home.clock.now_ms(), kept_key(self._home)
        number = max(now, before.number + 1) if before is not None else now
        name = label.encode()[:_LABEL_BYTES].decode(errors="ignore")
        made = FriendsKey(number, now, k, name, public, note, bytes.fromhex(heir), tuple(holders))
        await asyncio.to_thread(keep, self._home, made)
        self._told()
        return {"papers": printed, "words": "" if words else kit[0]}

    def _new_slot(self, secrets: LockerSecrets, secret: Secret, kit: list[str]) -> LockerSecrets:
        """Close the ways in of parts given out before, make a kit where no words were typed, let the secret open."""
        if kit[0]:
            self._keys.check_words(kit[0])
        if self._keys.has(SlotKind.FRIENDS):
            secrets = self._keys.drop(secrets, SlotKind.FRIENDS)
        if not kit[0]:
            secrets, kit[0] = self._keys.kit(secrets)
        self._keys.add(secrets, SlotKind.FRIENDS, secret.reveal())
        return secrets

    async def _drop(self) -> dict[str, Any]:
        """Close the way in; friends forget their parts when they hear of it."""
        if self._keys.has(SlotKind.FRIENDS):
            await self._change(lambda secrets: self._keys.drop(secrets, SlotKind.FRIENDS))
        await asyncio.to_thread(take_back, self._home)
        self._told()
        return {}

    async def _sign_theft(self, words: str, places: list[dict[str, Any]]) -> dict[str, Any]:
        """With a friend's words: sign that her box was stolen, and read in her capsule who keeps something for it.

        ``places``: lockers of that box that are kept here. Raises what typed words raise, Missing when none is hers.
        """
        return await asyncio.to_thread(_signed, words, places, self._home.clock.now_ms())


def _chosen(known: Sequence[y.PartBox], boxes: Sequence[str], heir: str) -> list[y.PartBox]:
    by_key = {each.peer: each for each in known}
    if len(set(boxes)) != len(boxes) or not set(boxes) <= by_key.keys() or (heir and heir not in boxes):
        raise Misused(why="each part goes to another box of the circle, and the heir has one of them.")
    chosen = [by_key[each] for each in boxes]
    if any(each.public is None for each in chosen):
        raise PeerAway
    return chosen


def _holder(number: int, locker: bytes, box: y.PartBox, part: str) -> Holder:
    peer = bytes.fromhex(box.peer)
    sealed = seal_to(bytes.fromhex(box.public or ""), part.encode(), part_info(locker, peer))
    return Holder(number, peer, box.label.encode()[:_LABEL_BYTES].decode(errors="ignore"), sealed)


def _signed(words: str, places: list[dict[str, Any]], now_ms: int) -> dict[str, Any]:
    key = SigningKey.from_seed(kit_key(words, KitUse.CUSTODY))
    mine = [each for each in places if each["public"] == key.public.hex()]
    if not mine:
        raise Missing(what="locker of these words on that box")
    reports, cards = [], set[str]()
    for each in mine:
        report = Report(bytes.fromhex(each["locker"]), bytes.fromhex(each["box"]), each["epoch"], now_ms)
        reports.append(report.signed(key).hex())
        cards |= _cards(words, each.get("capsule"))
    return {"reports": reports, "cards": sorted(cards)}


def _cards(words: str, capsule: str | None) -> set[str]:
    """Whom else the stolen box had in its circle; nobody when the capsule does not say."""
    if capsule is None:
        return set()
    try:
        data = base64.b64decode(capsule)
        filling, _root = open_capsule(data, words)
        secrets = open_with_words(KeyFile.parse(filling.key_file), words)
        part = open_circle(data, filling, secrets.inbox_seed)
    except BoxError:
        return set()
    return {each.card.hex() for each in part.friends} if part is not None else set()
