"""Wrote kit_v1.json once: ``python -m tests.vectors.make_kit_v1``. Sealing is random, so the file is read, never made
again; what is in it are the values below."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from firmware.backup.book import PackPlace, Page, ShardAt, seal_page
from firmware.linux.clock import SystemEntropy
from firmware.peer import Custody
from firmware.peer.capsules import Filling, KitCard
from firmware.peer.kit_asking import kit_question
from firmware.peer.kits import CirclePart, Friend, PageAt, with_circle
from firmware.peer.messages import Head
from firmware.peer.signed import LINK
from firmware.seal import (
    KitUse,
    Secret,
    SigningKey,
    add_kit_slot,
    for_peers,
    kit_key,
    new_key_file,
    new_words,
)
from firmware.shard import shard_id
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.peer_examples import HEADER, NOW, OWNER, OWNER_CARD, card, key

FILE: Final = Path(__file__).with_name("kit_v1.json")
FRIENDS: Final = tuple(Friend(card(name).signed(key(name)), label) for name, label in (("host", "Anna"), ("ben", "")))
BOXES: Final = tuple(key(name).public for name in ("host", "ben"))
PACKS: Final = tuple(
    PackPlace(
        bytes([n]) * 32, bytes(range(16)), 1 + n, 1000 * (n + 1), bytes([64 + n]) * 32, n == 0, 1 + n, 2 + n,
        tuple(ShardAt(at, bytes([16 * n + at + 128]) * 32, BOXES[at]) for at in range(2)),
    )
    for n in range(3)
)  # fmt: skip
PAGE: Final = Page(4, NOW, PACKS)


def part(page: bytes) -> CirclePart:
    """The circle part that names ``page``."""
    return CirclePart(
        NOW + 5, NOW + 4, FRIENDS, (PageAt(shard_id(page), len(page), BOXES[:1]),), 7, OWNER.public
    )  # fmt: skip


def vectors() -> dict[str, str]:
    """A capsule and its page; trailing zeros of the capsule are left out."""
    entropy = CountedEntropy(b"kit v1")
    words = new_words(entropy)
    file, secrets = new_key_file(entropy)
    file = for_peers(add_kit_slot(file, secrets, words, entropy), secrets, SystemEntropy())
    locker, heads = file.plain.locker, SigningKey.from_seed(secrets.head_seed)
    kit = KitCard.made(words, file.plain.identity, heads.public, locker, 3)
    custody = Custody(locker, 2, OWNER.public, NOW).signed(SigningKey.from_seed(kit_key(words, KitUse.CUSTODY)))
    head = Head(HEADER, heads.sign(LINK + HEADER), heads.public)
    page = seal_page(PAGE, file.plain.inbox, locker)
    begin = Filling(NOW, locker, kit, file.to_bytes(), head, custody, ()).sealed(heads)
    capsule = with_circle(begin, part(page), file.plain.inbox, locker, OWNER)
    request = SigningKey.from_seed(kit_key(words, KitUse.REQUEST))
    lookup: Secret = kit_key(words, KitUse.LOOKUP)
    asked = kit_question(lookup.reveal(), request, OWNER_CARD, card("host").endpoint, NOW)
    return {
        "words": words,
        "capsule": capsule.rstrip(b"\0").hex(),
        "page": page.hex(),
        "asked": asked.signature.hex(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
