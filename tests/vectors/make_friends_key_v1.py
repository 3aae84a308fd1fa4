"""Wrote friends_key_v1.json once: ``python -m tests.vectors.make_friends_key_v1``. The file never changes."""

from __future__ import annotations

import json
from pathlib import Path

from firmware.peer.parts import FriendsKey, Holder, PartTicket, ask_code, ask_id, ask_proof, note_info, part_info
from firmware.seal import Secret, SlotKind, public_key, seal_to, secret_public
from firmware.seal.split import split_key
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.peer_examples import HOST, HOST_CARD, LOCKER, NOW, OWNER

FILE = Path(__file__).with_name("friends_key_v1.json")
SECRET, BOX_SEED, ASK_SEED = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
KIT, TICKET_SECRET = bytes(range(100, 132)), bytes(range(16))


def vectors() -> dict[str, object]:
    """What is sealed differs with every call; the rest does not."""
    parts = split_key(Secret(SECRET), 2, 3, CountedEntropy(b"friends key"))
    box = public_key(Secret(BOX_SEED))
    sealed = seal_to(box, parts[0].encode(), part_info(LOCKER, HOST.public))
    public = secret_public(SlotKind.FRIENDS, Secret(SECRET))
    note = seal_to(public, KIT, note_info(LOCKER))
    holders = (Holder(1, HOST.public, "host", sealed), Holder(2, b"", "", b""))
    split = FriendsKey(7, NOW, 2, "Ada", public, note, HOST.public, holders)
    ticket = PartTicket(HOST_CARD, LOCKER, TICKET_SECRET, NOW)
    ask = ask_id(LOCKER, OWNER.public, public_key(Secret(ASK_SEED)))
    given = seal_to(public_key(Secret(ASK_SEED)), parts[1].encode(), part_info(LOCKER, ask))
    return {
        "parts": list(parts),
        "file": split.to_bytes().hex(),
        "ticket": ticket.text(),
        "ask": ask.hex(),
        "code": ask_code(ask),
        "proof": ask_proof(TICKET_SECRET, ask).hex(),
        "given": given.hex(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
