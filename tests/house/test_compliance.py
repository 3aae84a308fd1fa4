"""What the box says of EN 303 645 is complete, and every test it leans on is there."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.house.claims import exists
from tests.house.compliance import MANDATORY, STATES, Provision, provisions
from tests.house.tree import ROOT, files


def test_every_mandatory_provision_is_answered() -> None:
    names = [each.name for each in provisions()]
    assert len(names) == len(set(names)) == len(MANDATORY)
    assert set(names) == MANDATORY


@pytest.mark.parametrize("each", provisions(), ids=lambda each: each.name)
def test_a_state_has_what_it_needs(each: Provision) -> None:
    assert each.state in STATES and each.status in ("M", "MC") and each.asks
    assert not [test for test in each.tests if not exists(test)]
    shows = bool(each.tests and each.does)
    lacks = bool(each.missing)
    expected = {
        "shown": (True, False),
        "partly": (True, True),
        "not yet": (False, True),
        "not applicable": (False, True),
    }
    assert (shows, lacks) == expected[each.state]


def test_the_policy_says_contact_and_times() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert re.search(r"private security advisory", text)
    assert re.search(r"within (seven|\d+) days", text) and re.search(r"within 90", text)


def test_no_board_brings_drivers_of_microphones_or_cameras() -> None:
    boards = [path for path in files() if path.parts[:2] == ("image", "boards")]
    assert boards
    for path in boards:
        left_out = tomllib.loads((ROOT / path).read_text())["modules_left_out"]
        assert {"sound", "drivers/media"} <= set(left_out), path
