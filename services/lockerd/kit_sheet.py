"""The kit on paper as far as the box knows it: its number, when its words were typed back, with whom it was printed.

``kit-sheet`` in the locker's folder: JSON, nothing secret, written atomically. Lost, the box asks for the words once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from firmware.errors import BoxError, Missing, OtherKit, Unreachable
from firmware.locker import Home
from firmware.model.kit_sheets import Sheet, needs, of_kit
from firmware.seal import KitUse, kit_key, same_bytes
from services.api import kit_types as k
from services.api.client import Client
from services.api.kit_words import words_on_sheet
from services.api.place import ASLEEP
from services.api.server import Call, Handler
from services.lockerd.capsules import card_of

_FILE: Final = "kit-sheet"
_MOST: Final = 8192
_FORMAT: Final = 1


class KitSheets:
    """Handlers over one open locker's kit."""

    def __init__(self, home: Home, run: Path) -> None:
        """``run`` is the folder of the sockets."""
        self._home, self._peerd, self._asleep = home, Client(run), run / ASLEEP

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {"kit_state": self._state, "kit_sheet": self._sheet, "kit_prove": self._prove}

    async def _state(self, call: Call | None = None) -> k.KitState:  # noqa: ARG002
        number, sheet = await asyncio.to_thread(self._read)
        friends = (await self._contacts()).friends
        found = needs(number, sheet, {bytes.fromhex(each.peer): each.reachable for each in friends})
        printed = {each.hex() for each in sheet.friends}
        return k.KitState(
            number,
            sheet.proven_ms,
            sheet.printed_ms,
            tuple(replace(each, printed=each.peer in printed) for each in friends),
            tuple(k.KitNeeds(each.value) for each in found),
        )

    async def _sheet(self, call: Call) -> k.KitSheet:  # noqa: ARG002
        """Give what a page for the printer needs, and remember who stands on it."""
        contacts = await self._contacts()
        named = tuple(bytes.fromhex(each) for each in contacts.named)
        now = self._home.clock.now_ms()
        number = await asyncio.to_thread(self._change, lambda sheet: replace(sheet, printed_ms=now, friends=named))
        labels = {each.peer: each.label for each in contacts.friends}
        return k.KitSheet(contacts.contact, tuple(labels[each] for each in contacts.named), number)

    async def _prove(self, call: Call) -> k.KitState:
        """Compare the words with the newest kit; raises what typed words raise, OtherKit, Missing."""
        words = words_on_sheet(call.args.words)
        await asyncio.to_thread(self._proved, words)
        return await self._state()

    def _proved(self, words: str) -> None:
        card = card_of(self._home)
        if card is None:
            raise Missing(what="kit of this locker")
        if not same_bytes(kit_key(words, KitUse.LOOKUP).reveal(), card[0].lookup):
            raise OtherKit
        now = self._home.clock.now_ms()
        self._change(lambda sheet: replace(sheet, proven_ms=now))

    async def _contacts(self) -> k.KitContacts:
        """Nobody is woken for it; without peerd there is nobody to name."""
        if self._asleep.exists():
            return k.KitContacts("", (), ())
        try:
            found: k.KitContacts = await self._peerd.call("kit_contacts")
        except Unreachable:
            return k.KitContacts("", (), ())
        return found

    def _read(self) -> tuple[int, Sheet]:
        card = card_of(self._home)
        number = card[1] if card is not None else 0
        try:
            found = json.loads(self._home.disk.read(_FILE, 0, _MOST))
            friends = tuple(bytes.fromhex(each) for each in found["friends"])
            sheet = Sheet(int(found["number"]), int(found["proven_ms"]), int(found["printed_ms"]), friends)
        except (BoxError, ValueError, KeyError, TypeError):
            sheet = Sheet()
        return number, of_kit(sheet, number)

    def _change(self, change: Callable[[Sheet], Sheet]) -> int:
        number, sheet = self._read()
        new = change(sheet)
        data = asdict(new) | {"format": _FORMAT, "friends": [each.hex() for each in new.friends]}
        self._home.disk.replace(_FILE, json.dumps(data).encode())
        return number
