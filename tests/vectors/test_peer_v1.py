"""What boxes said on the first day they still say, byte for byte; the page has the messages as the code does."""

from __future__ import annotations

import json

from firmware.peer.frames import FRAME_KEYS
from firmware.peer.messages import ALL
from tests.house.tree import ROOT
from tests.vectors.make_peer_v1 import FILE, vectors
from tests.vectors.peer_cddl import rules
from tests.vectors.peer_examples import EXAMPLES


def test_every_frame_signature_and_pairing_is_as_on_the_first_day() -> None:
    frozen, now = json.loads(FILE.read_text()), vectors()
    for part in ("frames", "signed", "words", "pairing"):
        assert frozen[part] == now[part]


def test_every_message_has_an_example_and_none_uses_a_key_of_the_frame() -> None:
    assert {type(each[0]) for each in EXAMPLES} == set(ALL)
    for request in ALL:
        assert not (FRAME_KEYS | {"v", "op", "ok", "err", "family", "say"}) & set(request.__dataclass_fields__)
        assert not (FRAME_KEYS | {"v", "ok", "err", "family", "say"}) & set(request.ANSWER.__dataclass_fields__)


def test_the_page_has_the_rules_of_the_code() -> None:
    page = (ROOT / "docs/formats/peer.md").read_text()
    assert not [rule for rule in rules() if f"\n{rule}\n" not in page], "run: python -m tests.vectors.peer_cddl"
