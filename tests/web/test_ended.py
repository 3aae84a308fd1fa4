"""A session that ends under somebody's hands, a clock that is wrong: nothing typed or chosen is lost, all is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.services.running import Running, until
from tests.web.front import PASSPHRASE, Visitor
from tests.web.scenery import photograph
from tests.web.things import cookies

_TAKEN = datetime(2025, 7, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def photo(member: Visitor) -> str:
    """The id of a photo with a preview."""
    data = photograph(1, _TAKEN)
    record = member.put("Camera/lake.jpg", data).headers["Upload-Record"]
    until(lambda: member.get(f"/preview/{record}/256").status == 200)
    return record


@pytest.fixture
def page(browser: Browser, member: Visitor, photo: str) -> Iterator[Page]:
    """A phone, with the photo open as large as its screen."""
    context = browser.new_context(ignore_https_errors=True, locale="en-GB", viewport={"width": 390, "height": 844})
    context.add_cookies(cookies(member.box, member))  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{member.box.hello['https']}/photo/{photo}")
    yield page
    context.close()


def _open_in_place(page: Page) -> None:
    dialog = page.locator("dialog[data-locked]")
    expect(dialog).to_contain_text("Your session has ended.")
    dialog.locator("#reopen").fill(PASSPHRASE)
    dialog.get_by_role("button", name="Open").click()
    expect(dialog).to_be_hidden()


def test_a_note_on_a_photo_outlives_the_session(page: Page, member: Visitor, photo: str) -> None:
    page.context.clear_cookies()
    page.get_by_label("Note").fill("The day at the lake")
    page.get_by_label("Note").blur()
    _open_in_place(page)
    expect(page.locator("[data-note-said]")).to_have_text("Kept")
    assert "The day at the lake" in member.get(f"/photo/{photo}").text
    page.context.clear_cookies()
    page.get_by_label("Note").fill("The day at the lake, with Jonas")
    expect(page.locator("dialog[data-locked]")).to_be_visible()
    page.context.add_cookies(cookies(member.box, member))  # type: ignore[arg-type]
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("The day at the lake, with Jonas")
    expect(page.locator("[data-note-said]")).to_have_text("Kept")


def test_a_tag_stays_in_its_field_until_the_box_has_it(page: Page) -> None:
    page.context.clear_cookies()
    field = page.get_by_label("Add a tag")
    field.fill("holidays")
    field.press("Enter")
    _open_in_place(page)
    expect(field).to_have_value("holidays")
    field.press("Enter")
    expect(page.locator(".tag-chip", has_text="holidays")).to_be_visible()


def test_a_session_that_ends_before_the_page_is_whole_is_opened_in_place_all_the_same(page: Page) -> None:
    page.evaluate("customElements.whenDefined('locker-uploads').then(() => true)")
    late: list[Route] = []  # the first page has all its modules, so this is the next page's
    page.route("**/uploads.js*", lambda route: late.append(route))
    with page.expect_request("**/uploads.js*"):
        page.reload()
    page.context.clear_cookies()
    field = page.get_by_label("Add a tag")
    field.fill("summer")
    with page.expect_response("**/annotate") as answer:
        field.press("Enter")
    assert answer.value.status == 401
    expect(field).to_have_value("summer")
    late[0].continue_()
    _open_in_place(page)


def test_what_was_chosen_stays_chosen(page: Page, member: Visitor) -> None:
    page.goto(f"{member.box.hello['https']}/photos")
    expect(page.locator(".tile img")).to_be_visible()  # the wall is drawn and stays as it is
    page.get_by_role("button", name="Select", exact=True).click()
    expect(page.locator("[data-select-bar]")).to_be_visible()
    page.locator(".tile").first.click()
    expect(page.locator("[data-select-bar] [data-count]")).to_have_text("1 chosen")
    page.context.clear_cookies()
    page.get_by_role("button", name="Delete").click()
    _open_in_place(page)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".tile")).to_have_count(1)


def test_searches_and_forms_are_found_again_inside(box: Running, member: Visitor) -> None:
    late = Visitor(box)
    asked = late.get("/find?q=lake&kind=photo")
    assert asked.leads_to == "/open?then=/find%3Fq%3Dlake%26kind%3Dphoto"
    assert late.open(then="/find?q=lake&kind=photo").leads_to == "/find?q=lake&kind=photo"
    for path, typed, shown in (
        ("/box/apps", {"device": "PhotoSync on the tablet"}, 'value="PhotoSync on the tablet"'),
        ("/members/invite", {"role": "child", "until": "2040-05-06"}, 'value="2040-05-06"'),
        ("/members/invite", {"role": "child"}, 'value="child" checked'),
    ):
        late = Visitor(box)
        assert late.post(path, **typed).leads_to == f"/open?then={path}"
        late.open(then=path)
        assert shown in late.get(path).text
    assert member.get("/home").status == 200


def test_the_first_log_in_is_called_by_its_browser(new_box: Running) -> None:
    visitor = Visitor(new_box)
    visitor.post("/claim", code=str(new_box.hello["claim_code"]))
    visitor.post("/household", household="Novak home", name="Marta")
    visitor.post("/passphrase", {"User-Agent": "iPhone Safari/605"}, once="1", offered="", passphrase=PASSPHRASE)
    assert "Safari, iPhone" in visitor.get("/box/log-ins").text


def test_a_phone_with_a_wrong_clock_is_told_before_its_browser_refuses(box: Running, browser: Browser) -> None:
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 844})
    page = context.new_page()
    said = page.locator("[data-clock]")
    page.goto(str(box.hello["http"]))
    expect(said).to_be_hidden()
    page.add_init_script("Object.defineProperty(performance, 'timeOrigin', {value: Date.UTC(2019, 2, 3, 12)})")
    page.reload()
    expect(said).to_contain_text("3 March 2019")
    context.close()
