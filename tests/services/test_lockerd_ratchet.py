"""The clock of promises that end on a day, and the household file over versions and power cuts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware.errors import Damaged, LastOwner, NewerFormat
from services.api.types import Role
from services.lockerd.household import Household, Member, unguarded
from services.lockerd.ratchet import Ratchet

HOUR = 3_600_000
ADA = Member("a" * 16, "Ada", Role.OWNER, 5)
CLEO = Member("c" * 16, "Cleo", Role.CHILD, 6, ADA.id, "2031-05-24")


class Clock:
    """Time as tests want it."""

    ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def ticks_ns(self) -> int:
        return self.ms * 1_000_000


def test_time_never_goes_back_over_a_restart(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "clock"
    ratchet = Ratchet(path, clock)
    start = ratchet.now_ms()
    written = path.read_bytes()
    clock.ms += HOUR - 1
    ratchet.now_ms()
    assert path.read_bytes() == written  # once an hour is enough
    clock.ms += 1
    assert ratchet.now_ms() == start + HOUR
    clock.ms -= 100 * HOUR
    assert ratchet.now_ms() == start + HOUR
    assert Ratchet(path, clock).now_ms() == start + HOUR
    assert ratchet.today() == Ratchet(path, clock).today()
    for broken in (b"", b"{", b"[1]", b'{"latest_ms": "soon"}'):
        path.write_bytes(broken)
        assert Ratchet(path, clock).now_ms() == clock.ms


def test_a_household_file_of_the_first_format_is_read_and_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "household.json"
    old = {"format": 1, "household": "Elm", "members": [{"id": ADA.id, "name": "Ada", "role": "owner"}]}
    file.write_text(json.dumps(old))
    house = Household(tmp_path)
    assert house.members == (Member(ADA.id, "Ada", Role.OWNER),) and house.left == ()
    house.add(CLEO)
    assert json.loads(file.read_text())["format"] == 2
    again = Household(tmp_path)
    assert again.members[1] == CLEO and again.wards_of(ADA.id) == [CLEO]
    file.write_text(json.dumps(old | {"format": 3}))
    with pytest.raises(NewerFormat):
        Household(tmp_path)
    file.write_text(json.dumps(old | {"members": [{"id": 1}]}))
    with pytest.raises(Damaged):
        Household(tmp_path)


def test_who_leaves_is_remembered_until_her_locker_is_out_and_wards_are_free(tmp_path: Path) -> None:
    ben = Member("b" * 16, "Ben", Role.ADULT)
    ward = Member("d" * 16, "Dan", Role.CHILD, 7, ben.id, "2031-05-24")
    house = Household(tmp_path)
    house.found("Elm", ADA)
    for one in (ben, ward):
        house.add(one)
    with pytest.raises(LastOwner):
        house.remove(ADA)
    house.remove(ben)
    again = Household(tmp_path)
    assert again.left == (ben.id,) and [one.id for one in again.members] == [ADA.id, ward.id]
    assert again.members[1] == unguarded(ward) and again.members[1].unguarded
    again.moved_out(ben.id)
    assert Household(tmp_path).left == ()
