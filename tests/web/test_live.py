"""What a page hears of its locker while it is looked at (server-sent events), in Chromium, on a real box."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.services.running import Running
from tests.web.front import Visitor
from tests.web.things import cookies, record_of

_LISTEN = """
window.heard = [];
for (const what of ["state", "stored", "changed", "preview", "upload", "locked"]) {
  document.addEventListener(`locker:${what}`, ({ detail }) => window.heard.push([what, detail]));
}
"""


@pytest.fixture
def page(box: Running, member: Visitor, browser: Browser) -> Iterator[Page]:
    """The home page of a member, with ears; it has heard what there is."""
    if member.get("/home").status != 200:
        member.open()
    context = browser.new_context(ignore_https_errors=True, base_url=str(box.hello["https"]), locale="en-GB")
    context.add_cookies(cookies(box, member))  # type: ignore[arg-type]
    context.add_init_script(_LISTEN)
    page = context.new_page()
    page.goto("/home")
    assert _heard(page, "state") == {"uploads": []}
    yield page
    context.close()


def _heard(page: Page, what: str) -> Any:
    """Wait until the page hears ``what``; return what came with it, last."""
    page.wait_for_function("(what) => window.heard.some(([name]) => name === what)", arg=what)
    return page.evaluate("(what) => window.heard.findLast(([name]) => name === what)[1]", what)


def test_a_page_first_hears_which_uploads_are_under_way(page: Page, member: Visitor) -> None:
    begun = member.ask(
        "POST", "/uploads", b"", Tus_Resumable="1.0.0", Upload_Length="9", Upload_Metadata="filename YQ=="
    )
    assert begun.status == 201
    page.reload()
    id = begun.leads_to.rpartition("/")[2]
    assert _heard(page, "state") == {"uploads": [{"id": id, "offset": 0, "size": 9}]}
    assert member.ask("DELETE", f"/uploads/{id}", None, Tus_Resumable="1.0.0").status == 204


def test_a_page_hears_that_something_changed(page: Page, member: Visitor) -> None:
    assert member.put("lantern.txt", b"a lantern in the harbour").status == 201
    assert _heard(page, "stored")
    id = record_of(member, "lantern")
    assert member.post(f"/record/{id}/annotate", note="blue").status == 303
    assert _heard(page, "changed") == {}, "no names, not even ids: pages ask anew"


def test_a_page_hears_of_a_preview(page: Page, member: Visitor) -> None:
    picture = io.BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(picture, "JPEG")
    assert member.put("dune.jpg", picture.getvalue()).status == 201
    found = _heard(page, "preview")
    assert member.get(f"/preview/{found['id']}/256").status == 200


def test_a_page_hears_that_its_locker_was_locked(page: Page, member: Visitor) -> None:
    assert member.post("/lock").leads_to.startswith("/open")
    _heard(page, "locked")
