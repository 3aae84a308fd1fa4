"""The status table is computed, and every test it leans on exists."""

from __future__ import annotations

import pytest

from tests.house import claims
from tests.house.tree import ROOT


def test_the_status_table_is_current() -> None:
    readme = (ROOT / "README.md").read_text()
    assert claims.START in readme
    assert claims.written(readme) == readme, "run: .venv/bin/python -m tests.house.claims --write"


@pytest.mark.parametrize("claim", claims.claims(), ids=lambda claim: claim.id)
def test_every_claim_names_tests_that_exist(claim: claims.Claim) -> None:
    assert not [test for test in claim.tests if not claims.exists(test)]


def test_a_test_that_is_not_there_is_noticed() -> None:
    assert claims.exists("tests/house/test_claims.py::test_a_test_that_is_not_there_is_noticed")
    assert not claims.exists("tests/house/test_claims.py::test_nobody_wrote_this")
    assert not claims.exists("tests/nowhere.py::test_nobody_wrote_this")
    assert not claims.exists("tests/house/test_claims.py")
