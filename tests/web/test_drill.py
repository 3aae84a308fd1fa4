"""Rehearsals, friends' lockers in care and the living circle as people see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from firmware.errors import Missing
from services.api.circle_types import InCare
from services.api.drill_types import Drill, DrillDoes, DrillFriend, DrillIs
from services.api.types import Role
from tests.web.circle_made_up import DAY_MS, NOW_MS, MadeUpFront, away, circle, friend, front
from webui.pages.live import circle_mark

ANNA, BEN, CEM = (friend(number).peer for number in range(3))
MB = 1_000_000
GAVE = DrillFriend(ANNA, "Anna", 9, 3 * MB), DrillFriend(BEN, "Ben", 9, 3 * MB)
PASSED = Drill(
    "0" * 32, DrillIs.PASSED, NOW_MS - 3 * DAY_MS, NOW_MS + 87 * DAY_MS, packs=9, size=6 * MB, opened=True, files=120,
    file_bytes=5 * MB, friends=GAVE,
)  # fmt: skip


@pytest.fixture(scope="module")
def served() -> Iterator[MadeUpFront]:
    with front() as found:
        yield found


@pytest.fixture
def web(served: MadeUpFront) -> MadeUpFront:
    served.box.__init__()  # type: ignore[misc]
    return served


def shown(web: MadeUpFront, drill: Drill, language: str = "en") -> str:
    web.box.answers["drill"] = drill
    return unescape(web.page("/circle/drill", language))


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("state", list(DrillIs))
def test_every_end_is_a_fact_and_says_what_to_do(web: MadeUpFront, state: DrillIs, language: str) -> None:
    friends = (
        replace(GAVE[0], wrong=1), replace(GAVE[1], missing=2), DrillFriend(CEM, "Cem", 0, 0, away=True)
    )  # fmt: skip
    drill = replace(PASSED, state=state, ended_ms=0 if state is DrillIs.NEVER else NOW_MS - DAY_MS, friends=friends)
    page = shown(web, drill, language)
    assert "{" not in page.partition("</h1>")[2].partition("</main>")[0]
    needs = state in (DrillIs.SHORT, DrillIs.FAILED)
    main = page.partition("</h1>")[2].partition("</main>")[0]
    assert ('class="said need' in main) == needs
    if state is DrillIs.SHORT:
        assert "Cem" in main.partition('class="said need')[2].partition("</div>")[0]


def test_a_locker_is_called_closed_only_where_packs_came_back_and_stayed_shut(web: MadeUpFront) -> None:
    closed = "none: the locker was closed"
    assert closed in shown(web, replace(PASSED, opened=False, files=0))
    assert closed not in shown(web, replace(PASSED, state=DrillIs.SHORT, opened=False, packs=0, size=0, files=0))


def test_home_and_circle_say_what_came_back_from_whom(web: MadeUpFront) -> None:
    said = "120 files came back from Anna and Ben alone, bit for bit."
    assert said in shown(web, PASSED)
    assert said in unescape(web.page("/circle"))
    web.box.role = Role.ADULT
    assert said in unescape(web.page("/circle")), "everybody sees how her own locker would come back"
    sealed = replace(PASSED, opened=False, files=0)
    assert "9 sealed packs came back whole from Anna and Ben alone" in shown(web, sealed)
    web.box.answers["drill"] = Drill("0" * 32, DrillIs.NEVER)
    assert "rehearsal" not in web.page("/circle")


def test_a_person_may_ask_for_one(web: MadeUpFront) -> None:
    assert "Rehearse now" in shown(web, PASSED)
    web.box.answers["drill_now"] = PASSED
    assert web.ask("POST", "/circle/drill")[::2] == (303, "/circle/drill")
    assert ("drill_now", {}) in web.box.asked
    running = shown(web, replace(PASSED, does=DrillDoes.FETCHING, done=3, of=9))
    assert "3 of 9" in running and "Rehearse now" not in running and 'http-equiv="refresh"' in running
    nothing = shown(web, Drill("0" * 32, DrillIs.NEVER))
    assert "Rehearse now" not in nothing and "nothing to rehearse" in nothing
    web.box.answers["drill_now"] = Missing(what="pack with friends")
    status, body, _ = web.ask("POST", "/circle/drill")
    assert status == 404 and 'role="alert"' in body


@pytest.mark.parametrize("language", ["en", "de"])
def test_what_is_in_care_is_shown_with_those_in_need_first(web: MadeUpFront, language: str) -> None:
    calm = InCare(ANNA, "1" * 32, 40, 2 * DAY_MS, False, 0, 0, 0)
    acting = InCare(BEN, "2" * 32, 40, 20 * DAY_MS, True, 2, 5, 12)
    web.box.circle = circle(friend(0), away(1, 500), care=(calm, acting))
    assert "/circle/care" in web.page("/circle")
    page = unescape(web.page("/circle/care", language))
    assert page.index(friend(1).label) < page.index(friend(0).label)
    assert "12" in page and "20" in page and "{" not in page.partition("</h1>")[2].partition("</main>")[0]
    web.box.circle = circle(friend(0))
    assert "/circle/care" not in web.page("/circle")
    assert web.page("/circle/care", language)


def test_the_mark_changes_with_what_people_see() -> None:
    six = circle(*(friend(number) for number in range(6)))
    assert circle_mark(six) == circle_mark(replace(six, peers=tuple(replace(each, rtt_ms=9) for each in six.peers)))
    assert circle_mark(six) != circle_mark(circle(*(friend(number) for number in range(5)), away(5, 70)))
    assert circle_mark(six) != circle_mark(replace(six, moving=True))
