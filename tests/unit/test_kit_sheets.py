"""When a kit must be looked at or printed, who stands on its page, and how its square is read again."""

from __future__ import annotations

import pytest

from firmware.backup import Peer
from firmware.limits import KIT_CONTACT_CHARS
from firmware.model.kit_sheets import KitNeed, Sheet, needs, of_kit, reachable
from firmware.peer import Card
from firmware.peer.contacts import contact_text, read_contact
from firmware.seal import Secret, SigningKey
from services.api.kit_words import contact_on_sheet, listed, words_on_sheet
from services.peerd.kit_calls import chosen_for_paper

A, B, C = (bytes([each]) * 32 for each in (1, 2, 3))
DAY = 86_400_000
PROVEN = Sheet(2, proven_ms=5, printed_ms=5, friends=(A, B))


@pytest.mark.parametrize(
    ("number", "sheet", "friends", "found"),
    [
        (0, Sheet(), {}, (KitNeed.NO_KIT,)),
        (1, Sheet(1), {}, (KitNeed.UNPROVEN,)),
        (1, Sheet(1, proven_ms=5), {}, ()),
        (1, Sheet(1, proven_ms=5), {A: True}, (KitNeed.FRIENDS,)),
        (1, Sheet(1, proven_ms=5), {A: False}, ()),
        (2, PROVEN, {A: True, B: True, C: True}, ()),
        (2, PROVEN, {A: True, B: False, C: True}, (KitNeed.FRIENDS,)),
        (2, PROVEN, {A: True, B: False, C: False}, ()),
        (2, PROVEN, {A: False, C: True}, (KitNeed.FRIENDS,)),
        (3, PROVEN, {A: True, B: True}, (KitNeed.UNPROVEN, KitNeed.FRIENDS)),
    ],
)
def test_a_page_is_printed_only_when_it_must_be(
    number: int, sheet: Sheet, friends: dict[bytes, bool], found: tuple[KitNeed, ...]
) -> None:
    assert needs(number, sheet, friends) == found
    assert of_kit(sheet, sheet.number) == sheet and of_kit(sheet, 9) == Sheet(9)


def test_who_was_heard_within_a_month_can_begin() -> None:
    assert reachable(0, 30 * DAY, online=False, gone=False) and not reachable(0, 30 * DAY + 1, online=False, gone=False)
    assert reachable(0, 99 * DAY, online=True, gone=False) and not reachable(0, 0, online=True, gone=True)


def card(number: int, *addresses: str, relay: str | None = None) -> tuple[bytes, bytes]:
    key = SigningKey.from_seed(Secret(bytes([number]) * 32))
    made = Card(bytes([number]) * 32, key.public, f"Friend {number}", 1 << 40, addresses, relay, 1)
    return key.public, made.signed(key)


def test_the_page_names_who_can_be_dialled_from_anywhere_first_and_is_bounded() -> None:
    home = dict(card(each, f"192.168.1.{each}:4919") for each in range(1, 6))
    far, near_relay = card(8, "8.8.8.8:4919"), card(9, "10.0.0.1:4919", relay="https://relay.example")
    signed = home | dict([far, near_relay])
    peers = {key: Peer(at, key) for at, key in enumerate(signed, 1)}
    chosen = chosen_for_paper(signed, peers)
    assert {far[0], near_relay[0]} == set(chosen[:2]) and 2 <= len(chosen) < len(signed)
    text = contact_text([signed[key] for key in chosen])
    assert len(text) <= KIT_CONTACT_CHARS
    assert [each.box for each in read_contact(text.upper())] == chosen
    peers[far[0]].household = peers[near_relay[0]].household = "one home"
    assert len({peers[each].home for each in chosen_for_paper(signed, peers)[:2]}) == 2
    assert chosen_for_paper({}, {}) == []


def test_the_square_holds_words_and_friends() -> None:
    words = " ".join(listed()[:24])
    contact = contact_text([card(1, "8.8.8.8:4919")[1]])
    square = f"{words} {contact}".upper()
    assert words_on_sheet(square).lower() == words and contact_on_sheet(square) == contact
    assert words_on_sheet(words) == words and contact_on_sheet(words) == contact_on_sheet("") == ""
