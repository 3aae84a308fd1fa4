"""Wrote peer_v1.json once, from peer_examples.py: ``python -m tests.vectors.make_peer_v1``. The file never changes."""

from __future__ import annotations

import json
from pathlib import Path

from firmware.peer import Invitations, Joining, Way
from firmware.seal import Secret
from firmware.seal.pairing import invitation_words, words_secret
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.peer_examples import (
    CUSTODY,
    HANDOVER,
    HOST_CARD,
    NOW,
    OWNER_CARD,
    PERMIT,
    RECEIPT,
    REPORT,
    card,
    frames,
)

FILE = Path(__file__).with_name("peer_v1.json")


def pairing(way: Way) -> dict[str, str]:
    """One whole pairing with counted randomness: the invitation's text, every message, the code."""
    inviter, joiner = card("host", 2), card("owner")
    gave = Invitations(inviter.endpoint, CountedEntropy(b"inviter").bytes)
    made = gave.ticket(HOST_CARD, NOW) if way is Way.TICKET else gave.words(HOST_CARD, NOW)
    secret = words_secret(made.text) if way is Way.WORDS else Secret(CountedEntropy(b"inviter").bytes(16))
    joining = Joining(way, secret, OWNER_CARD, joiner.endpoint, inviter.endpoint)
    asked = joining.open(CountedEntropy(b"joiner").bytes)
    opened = gave.open(joiner.endpoint, asked, NOW)
    prove = joining.prove(opened)
    proved = gave.prove(joiner.endpoint, prove, NOW)
    met = joining.meet(proved)
    return {
        "text": made.text,
        "commit": asked.commit.hex(),
        "joiner_message": (asked.message or b"").hex(),
        "inviter_nonce": opened.nonce.hex(),
        "inviter_message": (opened.message or b"").hex(),
        "joiner_proof": prove.proof.hex(),
        "joiner_sealed": prove.sealed.hex(),
        "inviter_proof": proved.proof.hex(),
        "inviter_sealed": proved.sealed.hex(),
        "code": met.code,
    }


def vectors() -> dict[str, object]:
    """Everything the file holds. Long zero bodies are left out: a frame is given to its 9,000th byte."""
    signed = {"card": OWNER_CARD, "custody": CUSTODY, "handover": HANDOVER, "permit": PERMIT, "receipt": RECEIPT}
    signed["stolen"] = REPORT
    return {
        "frames": {name: data[:9000].hex().removesuffix("00" * 4096) for name, data in frames()},
        "signed": {name: data.hex() for name, data in signed.items()},
        "words": {seed.hex(): invitation_words(seed) for seed in (bytes(8), bytes(range(8)), b"\xff" * 8)},
        "pairing": {way.value: pairing(way) for way in Way},
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
