"""The circle as people see it: one sentence, its reason, who needs a look, and every end of an invitation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from firmware.errors import InvitationExpired, InvitationMistyped, InvitationUsed, InvitationWord, PeerAway, PeerOlder
from services.api.circle_types import Circle, CircleNotice, InviteWay, Pairing, PairingIs, PeerIs, Reach
from services.api.types import Role
from tests.web.circle_made_up import DAY_MS, GB, HOUR_MS, NOW_MS, MadeUpFront, away, circle, friend, front
from webui.circle_map import Friend, draw
from webui.files import HOME
from webui.language import Languages

TICKET = "lbx1" + "a" * 300
WORDS = "otter maple sunday violin harbor kettle"
_ENGLISH = Languages(HOME / "locales").fallback
_SIX = tuple(friend(number) for number in range(6))


@pytest.fixture(scope="module")
def served() -> Iterator[MadeUpFront]:
    with front() as found:
        yield found


@pytest.fixture
def web(served: MadeUpFront) -> MadeUpFront:
    """The owner's browser, on a circle of six."""
    served.box.__init__()  # type: ignore[misc]
    return served


def said(web: MadeUpFront, found: Circle) -> tuple[str, str]:
    """The sentence and its reason."""
    web.box.circle = found
    page = web.page("/circle")
    match = re.search(r'id="touch">([^<]*)</h2>\s*<p class="small">([^<]*)</p>', page)
    assert match, page
    return unescape(match[1]), unescape(match[2])


def test_the_sentence_of_truth_and_its_reason(web: MadeUpFront) -> None:
    five = (*_SIX[:4], away(4, 70), _SIX[5])
    assert said(web, circle(*_SIX)) == ("All six are in touch.", "Any two of them may fail and nothing is lost.")
    assert said(web, circle(*five)) == ("Five of six are in touch.", "One more may fail and nothing is lost.")
    assert said(web, circle(*five, may_fail=1))[1] == "Everything can still be had. Nobody more may fail."
    assert said(web, circle(_SIX[0], may_fail=0)) == (
        "Lindqvist family is in touch.",
        "Everything has a second copy there.",
    )
    assert said(web, circle(*_SIX[:2], may_fail=1))[0] == "Both are in touch."
    assert said(web, circle(*_SIX, safe=0, waits=3 * GB))[1] == "3\u202fGB are on their way."
    assert said(web, circle(*_SIX, waits=GB, paused=True))[1] == "1\u202fGB wait for the hours you chose."
    assert said(web, circle(*_SIX, safe=0))[1] == "What is new goes to them at night."


def test_a_box_that_was_replaced_sends_nothing_and_says_so(web: MadeUpFront) -> None:
    found = circle(*_SIX[:2], custody=False, waits=GB)
    gone = replace(found, lockers=tuple(replace(each, moved_ms=NOW_MS) for each in found.lockers))
    assert said(web, gone)[1] == "Friends follow another box; nothing goes to them from here."
    page = web.page("/circle")
    assert 'href="/circle/moves"' in page and 'action="/circle/now"' not in page
    assert said(web, found)[1] == "What came before is there; 1\u202fGB are on their way." and "no kit yet" in web.page(
        "/circle"
    )


def test_a_circle_that_is_too_small_says_exactly_who_has_to_come_back(web: MadeUpFront) -> None:
    one = circle(away(0, 2), may_fail=0)
    assert said(web, one) == (
        "Lindqvist family is not in touch.",
        "Everything is on this box. If it broke now, Lindqvist family would have to come back first.",
    )
    three = circle(away(0, 2), away(1, 30), friend(2), may_fail=1)
    assert said(web, three)[1].endswith("one of these would have to come back first: Lindqvist family and Tom & Ana.")
    two_of_one_home = circle(away(0, 2, household="x"), away(1, 2, household="x"), friend(2), may_fail=1)
    assert "may fail" in said(web, two_of_one_home)[1], "two boxes of one household are one"
    all_gone = circle(away(0, 30), away(1, 30), may_fail=0)
    assert "If it broke now, Lindqvist family and Tom & Ana would" in said(web, all_gone)[1]


@pytest.mark.parametrize(
    ("peer", "says"),
    [
        (friend(0), "Proved "),
        (friend(0, audited_ms=0), "its first proof comes soon"),
        (friend(0, strikes=2), "Gave a wrong answer"),
        (friend(0, state=PeerIs.SUSPENDED), "it proves itself first"),
        (friend(0, state=PeerIs.LEAVING, leaves_ms=NOW_MS + 20 * DAY_MS), "Leaves on "),
        (friend(0, reach=Reach.REFUSED), "does not take this box in"),
        (friend(0, reach=Reach.AWAY, seen_ms=NOW_MS - 12 * 60_000), "Last heard 12 minutes ago"),
        (away(0, 3 * 24), "Dark since "),
        (away(0, 40 * 24, state=PeerIs.LOST), "its part is made anew elsewhere"),
        (friend(0, reach=Reach.AWAY, seen_ms=0), "Has not been heard yet"),
    ],
)
def test_every_friend_has_a_line(web: MadeUpFront, peer: object, says: str) -> None:
    web.box.circle = circle(peer, _SIX[1])  # type: ignore[arg-type]
    assert says in web.page("/circle")
    assert web.page("/circle", "de").count("Lindqvist") >= 2


def test_who_needs_a_look_comes_first_and_can_be_asked(web: MadeUpFront) -> None:
    web.box.circle = circle(*_SIX[:4], away(4, 70), _SIX[5], friend(0, peer="f" * 64, state=PeerIs.LEFT))
    page = web.page("/circle")
    names = re.findall(r'<bdi class="name">([^<]*)</bdi>', page)
    assert names[0] == "Jonas, workshop" and names[-1] == "Lindqvist family" and len(names) == 7
    assert page.count("mailto:") == 1
    assert "Your Locker Box" not in page and "Is%20your%20Locker%20Box" in page
    web.box.circle = circle(*_SIX[:4], away(4, 70), custody=False, notices=(CircleNotice("full", 1, amount=GB),))
    assert "has no kit yet" in web.page("/circle")
    web.box.circle = circle(*_SIX, waits=GB, notices=(CircleNotice("full", 1, amount=GB),))
    assert "have no more room" in web.page("/circle")
    held = circle(*_SIX)
    web.box.circle = replace(held, lockers=(replace(held.lockers[0], held_bytes=30 * GB),))
    assert "Was it you who deleted so much?" in web.page("/circle")
    web.box.circle = circle(*_SIX[:5], may_fail=1, short_until_ms=NOW_MS + 3 * DAY_MS)
    assert "One home is missing from your circle." in web.page("/circle")


def test_a_home_without_friends_hears_what_a_circle_is_for(web: MadeUpFront) -> None:
    web.box.circle = replace(circle(), asleep=True)
    page = web.page("/circle")
    assert "Friends keep a sealed copy." in page and "/circle/invite" in page and "/circle/join" in page
    assert "1.6\u202fTB free here" in web.page("/circle/invite")
    assert web.box.asked == []


def test_members_look_and_owners_decide(web: MadeUpFront) -> None:
    web.box.role = Role.ADULT
    page = web.page("/circle")
    assert "/circle/invite" not in page and "An owner invites friends" in page and "Lindqvist family" in page
    for path in ("/circle/invite", "/circle/join", "/circle/pairing/i1"):
        assert web.ask("GET", path)[::2] == (303, "/circle")
    assert web.ask("GET", "/circle/pairing")[1] == '{"pairings": []}'


def given(state: PairingIs = PairingIs.OPEN, way: InviteWay = InviteWay.TICKET, **more: object) -> Pairing:
    """An invitation this box gave."""
    text = TICKET if way is InviteWay.TICKET else WORDS
    number = "1" if way is InviteWay.TICKET else "2"
    known = {"text": text if state is PairingIs.OPEN else None, **more}
    return Pairing(f"i{number}", way, state, NOW_MS + 10 * 60_000, **known)  # type: ignore[arg-type]


def test_an_invitation_is_one_square_one_link_and_six_words(web: MadeUpFront) -> None:
    web.box.pairings = ()
    assert web.ask("POST", "/circle/invite", do="begin", room=str(100 * GB))[::2] == (303, "/circle/invite")
    assert [asked for asked, _ in web.box.asked] == ["invite", "invite"]
    web.box.pairings = (given(), given(way=InviteWay.WORDS))
    page = web.page("/circle/invite")
    assert f"/invitation#{TICKET}" in page and page.count("<li>") == 6 and "10 more minutes" in page
    assert "They may use 100\u202fGB." in page
    assert web.ask("GET", "/circle/pairing/i1")[2] == "/circle/invite"
    assert TICKET not in web.ask("GET", "/circle/pairing")[1]
    web.ask("POST", "/circle/invite", do="end")
    assert [asked for asked, _ in web.box.asked][2:] == ["invite_end", "invite_end"]
    assert web.ask("POST", "/circle/invite", do="begin", room="all of it")[0] == 400


def test_both_owners_say_that_the_code_is_the_same(web: MadeUpFront) -> None:
    met = given(PairingIs.MET, code="481762", label="Lindqvist <family>", peer="a" * 64)
    web.box.pairings = (met, given(way=InviteWay.WORDS))
    assert web.ask("GET", "/circle/invite")[2] == "/circle/pairing/i1"
    page = web.page("/circle/pairing/i1")
    assert "<b>48</b><b>17</b><b>62</b>" in page and "Lindqvist &lt;family&gt; would like to join" in page
    assert web.ask("POST", "/circle/pairing/i1", say="yes", room=str(60 * GB))[2] == "/circle/pairing/i1"
    assert web.box.asked == [
        ("pairing_confirm", {"id": "i1", "yes": True, "gets": 60 * GB}),
        ("invite_end", {"id": "i2"}),
    ]
    web.ask("POST", "/circle/pairing/i1", say="no")
    assert web.box.asked[-1] == ("pairing_confirm", {"id": "i1", "yes": False})
    assert web.ask("POST", "/circle/pairing/i1", say="perhaps")[0] == 400
    web.box.pairings = (replace(met, mine=True),)
    waiting = web.page("/circle/pairing/i1")
    assert "You said yes." in waiting and "Yes, the same code" not in waiting
    web.box.circle = circle(friend(0, peer="a" * 64))
    web.box.pairings = (replace(met, state=PairingIs.PAIRED, mine=True, theirs=True),)
    assert "They keep up to 60\u202fGB for you." in web.page("/circle/pairing/i1")


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"state": PairingIs.EXPIRED}, "pair.ended.expired"),
        ({"state": PairingIs.REFUSED, "mine": False}, "pair.ended.refused-here"),
        ({"state": PairingIs.REFUSED, "theirs": False}, "pair.ended.refused-there"),
        ({"state": PairingIs.TRIED_OUT}, "pair.ended.tried-out"),
        ({"state": PairingIs.WITHDRAWN}, "pair.ended.withdrawn"),
        ({"state": PairingIs.BROKEN}, "pair.ended.broken"),
        ({"state": PairingIs.BROKEN, "error": PeerOlder.code}, f"error.{PeerOlder.code}.sentence"),
    ],
)
def test_every_end_is_a_sentence_and_a_way_on(
    web: MadeUpFront, more: dict[str, object], words: str, language: str
) -> None:
    web.box.pairings = (replace(given(PairingIs.MET), **more),)  # type: ignore[arg-type]
    page = unescape(web.page("/circle/pairing/i1", language))
    spoken = Languages(HOME / "locales").known[language]
    assert spoken.words[words] in page and spoken.words["pair.ended.nothing"] in page
    assert '"/circle/invite"' in page


@pytest.mark.parametrize(
    "error", [InvitationMistyped(why="x"), InvitationExpired(), InvitationUsed(), PeerAway(), PeerOlder()]
)
def test_an_invitation_that_cannot_be_taken_stays_typed_and_says_why(web: MadeUpFront, error: Exception) -> None:
    web.box.answers["join"] = error
    status, page, _ = web.ask("POST", "/circle/join", code=f"https://x/invitation#{TICKET}")
    assert status >= 400 and TICKET in page and 'role="alert"' in page
    assert _ENGLISH.words[f"error.{error.code}.sentence"] in unescape(page)  # type: ignore[attr-defined]


def test_a_word_that_is_in_no_invitation_names_itself(web: MadeUpFront) -> None:
    web.box.answers["join"] = InvitationWord(position=2, word="mapel", nearest="maple")
    page = unescape(web.ask("POST", "/circle/join", code="otter mapel sunday violin harbor kettle")[1])
    assert "“mapel”" in page and "“maple”" in page
    web.box.answers["join"] = Pairing("j7", InviteWay.WORDS, PairingIs.LOOKING, NOW_MS + HOUR_MS)
    assert web.ask("POST", "/circle/join", code=WORDS)[2] == "/circle/pairing/j7"


def test_the_map_keeps_places_and_names_short() -> None:
    friends = [Friend("Lindqvist family", "t1", there=True, needs=False), Friend("<b>", "t2", there=False, needs=True)]
    drawn = draw(friends, "said")
    assert drawn.count('class="free"') == 4 and ">Lindqvist<" in drawn and "&lt;b&gt;" in drawn
    many = draw([Friend(f"Friend {at}", "t1", there=True, needs=False) for at in range(16)], "said")
    assert many.count('class="letter') == 12 and ">+4<" in many
