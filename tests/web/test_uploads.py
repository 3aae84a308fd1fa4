"""Adding files at a phone: resume, lock, duplicates, folders, walking on; in Chromium, on the real processes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from services.api.blocking import Blocking
from tests.services.running import Running, until
from tests.web.front import PASSPHRASE, Visitor
from tests.web.tus_client import Tus

_PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
_MIB = 1 << 20
_HELD = "**/uploads/*"


@pytest.fixture
def context(box: Running, member: Visitor, browser: Browser) -> Iterator[BrowserContext]:
    """A phone that is logged in."""
    if member.get("/home").status != 200:
        member.open()
    context = browser.new_context(ignore_https_errors=True, locale="en-GB", **_PHONE)
    _log_in(context, box, member)
    yield context
    context.close()


@pytest.fixture
def page(box: Running, context: BrowserContext) -> Page:
    """Its home page."""
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{box.hello['https']}/home")
    return page


def _log_in(context: BrowserContext, box: Running, member: Visitor) -> None:
    visitor = Visitor(box)
    assert visitor.open().status == 303
    where = str(box.hello["https"])
    (cookie,) = [value for name, value in visitor.cookies.items() if name == "__Host-locker"]
    context.add_cookies(
        [
            {
                "name": "__Host-locker",
                "value": cookie,
                "url": where,
                "secure": True,
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )
    del member


def _file(folder: Path, name: str, size: int) -> Path:
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path


def _choose(page: Page, *paths: Path) -> None:
    page.locator("[data-files]").set_input_files([str(path) for path in paths])


def _arrived(page: Page, count: int) -> None:
    expect(page.locator("[data-look]")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-count]")).to_have_text(f"{count} of {count}")


def _kept(box: Running, path: Path, name: str = "") -> bool:
    free = Blocking((box.data / "run").resolve())
    opened = free.call("open", member=free.call("status").members[0].id, passphrase=PASSPHRASE)
    mine = free.as_session(opened.token, opened.member)
    with mine.stream("content", id=mine.call("find", path=name or path.name).id) as answer:
        found = hashlib.sha256(b"".join(answer))
    return found.digest() == hashlib.sha256(path.read_bytes()).digest()


class _Gate:
    """Lets a few pieces through, then holds the rest back."""

    def __init__(self, page: Page, pieces: int) -> None:
        self._left = pieces
        self._page = page
        page.route(_HELD, self._pass)

    def _pass(self, route: Route) -> None:
        if route.request.method == "PATCH":
            self._left -= 1
            if self._left < 0:
                route.abort("connectionreset")
                return
        route.continue_()

    def open(self) -> None:
        self._page.unroute(_HELD)


def test_files_of_every_size_arrive_and_are_counted_as_durable(box: Running, page: Page, tmp_path: Path) -> None:
    files = [_file(tmp_path, f"size-{size}.bin", size) for size in (0, 1, 70_000, 3 * _MIB, 5 * _MIB + 1)]
    _choose(page, *files)
    _arrived(page, len(files))
    expect(page.locator("[data-title]")).to_have_text("5 files are on this box.")
    expect(page.locator("[data-rows] .badge:visible")).to_have_count(len(files))
    assert all(_kept(box, path) for path in files)


def test_what_is_here_already_is_recognised_before_it_is_sent(page: Page, member: Visitor, tmp_path: Path) -> None:
    path = _file(tmp_path, "Zwilling.bin", 200_000)
    member.put("Zwilling.bin", path.read_bytes())
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if "/uploads" in request.url else None)
    _choose(page, path)
    _arrived(page, 1)
    expect(page.locator("[data-rows] [data-line]")).to_have_text("Was here already, kept once")
    assert "PATCH" not in sent and sent.count("POST") == 1, "only the question was asked"


def test_a_reload_in_the_middle_goes_on_when_the_file_is_chosen_again(
    box: Running, page: Page, context: BrowserContext, tmp_path: Path
) -> None:
    path = _file(tmp_path, "Film.mp4", 9 * _MIB)
    _Gate(page, 1)
    _choose(page, path)
    expect(page.locator("[data-rows] [data-line]")).to_have_text(re.compile("does not answer"), timeout=30_000)
    page.close()
    page = context.new_page()
    page.goto(f"{box.hello['https']}/home")
    expect(page.locator("[data-bar-title]")).to_have_text("1 file waits to go on")
    page.locator("[data-show]").click()
    expect(page.locator("[data-rows] [data-line]")).to_have_text(re.compile(r"^2\.1 of 9\.4.MB are here\.$"))
    offsets: list[str] = []
    page.on("request", lambda one: offsets.append(one.headers["upload-offset"]) if one.method == "PATCH" else None)
    _choose(page, path)
    _arrived(page, 1)
    assert int(offsets[0]) >= 2 * _MIB, "nothing durable is sent twice"
    assert _kept(box, path)


def test_the_front_is_killed_and_the_locker_closed_in_the_middle(box: Running, page: Page, tmp_path: Path) -> None:
    path = _file(tmp_path, "Reise.mp4", 9 * _MIB)
    gate = _Gate(page, 1)
    _choose(page, path)
    expect(page.locator("[data-rows] [data-line]")).to_have_text(re.compile("does not answer"), timeout=30_000)
    os.kill(box.children()["webd"], signal.SIGKILL)
    gate.open()
    expect(page.locator("[data-locked]")).to_be_visible(timeout=60_000)
    page.locator("#reopen").fill("not this one")
    page.locator("[data-reopen]").click()
    expect(page.locator("[data-locked-said]")).to_contain_text("does not open")
    page.locator("#reopen").fill(PASSPHRASE)
    page.locator("#reopen").press("Enter")
    _arrived(page, 1)
    assert _kept(box, path)


def test_walking_through_the_pages_does_not_end_it(box: Running, page: Page, tmp_path: Path) -> None:
    path = _file(tmp_path, "Spaziergang.mp4", 9 * _MIB)
    gate = _Gate(page, 1)
    _choose(page, path)
    expect(page.locator("[data-rows] [data-line]")).to_have_text(re.compile("does not answer"), timeout=30_000)
    page.locator("[data-hide]").click()
    page.evaluate("window.same = true")
    for name, where in (("Find", "**/find"), ("Box", "**/box"), ("Home", "**/home")):
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
        page.wait_for_url(where)
        expect(page.locator("h1")).to_have_count(1)
        expect(page.locator("[data-bar-title]")).to_have_text("Adding 1 file")
    page.go_back()
    page.wait_for_url("**/box")
    assert page.evaluate("window.same"), "the page was never left"
    page.locator("[data-show]").click()
    gate.open()
    _arrived(page, 1)
    assert _kept(box, path)


def test_taking_home_asks_nothing_while_files_are_sent(
    box: Running, member: Visitor, page: Page, tmp_path: Path
) -> None:
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    assert member.put("Rezept.txt", b"Mehl und Zucker").status == 201
    path = _file(tmp_path, "Umzug.mp4", 9 * _MIB)
    gate = _Gate(page, 1)
    _choose(page, path)
    expect(page.locator("[data-rows] [data-line]")).to_have_text(re.compile("does not answer"), timeout=30_000)
    page.locator("[data-hide]").click()
    page.get_by_role("navigation").get_by_role("link", name="Find", exact=True).click()
    page.locator("#q").fill("Rezept")
    page.locator(".found-papers .row").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Take home").click()
    assert download.value.suggested_filename == "Rezept.txt"
    page.locator("[data-show]").click()
    gate.open()
    _arrived(page, 1)
    assert _kept(box, path)
    assert asked == []


def test_a_file_that_changes_meanwhile_is_said_and_not_kept(box: Running, page: Page, tmp_path: Path) -> None:
    path = _file(tmp_path, "Entwurf.bin", 9 * _MIB)
    gate = _Gate(page, 1)
    _choose(page, path)
    expect(page.locator("[data-rows] [data-line]")).to_have_text(re.compile("does not answer"), timeout=30_000)
    path.write_bytes(os.urandom(9 * _MIB + 1))
    gate.open()
    expect(page.locator("[data-rows] .trouble [data-line]")).to_contain_text("It changed", timeout=60_000)
    expect(page.locator("[data-again]")).to_have_text("Choose it again")
    _choose(page, path)
    _arrived(page, 1)
    assert _kept(box, path)


def test_pause_holds_everything_and_going_on_goes_on(page: Page, tmp_path: Path) -> None:
    path = _file(tmp_path, "Pause.bin", 9 * _MIB)
    gate = _Gate(page, 1)
    _choose(page, path)
    page.locator("[data-pause]").click()
    gate.open()
    expect(page.locator("[data-rows] [data-line]")).to_have_text("Paused")
    page.locator("[data-go-on]").click()
    _arrived(page, 1)


def test_a_folder_dropped_on_a_laptop_keeps_its_inner_paths(
    box: Running, browser: Browser, member: Visitor, tmp_path: Path
) -> None:
    context = browser.new_context(ignore_https_errors=True, locale="en-GB", viewport={"width": 1280, "height": 800})
    _log_in(context, box, member)
    page = context.new_page()
    page.goto(f"{box.hello['https']}/home")
    folder = tmp_path / "Ferien"
    (folder / "Tag 1").mkdir(parents=True)
    files = {"Ferien/Tag 1/a.bin": folder / "Tag 1" / "a.bin", "Ferien/b.bin": folder / "b.bin"}
    for path in files.values():
        path.write_bytes(os.urandom(5000))
    page.locator("[data-folder]").set_input_files(str(folder))
    _arrived(page, 2)
    assert all(_kept(box, path, name) for name, path in files.items())
    context.close()


def test_news_of_another_device_reach_the_page(box: Running, page: Page, member: Visitor) -> None:
    page.evaluate(
        """() => { window.heard = [];
        for (const what of ["state", "stored", "upload"])
          document.addEventListener(`locker:${what}`, (event) => window.heard.push([what, event.detail])); }"""
    )
    tus = Tus(member)
    where = tus.new("anderswo.bin", 10).headers["Location"]
    expect(page.locator("locker-uploads")).to_be_attached()

    def heard(what: str) -> list[Any]:
        tus.patch(where, tus.offset(where), b"x")
        found: list[Any] = page.evaluate("(what) => window.heard.filter(([one]) => one === what)", what)
        return found

    _until_true(page, lambda: heard("upload"))
    expect(page.locator("[data-elsewhere]")).to_have_text("Another of your devices is adding 1 file right now.")
    whole = json.loads(tus.new("neu.bin", 3, b"neu").body)["id"]
    _until_true(page, lambda: [one for _, one in heard("stored") if one["id"] == whole])


def _until_true(page: Page, true: Callable[[], object]) -> None:
    """Like ``until``, but lets the page live meanwhile."""
    for _ in range(600):
        if true():
            return
        page.wait_for_timeout(50)
    until(true, 1)
