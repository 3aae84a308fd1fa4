"""A home comes back to a new box: the pages of a kit, of the way home, of helping, as people see them."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

import pytest

from firmware.errors import Locked, NoFriendReached, NothingForKit, WeakPassphrase
from services.api.restore_types import RestoreBegun, RestoreBox, RestoreContact, RestoreIs, RestoreNear, RestoreStatus
from services.api.types import Passphrase, Role
from tests.web import restores_made_up as made
from tests.web.circle_made_up import DAY_MS, MEMBER, NOW_MS, MadeUpFront, front


@pytest.fixture(scope="module")
def served() -> Iterator[MadeUpFront]:
    with front() as found:
        yield found


@pytest.fixture
def web(served: MadeUpFront) -> MadeUpFront:
    """The owner's browser."""
    served.box.__init__()  # type: ignore[misc]
    served.be_member()
    return served


@pytest.fixture
def new(served: MadeUpFront) -> MadeUpFront:
    """Whoever typed the claim code of a new box."""
    served.box.__init__()  # type: ignore[misc]
    served.be_newcomer()
    served.box.answers |= {"restore_near": RestoreNear(), "offer": Passphrase("one two three four five")}
    return served


def test_a_kit_brings_a_locker_home_step_by_step(new: MadeUpFront) -> None:
    assert "Take your recovery kit." in new.page("/restore") and 'href="/regain"' in new.page("/restore")
    assert new.ask("GET", "/restore/friends")[2] == "/restore", "words come first"
    assert new.ask("POST", "/restore", words=made.WORDS.upper())[2] == "/restore/friends"
    new.box.answers["restore_near"] = RestoreNear((RestoreBox("Tom & Ana", made.CONTACT),))
    assert "On this network" in new.page("/restore/friends")
    new.box.answers["restore_look"] = NoFriendReached(asked=1)
    status, page, _ = new.ask("POST", "/restore/friends", contact=made.CONTACT)
    assert status == 503 and made.CONTACT in page and "None of 1 friends’ boxes answers." in page
    new.box.answers["restore_look"] = made.FOUND
    assert new.ask("POST", "/restore/friends", near=made.CONTACT)[2] == "/restore/found"
    assert new.box.asked[-1][1] == {"code": "CODE", "words": made.WORDS.upper(), "contacts": (made.CONTACT,)}
    page = unescape(new.page("/restore/found"))
    for said in ("newest copy", "older copy", "not used", "72 hours", "does not answer right now"):
        assert said in page, said
    assert new.ask("GET", "/restore/passphrase")[2] == "/restore/found", "names come first"
    assert new.ask("POST", "/restore/found", household="", name="Marta")[0] == 400
    assert new.ask("POST", "/restore/found", household="Novak home", name="Marta")[2] == "/restore/passphrase"
    assert "one" in new.page("/restore/passphrase")
    new.box.answers["restore"] = WeakPassphrase(why="it is short")
    assert new.ask("POST", "/restore/passphrase", once="a", offered="", passphrase="12")[0] == 400
    new.box.answers["restore"] = RestoreBegun(MEMBER, made.FOUND, "t")
    assert new.ask("POST", "/restore/passphrase", once="b", offered="", passphrase="x y z")[2] == "/restore/progress"
    assert new.ask("GET", "/restore")[2] == "/restore/progress", "she is home already"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("abandon " * 23, "these are 23"),
        (made.WORDS.replace("abandon art", "art abandon"), "together they are no recovery kit"),
        (made.WORDS.replace("art", "medow"), "“medow”"),
        (made.CONTACT, "the friends’ page"),
        ("lbk1abcdef", "ticket for a friends’ key"),
        ("lbx1abcdef", "an invitation"),
        ("https://example.org/menu", "web address"),
        ("K7QM-2XFD-9T00-0000", "label of a box"),
    ],
)
def test_what_is_no_kit_is_said_calmly_and_stays_typed(new: MadeUpFront, typed: str, said: str) -> None:
    status, page, _ = new.ask("POST", "/restore", words=typed)
    assert status == 400 and said in unescape(page) and (typed.split(maxsplit=1)[0] in page or typed == made.CONTACT)
    assert not new.box.asked, "nobody is asked with words that cannot be a kit"


def test_the_square_of_a_sheet_asks_friends_at_once(new: MadeUpFront) -> None:
    new.box.answers["restore_look"] = NothingForKit(asked=2)
    status, page, _ = new.ask("POST", "/restore", "de", words=f"{made.WORDS} {made.CONTACT}".upper())
    assert status >= 400 and "für diese 24 Wörter" in page and "Dein Blatt sagt" not in page
    new.box.answers["restore_look"] = made.FOUND
    assert new.ask("POST", "/restore", words=made.CONTACT)[0] == 400, "the friends' page first"
    assert new.ask("POST", "/restore", words=made.WORDS)[2] == "/restore/found", "it was kept"


def test_the_way_home_says_what_is_here_and_who_must_come_back(web: MadeUpFront) -> None:
    web.box.answers["restore_status"] = made.REST
    page = unescape(web.page("/restore/progress"))
    for said in ("Welcome back, Marta.", "Three of four friends have answered.", "24.4\u202fGB of 164\u202fGB",
                 "14,208 names and dates", "2 pieces were damaged there", "older copy", "Look around now"):  # fmt: skip
        assert said in page, said
    web.box.answers["restore_status"] = made.SHORT
    page = unescape(web.page("/restore/progress"))
    assert "The rest needs one of these: Tom & Ana, Grandma Ilse, Okafor home." in page and "3\u202fMB cannot" in page
    web.box.answers["restore_status"] = made.WAITS
    assert "Ich bin es" in web.page("/restore/progress", "de")
    web.box.answers["restore_status"] = made.DONE
    page = unescape(web.page("/restore/progress"))
    assert "Everything is home, Marta." in page and "Gave back what it kept" in page and "Was not needed" in page
    web.box.answers["restore_status"] = RestoreStatus(RestoreIs.NONE)
    assert web.ask("GET", "/restore/progress")[2] == "/home"


def test_before_the_names_are_here_every_page_leads_to_the_way_home(web: MadeUpFront) -> None:
    web.box.answers |= {"restore_status": made.NAMES_COME, "stats": Locked()}
    assert web.ask("GET", "/home")[2] == "/restore/progress"
    assert "opens here as soon as its names have arrived" in web.page("/restore/progress")
    web.box.answers["restore_status"] = RestoreStatus(RestoreIs.NONE)
    assert web.ask("GET", "/home")[2].startswith("/open"), "a locked locker leads to the door"


def test_whoever_helps_shows_where_the_box_is(web: MadeUpFront) -> None:
    assert 'href="/circle/help"' in web.page("/circle")
    web.box.answers["contact"] = RestoreContact(made.CONTACT, "Novak home", NOW_MS + DAY_MS)
    page = web.page("/circle/help")
    assert made.CONTACT in page and "<svg" in page and "Good until" in page
    web.box.role = Role.ADULT
    assert web.ask("GET", "/circle/help")[2] == "/circle"


def test_a_further_member_comes_with_her_own_kit(web: MadeUpFront) -> None:
    web.box.answers["offer"] = Passphrase("one two three four five")
    web.sure(False)
    assert web.ask("GET", "/members/restore")[2] == "/sure?then=/members/restore"
    web.sure(True)
    typed = {"words": made.WORDS, "contact": made.CONTACT, "name": "Elias", "passphrase": "x y z"}
    web.box.answers["restore_member"] = NothingForKit(asked=1)
    status, page, _ = web.ask("POST", "/members/restore", **typed)
    assert status >= 400 and made.CONTACT in page and "Elias" in page
    web.box.answers["restore_member"] = RestoreBegun(MEMBER, made.FOUND)
    assert web.ask("POST", "/members/restore", **typed)[2] == f"/members?returned={MEMBER}"
    assert web.box.asked[-1][1]["contacts"] == (made.CONTACT,)
    assert web.ask("POST", "/members/restore", **(typed | {"words": "one two"}))[0] == 400
