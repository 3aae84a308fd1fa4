"""A family member at a phone: from the label to the bin and back, in Chromium, on the real processes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.services.running import Running
from tests.web.front import PASSPHRASE, is_expected

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
_BACKGROUNDS = Path("/usr/share/backgrounds")
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)


@dataclass
class Phone:
    """One browser context at phone size; every complaint of the console is a failure."""

    box: Running
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        """An address on the private connection."""
        return f"{self.box.hello['https']}{path}"

    def fits(self) -> None:
        """Nothing on the page is wider than the smallest phone, and every target is large enough for a thumb."""
        for width in (320, 390, 1280):
            self.page.set_viewport_size({"width": width, "height": 844})
            assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, self.page.url)
        self.page.set_viewport_size(PHONE["viewport"])
        small = self.page.evaluate(
            """[...document.querySelectorAll("a, button, summary, input")]
            .filter((one) => one.offsetParent && !["radio", "checkbox", "file"].includes(one.type))
            .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
            .filter(([, at]) => at.width && (at.height < 43.5 || at.width < 43.5)).map(([text]) => text)"""
        )
        assert not small, small
        assert self.page.locator("h1").count() == 1


@pytest.fixture
def phone(new_box: Running, browser: Browser) -> Iterator[Phone]:
    """A phone that has accepted the warning once."""
    yield from _phone(new_box, browser)


def _phone(box: Running, browser: Browser, **more: Any) -> Iterator[Phone]:
    context = browser.new_context(ignore_https_errors=True, **{"locale": "en-GB", **PHONE, **more})
    page = context.new_page()
    phone = Phone(box, context, page)
    page.on("console", lambda said: phone.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: phone.complaints.append(str(error)))
    yield phone
    context.close()
    assert [one for one in phone.complaints if not is_expected(one)] == []


def _files(folder: Path) -> list[Path]:
    found = sorted(_BACKGROUNDS.rglob("*.webp")) or sorted(_BACKGROUNDS.rglob("*.jpg")) if _BACKGROUNDS.is_dir() else []
    photo = folder / "Strand am Abend.jpg"
    Image.linear_gradient("L").resize((1200, 900)).convert("RGB").save(photo)
    (folder / "Rechnung.pdf").write_bytes(_PDF)
    (folder / "🌻 Liste.txt").write_text("Sonnenblumen und Apfelkuchen")
    (folder / "leer.bin").write_bytes(b"")
    return [photo, folder / "Rechnung.pdf", folder / "🌻 Liste.txt", folder / "leer.bin", *found[:1]]


def _claim(phone: Phone) -> list[str]:
    page = phone.page
    page.goto(phone.url(f"/claim#{phone.box.hello['claim_code']}"))
    expect(page.locator("#code")).to_have_value(str(phone.box.hello["claim_code"]))
    assert "#" not in page.evaluate("location.href"), "the code leaves the address at once"
    phone.fits()
    page.get_by_role("button", name=re.compile("Claim this box|Diese Box")).click()
    page.locator("#household").fill("Haus Novak")
    page.locator("#name").fill("Marta")
    phone.fits()
    page.locator(".foot .button").click()
    expect(page.locator(".words-offered li")).to_have_count(5)
    page.locator("#passphrase").fill(PASSPHRASE)
    phone.fits()
    page.locator(".foot .button").click()
    expect(page.locator(".kit li")).to_have_count(24)
    phone.fits()
    words = page.locator(".kit li").all_inner_texts()
    page.locator("a[href='/kit/check']").click()
    phone.fits()
    _prove(page, words)
    page.locator(".foot .button[aria-disabled=false]").click()
    page.wait_for_url("**/guide?first=1")
    phone.fits()
    page.locator(".foot .button").click()
    page.wait_for_url("**/home?lit=1")
    return words


def _prove(page: Page, words: list[str]) -> None:
    for at in page.locator(".field label").all_inner_texts():
        field = page.locator("input[name=word]")
        field.fill(words[int(at.split()[-1]) - 1])
        field.press("Enter")
        expect(page.get_by_label(at, exact=True)).to_have_attribute("readonly", "")


def _add(phone: Phone, files: list[Path]) -> None:
    phone.page.locator("[data-files]").set_input_files([str(path) for path in files])
    expect(phone.page.locator("[data-look]")).to_be_visible(timeout=60_000)
    expect(phone.page.locator("[data-count]")).to_have_text(re.compile(rf"^{len(files)} \w+ {len(files)}$"))
    expect(phone.page.locator("[data-rows] .badge:visible")).to_have_count(len(files))


def test_from_the_label_to_the_bin_and_back(phone: Phone, tmp_path: Path) -> None:
    page = phone.page
    page.goto(f"{phone.box.hello['http']}/#{phone.box.hello['claim_code']}")
    onward = str(page.locator("#onward").get_attribute("href"))
    assert onward == f"{phone.box.hello['https']}/claim#{phone.box.hello['claim_code']}"
    phone.fits()
    words = _claim(phone)
    expect(page.locator("h1")).to_have_text("Your locker is ready.")
    page.goto(phone.url("/kit"))
    expect(page.locator("h1")).to_have_text("Your spare key is in order.")
    assert not any(f">{word}<" in page.content() for word in words), "the words are shown once"
    page.goto(phone.url("/home"))
    phone.fits()

    files = _files(tmp_path)
    _add(phone, files)
    phone.fits()
    page.locator("[data-look]").click()
    page.wait_for_url("**/photos")
    expect(page.locator(".tile img").first).to_be_visible(timeout=60_000)
    phone.fits()

    for path in files:
        page.goto(phone.url("/find"))
        page.locator("#q").fill(path.stem.split()[-1])
        page.locator("#q").press("Enter")
        named = page.locator(".found [data-record]", has_text=path.name)
        found = page.locator(".found-pictures a") if path.suffix in (".jpg", ".webp") else named
        expect(found.first).to_be_visible()
        phone.fits()
        found.first.click()
        page.wait_for_url(re.compile("/(record|photo)/"))
        phone.fits()
        with page.expect_download() as download:
            page.get_by_role("link", name="Take home").click()
        assert download.value.suggested_filename == path.name
        assert hashlib.sha256(download.value.path().read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()

    page.goto(phone.url("/find?q=Sonnenblumen"))
    page.locator("a.row").first.click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("🌻 Liste.txt", exact=True)).to_be_visible()

    page.goto(phone.url("/home"))
    page.locator("form[action='/lock'] button:visible").click()
    page.wait_for_url("**/open")
    phone.fits()
    expect(page.locator(".scene")).not_to_have_class(re.compile("lit"))
    page.locator("#passphrase").fill("not this one")
    page.locator(".foot .button").click()
    expect(page.get_by_role("alert")).to_contain_text("does not open the locker")
    expect(page.get_by_role("alert")).to_be_in_viewport(ratio=1)
    expect(page.locator("h1")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Show what is typed").click()
    page.locator("#passphrase").fill(PASSPHRASE)
    page.locator(".foot .button").click()
    page.wait_for_url("**/home*")
    expect(page.locator(".scene")).to_have_class(re.compile("lit"))


def test_pictures_appear_when_the_box_has_drawn_them(phone: Phone, tmp_path: Path) -> None:
    _claim(phone)
    _add(phone, _files(tmp_path)[:1])
    page = phone.page
    page.goto(phone.url("/photos"))
    picture = page.locator(".tile img").first
    expect(picture).to_be_visible(timeout=60_000)
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 100


def test_a_locker_locked_elsewhere_opens_again_under_the_upload(phone: Phone, tmp_path: Path) -> None:
    _claim(phone)
    elsewhere = phone.context.new_page()
    elsewhere.goto(phone.url("/box"))
    elsewhere.locator("form[action='/lock'] .button").click()
    elsewhere.wait_for_url("**/open")
    page = phone.page
    page.locator("[data-files]").set_input_files([str(path) for path in _files(tmp_path)[:2]])
    expect(page.locator("dialog[data-locked]")).to_be_visible()
    page.locator("#reopen").fill("wrong")
    page.locator("[data-reopen]").click()
    expect(page.locator("[data-locked-said]")).to_contain_text("does not open")
    page.locator("#reopen").fill(PASSPHRASE)
    page.locator("#reopen").press("Enter")
    expect(page.locator("[data-look]")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-rows] .badge:visible")).to_have_count(2)


def test_in_german_and_in_the_dark(new_box: Running, browser: Browser, tmp_path: Path) -> None:
    for phone in _phone(new_box, browser, locale="de-DE", color_scheme="dark"):
        phone.page.goto(phone.url("/claim"))
        assert phone.page.locator("html").get_attribute("lang") == "de"
        expect(phone.page.locator("h1")).to_have_text("Hallo. Das ist deine neue Locker Box.")
        _claim(phone)
        _add(phone, _files(tmp_path))
        for path in ("/home", "/photos", "/find?q=Liste", "/bin", "/box", "/kit", "/nirgends"):
            phone.page.goto(phone.url(path))
            phone.fits()
        phone.page.goto(phone.url("/box"))
        phone.page.get_by_role("button", name="English").click()
        expect(phone.page.locator("h1")).to_have_text("This box")


def test_without_javascript_a_box_can_be_claimed_opened_and_read(new_box: Running, browser: Browser) -> None:
    for phone in _phone(new_box, browser, java_script_enabled=False):
        page = phone.page
        page.goto(str(phone.box.hello["http"]))
        page.locator("#onward").click()
        page.wait_for_url("**/claim")
        page.locator("#code").fill(str(phone.box.hello["claim_code"]).lower().replace("-", " "))
        page.locator(".foot .button").first.click()
        page.locator("#household").fill("Haus Novak")
        page.locator("#name").fill("Marta")
        page.locator(".foot .button").click()
        page.locator("#passphrase").fill(PASSPHRASE)
        page.locator(".foot .button").click()
        expect(page.locator(".kit li")).to_have_count(24)
        words = page.locator(".kit li").all_inner_texts()
        page.locator("a[href='/kit/check']").click()
        page.locator("input[name=word]").fill("medow")
        page.locator(".foot .button").first.click()
        expect(page.locator(".verdict p")).to_contain_text("is not in the word list")
        for _ in range(3):
            at = str(page.locator("input[name=word]").get_attribute("id")).removeprefix("word-")
            page.locator("input[name=word]").fill(words[int(at) - 1])
            page.locator(".foot .button").first.click()
        page.wait_for_url("**/guide?first=1")
        page.locator(".foot .button").click()
        expect(page.get_by_text("Adding files needs JavaScript")).to_be_visible()
        expect(page.get_by_role("button", name="Add photos and files")).to_be_hidden()
        page.goto(f"{phone.box.hello['http']}/status")
        assert '"claimed": true' in page.content()


def test_the_keyboard_alone_is_enough(phone: Phone) -> None:
    page = phone.page
    page.goto(phone.url("/claim"))
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "code":
            break
    page.keyboard.type(str(phone.box.hello["claim_code"]).lower().replace("-", ""))
    expect(page.locator("#code")).to_have_value(str(phone.box.hello["claim_code"]))
    expect(page.locator("#code-hint")).to_contain_text("16 of 16")
    page.keyboard.press("Enter")
    page.wait_for_url("**/household")
