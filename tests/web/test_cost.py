"""What the box costs, as people see it: measured and estimated apart, the owner's figures kept or said why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from services.api.cost_types import CostModel, Costs, ServiceUse
from services.api.types import Role
from tests.web.circle_made_up import DAY_MS, GB, NOW_MS, MadeUpFront, front

MODEL = CostModel(1.6, 0.85, 0.31, "€", 150.0)
FOUND = Costs(
    NOW_MS - 30 * DAY_MS, 30 * 86_400,
    (ServiceUse("lockerd", 5210.5, 12 * GB), ServiceUse("webd", 812.0, 0), ServiceUse("supervisor", 3.0)),
    12 * GB, MODEL, 14.4, 0.21, 31 * GB, 4.47, 146 * GB, 377 * GB, 398.2,
)  # fmt: skip
EARLY = replace(FOUND, seconds=3600, written_year=None, disk_written_year=None, disk_years=None, money_year=None)


@pytest.fixture(scope="module")
def served() -> Iterator[MadeUpFront]:
    with front() as found:
        yield found


@pytest.fixture
def web(served: MadeUpFront) -> MadeUpFront:
    served.box.__init__()  # type: ignore[misc]
    served.box.answers["costs"] = FOUND
    return served


@pytest.mark.parametrize(("language", "heading"), [("en", "14.4 kWh a year, 4.47"), ("de", "14,4 kWh im Jahr, 4,47")])
def test_measured_and_estimated_stand_apart(web: MadeUpFront, language: str, heading: str) -> None:
    page = unescape(web.page("/box/cost", language))
    assert heading in page and "398" in page and "146" in page and "377" in page
    assert "{" not in page.partition("</h1>")[2].partition("</main>")[0]


def test_what_cannot_be_said_yet_is_not_said(web: MadeUpFront) -> None:
    web.box.answers["costs"] = EARLY
    page = unescape(web.page("/box/cost"))
    assert "too early to say" in page and "a full day first" in page and "€" not in page.partition("</h1>")[0]
    assert "cannot be read" in page, "the supervisor's bytes"


def test_an_owner_says_what_holds_for_her_box(web: MadeUpFront) -> None:
    typed = {"price": "0,31", "watts_idle": "3", "watts_core": "1.2", "endurance_tb": "0", "currency": "CHF"}
    assert web.ask("POST", "/box/cost", **typed)[::2] == (303, "/box/cost?done=1")
    kept = {"price": 0.31, "watts_idle": 3.0, "watts_core": 1.2, "endurance_tb": 0.0, "currency": "CHF"}
    assert ("set_costs", kept) in web.box.asked
    status, body, _ = web.ask("POST", "/box/cost", **(typed | {"price": "much"}))
    assert status == 400 and 'value="much"' in body and 'role="alert"' in body
    web.box.role = Role.ADULT
    assert "/box/cost" not in unescape(web.page("/box/cost")).partition("<h1")[2].partition("</main>")[0]


SHOTS = {"cost": ("/box/cost", {"costs": FOUND}), "cost-early": ("/box/cost", {"costs": EARLY})}
"""For whoever draws the page."""
