"""Boxes at home and a restore: this one shows its card while its owner helps, and reads the cards of others that do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from firmware.errors import BadSeal, PeerGarbled
from firmware.limits import CONTACT_SHOWN_SECONDS
from firmware.linux.neighbours import Neighbours
from firmware.peer import Card, read_card


class Nearby:
    """Used in the circle's loop. ``changed`` is told when boxes near us may have to see more or less."""

    def __init__(self, neighbours: Neighbours, box: bytes) -> None:
        """``box`` is our own box key."""
        self._neighbours, self._box, self._helps_until = neighbours, box, 0.0
        self.changed: Callable[[], None] = lambda: None

    def help_somebody(self) -> None:
        """Boxes near us see who this one is for half an hour: one that comes back with a kit knows nobody."""
        loop = asyncio.get_running_loop()
        self._helps_until = loop.time() + CONTACT_SHOWN_SECONDS
        self.changed()
        loop.call_later(CONTACT_SHOWN_SECONDS + 1, self._ended)

    def _ended(self) -> None:
        if not self.helps:
            self.changed()

    @property
    def helps(self) -> bool:
        """Whether boxes near us may see who this one is."""
        return asyncio.get_running_loop().time() < self._helps_until

    def helping(self) -> list[tuple[Card, bytes]]:
        """Cards of boxes near us that help, and as they were signed; one that another box shows is none."""
        found: list[tuple[Card, bytes]] = []
        for each in self._neighbours.helping():
            with contextlib.suppress(PeerGarbled, BadSeal):
                card = read_card(each.card)
                if each.has(card.endpoint) and card.box != self._box:
                    found.append((card, each.card))
        return found

    def where(self, card: Card) -> tuple[str, ...]:
        """Where the box of a card is: where it was heard at home first, then what the card says."""
        return (*self._neighbours.addresses_of(card.endpoint), *card.addresses)
