"""Where friends' boxes are, as text: read back exactly, and every slip is noticed before anybody is called."""

from __future__ import annotations

import pytest

from firmware.errors import ContactMistyped, NewerFormat
from firmware.peer import Card
from firmware.peer.contacts import contact_text, read_contact
from firmware.peer.invitations import ticket_text
from firmware.seal import Secret, SigningKey


def card(number: int) -> bytes:
    by = SigningKey.from_seed(Secret(bytes([number]) * 32))
    return Card(bytes([number]) * 32, by.public, f"box {number}", 1 << 50, ("192.0.2.7:4919",), None, 1).signed(by)


def test_a_contact_names_the_boxes_it_was_made_of() -> None:
    text = contact_text([card(1), card(2)])
    assert [each.label for each in read_contact(text)] == ["box 1", "box 2"]
    assert [each.label for each in read_contact(f"https://box.example/restore#{text.upper()}")] == ["box 1", "box 2"]
    broken = "\n".join(text[at : at + 40] for at in range(0, len(text), 40))
    assert len(read_contact(broken)) == 2
    invitation = ticket_text(card(3), Secret(bytes(16)), 1)
    assert [each.label for each in read_contact(invitation)] == ["box 3"]


def test_every_slip_is_noticed() -> None:
    text = contact_text([card(1)])
    other = "b" if text[60] != "b" else "c"
    for wrong in ("", "six plain words", text[:-2], text[:60] + other + text[61:], "lbh1", "lbx1aaaa"):
        with pytest.raises(ContactMistyped):
            read_contact(wrong)
    with pytest.raises(NewerFormat):
        read_contact(text.replace("lbh1", "lbh2"))
    with pytest.raises(ValueError, match="few boxes"):
        contact_text([])
    with pytest.raises(ValueError, match="few boxes"):
        contact_text([card(1)] * 9)
