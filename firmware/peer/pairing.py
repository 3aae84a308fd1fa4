"""Pairing: two boxes that share an invitation prove it to each other, exchange cards, and wait for both owners.

Three exchanges (docs/formats/peer.md): *open* commits the joiner to a nonce and a card and the inviter to its card;
*prove* shows the secret on both sides and delivers the cards, sealed; *confirm* waits for the owners, who compare six
digits. The commitments come before the nonces are known, so nobody between the two can search for equal digits.
``Joining`` is the side that has the invitation, ``Invitations`` the side that gave it. Time and randomness come in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from blake3 import blake3

from firmware.errors import (
    BadSeal,
    BoxError,
    InvitationEnded,
    InvitationExpired,
    InvitationMissing,
    InvitationOwn,
    InvitationsOpen,
    InvitationUsed,
    InvitationWrong,
    PairingRefused,
    PeerBusy,
    PeerGarbled,
)
from firmware.limits import (
    PAIR_COMPARE_SECONDS,
    PAIR_INVITATIONS,
    PAIR_OPENS,
    PAIR_STALE_SECONDS,
    PAIR_TICKET_SECONDS,
    PAIR_TRIES,
    PAIR_WORD_SECONDS,
)
from firmware.peer.cbor import dumps
from firmware.peer.invitations import TICKET_SECRET_BYTES, Way, hint, ticket_text
from firmware.peer.messages import (
    VERSIONS,
    PairAnswered,
    PairConfirm,
    PairOpen,
    PairOpened,
    PairProve,
    PairProved,
)
from firmware.peer.signed import Card, read_card
from firmware.peer.versions import agreed
from firmware.seal import Secret
from firmware.seal.pairing import (
    SCALAR_BYTES,
    WORD_SECRET_BYTES,
    PairKeys,
    WordsRun,
    invitation_words,
    open_card,
    proof,
    proved,
    seal_card,
    short_code,
    words_secret,
)

Randomness = Callable[[int], bytes]
"""Gives that many unpredictable bytes: the method ``bytes`` of the Entropy port."""

_COMMIT: Final = b"lockerbox pair commit 1\n"
_CARD: Final = b"lockerbox pair card 1\n"
_SAID: Final = "lockerbox pair 1"


def _commit(nonce: bytes, card: bytes) -> bytes:
    return blake3(_COMMIT + nonce + card).digest()


def _card_hash(card: bytes) -> bytes:
    return blake3(_CARD + card).digest()


@dataclass(frozen=True)
class Said:
    """Everything both sides said before the cards, in one order: inviter first."""

    way: Way
    inviter_endpoint: bytes
    joiner_endpoint: bytes
    asked: PairOpen
    answered: PairOpened

    def transcript(self, nonce: bytes) -> bytes:
        """What the keys are bound to: who talks to whom, and every value exchanged (the joiner's nonce included)."""
        ask, answer = self.asked, self.answered
        return dumps(
            [
                _SAID,
                self.way.value,
                self.inviter_endpoint,
                self.joiner_endpoint,
                list(ask.versions),
                ask.commit,
                ask.hint,
                ask.message,
                answer.nonce,
                answer.card_hash,
                answer.speak,
                answer.message,
                nonce,
            ]
        )


@dataclass(frozen=True)
class Met:
    """Both sides know the secret: the other box's card, and the six digits its owner sees too."""

    card: Card
    card_data: bytes
    code: str


class OwnersSay(StrEnum):
    """What the inviter tells the joiner while the owners compare."""

    WAITING = "waiting"
    YES = "yes"
    NO = "no"


class Joining:
    """The side that has an invitation. Call ``open``, ``prove``, ``meet``, then ``confirm`` and ``confirmed``."""

    def __init__(self, way: Way, secret: Secret, my_card: bytes, my_endpoint: bytes, their_endpoint: bytes) -> None:
        """``their_endpoint``: the key the transport proved; of a ticket, the one its card names."""
        if my_endpoint == their_endpoint:
            raise InvitationOwn
        self._way, self._secret, self._my_card = way, secret, my_card
        self._mine, self._theirs = my_endpoint, their_endpoint
        self._run: WordsRun | None = None
        self._nonce = b""
        self._asked: PairOpen | None = None
        self._said: Said | None = None
        self._keys: PairKeys | None = None
        self._proof = b""
        self.met: Met | None = None
        self._yes = False

    def open(self, randomness: Randomness) -> PairOpen:
        """The first request."""
        self._nonce = randomness(32)
        commit, spoken = _commit(self._nonce, self._my_card), VERSIONS
        if self._way is Way.WORDS:
            self._run = WordsRun(self._secret, inviter=False, randomness=randomness(SCALAR_BYTES))
            self._asked = PairOpen(self._way.value, spoken, commit, None, self._run.message)
        else:
            self._asked = PairOpen(self._way.value, spoken, commit, hint(self._secret), None)
        return self._asked

    def prove(self, answer: PairOpened) -> PairProve:
        """The second request, made from the answer to the first; raises PeerGarbled or PeerVersion."""
        assert self._asked is not None, "open comes first"
        agreed(VERSIONS, (answer.speak, answer.speak))
        shared = self._secret
        if self._run is not None:
            shared = _shared(self._run, answer.message)
        self._said = Said(self._way, self._theirs, self._mine, self._asked, answer)
        transcript = self._said.transcript(self._nonce)
        self._keys = PairKeys.derived(shared, transcript)
        sealed = seal_card(self._keys.joiner_seal, self._my_card, transcript)
        self._proof = proof(self._keys.joiner_proof, transcript + sealed)
        return PairProve(self._nonce, self._proof, sealed)

    def meet(self, answer: PairProved) -> Met:
        """Verify the inviter, return its card and the code; raises InvitationWrong when it does not know the secret."""
        assert self._said is not None, "prove comes first"
        assert self._keys is not None, "prove comes first"
        transcript = self._said.transcript(self._nonce) + self._proof
        if not proved(self._keys.inviter_proof, transcript + answer.sealed, answer.proof):
            raise InvitationWrong(left=0)
        card_data = open_card(self._keys.inviter_seal, answer.sealed, transcript)
        if _card_hash(card_data) != self._said.answered.card_hash:
            raise PeerGarbled(why="the card is not the one that was announced")
        card = _card_of(card_data, self._theirs)
        self.met = Met(card, card_data, short_code(transcript + answer.proof))
        return self.met

    def confirm(self, *, yes: bool) -> PairConfirm:
        """What my owner says; repeat while ``confirmed`` is WAITING."""
        assert self.met is not None, "meet comes first"
        self._yes = yes
        return PairConfirm(yes)

    def confirmed(self, answer: PairAnswered) -> OwnersSay:
        """WAITING: ask again soon. YES: both owners agreed, pin the card of ``met``. Raises PairingRefused for NO."""
        if not self._yes or answer.state == OwnersSay.NO:
            raise PairingRefused
        return OwnersSay.YES if answer.state == OwnersSay.YES else OwnersSay.WAITING


def _shared(run: WordsRun, message: bytes | None) -> Secret:
    if message is None:
        raise PeerGarbled(why="message is missing")
    try:
        return run.shared(message)
    except BadSeal:
        raise PeerGarbled(why="the pairing message is none") from None


def _card_of(data: bytes, endpoint: bytes) -> Card:
    try:
        card = read_card(data)
    except BadSeal:
        raise PeerGarbled(why="the card is not signed by its box") from None
    if card.endpoint != endpoint:
        raise PeerGarbled(why="the card is of another box")
    return card


class InvitationState(StrEnum):
    """Life of an invitation: open, met (both sides proved, owners compare), paired, or how it ended."""

    OPEN = "open"
    MET = "met"
    PAIRED = "paired"
    EXPIRED = "expired"
    REFUSED = "refused"
    TRIED_OUT = "tried-out"
    WITHDRAWN = "withdrawn"


@dataclass
class _Attempt:
    endpoint: bytes
    began_ms: int
    said: Said
    run: WordsRun | None


@dataclass
class Invitation:
    """One invitation of this box, and how far it is; only ``Invitations`` changes it."""

    number: int
    way: Way
    secret: Secret
    card_data: bytes
    text: str
    expires_ms: int
    state: InvitationState = InvitationState.OPEN
    wrong: int = 0
    opens: int = 0
    met: Met | None = None
    mine: bool | None = None
    """What our owner says about the code; None until she does."""
    theirs: bool | None = None
    attempt: _Attempt | None = field(default=None, repr=False)
    endpoint: bytes = b""
    """The box that proved to know the secret."""
    proved: tuple[PairProve, PairProved] | None = field(default=None, repr=False)
    """The proof that was right and what was answered: the joiner may ask again when the line broke."""

    def proved_with(self, ask: PairProve) -> bool:
        """True when this very proof was accepted before."""
        return self.proved is not None and self.proved[0] == ask

    @property
    def live(self) -> bool:
        """True while something may still come of it."""
        return self.state in (InvitationState.OPEN, InvitationState.MET)


class Invitations:
    """The invitations this box gave. Kept in memory: a restart ends them, and owners simply begin again."""

    def __init__(self, my_endpoint: bytes, randomness: Randomness) -> None:
        """``my_endpoint``: the key this box's transport proves."""
        self._mine, self._randomness = my_endpoint, randomness
        self._all: dict[int, Invitation] = {}
        self._count = 0

    def ticket(self, card: bytes, now_ms: int) -> Invitation:
        """Make a ticket that lives 72 hours; ``text`` is what the QR code says. Raises InvitationsOpen beyond four."""
        secret = Secret(self._randomness(TICKET_SECRET_BYTES))
        expires = now_ms + PAIR_TICKET_SECONDS * 1000
        return self._add(Way.TICKET, secret, card, ticket_text(card, secret, expires), expires, now_ms)

    def words(self, card: bytes, now_ms: int) -> Invitation:
        """Make six words that live ten minutes; earlier words end. Raises InvitationsOpen beyond four invitations."""
        for each in self._all.values():
            if each.way is Way.WORDS and each.live:
                each.state = InvitationState.WITHDRAWN
        text = invitation_words(self._randomness(WORD_SECRET_BYTES))
        expires = now_ms + PAIR_WORD_SECONDS * 1000
        return self._add(Way.WORDS, words_secret(text), card, text, expires, now_ms)

    def _add(self, way: Way, secret: Secret, card: bytes, text: str, expires: int, now_ms: int) -> Invitation:
        live = [each for each in self.all(now_ms) if each.live]
        if len(live) >= PAIR_INVITATIONS:
            raise InvitationsOpen(count=len(live))
        while len(self._all) >= 4 * PAIR_INVITATIONS:
            del self._all[min(number for number, each in self._all.items() if not each.live)]
        self._count += 1
        made = Invitation(self._count, way, secret, card, text, expires)
        self._all[made.number] = made
        return made

    def all(self, now_ms: int) -> list[Invitation]:
        """Every invitation remembered, oldest first, with its state now."""
        for each in self._all.values():
            if each.live and now_ms > each.expires_ms:
                each.state = InvitationState.EXPIRED
        return list(self._all.values())

    def waiting(self, now_ms: int) -> bool:
        """True while a stranger may come (or wait for the answer): the judge says INVITED instead of UNKNOWN."""
        decided = (InvitationState.PAIRED, InvitationState.REFUSED)
        return any(each.live or (each.state in decided and now_ms <= each.expires_ms) for each in self.all(now_ms))

    def withdraw(self, number: int) -> None:
        """End an invitation; raises InvitationMissing."""
        found = self._all.get(number)
        if found is None:
            raise InvitationMissing
        if found.live:
            found.state = InvitationState.WITHDRAWN

    def say(self, number: int, *, yes: bool, now_ms: int) -> Invitation:
        """Our owner compared the codes; raises InvitationMissing when there is nothing to confirm (any more)."""
        found = next((each for each in self.all(now_ms) if each.number == number), None)
        if found is None or found.state is not InvitationState.MET:
            raise InvitationMissing
        found.mine = yes
        _settle(found)
        return found

    def open(self, endpoint: bytes, ask: PairOpen, now_ms: int) -> PairOpened:
        """Answer the first request of the box ``endpoint``; raises one of the Invitation errors, or PeerBusy."""
        speak = agreed(ask.versions, VERSIONS)  # named in a refusal: what this box speaks
        found = self._meant(endpoint, ask, now_ms)
        busy = found.attempt is not None and now_ms - found.attempt.began_ms < PAIR_STALE_SECONDS * 1000
        if busy and found.attempt is not None and found.attempt.endpoint != endpoint:
            raise PeerBusy
        found.opens += 1
        if found.opens > PAIR_OPENS:
            found.state = InvitationState.TRIED_OUT
            raise InvitationEnded
        run = None
        if found.way is Way.WORDS:
            run = WordsRun(found.secret, inviter=True, randomness=self._randomness(SCALAR_BYTES))
        nonce = self._randomness(32)
        answer = PairOpened(nonce, _card_hash(found.card_data), speak, run.message if run else None)
        found.attempt = _Attempt(endpoint, now_ms, Said(found.way, self._mine, endpoint, ask, answer), run)
        return answer

    def _meant(self, endpoint: bytes, ask: PairOpen, now_ms: int) -> Invitation:
        """The invitation a request is about, if it can still be used; the newest when several fit."""
        fitting = [each for each in self.all(now_ms) if each.way.value == ask.way and _hinted(each, ask)]
        if not fitting:
            raise InvitationMissing
        found = fitting[-1]
        if endpoint == self._mine:
            raise InvitationOwn
        if found.state is not InvitationState.OPEN:
            raise _why_not(found)
        return found

    def prove(self, endpoint: bytes, ask: PairProve, now_ms: int) -> PairProved:
        """Answer the second request; a wrong proof counts as a try, five end the invitation."""
        found = self._tried(endpoint, ask, now_ms)
        if found.proved is not None:
            return found.proved[1]
        attempt, found.attempt = found.attempt, None
        assert attempt is not None, "_tried looked for it"
        transcript = attempt.said.transcript(ask.nonce)
        card_data, keys = self._verified(found, attempt, ask, transcript)
        said = transcript + ask.proof
        sealed = seal_card(keys.inviter_seal, found.card_data, said)
        answer = PairProved(proof(keys.inviter_proof, said + sealed), sealed)
        found.met = Met(_card_of(card_data, endpoint), card_data, short_code(said + answer.proof))
        found.state, found.endpoint, found.proved = InvitationState.MET, endpoint, (ask, answer)
        found.expires_ms = now_ms + PAIR_COMPARE_SECONDS * 1000
        return answer

    def _tried(self, endpoint: bytes, ask: PairProve, now_ms: int) -> Invitation:
        """The invitation whose attempt this box began, or that it proved with these very bytes."""
        for each in reversed(self.all(now_ms)):
            if each.state is InvitationState.MET and each.endpoint == endpoint and each.proved_with(ask):
                return each
            if each.attempt is not None and each.attempt.endpoint == endpoint:
                if each.state is not InvitationState.OPEN:
                    raise _why_not(each)
                return each
        raise InvitationMissing

    def _verified(
        self, found: Invitation, attempt: _Attempt, ask: PairProve, transcript: bytes
    ) -> tuple[bytes, PairKeys]:
        """The joiner's card, if it knows the secret and kept to what it committed to; else a try is used up."""
        try:
            shared = found.secret if attempt.run is None else _shared(attempt.run, attempt.said.asked.message)
        except PeerGarbled:
            raise _wrong(found) from None
        keys = PairKeys.derived(shared, transcript)
        if not proved(keys.joiner_proof, transcript + ask.sealed, ask.proof):
            raise _wrong(found)
        try:
            card_data = open_card(keys.joiner_seal, ask.sealed, transcript)
        except BadSeal:
            raise _wrong(found) from None
        if _commit(ask.nonce, card_data) != attempt.said.asked.commit:
            raise _wrong(found)
        return card_data, keys

    def confirm(self, endpoint: bytes, ask: PairConfirm, now_ms: int) -> PairAnswered:
        """Answer what the joiner's owner says; may be repeated, also after it is decided."""
        found = next((each for each in reversed(self.all(now_ms)) if each.endpoint == endpoint), None)
        if found is None:
            raise InvitationMissing
        if found.state is InvitationState.MET:
            found.theirs = ask.yes
            _settle(found)
        if found.state is InvitationState.PAIRED:
            return PairAnswered(OwnersSay.YES.value)
        if found.state is InvitationState.MET:
            return PairAnswered(OwnersSay.WAITING.value)
        if found.state is InvitationState.EXPIRED:
            raise InvitationExpired
        return PairAnswered(OwnersSay.NO.value)


def _wrong(found: Invitation) -> BoxError:
    """Count a wrong try; the last one ends the invitation."""
    found.wrong += 1
    if found.wrong >= PAIR_TRIES:
        found.state = InvitationState.TRIED_OUT
        return InvitationEnded()
    return InvitationWrong(left=PAIR_TRIES - found.wrong)


def _settle(found: Invitation) -> None:
    if found.mine is False or found.theirs is False:
        found.state = InvitationState.REFUSED
    elif found.mine and found.theirs:
        found.state = InvitationState.PAIRED


def _hinted(each: Invitation, ask: PairOpen) -> bool:
    if each.way is Way.WORDS:
        return ask.hint is None and ask.message is not None
    return ask.hint == hint(each.secret) and ask.message is None


def _why_not(found: Invitation) -> BoxError:
    match found.state:
        case InvitationState.EXPIRED:
            return InvitationExpired()
        case InvitationState.TRIED_OUT:
            return InvitationEnded()
        case InvitationState.MET | InvitationState.PAIRED | InvitationState.REFUSED:
            return InvitationUsed()
        case _:
            return InvitationMissing()
