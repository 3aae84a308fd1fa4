"""A key split among friends, as people see it: splitting, saying no, helping somebody back, a stolen box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from firmware.errors import Missing, StepUpNeeded, TicketMistyped, WordsDoNotMatch, WrongClaimCode
from services.api.circle_types import LockerSafety
from services.api.key_types import KeyMade, Keys, RegainAt, StolenBox, TheftHeard
from services.api.types import Role
from tests.web import keys_made_up as made
from tests.web.circle_made_up import NOW_MS, MadeUpFront, front
from webui.pages.regain import HANDLE_COOKIE


@pytest.fixture(scope="module")
def served() -> Iterator[MadeUpFront]:
    with front() as found:
        yield found


@pytest.fixture
def web(served: MadeUpFront) -> MadeUpFront:
    """The owner's browser; nothing is split, nothing kept."""
    served.box.__init__()  # type: ignore[misc]
    served.box.answers |= {"keys": made.NOTHING, "part_boxes": made.BOXES}
    served.sure(True)
    return served


def test_nothing_is_split_yet_and_the_page_says_how_it_would_be(web: MadeUpFront) -> None:
    for language, words in (("en", "may say no"), ("de", "dürfen Nein sagen")):
        page = unescape(web.page("/circle/keys", language))
        assert words in page and 'href="/circle/keys/split"' in page


def test_the_passphrase_comes_before_the_form_since_words_are_kept_nowhere(web: MadeUpFront) -> None:
    web.sure(False)
    for method in ("GET", "POST"):
        status, _, where = web.ask(method, "/circle/keys/split", need="2", papers="0", heir="", words="x y z")
        assert (status, where) == (303, "/sure?then=/circle/keys/split")
    assert not [name for name, _ in web.box.asked if name == "key_make"]


def test_a_key_is_split_among_friends_and_paper(web: MadeUpFront) -> None:
    page = web.page("/circle/keys/split")
    assert page.count('role="switch"') == 5 and page.count("disabled") == 1, "who was never in touch gets no part"
    web.box.answers["key_make"] = made.MADE
    boxes = [each.peer for each in made.BOXES.boxes[:3]]
    chosen = dict.fromkeys(boxes, "yes")
    status, page, _ = web.ask("POST", "/circle/keys/split", need="2", papers="1", heir=boxes[0], words="", **chosen)
    assert status == 200 and page.count("<li>academic</li>") == 1 and "2 of 4" in page
    (sent,) = [args for name, args in web.box.asked if name == "key_make"]
    assert sent == {"k": 2, "boxes": tuple(boxes), "papers": 1, "heir": boxes[0], "words": None}


def test_too_few_parts_and_wrong_words_are_said_where_they_were_chosen(web: MadeUpFront) -> None:
    box = made.BOXES.boxes[0].peer
    status, page, _ = web.ask("POST", "/circle/keys/split", need="3", papers="1", heir="", words="", **{box: "yes"})
    assert status == 400 and "they are enough" in page
    web.box.answers["key_make"] = WordsDoNotMatch()
    fields = {box: "yes", "need": "2", "papers": "1", "heir": "", "words": "one two"}
    assert web.ask("POST", "/circle/keys/split", **fields)[0] == 400


def test_a_new_kit_is_shown_next(web: MadeUpFront) -> None:
    web.box.answers["key_make"] = KeyMade((), "otter " * 23 + "maple")
    boxes = {each.peer: "yes" for each in made.BOXES.boxes[:2]}
    _, page, _ = web.ask("POST", "/circle/keys/split", need="2", papers="0", heir="", words="", **boxes)
    assert 'href="/kit"' in page and "maple" not in page
    assert "maple" in web.page("/kit")
    web.forget_words()


def test_everybody_sees_who_asks_and_may_say_no(web: MadeUpFront) -> None:
    web.box.role = Role.ADULT
    web.box.answers["keys"] = Keys((made.own(made.ask(), made.ask("confirm", name=made.OTHER)),), (), ())
    page = unescape(web.page("/circle/keys"))
    assert "A new box asks friends for the key of Marta." in page and "Unless somebody says no" in page
    web.box.answers["key_no"] = made.NOTHING
    web.ask("POST", "/circle/keys", do="no", locker=made.LOCKER, ask=made.ASK)
    assert ("key_no", {"locker": made.LOCKER, "ask": made.ASK}) in web.box.asked
    web.box.answers["keys"] = Keys((made.own(made.ask(no=True)),), (), ())
    assert "You said no." in web.page("/circle/keys")
    web.box.answers["keys"] = Keys((made.own(made.ask(heir=True)),), (), ())
    assert "The heir" in web.page("/circle/keys")


def test_home_says_it_before_anything_else(web: MadeUpFront) -> None:
    found = web.box.circle.lockers[0]
    web.box.answers |= {
        "keys": Keys((made.own(made.ask()),), (), ()),
        "safety": LockerSafety(found.locker, True, 0, 0, 9, 2, 6),
        "stats": made.COUNTS,
        "list": made.NO_RECORDS,
        "activity": made.NO_ACTIVITY,
    }
    page = unescape(web.page("/home"))
    assert "Somebody asks for a key of this home" in page and 'href="/circle/keys"' in page


def test_taking_the_parts_back_asks_for_the_passphrase(web: MadeUpFront) -> None:
    web.box.answers["keys"] = Keys((made.own(),), (), ())
    page = web.page("/circle/keys")
    assert "Has it" in page and "Gets it when" in page and "On paper, part 4" in page
    web.box.answers["key_drop"] = StepUpNeeded()
    assert web.ask("POST", "/circle/keys", do="back")[2].startswith("/sure")


def test_a_friend_is_helped_back_with_a_ticket_and_six_digits(web: MadeUpFront) -> None:
    web.box.answers["keys"] = Keys((), (made.kept(),), ())
    assert "Help Ilse back" in web.page("/circle/keys/kept")
    web.box.answers["key_ticket"] = made.TICKET
    status, page, _ = web.ask("POST", "/circle/keys/kept", do="ticket", place=made.PLACE)
    assert status == 200 and made.TICKET.text in page and "<svg" in page
    web.box.answers["keys"] = Keys((), (made.kept(made.ask("confirm")),), ())
    assert "Does their screen show 402816?" in web.page("/circle/keys/kept")
    web.box.answers["key_answer"] = made.NOTHING
    for do, yes in (("yes", True), ("no", False)):
        web.ask("POST", "/circle/keys/kept", do=do, place=made.PLACE, ask=made.ASK)
        assert ("key_answer", {"place": made.PLACE, "ask": made.ASK, "yes": yes}) in web.box.asked
    for state, words in (("waiting", "You agreed."), ("open", "was given"), ("no", "Refused.")):
        web.box.answers["keys"] = Keys((), (made.kept(made.ask(state)),), ())
        assert words in web.page("/circle/keys/kept")
    web.box.answers["keys"] = Keys((), (made.kept(heir=True),), ())
    page = web.page("/circle/keys/kept")
    assert "Your box is the heir." in page and "Ask as the heir" in page
    web.box.answers["key_heir"] = made.TOLD
    assert "Now everybody is told." in web.ask("POST", "/circle/keys/kept", do="heir", place=made.PLACE)[1]
    assert web.jar == {HANDLE_COOKIE: made.TOLD.handle}
    web.jar = {}
    web.box.role = Role.ADULT
    assert "Help Ilse back" not in web.page("/circle/keys/kept")


def test_a_stolen_box_is_reported_and_comes_back(web: MadeUpFront) -> None:
    path = f"/circle/peer/{'3' * 64}/stolen"
    assert "was stolen?" in web.page(path) and "24 words" in web.page(path)
    web.box.answers["key_theft"] = TheftHeard(2)
    web.sure(False)
    assert web.ask("POST", path, do="stolen", words="")[2].startswith("/sure")
    web.sure(True)
    assert web.ask("POST", path, do="stolen", words="")[2] == path
    assert ("key_theft", {"peer": "3" * 64, "stolen": True, "words": None}) in web.box.asked
    web.box.answers["keys"] = Keys((), (), (StolenBox("3" * 64, "Grandma Ilse", NOW_MS),))
    assert "You reported this box stolen" in web.page(path)
    web.ask("POST", path, do="back")
    assert ("key_theft", {"peer": "3" * 64, "stolen": False}) in web.box.asked
    web.box.role = Role.ADULT
    assert web.ask("GET", path)[0] == 303


def test_who_lost_everything_sees_how_far_friends_are_and_then_the_words(web: MadeUpFront) -> None:
    assert 'name="code"' not in web.page("/regain"), "this box belongs to somebody"
    web.box.answers["regain"] = made.UNDER_WAY
    _, page, _ = web.ask("POST", "/regain", ticket="lbk1abc", part="", handle="")
    assert "Compare six digits." in page and "<b>40</b><b>28</b><b>16</b>" in page and "to Tom &amp; Ana" in page
    assert web.jar == {HANDLE_COOKIE: made.UNDER_WAY.handle}, "this browser finds back"
    assert ("regain", {"tickets": ("lbk1abc",), "parts": (), "code": None, "handle": None}) in web.box.asked
    first = (RegainAt("Tom & Ana", "waiting", NOW_MS), RegainAt("", "peer-away"))
    web.box.answers["regain"] = replace(made.UNDER_WAY, at=first)
    page = web.page("/regain")
    assert "1 of 2 parts are promised. Ask one more friend." in page and "A friend" in page
    web.box.answers["regain"] = TicketMistyped(why="x")
    status, page, _ = web.ask("POST", "/regain", ticket="lbk1abc", part="", handle=made.UNDER_WAY.handle)
    assert status == 400 and "lbk1abc" in page and "not a whole ticket" in page
    web.box.answers["regain"] = replace(made.UNDER_WAY, have=2, words="otter " * 23 + "maple")
    _, page, _ = web.ask("POST", "/regain", "de", handle=made.UNDER_WAY.handle)
    assert "<li>maple</li>" in page and 'href="/recover"' in page


def test_the_browser_that_asked_finds_back_until_it_forgets(web: MadeUpFront) -> None:
    web.jar = {HANDLE_COOKIE: made.UNDER_WAY.handle}
    web.box.answers["regain"] = made.TOLD
    page = unescape(web.page("/regain"))
    assert "Now everybody is told." in page and "parts are given on 19 November, " in page and "<details" in page
    assert "Not in touch just now. Everybody may say no until 20 November, " in page
    assert ("regain", {"tickets": (), "parts": (), "code": None, "handle": made.UNDER_WAY.handle}) in web.box.asked
    web.box.answers["regain"] = Missing(what="ask of this handle")
    assert "Friends bring you back." in web.page("/regain") and web.jar == {HANDLE_COOKIE: ""}
    web.jar = {HANDLE_COOKIE: made.UNDER_WAY.handle}
    assert web.ask("POST", "/regain", do="forget")[2] == "/regain" and web.jar == {HANDLE_COOKIE: ""}
    web.jar = {}


def test_nobody_types_the_claim_code_twice(web: MadeUpFront) -> None:
    web.be_newcomer()
    web.box.answers["claimed"] = False
    try:
        assert 'name="code"' not in web.page("/regain")
        web.box.answers["regain"] = WrongClaimCode(left=3)
        _, page, _ = web.ask("POST", "/regain", ticket="lbk1abc", part="", handle="")
        assert ("regain", {"tickets": ("lbk1abc",), "parts": (), "code": "CODE", "handle": None}) in web.box.asked
        assert 'name="code"' in page, "it is good no more, so it is asked for"
    finally:
        web.be_member()


def test_wrong_words_lose_nothing_that_was_chosen(web: MadeUpFront) -> None:
    heir = made.BOXES.boxes[1].peer
    web.box.answers["key_make"] = WordsDoNotMatch()
    chosen = {each.peer: "yes" for each in made.BOXES.boxes[:3]}
    _, page, _ = web.ask("POST", "/circle/keys/split", need="3", papers="2", heir=heir, words="one two", **chosen)
    for kept in ('value="3" selected', 'value="2" selected', f'value="{heir}" selected', ">one two</textarea>"):
        assert kept in page, kept
