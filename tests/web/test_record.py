"""The page of one record in Chromium, on a real box: first page, note, tags, name, history."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.services import reader_files as files
from tests.web.front import PASSPHRASE, Visitor
from tests.web.test_find import PHONE, fits, full, page
from tests.web.things import record_of, version

__all__ = ["PHONE", "full", "page"]


@pytest.fixture
def booking(full: Visitor) -> Iterator[str]:
    """The id of a PDF, clean again afterwards."""
    id = record_of(full, "flowerpot")
    yield id
    full.post(f"/record/{id}/annotate", note="", remove="Lake House, to pay")


def test_a_paper_shows_its_first_page_and_its_words(page: Page, booking: str) -> None:
    page.goto(f"/record/{booking}")
    expect(page.locator("h1")).to_have_text("Booking")
    drawn = (
        "async () => { const it = document.querySelector('.page-view img'); await it.decode(); return it.naturalWidth }"
    )
    assert page.evaluate(drawn) > 500
    fits(page)
    page.locator(".read-along summary").click()
    expect(page.locator(".read-along")).to_contain_text("third flowerpot")
    height = page.locator(".page-view").evaluate("(one) => one.offsetHeight")
    page.locator(".page-view").click()
    assert page.locator(".page-view").evaluate("(one) => one.offsetHeight") > height
    with page.expect_download() as download:
        page.get_by_role("link", name="Take home").click()
    assert download.value.suggested_filename == "Booking.pdf"


def test_a_browser_that_was_told_to_go_on_takes_files_home_over_a_new_connection(page: Page, booking: str) -> None:
    """Who passed the warning by hand is trusted for addresses the page leads to, not for requests of the browser itself
    (the `download` attribute): those break off whenever no kept connection is free."""
    page.goto(f"/record/{booking}")
    page.evaluate(
        """() => Promise.all([1, 2, 3, 4].map(() => new Promise((resolve) => {
            new EventSource("/live").addEventListener("state", resolve);
        })))"""
    )
    with page.expect_download() as download:
        page.get_by_role("link", name="Take home").click()
    assert download.value.failure() is None
    assert download.value.suggested_filename == "Booking.pdf"
    assert page.evaluate("!document.querySelector('a[download]')")


def test_taking_home_after_the_session_ended_leads_back_to_the_record(page: Page, booking: str) -> None:
    page.goto(f"/record/{booking}")
    page.context.clear_cookies()
    page.get_by_role("link", name="Take home").click()
    page.locator("#passphrase").fill(PASSPHRASE)
    page.locator(".foot .button").click()
    page.wait_for_url(f"**/record/{booking}")


def test_the_note_keeps_itself_and_is_found(page: Page, full: Visitor, booking: str) -> None:
    page.goto(f"/record/{booking}")
    page.locator("#note").fill("Paid from the joint account, ask about the meter.")
    expect(page.locator("[data-note-said]")).to_have_text("Kept")
    page.reload()
    expect(page.locator("#note")).to_have_value("Paid from the joint account, ask about the meter.")
    page.goto("/find?q=joint+account")
    expect(page.locator(".found-papers .row", has_text="Booking")).to_contain_text("joint account")
    page.goto(f"/record/{booking}")
    page.route("**/annotate", lambda route: route.abort())
    page.locator("#note").fill("typed while the box was away")
    expect(page.locator("[data-note-said]")).to_contain_text("What you typed stays here.")
    page.unroute("**/annotate")
    page.reload()
    expect(page.locator("#note")).to_have_value("typed while the box was away")
    expect(page.locator("[data-note-said]")).to_have_text("Kept")
    assert "typed while the box was away" in full.get(f"/record/{booking}").text


def test_tags_come_and_go_and_find(page: Page, booking: str) -> None:
    page.goto(f"/record/{booking}")
    for tag in ("Lake House", "to pay"):
        page.locator("#tag").fill(tag)
        page.locator("#tag").press("Enter")
        expect(page.locator(".tag-list li", has_text=tag)).to_be_visible()
    fits(page)
    page.get_by_role("button", name="Take away the tag to pay").click()
    expect(page.locator(".tag-list li")).to_have_count(1)
    page.locator(".tag-list a").click()
    expect(page.locator(".found-papers .row")).to_have_count(1)
    page.goto("/find?q=%23%22Lake+House%22")
    expect(page.locator(".filters .chosen")).to_contain_text("Lake House")
    expect(page.locator(".found-papers .row")).to_have_count(1)


def test_a_session_that_ends_while_a_note_is_typed_loses_nothing(page: Page, booking: str) -> None:
    page.goto(f"/record/{booking}")

    def at_the_door(route: Route) -> None:
        route.fulfill(status=200, content_type="text/html", body="<!doctype html>")

    page.route("**/annotate", at_the_door)
    page.locator("#note").fill("half a thought")
    expect(page.locator("[data-note-said]")).to_contain_text("Not kept yet")
    page.unroute("**/annotate")
    page.goto(f"/record/{booking}")
    expect(page.locator("#note")).to_have_value("half a thought")
    expect(page.locator("[data-note-said]")).to_have_text("Kept")


def test_a_new_name_keeps_its_ending_and_its_folder(page: Page, full: Visitor) -> None:
    full.put("Drafts/plan one.txt", b"plans and dreams")
    id = record_of(full, "dreams")
    page.goto(f"/record/{id}")
    page.locator("summary", has_text="Give it another name").click()
    page.locator("#name").fill("Great plan")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator("h1")).to_have_text("Great plan")
    expect(page.locator(".facts")).to_contain_text("Great plan.txt")
    expect(page.locator(".facts a")).to_have_text("Drafts")
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url(re.compile("/files"))
    page.locator(".toast button").click()
    page.goto(f"/record/{id}")
    expect(page.locator(".badge.move")).to_be_visible()
    full.post(f"/record/{id}/delete")
    full.post("/bin/empty")


def test_an_older_version_is_brought_back(page: Page, full: Visitor) -> None:
    for text in (b"the first harbour", b"the second lantern"):
        version(full, "Drafts/story.txt", text)
    page.goto("/find?q=lantern")
    page.locator(".found-papers .row").click()
    expect(page.locator(".versions .row")).to_have_count(2)
    fits(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Take home version 1").click()
    assert download.value.path().read_bytes() == b"the first harbour"
    page.get_by_role("button", name="Bring back: Version 1").click()
    expect(page.locator(".said.fine")).to_contain_text("The older version is back.")
    expect(page.locator(".paper")).to_have_text("the first harbour")
    expect(page.locator(".versions .row")).to_have_count(3)
    page.goto("/find?q=story")
    full.post("/selection/delete", ids=record_of(full, "story"))
    full.post("/bin/empty")


def test_what_a_file_says_is_shown_as_text_alone(page: Page, full: Visitor) -> None:
    nasty = "<script>document.title='x'</script><img src=//evil.example/x><h1>Hello</h1> \u202egnp.exe"
    full.put("nasty.html", f"<!doctype html><html><body>{nasty}</body></html>".encode())
    full.put("nasty.md", f"# {nasty}".encode())
    full.put("nasty.csv", f"a;b\n{nasty};2".encode())
    for ending in ("html", "md", "csv"):
        page.goto(f"/record/{record_of(full, f'nasty {ending}')}")
        assert "Locker Box" in page.title()
        assert page.locator("main script[src], main img[src*=evil], .page-view h1").count() == 0
        assert "\u202e" not in page.content()
    full.post("/selection/delete", ids=",".join(record_of(full, f"nasty {ending}") for ending in ("html", "md", "csv")))
    full.post("/bin/empty")
    assert files.pdf()
