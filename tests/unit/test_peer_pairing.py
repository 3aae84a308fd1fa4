"""Pairing: two honest boxes meet and see one code; everything else ends in a sentence."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from firmware import errors
from firmware.errors import BoxError
from firmware.limits import PAIR_COMPARE_SECONDS, PAIR_INVITATIONS, PAIR_TICKET_SECONDS, PAIR_TRIES, PAIR_WORD_SECONDS
from firmware.peer import Call, Invitation, InvitationState, Joining, OwnersSay, Way, read_ticket
from firmware.peer.messages import PairProve
from firmware.seal import Secret
from firmware.seal.pairing import invitation_words, words_secret
from tests.sim.peer_world import Line, MemoryBox
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.peer_examples import NOW


class Kitchen:
    """Two boxes of two households, and one invitation."""

    def __init__(self, way: Way) -> None:
        self.inviter, self.joiner = MemoryBox("inviter"), MemoryBox("joiner")
        self.line = Line(self.inviter, self.joiner.caller(pinned=False), random.Random(1))
        gave = self.inviter.invitations
        card = self.inviter.own.card
        self.invitation: Invitation = gave.ticket(card, NOW) if way is Way.TICKET else gave.words(card, NOW)
        self.way = way
        self.chance = CountedEntropy(b"joiner").bytes

    def secret(self) -> Secret:
        text = self.invitation.text
        return read_ticket(text, NOW).secret if self.way is Way.TICKET else words_secret(text)

    def joining(self, secret: Secret | None = None, box: MemoryBox | None = None) -> Joining:
        own, theirs = (box or self.joiner).own, self.inviter.own.endpoint
        return Joining(self.way, secret or self.secret(), own.card, own.endpoint, theirs)

    def meet(self, joining: Joining, line: Line | None = None) -> str:
        perform = (line or self.line).perform
        prove = joining.prove(perform(Call(joining.open(self.chance))).answer)
        return joining.meet(perform(Call(prove)).answer).code

    def refused(self, joining: Joining, line: Line | None = None) -> str:
        with pytest.raises(BoxError) as told:
            self.meet(joining, line)
        return told.value.code

    def confirm(self, joining: Joining, *, yes: bool = True) -> OwnersSay:
        return joining.confirmed(self.line.perform(Call(joining.confirm(yes=yes))).answer)


@pytest.fixture(params=list(Way))
def kitchen(request: pytest.FixtureRequest) -> Kitchen:
    return Kitchen(request.param)


def test_two_honest_boxes_meet(kitchen: Kitchen) -> None:
    joining = kitchen.joining()
    code = kitchen.meet(joining)
    met = kitchen.invitation.met
    assert met is not None and joining.met is not None
    assert code == met.code and len(code) == 6 and code.isdigit()
    assert (met.card.label, joining.met.card.label) == ("joiner", "inviter")
    assert kitchen.confirm(joining) is OwnersSay.WAITING
    kitchen.inviter.invitations.say(kitchen.invitation.number, yes=True, now_ms=NOW)
    assert kitchen.invitation.state is InvitationState.PAIRED
    assert kitchen.confirm(joining) is OwnersSay.YES
    assert kitchen.confirm(joining) is OwnersSay.YES  # an answer that was lost is given again
    assert kitchen.refused(kitchen.joining()) == "invitation-used"


def test_a_lost_answer_is_given_again_to_the_same_proof_alone(kitchen: Kitchen) -> None:
    joining, perform = kitchen.joining(), kitchen.line.perform
    prove = joining.prove(perform(Call(joining.open(kitchen.chance))).answer)
    lost = perform(Call(prove)).answer
    assert perform(Call(prove)).answer == lost
    with pytest.raises(BoxError):
        perform(Call(replace(prove, proof=bytes(32))))
    met = kitchen.invitation.met
    assert met is not None and joining.meet(lost).code == met.code


@pytest.mark.parametrize("whose", ["inviter", "joiner"])
def test_one_no_is_enough(kitchen: Kitchen, whose: str) -> None:
    joining = kitchen.joining()
    kitchen.meet(joining)
    kitchen.inviter.invitations.say(kitchen.invitation.number, yes=whose != "inviter", now_ms=NOW)
    with pytest.raises(errors.PairingRefused):
        kitchen.confirm(joining, yes=whose != "joiner")
    assert kitchen.invitation.state is InvitationState.REFUSED


def test_wrong_secrets_end_the_invitation(kitchen: Kitchen) -> None:
    told = []
    hinted = kitchen.joining().open(kitchen.chance).hint
    for number in range(PAIR_TRIES):
        joining = kitchen.joining(Secret(bytes([number]) * len(kitchen.secret())))
        joining._asked = replace(joining.open(kitchen.chance), hint=hinted)  # a thief who saw the hint, not the secret
        opened = kitchen.line.perform(Call(joining._asked)).answer
        with pytest.raises(BoxError) as error:
            kitchen.line.perform(Call(joining.prove(opened)))
        told.append(error.value.code)
    assert told == ["invitation-wrong"] * (PAIR_TRIES - 1) + ["invitation-ended"]
    kitchen.inviter.invitations.words(kitchen.inviter.own.card, NOW)  # something is open, so that a no can be heard
    if kitchen.way is Way.TICKET:
        assert kitchen.refused(kitchen.joining()) == "invitation-ended"


def test_time_ends_an_invitation(kitchen: Kitchen) -> None:
    life = PAIR_TICKET_SECONDS if kitchen.way is Way.TICKET else PAIR_WORD_SECONDS
    kitchen.line.now_ms = NOW + life * 1000 + 1
    with pytest.raises(errors.LinkLost):  # nothing is open any more: a stranger hears nothing
        kitchen.meet(kitchen.joining())
    assert kitchen.invitation.state is InvitationState.EXPIRED


def test_owners_have_ten_minutes_to_compare(kitchen: Kitchen) -> None:
    joining = kitchen.joining()
    kitchen.meet(joining)
    late = NOW + PAIR_COMPARE_SECONDS * 1000 + 1
    with pytest.raises(errors.InvitationMissing):
        kitchen.inviter.invitations.say(kitchen.invitation.number, yes=True, now_ms=late)
    assert not kitchen.inviter.invitations.waiting(late)


def test_whoever_sits_between_with_the_secret_shows_two_codes(kitchen: Kitchen) -> None:
    """The man in the middle knows everything; the two owners still read different digits."""
    middle = MemoryBox("middle")
    line = Line(kitchen.inviter, middle.caller(pinned=False), random.Random(2))
    false = Kitchen(kitchen.way)
    false.inviter, false.line = middle, Line(middle, kitchen.joiner.caller(pinned=False), random.Random(3))
    false.invitation = middle.invitations._add(
        kitchen.way, kitchen.secret(), middle.own.card, kitchen.invitation.text, NOW + 1000, NOW
    )
    theirs = kitchen.meet(kitchen.joining(box=middle), line)
    ours = false.meet(false.joining())
    assert theirs != ours


def test_a_relay_that_knows_nothing_is_noticed(kitchen: Kitchen) -> None:
    middle = MemoryBox("middle")
    relayed = Line(kitchen.inviter, middle.caller(pinned=False), random.Random(2))  # passes every byte on
    assert kitchen.refused(kitchen.joining(), relayed) == "invitation-wrong"


def test_one_attempt_keeps_others_waiting_for_a_while(kitchen: Kitchen) -> None:
    kitchen.line.perform(Call(kitchen.joining().open(kitchen.chance)))
    other = MemoryBox("other")
    line = Line(kitchen.inviter, other.caller(pinned=False), random.Random(2))
    assert kitchen.refused(kitchen.joining(box=other), line) == "peer-busy"
    line.now_ms = NOW + 31_000
    kitchen.meet(kitchen.joining(box=other), line)


def test_knocking_ends_an_invitation_too(kitchen: Kitchen) -> None:
    for _ in range(64):
        kitchen.line.perform(Call(kitchen.joining().open(kitchen.chance)))
    with pytest.raises(errors.InvitationEnded):
        kitchen.line.perform(Call(kitchen.joining().open(kitchen.chance)))


def test_a_proof_without_an_attempt_and_a_withdrawn_invitation_are_missing(kitchen: Kitchen) -> None:
    with pytest.raises(errors.InvitationMissing):
        kitchen.line.perform(Call(PairProve(bytes(32), bytes(32), bytes(40))))
    kitchen.inviter.invitations.ticket(kitchen.inviter.own.card, NOW)  # something stays open
    kitchen.inviter.invitations.withdraw(kitchen.invitation.number)
    assert kitchen.refused(kitchen.joining()) == "invitation-missing"


def test_nobody_joins_herself_and_only_four_invitations_are_open(kitchen: Kitchen) -> None:
    with pytest.raises(errors.InvitationOwn):
        kitchen.joining(box=kitchen.inviter)
    gave = kitchen.inviter.invitations
    for _ in range(PAIR_INVITATIONS - 1):
        gave.ticket(kitchen.inviter.own.card, NOW)
    with pytest.raises(errors.InvitationsOpen):
        gave.ticket(kitchen.inviter.own.card, NOW)
    for _ in range(30):  # old ones are forgotten
        gave.withdraw(gave.ticket(kitchen.inviter.own.card, NOW + PAIR_TICKET_SECONDS * 1000 + 1).number)
    assert len(gave.all(NOW)) <= 16


def test_a_ticket_is_read_from_links_lines_and_capitals_and_every_slip_is_noticed() -> None:
    text = Kitchen(Way.TICKET).invitation.text
    for shown in (text, text.upper(), f"https://box.example/#{text}", f" {text[:30]}\n{text[30:]} \n"):
        assert read_ticket(shown, NOW).card.label == "inviter"
    for at in range(4, len(text), 7):
        slip = text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]
        with pytest.raises(errors.InvitationMistyped):
            read_ticket(slip, NOW)
    for wrong in (text[:-1], text[:40], "", "lbx1", "hello", text * 20):
        with pytest.raises(errors.InvitationMistyped):
            read_ticket(wrong, NOW)
    with pytest.raises(errors.NewerFormat):
        read_ticket("lbx2" + text[4:], NOW)
    with pytest.raises(errors.InvitationExpired):
        read_ticket(text, NOW + PAIR_TICKET_SECONDS * 1000 + 1)


def test_six_words_are_read_as_people_type_them() -> None:
    words = invitation_words(bytes(range(8)))
    secret = words_secret(words)
    assert words_secret("1. " + words.upper().replace(" ", ",\n ")) == secret
    with pytest.raises(errors.InvitationMistyped, match="six words, these are 5"):
        words_secret(words.rsplit(" ", 1)[0])
    listed = words.split()
    with pytest.raises(errors.InvitationWord) as told:
        words_secret(" ".join([*listed[:2], "bananna", *listed[3:]]))
    assert (told.value.fields["position"], told.value.fields["nearest"]) == (3, "banana")
    with pytest.raises(errors.InvitationMistyped, match="another one"):
        words_secret(" ".join([listed[1], listed[0], *listed[2:]]))
