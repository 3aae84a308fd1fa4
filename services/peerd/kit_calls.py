"""What lockerd asks peerd for a kit's page: who could begin a restore, and the text that says where they are."""

from __future__ import annotations

import ipaddress

from firmware.backup import Peer, PeerState
from firmware.limits import CONTACT_CARDS, KIT_CONTACT_CHARS
from firmware.model.kit_sheets import reachable
from firmware.peer import Card, read_card
from firmware.peer.contacts import contact_text
from services.api import kit_types as k
from services.api.server import Call, Handler
from services.peerd.circle import Circle


class KitCalls:
    """Handlers over the friends of the circle."""

    def __init__(self, circle: Circle) -> None:
        """The circle is started already."""
        self._circle = circle

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {"kit_contacts": self._contacts}

    async def _contacts(self, call: Call) -> k.KitContacts:  # noqa: ARG002
        now, rows = self._circle.clock.now_ms(), self._circle.rows
        friends = [each for each in rows.view.peers.values() if each.state is not PeerState.LEFT]
        there = {
            each.key: reachable(each.seen_ms, now, online=each.online, gone=each.state is PeerState.LOST)
            for each in friends
        }
        signed = {key: data for key, data in rows.papers("card").items() if there.get(key)}
        chosen = chosen_for_paper(signed, rows.view.peers)
        return k.KitContacts(
            contact_text([signed[key] for key in chosen]) if chosen else "",
            tuple(key.hex() for key in chosen),
            tuple(k.KitFriend(each.key.hex(), each.label, there[each.key]) for each in friends),
        )


def chosen_for_paper(signed: dict[bytes, bytes], peers: dict[bytes, Peer]) -> list[bytes]:
    """Return whose cards go onto a page: boxes that can be dialled from anywhere first, no two of one household unless
    there is room, as many as the bound for the square allows.
    """
    cards = {key: read_card(data) for key, data in signed.items()}
    order = sorted(cards, key=lambda key: (not _from_anywhere(cards[key]), len(signed[key]), key))
    homes: set[str] = set()
    first: list[bytes] = []
    later: list[bytes] = []
    for key in order:
        home = peers[key].home if key in peers else key.hex()
        (later if home in homes else first).append(key)
        homes.add(home)
    chosen: list[bytes] = []
    for key in (*first, *later):
        more = [*chosen, key][:CONTACT_CARDS]
        if len(more) > len(chosen) and len(contact_text([signed[each] for each in more])) <= KIT_CONTACT_CHARS:
            chosen = more
    return chosen


def _from_anywhere(card: Card) -> bool:
    """Whether a relay or a public address is on a card: then it helps outside its own home network too."""
    return card.relay is not None or any(_is_public(each) for each in card.addresses)


def _is_public(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return False
