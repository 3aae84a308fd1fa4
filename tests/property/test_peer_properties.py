"""Every message survives its bytes; every other spelling is refused; pairing never joins whom it should not."""

from __future__ import annotations

import random
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmware.errors import BoxError, LinkLost, PeerGarbled
from firmware.peer import Call, Invitation, InvitationState, Joining, OwnersSay, Way
from firmware.peer.cbor import MOST, dumps, loads
from firmware.peer.fields import Flag, Kind, Many, Part, Raw, Row, Text, Uint, kinds, plain, read_part, write_part
from firmware.peer.frames import FrameBody, Reading, frame
from firmware.peer.messages import ALL
from firmware.peer.signed import Absent, Card, Custody, Permit, Receipt
from firmware.seal import Secret
from tests.sim.peer_world import Line, MemoryBox
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.peer_examples import NOW

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, MOST) | st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=30), inner, max_size=4),
    max_leaves=12,
)


def values(kind: Kind) -> st.SearchStrategy[Any]:
    """Everything a kind allows, kept small."""
    match kind:
        case Uint():
            return st.integers(kind.least, kind.most)
        case Raw():
            return st.binary(min_size=kind.least, max_size=min(kind.most or kind.least, kind.least + 40))
        case Text():
            fitting = st.text(min_size=kind.least, max_size=12).filter(plain)
            return fitting.filter(lambda text: kind.least <= len(text.encode()) <= kind.most)
        case Flag():
            return st.booleans()
        case Many():
            few = st.lists(values(kind.of), min_size=kind.least, max_size=max(kind.least, min(kind.most, 3)))
            return few.map(tuple)
        case Row() | Part():
            return parts(kind.of)
        case Absent():
            return st.none() | values(kind.of)
        case _:
            raise AssertionError(kind)


def parts(part: type[Any]) -> st.SearchStrategy[Any]:
    """Every dataclass of a kind."""
    optional = {name for name, _ in kinds(part) if getattr(part, name, 0) is None}
    made = {name: (st.none() | values(kind)) if name in optional else values(kind) for name, kind in kinds(part)}
    return st.builds(part, **made)


@given(VALUES)
def test_values_survive_and_agree_with_cbor2(value: Any) -> None:
    data = dumps(value)
    try:
        assert loads(data) == value == cbor2.loads(data)
    except PeerGarbled as error:
        assert "too many" in str(error)  # noqa: PT017 deeper than eight levels is the one thing refused
    with pytest.raises(PeerGarbled):
        loads(data + b"\0")
    with pytest.raises(PeerGarbled):
        loads(data[:-1])


@given(st.binary(max_size=60))
def test_whatever_is_read_has_one_spelling(data: bytes) -> None:
    try:
        value = loads(data)
    except PeerGarbled:
        return
    assert dumps(value) == data


@pytest.mark.parametrize(
    "part", [each for request in ALL for each in (request, request.ANSWER)], ids=lambda p: p.__name__
)
@settings(max_examples=25)
@given(data=st.data())
def test_every_message_survives_its_bytes(part: type[Any], data: st.DataObject) -> None:
    made = data.draw(parts(part))
    more = {"zz new": 1, **write_part(made)}  # a key of tomorrow changes nothing
    assert read_part(part, loads(dumps(write_part(made)))) == made  # type: ignore[arg-type]
    assert read_part(part, more) == made


@pytest.mark.parametrize("part", [Card, Custody, Permit, Receipt])
@given(data=st.data())
def test_every_signed_row_survives_its_bytes(part: type[Any], data: st.DataObject) -> None:
    made = data.draw(parts(part))
    assert Row(part).read(Row(part).write(made), "row") == made


@given(st.binary(max_size=3000), st.randoms(use_true_random=False))
def test_frames_come_in_any_pieces(body: bytes, rng: random.Random) -> None:
    sent, reading, found = frame({"a": 1}, body), Reading(), []
    while sent:
        take = rng.randint(1, max(1, len(sent)))
        found += reading.feed(sent[:take])
        sent = sent[take:]
        if sent:
            with pytest.raises(LinkLost):
                reading.close()
    reading.close()
    assert b"".join(each.data for each in found if isinstance(each, FrameBody)) == body


class PairingMachine(RuleBasedStateMachine):
    """One invitation, an honest joiner, a thief who records everything, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.home, self.friend, self.thief = MemoryBox("home"), MemoryBox("friend"), MemoryBox("thief")
        self.now = NOW
        self.invitation: Invitation = self.home.invitations.ticket(self.home.own.card, NOW)
        self.honest = self._joining(self.friend, self.invitation.secret)
        self.chance = CountedEntropy(b"machine").bytes
        self.heard: list[Call[Any]] = []
        self.friends_yes = self.friends_pairing = False

    def _joining(self, box: MemoryBox, secret: Secret) -> Joining:
        return Joining(Way.TICKET, secret, box.own.card, box.own.endpoint, self.home.own.endpoint)

    def _perform(self, box: MemoryBox, call: Call[Any]) -> Any:
        line = Line(self.home, box.caller(pinned=False), random.Random(1), self.now)
        if box is self.friend:
            self.heard.append(call)
        return line.perform(call).answer

    @rule()
    def friend_meets(self) -> None:
        """The honest box runs the whole exchange; it works whenever the invitation is open and nobody is in between."""
        attempt = self.invitation.attempt
        free = attempt is None or attempt.endpoint == self.friend.own.endpoint or self.now - attempt.began_ms >= 30_000
        fine = self.invitation.state is InvitationState.OPEN and self.now <= self.invitation.expires_ms and free
        joining = self._joining(self.friend, self.invitation.secret)
        try:
            opened = self._perform(self.friend, Call(joining.open(self.chance)))
            proved = self._perform(self.friend, Call(joining.prove(opened)))
            met = joining.meet(proved)
        except BoxError:
            assert not fine or self.invitation.opens > 64
            return
        assert fine and self.invitation.met is not None and met.code == self.invitation.met.code
        self.honest = joining

    @rule(yes=st.booleans())
    @precondition(lambda self: self.honest.met is not None)
    def friend_confirms(self, *, yes: bool) -> None:
        """The friend's owner compares."""
        try:
            said = self.honest.confirmed(self._perform(self.friend, Call(self.honest.confirm(yes=yes))))
        except BoxError:
            return
        self.friends_yes = yes
        self.friends_pairing |= said is OwnersSay.YES

    @rule(yes=st.booleans())
    def owner_says(self, *, yes: bool) -> None:
        """Our owner compares."""
        try:
            self.home.invitations.say(self.invitation.number, yes=yes, now_ms=self.now)
        except BoxError:
            assert self.invitation.state is not InvitationState.MET

    @rule(guess=st.binary(min_size=16, max_size=16))
    def thief_guesses(self, guess: bytes) -> None:
        """A wrong secret, under the right hint."""
        joining = self._joining(self.thief, Secret(guess))
        try:
            right = self._joining(self.thief, self.invitation.secret).open(self.chance)
            mine = joining.open(self.chance)
            joining._asked = type(mine)(mine.way, mine.versions, mine.commit, right.hint, None)
            opened = self._perform(self.thief, Call(joining._asked))
            self._perform(self.thief, Call(joining.prove(opened)))
        except BoxError:
            return
        raise AssertionError("a thief got in")

    @rule(data=st.data())
    @precondition(lambda self: self.heard)
    def thief_replays(self, data: st.DataObject) -> None:
        """Anything the friend ever sent, sent again by somebody else."""
        try:
            self._perform(self.thief, data.draw(st.sampled_from(self.heard)))
        except BoxError:
            pass

    @rule(seconds=st.sampled_from([1, 31, 601, 72 * 3600]))
    def time_passes(self, seconds: int) -> None:
        """It does."""
        self.now += seconds * 1000

    @invariant()
    def only_the_friend_gets_in(self) -> None:
        """Paired means: the honest box, both owners, in time."""
        found = self.invitation
        if found.state in (InvitationState.MET, InvitationState.PAIRED):
            assert found.endpoint == self.friend.own.endpoint
        if found.state is InvitationState.PAIRED:
            assert found.mine and found.theirs
        if self.friends_pairing:
            assert found.state is InvitationState.PAIRED
        assert found.wrong <= 5


TestPairing = PairingMachine.TestCase
TestPairing.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
