"""Shelves as people see them: every state a fact and a reason, every button asks for one thing, errors are said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from firmware.errors import ShelfOwnDisk
from services.api.circle_types import PackState, SafetyIs
from services.api.shelf_types import Carried, DiskIs, MountedDisk, Shelf, ShelfIs, ShelfTaken, Shelves
from services.api.types import Role
from tests.web.circle_made_up import DAY_MS, GB, HOUR_MS, NOW_MS, MadeUpFront, circle, friend, front
from webui.files import HOME
from webui.language import Languages
from webui.pages.copies import on_shelf

ID = "5e" * 16
PEER = friend(0).peer


def shelf(**more: object) -> Shelf:
    """A shelf with everything on it, unless told otherwise."""
    made = Shelf(
        ID, "Cellar", ShelfIs.WHOLE, True, "/media/usb", 164 * GB, 9000, 0, 2000 * GB, 1700 * GB,
        NOW_MS - 1000, NOW_MS - HOUR_MS, NOW_MS - 9 * DAY_MS, 0,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


AWAY = shelf(state=ShelfIs.AWAY, is_there=False, seen_ms=NOW_MS - 3 * DAY_MS)
OLD = shelf(state=ShelfIs.AWAY, is_there=False, seen_ms=NOW_MS - 40 * DAY_MS)
WRITING = shelf(
    state=ShelfIs.WRITING, waits=60 * GB, done=30 * GB, of=90 * GB, is_slow=True, rate=3_000_000, is_fat=True
)
FREE = MountedDisk("/media/stick", DiskIs.FREE, "exfat", 500 * GB, 480 * GB, False)
BRINGS = MountedDisk("/media/car", DiskIs.CARRIES, "ext4", 500 * GB, 100 * GB, False, "Tom & Ana")


@pytest.fixture(scope="module")
def served() -> Iterator[MadeUpFront]:
    with front() as found:
        yield found


@pytest.fixture
def web(served: MadeUpFront) -> MadeUpFront:
    """The owner's browser."""
    served.box.__init__()  # type: ignore[misc]
    served.box.answers["shelves"] = Shelves((), (), 164 * GB)
    return served


def shown(web: MadeUpFront, *shelves: Shelf, disks: tuple[MountedDisk, ...] = (), language: str = "en") -> str:
    web.box.answers["shelves"] = Shelves(shelves, disks, 164 * GB)
    return unescape(web.page("/circle/shelf", language))


@pytest.mark.parametrize("state", list(ShelfIs))
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_state_is_a_fact_and_a_reason(web: MadeUpFront, state: ShelfIs, language: str) -> None:
    page = shown(web, shelf(state=state, is_there=state is not ShelfIs.AWAY, waits=GB), language=language)
    words = Languages(HOME / "locales").choose(language, None).words
    assert words[f"shelf.is.{state.value}"].split("{")[0] in page
    assert words[f"shelf.is.{state.value}.text"].split("{")[0] in page
    assert "{" not in page.partition("</h1>")[2].partition("</main>")[0]


def test_a_shelf_that_was_away_for_long_needs_a_look_one_that_is_away_does_not(web: MadeUpFront) -> None:
    assert 'class="card spaced shelf safe"' in shown(web, AWAY)
    assert 'class="card spaced shelf need"' in (page := shown(web, OLD))
    assert "Plug it in for a while" in page
    assert 'value="check"' not in page, "what is not there cannot be checked"
    page = shown(web, WRITING)
    assert "it goes on next time" in page
    assert "It is slow" in page
    assert "FAT" in page


def test_disks_are_offered_and_taken(web: MadeUpFront) -> None:
    page = shown(web, disks=(FREE, BRINGS, replace(FREE, at="/media/other", state=DiskIs.OTHER)))
    assert page.count('value="add"') == 1
    assert "brings sealed shards from Tom & Ana" in page
    assert web.ask("POST", "/circle/shelf", do="add", at="/media/stick", label=" Attic ")[0] == 303
    assert web.box.asked[-1] == ("shelf_add", {"at": "/media/stick", "label": "Attic"})
    web.box.answers["shelf_add"] = ShelfOwnDisk()
    status, body, _ = web.ask("POST", "/circle/shelf", do="add", at="/", label="x")
    assert (status, "lost together with it" in body) == (400, True)
    web.box.answers["shelf_take"] = ShelfTaken(PEER, "Tom & Ana", 120, 3, 2, 90 * GB, "")
    status, body, _ = web.ask("POST", "/circle/shelf", do="take", at="/media/car")
    assert status == 200
    assert "2 shards stayed on the disk" in body


def test_every_button_asks_for_one_thing(web: MadeUpFront) -> None:
    page = shown(web, shelf(carries=(Carried(PEER, "Lindqvist family", 70 * GB, 0),)))
    assert "Carries 70\u202fGB for Lindqvist family." in page
    for fields, asked in (
        ({"do": "now"}, ("shelf_now", {"id": ID, "check": False})),
        ({"do": "check"}, ("shelf_now", {"id": ID, "check": True})),
        ({"do": "drop"}, ("shelf_drop", {"id": ID})),
        ({"do": "carry", "peer": PEER}, ("shelf_carry", {"id": ID, "peer": PEER})),
    ):
        assert web.ask("POST", "/circle/shelf", id=ID, **fields)[0] == 303
        assert web.box.asked[-1] == asked
    for wrong in ({"do": "dance"}, {"do": "now", "id": "../x"}, {"do": "carry", "id": ID, "peer": "x"}):
        assert web.ask("POST", "/circle/shelf", **wrong)[0] == 400


def test_who_owns_no_box_looks_on(web: MadeUpFront) -> None:
    web.box.role = Role.ADULT
    page = shown(web, shelf(), disks=(FREE,))
    assert "Cellar" in page
    assert "<button" not in page.partition("<h1")[2].partition("</main>")[0]


def test_a_record_on_a_shelf_says_so_and_never_safe_with_friends() -> None:
    language = Languages(HOME / "locales").fallback
    told = on_shelf(PackState(SafetyIs.HERE, shelf="Cellar", shelf_ms=NOW_MS - 3 * DAY_MS), language, NOW_MS)
    assert told.state == "shelf"
    assert "shelf" in told.badge
    assert "Cellar" in told.line
    assert "friends" not in told.badge + told.line + told.title


def test_the_way_there(web: MadeUpFront) -> None:
    assert "/circle/shelf" in web.page("/circle")
    web.box.circle = circle()
    assert "/circle/shelf" in web.page("/circle")
