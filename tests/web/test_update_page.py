"""New versions as people see them: what runs, what is ready and when, what happened last time; owners say now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from firmware.errors import NothingNew, Unreachable
from services.api.box_types import Said, Update, UpdateOffer, UpdateReturned, UpdateStep
from services.api.types import Role
from tests.web.circle_made_up import DAY_MS, NOW_MS, MadeUpFront, front

NEWEST = Update("0.1.0", "rpi4", "2028-11-20", UpdateStep.NONE, True, "02:00", "05:00", NOW_MS - DAY_MS, "", None, None)
OFFER = UpdateOffer(
    "0.2.0", 239_000_000, False, (Said("de", "Fotos öffnen schneller."), Said("en", "Photos open faster.")), ()
)
READY = replace(NEWEST, step=UpdateStep.WAITING, offer=OFFER)
BACK = replace(NEWEST, offer=OFFER, returned=UpdateReturned("0.2.0", "silent", ""))


@pytest.fixture(scope="module")
def served() -> Iterator[MadeUpFront]:
    with front() as found:
        yield found


@pytest.fixture
def web(served: MadeUpFront) -> MadeUpFront:
    served.box.__init__()  # type: ignore[misc]
    served.box.answers["update"] = NEWEST
    return served


@pytest.mark.parametrize(
    ("found", "english", "german"),
    [
        (NEWEST, "newest version.", "neueste Version."),
        (READY, "tonight, between 02:00 and 05:00", "Fotos öffnen schneller."),
        (replace(READY, automatic=False), "until an owner says now", "Besitzer jetzt sagt"),
        (replace(READY, step=UpdateStep.FETCHING), "on its way", "unterwegs"),
        (replace(READY, step=UpdateStep.WRITING), "is being written", "wird geschrieben"),
        (replace(NEWEST, step=UpdateStep.TRYING), "on trial", "zur Probe"),
        (BACK, "That version did not start.", "startete nicht"),
        (replace(NEWEST, refused="release-unsigned"), "Too few of the people", "Zu wenige"),
        (replace(NEWEST, refused="full"), "Your box looks again", "schaut von selbst"),
    ],
)
def test_the_page_says_what_is_the_case(web: MadeUpFront, found: Update, english: str, german: str) -> None:
    web.box.answers["update"] = found
    for language, wanted in (("en", english), ("de", german)):
        page = unescape(web.page("/box/update", language))
        assert wanted in page and found.version in page and "2028" in page
        assert "{" not in page.partition("</h1>")[2].partition("</main>")[0]


def test_what_the_box_has_already_is_no_news(web: MadeUpFront) -> None:
    web.box.answers["update"] = replace(NEWEST, refused="release-older")
    assert "left an offer alone" not in web.page("/box/update")


def test_a_box_from_a_folder_says_so(web: MadeUpFront) -> None:
    web.box.answers["update"] = Unreachable(what="the box itself")
    page = unescape(web.page("/box/update"))
    assert "runs from a folder" in page and 'name="do"' not in page


def test_an_owner_says_when_and_now_and_nobody_else(web: MadeUpFront) -> None:
    web.box.answers |= {"update": READY, "update_now": READY, "set_update": READY}
    assert web.ask("POST", "/box/update", do="now")[::2] == (303, "/box/update?done=now")
    assert web.ask("POST", "/box/update", do="hours", begins="01:00", ends="04:00")[::2] == (
        303,
        "/box/update?done=hours",
    )
    assert ("set_update", {"automatic": False, "begins": "01:00", "ends": "04:00"}) in web.box.asked
    web.box.answers["update_now"] = NothingNew()
    status, body, _ = web.ask("POST", "/box/update", do="now")
    assert status == NothingNew.http and "There is no newer version." in unescape(body)
    web.box.role = Role.ADULT
    assert 'name="do"' not in web.page("/box/update")


SHOTS = {"update": ("/box/update", {"update": READY}), "update-back": ("/box/update", {"update": BACK})}
"""For whoever draws the page."""
