"""Repair without the owner, both ends of it, as far as the circle is concerned: who is let in, linked, told, asked."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from firmware.backup import PeerState
from firmware.limits import PEER_REPAIRS
from firmware.linux.circle_rows import CircleRows
from firmware.linux.clock import SystemClock, SystemEntropy
from firmware.linux.hosted import HostedShards
from firmware.linux.journal import Journal
from firmware.linux.peer_links import PeerLinks
from firmware.peer import Caller, Introduction, OwnBox, read_card
from firmware.peer.messages import Rebuild, Repair, Role
from services.peerd.delegates import Delegates
from services.peerd.guests import Guests
from services.peerd.identity import Identity
from services.peerd.part_ears import PartEars
from services.peerd.rehearsing import Rehearsing
from services.peerd.repairing import Repairing
from services.peerd.shipping import Outside


class Helping(PartEars):
    """What the circle needs of guests, delegates and repairs; ``Circle`` is one. Ears are called in threads."""

    rows: CircleRows
    hosted: HostedShards
    identity: Identity
    clock: SystemClock
    entropy: SystemEntropy
    journal: Journal
    links: PeerLinks
    guests: Guests
    delegates: Delegates
    repairing: Repairing
    rehearsing: Rehearsing

    @abstractmethod
    def _soon(self, what: Callable[[], None]) -> None:
        """Do it in the loop, then look what there is to do."""

    @abstractmethod
    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` beside everything else."""

    @abstractmethod
    def own(self) -> OwnBox:
        """This box."""

    def _help(self, outside: Outside, folder: Path, changed: Callable[[], None]) -> None:
        """Begin; ``folder`` takes sealed pieces while they are worked on."""
        self.signed = self.rows.papers("card")
        self._hold_parts()
        self._company: set[bytes] = set()
        self.delegates = Delegates(outside, self.identity.key, self.clock, self.journal, changed)
        self.repairing = Repairing(
            outside,
            self.hosted,
            self.guests,
            self.own,
            clock=self.clock,
            entropy=self.entropy,
            journal=self.journal,
            folder=folder,
            spawn=self.spawn,
        )
        self.rehearsing = Rehearsing(outside, self.clock, self.entropy, self.journal, folder / "rehearsal", self.spawn)

    def _help_on(self) -> None:
        """After a planning step: repairs that are due, links to guests of friends who are away, none to others."""
        self.repairing.step()
        self.parts.step()
        self.rehearsing.step()
        company = self.repairing.company()
        if not company and not self._company:
            return
        friends = {read_card(data).endpoint for data in self.signed.values()}
        company -= friends
        for endpoint in company - self._company:
            self.links.keep(endpoint)
        for endpoint in self._company - company - friends:
            self.links.drop(endpoint)
        self._company = company

    def _met_again(self, box: bytes, data: bytes) -> None:
        """A friend is there, with its newest card: it is told whom to know, and others are told of it."""
        self.rows.drop_paper("reported", box)
        if self.signed.get(box) != data:
            self.signed[box] = data
            for peer in self.rows.view.peers.values():
                if peer.online and peer.key != box:
                    self.spawn(self.delegates.greeted(peer.key))
        self.spawn(self.delegates.greeted(box))

    def repairers_changed(self) -> None:
        """Everybody who is there hears what changed; hourly too, as a delegate may still be at it."""
        for peer in self.rows.view.peers.values():
            if peer.online and peer.state is not PeerState.LEFT:
                self.spawn(self.delegates.greeted(peer.key))

    def _part(self, box: bytes) -> None:
        """A friend left, and its company with it."""
        self.signed.pop(box, None)
        for each in self.guests.of(box):
            self.guests.take(box, Introduction(each.card, each.data, Role.NOBODY, 0), 0)

    # Ears

    def introduced(self, owner: bytes, said: Introduction, now_ms: int) -> None:
        """A friend says that a box acts with it."""
        self.guests.check_room(owner)
        self._soon(lambda: self.guests.take(owner, said, now_ms))

    def is_delegate(self, owner: bytes, box: bytes) -> bool:
        """Whether a friend said that a box repairs for it."""
        return self.guests.is_delegate(owner, box)

    def cards_of(self, caller: Caller, boxes: Sequence[bytes]) -> Sequence[bytes]:
        """For delegates alone: whoever left the circle does not learn here where others moved."""
        if caller.box is None or not self.guests.repairs(caller.box):
            return ()
        friends = [self.signed[each] for each in boxes if each in self.signed]
        return (*friends, *self.guests.cards([each for each in boxes if each not in self.signed]))

    def repairs_of(self, locker: bytes, after_ms: int) -> Sequence[Repair]:
        """What was repaired here."""
        return self.repairing.repairs_of(locker, after_ms, PEER_REPAIRS)

    def asked_to_rebuild(self, caller: Caller, order: Rebuild, now_ms: int) -> int:  # noqa: ARG002 an ear
        """Take an order."""
        assert caller.box is not None, "only peers are asked"
        return self.repairing.order(caller.box, order)
