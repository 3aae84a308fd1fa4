"""Boxes that came with a kit and are in no circle here yet: what they proved, for as long as this process lives."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from firmware.peer import Card
from services.peerd.serving import Known

_MOST: Final = 64


class Restorers:
    """Remembered by endpoint; whoever is forgotten (a restart, too many others) shows its kit again."""

    def __init__(self) -> None:
        """Nobody came yet."""
        self._came: OrderedDict[bytes, tuple[Card, bytes, frozenset[tuple[bytes, bytes]]]] = OrderedDict()

    def came(self, endpoint: bytes, card: Card, data: bytes, kit: tuple[bytes, bytes]) -> None:
        """The box of ``card`` proved that it has a kit: (locker, custody key)."""
        before = self._came.pop(endpoint, None)
        kits = before[2] if before is not None and before[0].box == card.box else frozenset()
        self._came[endpoint] = (card, data, kits | {kit})
        while len(self._came) > _MOST:
            self._came.popitem(last=False)

    def known(self, endpoint: bytes) -> Known:
        """What answering needs to know."""
        found = self._came.get(endpoint)
        return Known(found[0].box, restoring=found[2]) if found is not None else Known()

    def card(self, box: bytes) -> tuple[Card, bytes] | None:
        """The card of a box that came, and as it signed it."""
        return next(((card, data) for card, data, _ in self._came.values() if card.box == box), None)

    def settled(self, endpoint: bytes) -> None:
        """It is in the circle now."""
        self._came.pop(endpoint, None)
