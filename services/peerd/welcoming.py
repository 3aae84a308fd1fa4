"""Who is let in; boxes that come with a kit; the book by which ours come back, and that ours hears who replaced it."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from firmware.backup import Peer, PeerState
from firmware.errors import BoxError
from firmware.limits import KIT_LINK_SECONDS
from firmware.peer import Call, Card, Invitations
from firmware.peer.messages import NewerCustody, Notice, NoticeKind
from firmware.ports import PeerLink, Standing
from services.peerd.book import Book
from services.peerd.helping import Helping
from services.peerd.moving import Moving
from services.peerd.restorers import Restorers
from services.peerd.serving import Known
from services.peerd.shipping import Outside
from services.peerd.talking import Talker

_STALE = 1


class Welcoming(Helping):
    """The part of ``Circle`` that takes boxes in without an invitation. Ears are called in threads."""

    restorers: Restorers
    moving: Moving
    talker: Talker
    wake: asyncio.Event

    invitations: Invitations
    book: Book
    _boxes: dict[bytes, bytes]

    def _write_book(self, outside: Outside, folder: Path) -> None:
        """Begin to write the book of our own lockers."""
        self.book = Book(outside, folder, self.identity.key, self.clock, self.paused)
        self.spawn(self.book.live())

    @abstractmethod
    def link_to(self, box: bytes) -> PeerLink | None:
        """The live link to a peer."""

    @abstractmethod
    def paused(self) -> bool:
        """Whether the caps say that nothing goes out now."""

    @abstractmethod
    def _know(self, card: Card) -> None:
        """A pinned box, with its newest card."""

    def _judge(self, endpoint: bytes) -> Standing:
        known, now = self._who(endpoint), self.clock.now_ms()
        if known.box is not None and not known.restoring:
            return Standing.PINNED
        if self.invitations.waiting(now):
            return Standing.INVITED
        is_open = self.hosted.keeps_kits(now) or self.hosted.keeps_parts()
        return Standing.STRANGER if is_open else Standing.UNKNOWN

    def _who(self, endpoint: bytes) -> Known:
        """What is known of an endpoint: a friend, a guest of one, or somebody who came with a kit."""
        box, guest = self._boxes.get(endpoint), self.guests.box_of(endpoint)
        if box is None and guest is None:
            return self.restorers.known(endpoint)
        return Known(box or guest, box is None)

    def adopt(self, card: Card, data: bytes, label: str = "", gets: int | None = None) -> None:
        """A box is in the circle without an invitation: a kit vouches for it. ``data`` is the card as it was signed.

        ``gets``: the room it is given; None leaves what it has.
        """
        known = self.rows.view.peers.get(card.box)
        if known is not None and known.state is not PeerState.LEFT:
            return
        self.rows.view.add_peer(card.box, self.clock.now_ms(), label=label or card.label)
        self.rows.set_paper("card", card.box, data)
        self.rows.save()
        if gets is not None:
            self.hosted.grant(card.box, gets)
        self._know(card)
        self.wake.set()

    # A locker of ours that another box takes over

    async def heard_newer(self, box: bytes, newer: Sequence[NewerCustody]) -> None:
        """A friend told who acts, or wants to, in our place; it hears what our owner says about it."""
        for locker in self.moving.heard(box, newer):
            await self._say_moved(box, locker)

    async def agree(self, locker: bytes) -> None:
        """Our owner says yes to the box that waits: friends who are there hear it now; raises Missing."""
        self.moving.agree(locker)
        for peer in list(self.rows.view.peers.values()):
            await self._say_moved(peer.key, locker)

    async def _say_moved(self, box: bytes, locker: bytes | None = None, until_ms: int | None = None) -> None:
        link = self.link_to(box)
        if link is not None:
            notice = Notice(NoticeKind.MOVED.value, until_ms or self.clock.now_ms(), "", locker)
            with contextlib.suppress(BoxError):
                await self.talker.ask(link, Call(notice))

    # Ears

    def custody_waits(self, box: bytes, until_ms: int) -> None:
        """A friend's box hears at once that another one wants to take its place."""
        self._soon(lambda: self.spawn(self._say_moved(box, None, until_ms)))

    def kit_shown(self, endpoint: bytes, card: Card, data: bytes, locker: bytes, custody: bytes) -> None:
        """A box has the kit of a locker that is kept here."""
        self._soon(lambda: self.restorers.came(endpoint, card, data, (locker, custody)))

    def custody_taken(self, before: bytes, after: bytes, locker: bytes) -> None:  # noqa: ARG002 an ear
        """A box that came with a kit acts for a friend's locker: it is a friend's box from now on."""
        self._soon(lambda: self._replaced(before, after))

    def _replaced(self, before: bytes, after: bytes) -> None:
        peers, came = self.rows.view.peers, self.restorers.card(after)
        old, known = peers.get(before), peers.get(after)
        is_new = known is None or known.state is PeerState.LEFT
        if came is not None:
            self.adopt(*came, label=old.label if old is not None else "")
            if old is not None and is_new:  # a friend's box stays with the family it belongs to
                self._one_household(old, peers[after])
            self.restorers.settled(came[0].endpoint)
        self.rows.add_notice(self.clock.now_ms(), after, "came", "")
        self.rows.add_notice(self.clock.now_ms(), before, "replaced", "")
        self.spawn(self._say_moved(before))

    def _one_household(self, *boxes: Peer) -> None:
        """Boxes of one household count once: the old one may come back."""
        name = boxes[0].household or f"{boxes[0].label} {boxes[0].key.hex()[:8]}".strip()
        for each in boxes:
            self.rows.view.set_peer(
                each.key, label=each.label, household=name, place=boxes[0].place, delegate=each.delegate
            )


async def shown_out(link: PeerLink) -> None:
    """Who comes with a kit needs a moment; whoever only sits there makes room for others."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(link.ended(), KIT_LINK_SECONDS)
    link.close(_STALE)
