"""Secrets by which two boxes meet: six words with SPAKE2, the keys both sides get, proofs, sealed cards, short codes.

SPAKE2 (Abdalla, Pointcheval 2005) over Ed25519 is that of the ``spake2`` package: whoever listens learns nothing, each
run tries one guess. The protocol around it is ``firmware.peer.pairing``; nothing here keeps state but one run.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from firmware.errors import BadSeal, InvitationMistyped, InvitationWord
from firmware.limits import PAIR_TICKET_CHARS
from firmware.seal.aead import Sealer, Suite
from firmware.seal.kdf import derive, same_bytes
from firmware.seal.secret import Secret
from firmware.seal.words import word_list

INVITATION_WORDS: Final = 6
WORD_SECRET_BYTES: Final = 8
"""60 of these 64 bits are used; the 6 that six words have beyond them are a checksum."""
SCALAR_BYTES: Final = 64
"""Randomness for one run of SPAKE2."""
_CHECK: Final = b"lockerbox invitation words 1\n"
_SHOWN: Final = 24
_BITS: Final = 60


def invitation_words(randomness: bytes) -> str:
    """Return six words for 8 random bytes: the first 60 bits, then 6 bits of BLAKE3 over them as a checksum."""
    number = int.from_bytes(randomness[:WORD_SECRET_BYTES], "big") >> 4
    whole = number << 6 | _check(number)
    known = word_list()
    return " ".join(known[whole >> 11 * at & 2047] for at in range(INVITATION_WORDS - 1, -1, -1))


def words_secret(words: str) -> Secret:
    """Return the secret that six typed words stand for; case, punctuation and white space do not matter.

    Raises InvitationMistyped (count, checksum) or InvitationWord (position from 1 and the nearest listed word).
    """
    cleaned = "".join(letter if letter.isalpha() else " " for letter in words[:PAIR_TICKET_CHARS].lower())
    typed = cleaned.split()
    if len(typed) != INVITATION_WORDS:
        raise InvitationMistyped(why=f"it has six words, these are {len(typed)}")
    known = word_list()
    whole = 0
    for position, word in enumerate(typed, start=1):
        if word not in known:
            nearest = difflib.get_close_matches(word[:_SHOWN], known, n=1, cutoff=0.0)[0]
            raise InvitationWord(position=position, word=word[:_SHOWN], nearest=nearest)
        whole = whole << 11 | known.index(word)
    number = whole >> 6
    if whole & 63 != _check(number):
        raise InvitationMistyped(why="one of the six words is another one")
    return Secret(number.to_bytes(WORD_SECRET_BYTES, "big"))


def _check(number: int) -> int:
    return blake3(_CHECK + number.to_bytes(WORD_SECRET_BYTES, "big")).digest()[0] >> 2


class WordsRun:
    """One run of SPAKE2 with one secret; ``inviter`` is side A. A run is used once."""

    def __init__(self, secret: Secret, *, inviter: bool, randomness: bytes) -> None:
        """``randomness``: 64 fresh bytes."""
        from spake2 import SPAKE2_A, SPAKE2_B

        side = SPAKE2_A if inviter else SPAKE2_B
        self._other = b"B" if inviter else b"A"
        run = side(secret.reveal(), idA=b"lockerbox inviter", idB=b"lockerbox joiner", entropy_f=lambda _: randomness)
        self._run = run
        self.message: bytes = run.start()[1:]
        """32 bytes for the other side."""

    def shared(self, message: bytes) -> Secret:
        """Return the 32 bytes both sides have if their secrets are equal; raises BadSeal for no point of the group."""
        from spake2 import SPAKEError
        from spake2.ed25519_basic import NotOnCurve

        try:
            return Secret(self._run.finish(self._other + message))
        except (SPAKEError, NotOnCurve, ValueError):
            raise BadSeal(what="The pairing message") from None


@dataclass(frozen=True)
class PairKeys:
    """What both sides derive: a proof key and a sealing key for each direction."""

    joiner_proof: Secret
    joiner_seal: Secret
    inviter_proof: Secret
    inviter_seal: Secret

    @classmethod
    def derived(cls, shared: Secret, transcript: bytes) -> PairKeys:
        """HKDF-SHA256 of the shared secret, salt = BLAKE3(transcript), info ``lockerbox/1/pair/<use>``."""
        salt = blake3(transcript).digest()
        uses = ("joiner-proof", "joiner-seal", "inviter-proof", "inviter-seal")
        return cls(*(derive(shared, f"pair/{use}", 32, salt) for use in uses))


def proof(key: Secret, said: bytes) -> bytes:
    """Return BLAKE3 of ``said`` under ``key``: whoever makes it knows the secret."""
    return blake3(said, key=key.reveal()).digest()


def proved(key: Secret, said: bytes, shown: bytes) -> bool:
    """True when ``shown`` is the proof; compared in constant time."""
    return same_bytes(proof(key, said), shown)


def seal_card(key: Secret, card: bytes, bound: bytes) -> bytes:
    """Seal a card: ChaCha20-Poly1305, counter 0 (each key seals once), ``bound`` as associated data."""
    return Sealer(Suite.CHACHA20_POLY1305, key).seal(0, card, bound)


def open_card(key: Secret, sealed: bytes, bound: bytes) -> bytes:
    """Return the card; raises BadSeal."""
    return Sealer(Suite.CHACHA20_POLY1305, key).open(0, sealed, bound, "The card")


def short_code(transcript: bytes) -> str:
    """Return the six digits two owners compare: the first 8 bytes of BLAKE3(transcript), modulo a million."""
    return f"{int.from_bytes(blake3(transcript).digest()[:8], 'big') % 1_000_000:06d}"
