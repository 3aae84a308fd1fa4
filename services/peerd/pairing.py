"""Invitations this box gave and took, and what both owners say about the six digits; firmware.peer decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from firmware.errors import BoxError, InvitationMissing, LinkLost, PairingRefused, PeerAway
from firmware.limits import PAIR_COMPARE_SECONDS, PAIR_TICKET_SECONDS, PAIR_TRIES, PAIR_WORD_SECONDS, PEER_TRIES
from firmware.peer import (
    Call,
    Invitation,
    Invitations,
    InvitationState,
    Joining,
    OwnersSay,
    Way,
    read_ticket,
)
from firmware.peer.pairing import Met
from firmware.ports import Clock, Entropy, PeerLink, Transport
from firmware.seal import Secret
from firmware.seal.pairing import words_secret
from services.api import circle_types as c
from services.peerd.talking import Talker

_LOOK_SECONDS: Final = 20.0
"""How long boxes that invite are looked for on the home network."""
_FIRST_SECONDS: Final = 15.0
"""How long a caller waits for the six digits before she has to ask again."""
_ASK_AGAIN_SECONDS: Final = 1.0
_JOININGS: Final = 16
_UNFINISHED: Final = (c.PairingIs.LOOKING, c.PairingIs.MET)

Target = tuple[bytes, Sequence[str], str | None]
"""An endpoint, where it was last, its relay."""


class Pins(Protocol):
    """What becomes of a box both owners said yes to."""

    def pin(self, met: Met, gets: int | None) -> None:
        """It is in the circle from now on, durably; ``gets`` is the room it is given (None: the usual)."""
        ...

    def card(self) -> bytes:
        """Our card as it is now."""
        ...

    def inviting(self) -> Sequence[Target]:
        """Boxes on the home network that invite by words just now."""
        ...


@dataclass
class _Joined:
    """One invitation that was given to this box."""

    id: str
    way: Way
    expires_ms: int
    state: c.PairingIs = c.PairingIs.LOOKING
    met: Met | None = None
    mine: bool | None = None
    theirs: bool | None = None
    gets: int | None = None
    error: BoxError | None = None
    said: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Pairing:
    """Both sides of meeting; ``settle`` is called whenever a stranger said something."""

    def __init__(
        self, invitations: Invitations, transport: Transport, talker: Talker, pins: Pins, clock: Clock, entropy: Entropy
    ) -> None:
        """Nothing is remembered over a restart: owners begin again."""
        self._invitations, self._transport, self._talker, self._pins = invitations, transport, talker, pins
        self._clock, self._entropy = clock, entropy
        self._joined: dict[str, _Joined] = {}
        self._pinned: set[int] = set()
        self._gets: dict[int, int | None] = {}
        self._count = 0
        self.changed: Callable[[], None] = lambda: None
        """Told when an invitation was made or ended: neighbours may have to see less or more."""

    # Given

    def invite(self, way: c.InviteWay) -> c.Pairing:
        """Make an invitation; raises InvitationsOpen."""
        make = self._invitations.ticket if way is c.InviteWay.TICKET else self._invitations.words
        made = make(self._pins.card(), self._clock.now_ms())
        self.changed()
        return self._given(made)

    def open_words(self) -> bool:
        """Whether six words wait for somebody."""
        live = (each for each in self._invitations.all(self._clock.now_ms()) if each.way is Way.WORDS)
        return any(each.state is InvitationState.OPEN for each in live)

    def withdraw(self, id: str) -> c.Pairing:
        """Take an invitation back, or stop joining; raises InvitationMissing."""
        if id.startswith("i"):
            self._invitations.withdraw(int(id[1:]))
            self.changed()
        else:
            joined = self._found(id)
            if joined.state in _UNFINISHED and joined.task is not None:
                joined.state = c.PairingIs.WITHDRAWN
                joined.task.cancel()
        return self.one(id)

    def settle(self) -> None:
        """Pin every box both owners said yes to."""
        for each in self._invitations.all(self._clock.now_ms()):
            if each.state is InvitationState.PAIRED and each.number not in self._pinned and each.met is not None:
                self._pinned.add(each.number)
                self._pins.pin(each.met, self._gets.get(each.number))
                self.changed()

    def confirm(self, id: str, *, yes: bool, gets: int | None) -> c.Pairing:
        """Our owner compared the digits; raises InvitationMissing when there is nothing to confirm."""
        if id.startswith("i"):
            self._gets[int(id[1:])] = gets
            self._invitations.say(int(id[1:]), yes=yes, now_ms=self._clock.now_ms())
            self.settle()
        else:
            joined = self._found(id)
            if joined.state is not c.PairingIs.MET or joined.mine is not None:
                raise InvitationMissing
            joined.mine, joined.gets = yes, gets
            joined.said.set()
        return self.one(id)

    # Taken

    async def join(self, text: str) -> c.Pairing:
        """Accept an invitation; returns once the digits are known or when it takes longer; raises what ended it."""
        now = self._clock.now_ms()
        self._count += 1
        targets: Sequence[Target] | None
        if "lbx" in text.lower():
            ticket = read_ticket(text, now)
            targets = [(ticket.card.endpoint, ticket.card.addresses, ticket.card.relay)]
            joined = _Joined(f"j{self._count}", Way.TICKET, min(ticket.expires_ms, now + PAIR_TICKET_SECONDS * 1000))
            secret = ticket.secret
        else:
            secret, targets = words_secret(text), None
            joined = _Joined(f"j{self._count}", Way.WORDS, now + PAIR_WORD_SECONDS * 1000)
        self._joined[joined.id] = joined
        for old in [each for each in self._joined.values() if each.state not in _UNFINISHED][:-_JOININGS]:
            del self._joined[old.id]
        joined.task = asyncio.get_running_loop().create_task(self._run(joined, secret, targets))
        try:
            await asyncio.wait_for(joined.changed.wait(), _FIRST_SECONDS)
        except TimeoutError:
            return self.one(joined.id)
        if joined.error is not None:
            del self._joined[joined.id]
            raise joined.error
        return self.one(joined.id)

    async def _run(self, joined: _Joined, secret: Secret, targets: Sequence[Target] | None) -> None:
        link: PeerLink | None = None
        try:
            joining, link = await self._meet(joined, secret, targets)
            joined.met, joined.state = joining.met, c.PairingIs.MET
            joined.expires_ms = self._clock.now_ms() + PAIR_COMPARE_SECONDS * 1000
            joined.changed.set()
            async with asyncio.timeout(PAIR_COMPARE_SECONDS):
                await joined.said.wait()
                await self._agree(joined, joining, link)
        except PairingRefused as error:
            joined.state, joined.error = c.PairingIs.REFUSED, error
            joined.theirs = None if joined.mine is False else False
        except TimeoutError:
            joined.state = c.PairingIs.EXPIRED
        except BoxError as error:
            joined.state, joined.error = c.PairingIs.BROKEN, error
        finally:
            joined.changed.set()
            if link is not None:
                link.close()

    async def _meet(
        self, joined: _Joined, secret: Secret, targets: Sequence[Target] | None
    ) -> tuple[Joining, PeerLink]:
        """Try every box that may have given this invitation; raises the last no, PeerAway when nobody is there."""
        problem: BoxError = PeerAway()
        tried: set[bytes] = set()
        end = self._clock.now_ms() + int(_LOOK_SECONDS * 1000)
        while True:
            for endpoint, addresses, relay in targets if targets is not None else self._pins.inviting():
                if endpoint in tried:
                    continue
                tried.add(endpoint)
                try:
                    return await self._prove(joined, secret, (endpoint, addresses, relay))
                except BoxError as error:
                    problem = error
            if targets is not None or self._clock.now_ms() > end or (tried and not isinstance(problem, PeerAway)):
                raise problem
            await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def _prove(self, joined: _Joined, secret: Secret, target: Target) -> tuple[Joining, PeerLink]:
        joining = Joining(joined.way, secret, self._pins.card(), self._transport.key, target[0])
        link = await self._transport.dial(*target)
        try:
            opened = await self._talker.ask(link, Call(joining.open(self._entropy.bytes)))
            proved = await self._talker.ask(link, Call(joining.prove(opened.answer)))
            joining.meet(proved.answer)
        except BaseException:
            link.close()
            raise
        return joining, link

    async def _agree(self, joined: _Joined, joining: Joining, link: PeerLink) -> None:
        """Say what our owner said until the other one said something too; a broken line is dialled again."""
        assert joined.met is not None and joined.mine is not None, "said comes after met"
        card, broken = joined.met.card, 0
        while True:
            try:
                heard = await self._talker.ask(link, Call(joining.confirm(yes=joined.mine)))
                broken = 0
            except LinkLost:
                broken += 1
                if broken > PEER_TRIES:
                    raise
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
                link = await self._transport.dial(card.endpoint, card.addresses, card.relay)
                continue
            if joining.confirmed(heard.answer) is OwnersSay.YES:
                break
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        joined.theirs, joined.state = True, c.PairingIs.PAIRED
        link.close()
        self._pins.pin(joined.met, joined.gets)

    def _found(self, id: str) -> _Joined:
        if id not in self._joined:
            raise InvitationMissing
        return self._joined[id]

    # Shown

    def all(self) -> list[c.Pairing]:
        """Every invitation given, then every one taken."""
        given = [self._given(each) for each in self._invitations.all(self._clock.now_ms())]
        return given + [_taken(each) for each in self._joined.values()]

    def one(self, id: str) -> c.Pairing:
        """One of them; raises InvitationMissing."""
        for each in self.all():
            if each.id == id:
                return each
        raise InvitationMissing

    def _given(self, each: Invitation) -> c.Pairing:
        is_open = each.state is InvitationState.OPEN
        more: dict[str, Any] = {"text": each.text} if is_open else {}
        if is_open:
            more["left"] = max(0, PAIR_TRIES - each.wrong)
        return c.Pairing(
            f"i{each.number}",
            c.InviteWay(each.way.value),
            c.PairingIs(each.state.value),
            each.expires_ms,
            mine=each.mine,
            theirs=each.theirs,
            **more,
            **_met(each.met),
        )

    async def close(self) -> None:
        """Stop what is under way."""
        tasks = [each.task for each in self._joined.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _met(met: Met | None) -> dict[str, Any]:
    return {} if met is None else {"code": met.code, "label": met.card.label, "peer": met.card.box.hex()}


def _taken(each: _Joined) -> c.Pairing:
    more: dict[str, Any] = {}
    if each.error is not None:
        told = each.error.as_dict()
        more = {"error": told["code"], "sentence": told["sentence"], "advice": told["advice"]}
    return c.Pairing(
        each.id,
        c.InviteWay(each.way.value),
        each.state,
        each.expires_ms,
        mine=each.mine,
        theirs=each.theirs,
        **more,
        **_met(each.met),
    )
