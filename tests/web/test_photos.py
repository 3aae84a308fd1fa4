"""Photos by day: the grid, the scrubber, one photo over the whole screen, choosing many; in Chromium on a real box."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from playwright.sync_api import Browser, Page, Route, expect

from tests.services.running import until
from tests.web.front import Visitor
from tests.web.things import cookies

_PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
_LAPTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
_DAYS = ((0, 8), (1, 2), (40, 5), (400, 7), (800, 24), (1500, 24))
"""(days ago, photos on that day)."""
_TODAY = datetime(2026, 10, 21, 18, 0, tzinfo=UTC)


def _jpeg(number: int, taken: datetime) -> bytes:
    picture = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
    picture.paste((number * 37 % 256, number * 91 % 256, number * 13 % 256), (40, 40, 280, 200))
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Pentax", "Pentax K-1"
    inside = exif.get_ifd(0x8769)
    inside[0x9003] = f"{taken:%Y:%m:%d %H:%M:%S}"
    inside[0x829A], inside[0x829D], inside[0x8827] = IFDRational(1, 250), IFDRational(17, 10), 100
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.fixture(scope="module")
def photos(member: Visitor) -> list[str]:
    """Ids of 70 photos over four years, newest first, all with previews."""
    number = 0
    for ago, count in _DAYS:
        for of_day in range(count):
            number += 1
            taken = _TODAY - timedelta(days=ago, minutes=3 * of_day)
            assert member.put(f"Camera/IMG_{number:03}.jpg", _jpeg(number, taken)).status == 201
    until(lambda: len(_items(member)) == number and all(one[4] for one in _items(member)))
    return [one[0] for one in _items(member)]


def _items(member: Visitor) -> list[Any]:
    found: list[Any] = json.loads(member.get("/photos/items?from=2020-01-01&to=2026-10-21").body)["items"]
    return found


def _page(browser: Browser, member: Visitor, **more: Any) -> Page:
    context = browser.new_context(ignore_https_errors=True, locale="en-GB", **more)
    address = str(member.box.hello["https"])
    context.add_cookies([{"name": name, "value": value, "url": address} for name, value in member.cookies.items()])
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    return page


@pytest.fixture(params=[_PHONE, _LAPTOP], ids=["phone", "laptop"])
def page(request: pytest.FixtureRequest, browser: Browser, member: Visitor, photos: list[str]) -> Iterator[Page]:
    """The Photos place at two sizes."""
    page = _page(browser, member, **request.param)
    page.goto(f"{member.box.hello['https']}/photos")
    expect(page.locator(".days.virtual .tile img").first).to_be_visible()
    assert photos
    yield page
    page.context.close()


def test_every_day_is_on_the_page_and_only_what_is_seen_exists(page: Page) -> None:
    expect(page.locator("section.day h2").first).to_have_text("Wednesday, 21 October")
    total = sum(count for _, count in _DAYS)
    assert page.locator(".tile").count() < total
    height = page.evaluate("document.documentElement.scrollHeight")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator("section.day h2").last).to_have_text(re.compile("2022$"))
    expect(page.locator("section.day").last.locator(".tile img").last).to_be_visible()
    assert page.evaluate("document.documentElement.scrollHeight") == height, "the scroll bar was exact from the start"
    assert page.locator(".tile").count() < total
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_scrubber_goes_by_month_and_year_with_the_keyboard_alone(page: Page) -> None:
    scrubber = page.get_by_role("slider", name="Go to a month", include_hidden=True)
    scrubber.focus()
    expect(scrubber).to_have_attribute("aria-valuetext", "October 2026")
    page.keyboard.press("ArrowDown")
    expect(scrubber).to_have_attribute("aria-valuetext", "September 2026")
    page.keyboard.press("PageDown")
    expect(scrubber).to_have_attribute("aria-valuetext", "September 2025")
    page.keyboard.press("End")
    expect(page.locator(".tile img").first).to_be_visible()
    page.keyboard.press("Home")
    expect(scrubber).to_have_attribute("aria-valuetext", "October 2026")


def test_a_day_has_an_address_and_the_place_is_found_again(page: Page, member: Visitor) -> None:
    day = (_TODAY - timedelta(days=800)).strftime("%Y-%m-%d")
    page.goto(f"{member.box.hello['https']}/find")
    page.goto(f"{member.box.hello['https']}/photos#{day}")
    expect(page.locator(f"[id='{day}']")).to_be_in_viewport()
    page.evaluate("history.replaceState(null, '', '/photos')")
    page.goto(f"{member.box.hello['https']}/find")
    page.go_back()
    expect(page.locator(f"[id='{day}']")).to_be_in_viewport()


def test_one_photo_fills_the_screen_and_its_neighbours_follow(page: Page, photos: list[str]) -> None:
    page.locator(f"[data-record='{photos[1]}']").click()
    page.wait_for_url(f"**/photo/{photos[1]}")
    viewer = page.locator("dialog.viewer")
    expect(viewer).to_have_class(re.compile("full"))
    expect(viewer.locator("[data-strip] .older img")).to_be_attached()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/photo/{photos[2]}")
    viewer.locator("[data-details]").click()
    expect(viewer.locator("[data-title]")).to_have_text("IMG_003.jpg")
    expect(viewer.get_by_text("Wednesday, 21 October 2026, 17:54")).to_be_visible()
    expect(viewer.get_by_text(re.compile("Pentax.K-1 · ƒ/1.7 · 1/250.s · ISO.100"))).to_be_visible()
    expect(viewer.get_by_text("Whole on this box")).to_be_visible()
    page.keyboard.press("Escape")
    page.wait_for_url("**/photos")
    expect(viewer).to_be_hidden()
    expect(page.locator(f"[data-record='{photos[2]}']")).to_be_focused()


def test_a_photo_has_a_page_when_the_viewer_cannot_be_had(browser: Browser, member: Visitor, photos: list[str]) -> None:
    context = browser.new_context(ignore_https_errors=True, **_PHONE)
    context.add_cookies(cookies(member.box, member))  # type: ignore[arg-type]
    page = context.new_page()
    page.route("**/viewer.js*", lambda route: route.abort())
    page.goto(f"{member.box.hello['https']}/photos")
    tile = page.locator(".days.virtual .tile").nth(1)
    expect(tile.locator("img")).to_be_visible()
    tile.click()
    page.wait_for_url(f"**/photo/{photos[1]}")
    page.unroute("**/viewer.js*")
    page.go_back()
    tile.click()
    expect(page.locator("dialog.viewer .slide img").first).to_be_visible()
    page.context.close()


def test_double_tap_brings_the_original(page: Page, photos: list[str]) -> None:
    page.locator(f"[data-record='{photos[0]}']").click()
    expect(page.locator("dialog.viewer .slide img").first).to_be_visible()
    expect(page.locator("dialog.viewer .older img")).to_be_attached()
    page.locator("dialog.viewer [data-stage]").dblclick(position={"x": 150, "y": 400})
    expect(page.locator("dialog.viewer")).to_have_class(re.compile("zoomed"))
    expect(page.locator(".slide[data-original] img")).to_have_attribute("src", re.compile(f"/record/{photos[0]}/file"))


def test_tags_and_a_note_stay(page: Page, photos: list[str], member: Visitor) -> None:
    tag = f"lake{page.viewport_size['width']}" if page.viewport_size else "lake"
    page.goto(f"{member.box.hello['https']}/photo/{photos[5]}")
    page.get_by_label("Add a tag").fill(f"#{tag}")
    page.keyboard.press("Enter")
    expect(page.locator("[data-tags]")).to_contain_text(tag)
    page.get_by_label("Note").fill("The morning after the storm.")
    expect(page.locator("[data-note-said]")).to_have_text("Kept")
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("The morning after the storm.")
    page.get_by_role("button", name=f"Take away the tag {tag}").click()
    expect(page.locator("[data-tags]")).not_to_contain_text(tag)
    page.get_by_label("Note").fill("")
    expect(page.locator("[data-note-said]")).to_have_text("Kept")


def test_many_are_chosen_taken_home_deleted_and_brought_back(page: Page, photos: list[str]) -> None:
    page.get_by_role("button", name="Select", exact=True).click()
    for one in photos[:2]:
        page.locator(f"[data-record='{one}']").click()
    expect(page.locator("[data-select-bar] [data-count]")).to_have_text("2 chosen")
    with page.expect_download() as download:
        page.get_by_role("button", name="Take home").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["Camera/IMG_001.jpg", "Camera/IMG_002.jpg"]
        assert archive.testzip() is None
    page.get_by_role("button", name="Select all of Tuesday, 20 October").click()
    expect(page.locator("[data-select-bar] [data-count]")).to_have_text("4 chosen")
    page.locator("[data-select-bar]").get_by_role("button", name="Delete").click()
    expect(page.locator(f"[data-record='{photos[0]}']")).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text("4 in the bin.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f"[data-record='{photos[0]}'] img")).to_be_visible()


def test_shift_space_and_escape_choose_with_the_keyboard(page: Page, photos: list[str]) -> None:
    page.locator(f"[data-record='{photos[0]}']").focus()
    page.keyboard.press("Space")
    expect(page.locator(f"[data-record='{photos[0]}']")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"[data-record='{photos[1]}']")).to_be_focused()
    page.locator(f"[data-record='{photos[3]}']").click(modifiers=["Shift"])
    expect(page.locator("[data-select-bar] [data-count]")).to_have_text("4 chosen")
    page.keyboard.press("Escape")
    expect(page.locator("[data-select-bar]")).to_be_hidden()


def test_a_new_photo_appears_by_itself(page: Page, member: Visitor) -> None:
    taken = _TODAY + timedelta(minutes=page.viewport_size["width"] if page.viewport_size else 0)
    stored = member.put(f"Camera/fresh-{taken:%H%M}.jpg", _jpeg(99, taken))
    record = json.loads(stored.body)["id"]
    expect(page.locator(f"[data-record='{record}'] img")).to_be_visible(timeout=15_000)
    assert member.post("/selection/delete", ids=record).status == 200
    expect(page.locator(f"[data-record='{record}']")).to_have_count(0, timeout=15_000)


def test_a_picture_that_is_still_with_friends_is_asked_for_again(
    browser: Browser, member: Visitor, photos: list[str]
) -> None:
    page = _page(browser, member, **_PHONE)
    page.clock.install()
    asked: list[str] = []

    def not_here(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503)

    page.route("**/preview/**", not_here)
    page.goto(f"{member.box.hello['https']}/find?q=IMG")
    picture = page.locator("main img[src*=preview]").first
    expect(picture).to_have_class(re.compile(r"\bunseen\b"))
    page.wait_for_load_state("networkidle")
    before = len(asked)
    assert before and photos
    page.clock.fast_forward(20_000)
    page.wait_for_timeout(300)
    again = asked[before:]
    assert again and len(again) == len(set(again)), "each is asked for once"
    page.unroute("**/preview/**")
    for _ in range(8):
        page.clock.fast_forward(20_000)
        page.wait_for_timeout(100)
    expect(picture).not_to_have_class(re.compile(r"\bunseen\b"))
    expect(page.locator("main img.unseen")).to_have_count(0)
    page.context.close()


def test_without_javascript_it_is_plain_pages(browser: Browser, member: Visitor, photos: list[str]) -> None:
    page = _page(browser, member, java_script_enabled=False, **_PHONE)
    page.goto(f"{member.box.hello['https']}/photos")
    expect(page.locator("section.day img").first).to_be_visible()
    seen = page.locator("[data-record]").count()
    page.get_by_role("link", name="Earlier").click()
    assert page.locator("[data-record]").count() + seen == len(photos)
    page.locator("[data-record]").last.click()
    assert page.url.endswith(f"/photo/{photos[-1]}")
    page.get_by_label("Note").fill("Written without a script.")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_label("Note")).to_have_value("Written without a script.")
    page.context.close()


def test_ranges_of_a_file_are_exact(member: Visitor, photos: list[str]) -> None:
    path = f"/record/{photos[0]}/file"
    whole = member.get(path)
    tag, size = whole.headers["ETag"], len(whole.body)
    for asked, start, stop in (("bytes=0-99", 0, 100), ("bytes=100-", 100, size), ("bytes=-50", size - 50, size)):
        part = member.get(path, Range=asked, If_Range=tag)
        assert (part.status, part.body) == (206, whole.body[start:stop])
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    assert member.get(path, Range="bytes=0-99", If_Range='"other"').body == whole.body
    beyond = member.get(path, Range=f"bytes={size}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert member.get(path, If_None_Match=tag).status == 304
    assert member.ask("HEAD", path).headers["Content-Length"] == str(size)
