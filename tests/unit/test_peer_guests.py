"""What friends say of each other's boxes is kept over a restart, and what they take back stays taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.linux.circle_rows import CircleRows
from firmware.peer import Card, Introduction
from firmware.peer.messages import Role
from firmware.seal import Secret, SigningKey
from services.peerd.guests import Guests

OWNER, NOW = b"o" * 32, 1 << 40
SIGNER = SigningKey.from_seed(Secret(b"g" * 32))
CARD = Card(b"e" * 32, SIGNER.public, "box", NOW, ("192.0.2.7:4919",), None, 1)


def said(role: Role, roof: int | None) -> Introduction:
    return Introduction(CARD, CARD.signed(SIGNER), role, NOW, roof)


@pytest.mark.parametrize("later", [said(Role.HOST, None), said(Role.NOBODY, None)])
def test_a_household_that_is_taken_back_stays_so_over_a_restart(tmp_path: Path, later: Introduction) -> None:
    with CircleRows(tmp_path / "circle.db") as rows:
        guests = Guests(rows)
        guests.take(OWNER, said(Role.HOST, 3), NOW)
        assert Guests(rows).roofs(OWNER) == guests.roofs(OWNER) == {SIGNER.public: 3}
        guests.take(OWNER, later, NOW)
        assert Guests(rows).roofs(OWNER) == guests.roofs(OWNER) == {}
        assert len(Guests(rows).of(OWNER)) == (later.role is not Role.NOBODY)
