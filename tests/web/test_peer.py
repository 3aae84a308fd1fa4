"""The pages about one friend's box and about limits, and the badges, with two real boxes and one browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from services.api.blocking import Blocking
from services.api.circle_types import CapWindow, CircleCaps, PairingIs, PeerIs, Reach, SafetyIs
from tests.services.hasty import python
from tests.services.running import Running, until
from tests.web.front import PASSPHRASE, Visitor, start
from tests.web.judge import Judge
from tests.web.test_badges import DAY, ENGLISH, GB, NOW, circle, friend
from tests.web.things import JULY_MS, cookies, photo, put
from webui.pages import caps, peer

GIVEN = 10 * GB


# -- without a box


def test_hours_are_recognised_in_the_form() -> None:
    night = CapWindow(22 * 60, 7 * 60, 500, None)
    assert caps.hours_of(CircleCaps()).mode == "any"
    only = caps.hours_of(CircleCaps(0, 0, (night,)))
    assert (only.mode, only.start, only.to, only.up, only.down) == ("only", "22:00", "07:00", 500, None)
    assert caps.hours_of(CircleCaps(100, None, (night,))).mode == "other"
    assert caps.hours_of(CircleCaps(100, None, (night, night))).mode == "keep"


def test_sliders_offer_what_is_set_now() -> None:
    steps = caps.rate_steps(500, ENGLISH)
    assert [each.value for each in steps].count("500") == 1 and steps[-1].value == ""
    assert caps.rate_words(976, ENGLISH) == "8 Mbit/s" and caps.rate_words(1, ENGLISH) == "0.1 Mbit/s"
    assert caps.rate_words(None, ENGLISH) == "no limit" and caps.rate_words(0, ENGLISH) == "nothing"
    room = [each.value for each in peer.size_steps(7 * GB, 30 * GB, ENGLISH)]
    assert str(7 * GB) in room and str(40 * GB) not in room


def test_the_lead_says_why_nothing_flows() -> None:
    waits = circle(friend(1), waits_bytes=12_000_000)
    for caps_now, around, words in (
        (CircleCaps(paused_until_ms=NOW + 3_600_000), waits, "Paused. It goes on"),
        (CircleCaps(paused_until_ms=NOW + 4000 * DAY), waits, "until you go on"),
        (CircleCaps(), circle(friend(1)), "Nothing waits"),
        (CircleCaps(), replace(waits, paused=True), "hours you chose"),
        (CircleCaps(), replace(waits, moving=True), "on their way"),
        (CircleCaps(), waits, "wait for the night"),
    ):
        assert words in caps.lead_of(around, caps_now, ENGLISH, NOW)


def test_a_friend_says_how_it_is() -> None:
    assert "Proved" in peer.lead_of(friend(1), ENGLISH, NOW)
    assert "Last heard" in peer.lead_of(friend(1, reach=Reach.AWAY), ENGLISH, NOW)
    assert "Not heard" in peer.lead_of(friend(1, reach=Reach.AWAY, seen_ms=0), ENGLISH, NOW)
    assert "does not take" in peer.lead_of(friend(1, reach=Reach.REFUSED), ENGLISH, NOW)
    assert "Leaves" in peer.lead_of(friend(1, state=PeerIs.LEAVING, leaves_ms=NOW), ENGLISH, NOW)
    theirs, ours = peer.sides_of(friend(1, gives_used=1, gets=0), ENGLISH)
    assert (theirs.share, ours.share) == (1, 0)


# -- two boxes


@pytest.fixture(scope="module")
def member(box: Running) -> Visitor:
    """The owner, whose kit is on paper: nothing else needs her."""
    visitor = Visitor(box)
    visitor.prove_kit(visitor.claim())
    return visitor


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The friend's box."""
    box = start(tmp_path_factory.mktemp("friend"), python())
    try:
        yield box
    finally:
        box.kill()


@pytest.fixture(scope="module")
def pair(member: Visitor, other: Running) -> tuple[Blocking, Blocking]:
    """Owners' sessions on two boxes that are friends, each giving the other room."""
    Visitor(other).claim()
    ours, theirs = session(member.box), session(other)
    made = ours.call("invite", way="ticket")
    met = theirs.call("join", invitation=made.text)
    for each in (ours, theirs):
        until(lambda each=each: any(one.code == met.code for one in each.call("pairing").pairings))  # type: ignore[misc]
        (mine,) = (one for one in each.call("pairing").pairings if one.code == met.code)
        each.call("pairing_confirm", id=mine.id, yes=True, gets=GIVEN)
    for each in (ours, theirs):
        until(lambda each=each: each.call("pairing").pairings[-1].state is PairingIs.PAIRED)  # type: ignore[misc]
        until(lambda each=each: any(one.gives == GIVEN for one in each.call("circle").peers))  # type: ignore[misc]
    return ours, theirs


def session(box: Running) -> Blocking:
    """A session of the owner from the shell, sure of herself."""
    run = (box.data / "run").resolve()
    opened = Blocking(run).call("open", member="Marta", passphrase=PASSPHRASE)
    found = Blocking(run, opened.token, opened.member)
    found.call("step_up", proof=PASSPHRASE)
    return found


@pytest.fixture
def page(browser: Browser, member: Visitor, box: Running) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 390, "height": 844}, locale="en-GB")
    context.add_cookies(cookies(box, member))  # type: ignore[arg-type]
    page = context.new_page()
    yield page
    context.close()


def test_badges_follow_what_friends_really_keep(
    page: Page, member: Visitor, box: Running, pair: tuple[Blocking, Blocking]
) -> None:
    ours, at = pair[0], str(box.hello["https"])
    put(member, "Camera/lake.jpg", photo("2025:07:11 12:00:00", "red"), JULY_MS)
    (record,) = (one.id for one in ours.call("list", limit=1).records)
    judge = Judge()
    page.goto(f"{at}/photos")
    mark = page.locator(f'[data-record="{record}"] .not-yet')
    expect(mark).to_be_visible()
    page.goto(f"{at}/photo/{record}")
    expect(page.locator("[data-copies-badge]")).to_have_text("On this box")
    page.goto(f"{at}/home")
    expect(page.locator("h1")).to_have_text("Safe here, and on its way to friends.")
    judge(page, "home", "phone", "light")
    page.get_by_role("button", name="Send it now").click()
    until(lambda: ours.call("copies", ids=(record,)).states[0].state is SafetyIs.SAFE)
    until(lambda: not ours.call("safety").here_bytes + ours.call("safety").going_bytes)
    page.goto(f"{at}/home")
    expect(page.locator("h1")).to_have_text("Everything is safe.")
    page.goto(f"{at}/photo/{record}")
    expect(page.locator("[data-copies-badge]")).to_have_text("Safe with friends")
    expect(page.locator("[data-copies]")).to_contain_text("This box may fail and it stays")
    judge(page, "photo", "phone", "light")
    page.goto(f"{at}/photos")
    with page.expect_response("**/copies") as answer:
        pass
    known = answer.value.json()
    assert known == {"alone": False, "states": ["safe"]}, (ours.call("circle"), box.log.read_text()[-4000:])
    expect(mark).to_have_count(0)
    assert not any(judge.found.values()), dict(judge.found)


def test_what_is_decided_about_a_friend_is_kept(page: Page, box: Running, pair: tuple[Blocking, Blocking]) -> None:
    ours, at = pair[0], str(box.hello["https"])
    key = ours.call("circle").peers[0].peer
    judge = Judge()
    page.goto(f"{at}/circle/peer/{key}")
    expect(page.locator(".who-head")).to_contain_text("In touch")
    page.locator("#label").fill("Lindqvist family")
    page.locator("#place").fill("Their cellar")
    page.get_by_role("switch").check()
    page.locator("#room-knob").press("ArrowLeft")
    judge(page, "peer", "phone", "light")
    page.get_by_role("button", name="Keep this").click()
    expect(page.get_by_role("status").first).to_contain_text("Kept")
    found = ours.call("circle").peers[0]
    assert (found.label, found.place, found.delegate, found.gets) == ("Lindqvist family", "Their cellar", True, 5 * GB)
    page.get_by_role("link", name="Part ways").click()
    expect(page.locator("h1")).to_have_text("Part ways with Lindqvist family?")
    expect(page.locator("ol")).to_contain_text("on this box only")
    judge(page, "leave", "phone", "light")
    page.get_by_role("link", name="Stay friends").click()
    expect(page.locator("h1")).to_have_text("Lindqvist family")
    assert not any(judge.found.values()), dict(judge.found)


def test_limits_hold_and_a_pause_ends(page: Page, box: Running, pair: tuple[Blocking, Blocking]) -> None:
    ours, at = pair[0], str(box.hello["https"])
    judge = Judge()
    page.goto(f"{at}/circle/caps")
    for _ in range(8):
        page.locator("#up-knob").press("ArrowLeft")
    page.get_by_label("Only at certain hours").check()
    page.locator("#only-to").fill("22:00")
    page.get_by_role("button", name="Keep these limits").click()
    expect(page.get_by_role("alert")).to_contain_text("From and to are the same")
    page.locator("#only-to").fill("06:30")
    judge(page, "caps", "phone", "light")
    page.get_by_role("button", name="Keep these limits").click()
    page.wait_for_url("**done=save")
    kept = ours.call("circle_caps")
    assert kept.windows == (CapWindow(22 * 60, 6 * 60 + 30, 976, None),) and (kept.up_kib_s, kept.down_kib_s) == (0, 0)
    page.locator(".pausing summary").click()
    page.get_by_role("button", name="Until I go on").click()
    expect(page.locator(".lead")).to_contain_text("Paused until you go on")
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**done=go-on")
    assert ours.call("circle_caps") == replace(kept, paused_until_ms=0)
    assert not any(judge.found.values()), dict(judge.found)
