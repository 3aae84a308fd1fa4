"""The golden capsule and its page are read the same by the product and by a reader written from the documents alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag

from firmware.backup.book import open_page
from firmware.peer.capsules import open_capsule
from firmware.peer.kit_asking import check_question, kit_question
from firmware.peer.kits import open_circle
from firmware.seal import KeyFile, KitUse, SigningKey, kit_key, open_with_words
from tests.vectors import second_kit_reader as second
from tests.vectors.make_kit_v1 import BOXES, FILE, PACKS, PAGE, part
from tests.vectors.peer_examples import NOW, OWNER_CARD, card

GOLDEN: dict[str, str] = json.loads(FILE.read_text())
WORDS, SEALED = GOLDEN["words"], bytes.fromhex(GOLDEN["page"])
CAPSULE = bytes.fromhex(GOLDEN["capsule"]).ljust(second.SIZE, b"\0")


def test_the_product_reads_what_it_wrote_on_the_first_day() -> None:
    filling, root = open_capsule(CAPSULE, WORDS)
    secrets = open_with_words(KeyFile.parse(filling.key_file), WORDS)
    assert (filling.number, root.number) == (NOW, 3)
    assert open_circle(CAPSULE, filling, secrets.inbox_seed) == part(SEALED)
    assert open_page(SEALED, secrets.inbox_seed, filling.locker) == PAGE


def test_the_second_reader_reads_the_same() -> None:
    found = second.read_capsule(CAPSULE, WORDS)
    assert (found["number"], found["kit"], found["circle"], found["written_ms"], found["head"]) == (
        NOW, 3, NOW + 5, NOW + 4, 7,
    )  # fmt: skip
    assert found["friends"] == list(zip(BOXES, ("Anna", ""), strict=True))
    told = part(SEALED).pages[0]
    assert found["pages"] == [(told.shard, told.size, list(told.peers))]
    page: dict[str, Any] = second.read_page(SEALED, found["inbox"], found["locker"])
    assert (page["number"], page["written_ms"]) == (4, NOW)
    for row, pack in zip(page["packs"], PACKS, strict=True):
        *values, places = row
        assert values == [
            pack.pack, pack.prelude, pack.kind, pack.size, pack.digest, pack.precious, pack.k, pack.n,
        ]  # fmt: skip
        assert places == [(each.index, each.shard, each.peer) for each in pack.shards]


def test_both_check_the_question_alike() -> None:
    request = SigningKey.from_seed(kit_key(WORDS, KitUse.REQUEST))
    lookup, host = kit_key(WORDS, KitUse.LOOKUP).reveal(), card("host").endpoint
    asked = kit_question(lookup, request, OWNER_CARD, host, NOW)
    assert asked.signature.hex() == GOLDEN["asked"]
    check_question(asked, host, request.public)
    said = {"lookup": lookup, "card": OWNER_CARD, "time_ms": NOW, "signature": asked.signature}
    second.check_question(said, host, request.public)
    with pytest.raises(InvalidSignature):
        second.check_question(said, blake3(b"another host").digest(), request.public)


def test_the_second_reader_opens_nothing_for_others() -> None:
    found = second.read_capsule(CAPSULE, WORDS)
    with pytest.raises(InvalidTag):
        second.read_page(SEALED, found["inbox"], bytes(16))
    changed = bytearray(CAPSULE)
    changed[len(CAPSULE.rstrip(b"\0")) - 1] ^= 1  # the last byte of the circle part's signature
    for each in (changed, bytes(CAPSULE[:-1]) + b"\1"):
        with pytest.raises((InvalidSignature, AssertionError)):
            second.read_capsule(bytes(each), WORDS)
