"""Finding in Chromium, on a real box: while typing, by chips, by day; files in folders; the bin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.services.running import Running
from tests.web.front import PASSPHRASE, Visitor, is_expected
from tests.web.things import cookies, fill, record_of

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
LAPTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture(scope="module")
def full(member: Visitor) -> Visitor:
    """A member with a little of everything."""
    fill(member)
    return member


@pytest.fixture(params=[PHONE, LAPTOP], ids=["phone", "laptop"])
def page(request: pytest.FixtureRequest, box: Running, full: Visitor, browser: Browser) -> Iterator[Page]:
    """A browser of the member; every complaint of the console is a failure."""
    context: BrowserContext = browser.new_context(
        ignore_https_errors=True, base_url=str(box.hello["https"]), locale="en-GB", **request.param
    )
    context.add_cookies(cookies(box, full))  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert [one for one in said if not is_expected(one) and "ERR_" not in one] == []


def fits(page: Page) -> None:
    """Nothing is wider than the smallest phone, every target is large enough, one heading."""
    size = page.viewport_size
    for width in (320, 390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, page.url)
    assert size
    page.set_viewport_size(size)
    small = page.evaluate(
        """[...document.querySelectorAll("main a, main button, main summary, main input, main select, main textarea")]
        .filter((one) => one.checkVisibility({checkVisibilityCSS: true}) && !one.closest(".quietly"))
        .filter((one) => one.type !== "hidden")
        .map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])
        .filter(([, at]) => at.width > 1 && (at.height < 43.5 || at.width < 43.5)).map(([text]) => text)"""
    )
    assert not small, small
    assert page.locator("h1").count() == 1


def test_search_as_you_type_and_the_way_back(page: Page) -> None:
    page.goto("/find")
    fits(page)
    page.locator("#q").press_sequentially("lake")
    expect(page.locator(".found-pictures [data-record]")).to_have_count(3)
    expect(page.locator(".found-papers .row")).to_have_count(3)
    expect(page).to_have_url(re.compile(r"/find\?q=lake$"))
    marks = page.locator(".found-papers mark").all_inner_texts()
    assert marks and {mark.lower() for mark in marks} == {"lake"}
    expect(page.get_by_text("arrival at the lake side gate")).to_be_visible()
    fits(page)
    page.locator(".chips a", has_text="Papers").click()
    expect(page.locator(".found-pictures")).to_have_count(0)
    expect(page).to_have_url(re.compile("kind=papers"))
    page.locator(".found-papers .row", has_text="Booking").click()
    page.wait_for_url("**/record/*")
    page.go_back()
    expect(page.locator(".found-papers .row")).to_have_count(3)
    page.go_back()
    expect(page.locator(".found-pictures [data-record]")).to_have_count(3)
    page.locator("[data-clear]").click()
    expect(page.locator("[data-recent] bdi", has_text="lake")).to_be_visible()
    page.locator("[data-forget]").click()
    expect(page.locator("[data-recent]")).to_be_hidden()


def test_other_results_end_what_was_being_chosen(page: Page) -> None:
    page.goto("/find?q=lake")
    row = page.locator(".found-papers .row").first
    row.focus()
    row.press("x")
    expect(page.locator("[data-select-bar] [data-count]")).to_have_text("1 chosen")
    page.locator("#q").fill("flowerpot")
    expect(page.locator(".found-papers .row")).to_have_count(1)
    expect(page.locator("[data-select-bar]")).to_be_hidden()
    expect(page.locator(".found-papers [role=checkbox]")).to_have_count(0)


def test_days_and_kinds_are_understood(page: Page) -> None:
    page.goto("/find?q=photos+july+2025")
    expect(page.locator(".found-pictures [data-record]")).to_have_count(3)
    expect(page.locator(".filters .chosen")).to_contain_text("July 2025")
    page.locator(".filters .chosen").click()
    expect(page.locator(".found-pictures [data-record]")).to_have_count(4)
    expect(page.locator("#q")).to_have_value("photos")
    page.locator("#when").select_option("2024")
    expect(page.locator(".found-pictures [data-record]")).to_have_count(1)
    page.locator(".chips a", has_text="Everything").click()
    expect(page.locator("#q")).to_have_value("")
    page.goto("/find?q=insurance+2024")
    expect(page.locator(".found-papers .row", has_text="Insurance 2024")).to_be_visible()


def test_nothing_found_offers_a_way_on(page: Page) -> None:
    page.goto("/find?q=flowerpto")
    expect(page.locator(".empty h2")).to_contain_text("flowerpto")
    fits(page)
    page.locator(".empty .chip", has_text="flowerpot").click()
    expect(page.locator(".found-papers .row")).to_have_count(1)
    page.goto("/find?q=flowerpot&kind=photos")
    page.locator(".empty .chip", has_text="Everything").click()
    expect(page.locator(".found-papers .row")).to_have_count(1)


def test_a_box_that_is_away_or_slow_loses_nothing(page: Page) -> None:
    page.goto("/find?q=lake")

    held: list[Route] = []
    page.route("**/find?q=insurance*", lambda route: held.append(route))
    page.locator("#q").fill("insurance")
    expect(page.locator("[data-looking]")).to_be_visible()
    held[0].continue_()
    expect(page.locator(".found-papers .row")).to_have_count(1)
    expect(page.locator("[data-looking]")).to_be_hidden()
    page.route("**/find?q=budget*", lambda route: route.abort())
    page.locator("#q").fill("budget")
    expect(page.locator("[data-away]")).to_be_visible()
    expect(page.locator(".found-papers .row")).to_have_count(1)
    page.unroute("**/find?q=budget*")
    page.locator("[data-again]").click()
    expect(page.locator(".found-papers .row", has_text="Budget")).to_be_visible()
    expect(page.locator("[data-away]")).to_be_hidden()
    expect(page.locator("#q")).to_have_value("budget")


def test_without_javascript_it_is_a_form(box: Running, full: Visitor, browser: Browser) -> None:
    context = browser.new_context(
        ignore_https_errors=True, base_url=str(box.hello["https"]), java_script_enabled=False, **PHONE
    )
    context.add_cookies(cookies(box, full))  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/find")
    page.locator("#q").fill("photos lake")
    page.locator("#q").press("Enter")
    expect(page.locator(".found-pictures [data-record]")).to_have_count(3)
    page.goto("/files?in=Papers")
    page.get_by_role("checkbox", name="Choose Budget.csv").check()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".row", has_text="Budget.csv")).to_have_count(0)
    page.goto("/bin")
    page.get_by_role("button", name="Take back: Budget.csv").click()
    expect(page.get_by_text("The bin is empty.")).to_be_visible()
    context.close()


def test_files_lie_in_their_folders(page: Page) -> None:
    page.goto("/files")
    fits(page)
    assert page.locator(".rows .name").all_inner_texts() == ["Camera", "Papers", "old.zip"]
    page.locator(".row", has_text="Camera").click()
    expect(page.locator(".empty h2")).to_have_text("Only photos and videos here.")
    page.locator(".empty .chip", has_text="Photos too").click()
    expect(page.locator("[data-record]")).to_have_count(4)
    page.goto("/files?in=Papers&sort=size")
    expect(page.locator("[data-record] .name").first).to_have_text("Booking.pdf")
    fits(page)
    page.locator(".row", has_text="Home").click()
    expect(page.locator("h1")).to_have_text("Home")
    page.locator(".crumbs a", has_text="Papers").click()
    expect(page.locator("h1")).to_have_text("Papers")


def test_many_go_into_the_bin_and_come_back(page: Page, full: Visitor) -> None:
    page.goto("/files?in=Papers")
    page.locator("[data-select]").click()
    for name in ("Budget.csv", "Packing list lake.txt"):
        page.locator("[data-record]", has_text=name).click()
    expect(page.locator("[data-select-bar] [data-count]")).to_have_text("2 chosen")
    page.locator("[data-select-bar] [data-act=delete]").click()
    expect(page.locator("[data-record]:visible")).to_have_count(1)
    page.locator(".toast button", has_text="Undo").click()
    expect(page.locator("[data-record]:visible")).to_have_count(3)
    full.post("/selection/delete", ids=record_of(full, "Budget"))
    page.goto("/bin")
    expect(page.locator(".row .line")).to_contain_text("leaves on")
    fits(page)
    page.locator("[data-select]").click()
    page.locator("[data-record]").click()
    page.locator("[data-bin=undelete]").click()
    expect(page.get_by_text("The bin is empty.")).to_be_visible()


def test_gone_for_good_names_the_thing_and_asks_who_you_are(page: Page, full: Visitor) -> None:
    full.put("secret diary.txt", b"nobody should read this")
    id = record_of(full, "diary")
    full.post("/selection/delete", ids=id)
    page.goto(f"/record/{id}")
    page.get_by_role("link", name="Gone for good").click()
    expect(page.locator("h1")).to_have_text("Destroy “secret diary.txt” for good?")
    fits(page)
    page.get_by_role("link", name="Keep it").click()
    page.wait_for_url("**/bin")
    page.locator("[data-select]").click()
    page.locator("[data-record]").click()
    page.locator("[data-bin=gone]").click()
    page.get_by_role("button", name="Destroy it").click()
    page.wait_for_url(re.compile(r"/(bin|sure\?.*)$"))
    if "/sure" in page.url:
        page.locator("#passphrase").fill(PASSPHRASE)
        page.locator(".foot .button, form .button").first.click()
        page.wait_for_url("**/bin")
    expect(page.get_by_text("The bin is empty.")).to_be_visible()
    assert full.get(f"/record/{id}").status == 404
