"""What the circle hears of split keys and stolen boxes, in threads, and takes to the loop."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from firmware.errors import BoxError, ReportedStolen
from firmware.hosting.asking import AskedPart
from firmware.linux.circle_rows import CircleRows
from firmware.linux.clock import SystemClock
from firmware.linux.hosted_state import Ears
from firmware.linux.peer_links import PeerLinks
from firmware.peer import Card, read_card
from firmware.peer.parts import AskState, PartKeyed, PartPut, PartSay
from services.peerd.identity import Identity
from services.peerd.naming import say
from services.peerd.parts import Parts, Sealing

_REPORTED = "reported"


class PartEars(Ears):
    """The part of the circle that is about split keys."""

    rows: CircleRows
    clock: SystemClock
    identity: Identity
    links: PeerLinks
    parts: Parts
    sealing: Sealing

    @abstractmethod
    def _soon(self, what: Callable[[], None]) -> None:
        """Do it in the loop, then look what there is to do."""

    @abstractmethod
    def _know(self, card: Card) -> None:
        """A pinned box, with its newest card."""

    def welcome_back(self, box: bytes) -> None:
        """A box that was reported stolen is in the right hands: it is dialled again."""
        card = self.rows.paper("card", box)
        if card is not None:
            self._know(read_card(card))

    def _hold_parts(self) -> None:
        """Begin."""
        self.sealing = Sealing(self.identity.inbox, self.identity.key)
        self.parts = Parts(self)

    def not_greeted(self, box: bytes, error: BoxError) -> None:
        """A friend's box does not take us; our people hear it once when it was told that this box was stolen."""
        say(f"{box.hex()[:8]} was not greeted: {error}")
        if not isinstance(error, ReportedStolen):
            return
        card = self.rows.paper("card", box)
        if card is not None:
            self.links.turned_away(read_card(card).endpoint)
        if self.rows.paper(_REPORTED, box) is None:
            self.rows.set_paper(_REPORTED, box, b"\1")
            self.rows.add_notice(self.clock.now_ms(), box, _REPORTED, "")

    # Ears

    def part_key(self) -> PartKeyed:
        """What parts for this box are sealed to."""
        return self.sealing.told

    def part_for(self, ask: bytes, public: bytes, put: PartPut) -> bytes:
        """A part that was kept, sealed to whoever asked."""
        return self.sealing.again(ask, public, put)

    def part_asked(self, owner: bytes, put: PartPut, ask: AskedPart, state: AskState, until_ms: int) -> None:
        """An ask for a part kept here got on."""
        self._soon(lambda: self.parts.asked_here(owner, put, ask, state, until_ms))

    def part_tried(self, owner: bytes, now_ms: int) -> None:
        """Somebody asked without a ticket of ours."""
        self._soon(lambda: self.rows.add_notice(now_ms, owner, "key-tried", ""))

    def part_said(self, box: bytes, said: PartSay, now_ms: int) -> None:  # noqa: ARG002 an ear
        """A friend's box tells of an ask."""
        self._soon(lambda: self.parts.said(box, said))

    def reported(self, box: bytes, report: bytes, now_ms: int) -> None:  # noqa: ARG002 an ear
        """A box was reported stolen."""
        self._soon(lambda: self.parts.cut_off(box))
