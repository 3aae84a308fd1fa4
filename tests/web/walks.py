"""The walks: every screen and state of the pages, in an order in which one box can show them all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import FilePayload, Page, expect

from services.api.blocking import Blocking
from services.api.restore_types import RestoreNear
from tests.services.circle_peerds import Clock, PeerBox
from tests.services.reader_files import pdf
from tests.services.running import until
from tests.web import restores_made_up as made
from tests.web import walks_kit
from tests.web.circle_made_up import front
from tests.web.front import PASSPHRASE, Visitor
from tests.web.scenery import clip, photograph
from tests.web.things import fill, put, record_of
from tests.web.walk import Walk

PHOTOS = 24
AGENTS = {
    "ios": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X)",
    "android": "Mozilla/5.0 (Linux; Android 16; Pixel 10)",
    "mac": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)",
    "windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
}
"""What the systems call themselves; the browser of the walk is a Linux."""
TODAY = datetime(2026, 10, 21, 18, 0, tzinfo=UTC)
FILMED = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
STOPS: tuple[str, ...] = (
    "01-porch", "02-claim", "02-claim-wrong", "55-claim-kit", "56-restore-words", "57-restore-friends",
    "03-household", "04-passphrase", "04-passphrase-weak",
    "04-passphrase-own", "05-kit", "10-home-needs-you", "06-kit-paper", "07-kit-check", "07-kit-check-order",
    "07-kit-check-done", "08-guide", "08-guide-ios", "08-guide-android", "08-guide-mac", "08-guide-windows",
    "08-guide-firefox", "09-home-empty", "11-photos-empty", "12-find-empty", "13-files-empty", "15-home-safe",
    "16-photos", "17-photos-selecting", "18-viewer", "19-viewer-details", "22-video", "23-upload-sheet",
    "24-upload-bar", "25-upload-offline", "26-find-away", "find", "find-words", "find-days", "find-nothing",
    "record", "files", "bin-empty", "bin", "bin-gone", "record-bin", "20-box", "21-kit-again", "27-cost", "28-update",
    "29-error",
    "14-locked", "14-locked-wrong", "31-sure", "30-invite", "32-invited", "33-join", "34-members", "35-member",
    "36-leaving", "61-member-restore",
    "37-log-ins", "38-passkeys", "39-activity", "40-passphrase-new", "41-take-home", "42-apps",
    "43-recover",
    "48-circle-empty", "49-shelf", "50-caps", "51-friend-invited", "52-circle", "53-friend",
    "60-help-restore", "58-restore-found", "59-coming", "59-coming-short", "59-coming-waits", "59-coming-done",
    *walks_kit.STOPS,
    "44-members-child", "45-child", "46-guarding", "47-away",
)  # fmt: skip
"""Every stop, in order."""


def first_run(walk: Walk) -> None:
    """From the porch to a home screen without anything in it."""
    page = walk.page
    page.goto(str(walk.box.hello["http"]))
    walk.snap("01-porch", whole=True)
    walk.go("/claim")
    page.locator("#code").type("K7QM2XFD9T")
    walk.snap("02-claim")
    page.locator("#code").fill("K7QM-2XFD-9T00-0000")
    walk.press()
    walk.snap("02-claim-wrong")
    walk.go(f"/claim?kit=1#c={walk.box.hello['claim_code']}")
    walk.snap("55-claim-kit")
    walk.press()
    page.locator("html[data-awake=yes]").wait_for()
    page.locator("#words").fill("medow " + made.WORDS)
    page.locator("[data-near]:visible").wait_for()
    walk.snap("56-restore-words")
    page.locator("#words").fill(made.WORDS)
    walk.press()
    walk.snap("57-restore-friends")
    walk.go(f"/claim?kit=0#c={walk.box.hello['claim_code']}")
    walk.press()
    page.locator("#household").fill("Novak home")
    page.locator("#name").type("Marta Novak")
    walk.snap("03-household")
    walk.press()
    offered = page.locator(".words-offered li").all_inner_texts()
    page.locator("#passphrase").type(" ".join(offered[:4])[:-2])
    walk.snap("04-passphrase")
    page.locator("#passphrase").fill("password1")
    walk.press()
    walk.snap("04-passphrase-weak")
    walk.go("/passphrase?own=1")
    walk.snap("04-passphrase-own")
    page.locator("#passphrase").fill(PASSPHRASE)
    walk.press()
    words = page.locator(".kit li").all_inner_texts()
    walk.snap("05-kit")
    walk.go("/home")
    walk.snap("10-home-needs-you")
    walk.go("/kit")
    walk.go("/kit/paper")
    walk.snap("06-kit-paper", whole=True)
    page.pdf(path=walk.folder / "06-kit-paper-a4.pdf", prefer_css_page_size=True)
    walk.go("/kit/check")
    asked = [int(label.split()[-1]) for label in page.locator(".field label").all_inner_texts()]
    _type_word(page, words[asked[0] - 1])
    _type_word(page, "medow")
    walk.snap("07-kit-check")
    page.locator(".verdict .button").click()
    _type_word(page, words[asked[0] - 1])
    walk.snap("07-kit-check-order")
    for at in asked[1:]:
        _type_word(page, words[at - 1])
    page.locator(".foot .button[aria-disabled=false]").wait_for()
    walk.snap("07-kit-check-done")
    page.locator(".foot .button").first.click()
    page.wait_for_url("**/guide?first=1")


def arriving(walk: Walk) -> None:
    """The guide as every system sees it, then a home with nothing in it."""
    walk.snap("08-guide", whole=True)
    for system, agent in AGENTS.items():
        walk.page.set_extra_http_headers({"User-Agent": agent})
        walk.go("/guide?first=1")
        walk.snap(f"08-guide-{system}", whole=True)
    walk.page.set_extra_http_headers({})
    walk.go("/guide?first=1")
    walk.press()
    walk.page.wait_for_timeout(700)
    walk.snap("09-home-empty")
    for name, path in (("11-photos-empty", "/photos"), ("12-find-empty", "/find"), ("13-files-empty", "/files")):
        walk.go(path)
        walk.snap(name)


def pictures(walk: Walk) -> None:
    """A locker with photographs: home, the wall of photos, one of them, many chosen, a video."""
    page, visitor = walk.page, walk.visitor()
    for number in range(PHOTOS):
        taken = TODAY - timedelta(days=number * number // 9, minutes=17 * number)
        data = photograph(number, taken)
        put(visitor, f"Camera/IMG_{number:04}.jpg", data, int(taken.timestamp() * 1000))
    put(visitor, "Camera/Harbour.mp4", clip(2, FILMED), int(TODAY.timestamp() * 1000))
    until(lambda: _drawn(visitor))
    walk.go("/home")
    _all_drawn(page)
    walk.snap("15-home-safe")
    walk.go("/photos")
    expect(page.locator(".days.virtual .tile img").first).to_be_visible()
    _all_drawn(page)
    walk.snap("16-photos")
    page.get_by_role("button", name="Select", exact=True).click()
    for number in (1, 3, 4):
        page.locator(".tile").nth(number).click()
    walk.snap("17-photos-selecting")
    page.keyboard.press("Escape")
    page.locator(".tile:not(:has(.length))").nth(2).click()
    expect(page.locator("dialog.viewer .slide img").first).to_be_visible()
    page.wait_for_timeout(300)
    walk.snap("18-viewer")
    page.locator("dialog.viewer [data-details]").click()
    page.wait_for_timeout(400)
    walk.snap("19-viewer-details")
    walk.go("/photos#2024-05-06")
    page.locator(".tile[aria-label^=Video]").first.click()
    page.locator("dialog.viewer video").first.wait_for()
    page.wait_for_timeout(300)
    walk.snap("22-video")


def adding(walk: Walk) -> None:
    """Files on their way to the box: the sheet, the floating bar, no network."""
    page = walk.page
    walk.go("/home")
    page.route("**/uploads/*", lambda route: None if route.request.method == "PATCH" else route.continue_())
    film: FilePayload = {"name": "Harbour at dawn.mov", "mimeType": "video/quicktime", "buffer": b"film" * 2_000_000}
    paper: FilePayload = {"name": "Insurance 2026.pdf", "mimeType": "application/pdf", "buffer": pdf()}
    page.locator("[data-files]").set_input_files([film, paper])
    expect(page.locator("[data-rows] .badge:visible")).to_have_count(1, timeout=30_000)
    walk.snap("23-upload-sheet")
    page.locator("[data-hide]").click()
    expect(page.locator("[data-show]")).to_be_visible()
    walk.snap("24-upload-bar")
    page.locator("[data-show]").click()
    page.context.set_offline(True)
    expect(page.locator("[data-trouble]")).to_be_visible()
    walk.snap("25-upload-offline")
    page.context.set_offline(False)
    page.unroute("**/uploads/*")
    visitor = walk.visitor()
    walk.go("/photos")
    for one in json.loads(visitor.get("/uploads").body)["uploads"]:
        visitor.ask("DELETE", f"/uploads/{one['upload']}", None, Tus_Resumable="1.0.0")
    walk.go("/find")
    page.evaluate("customElements.whenDefined('locker-uploads').then(() => true)")  # what loads late is here too
    page.context.set_offline(True)
    page.locator("#q").fill("harbour")
    expect(page.locator("[data-away]")).to_be_visible()
    walk.snap("26-find-away")
    page.context.set_offline(False)


def inside(walk: Walk) -> None:
    """The places of an open locker, and its door."""
    walk.go("/box")
    walk.snap("20-box", whole=True)
    walk.go("/kit")
    walk.snap("21-kit-again")
    walk.go("/box/cost")
    walk.snap("27-cost")
    walk.go("/box/update")
    walk.snap("28-update")
    walk.go("/nowhere")
    walk.snap("29-error")
    walk.go("/home")
    walk.page.locator("form[action='/lock'] button:visible").first.click()
    walk.page.wait_for_url("**/open**")
    walk.snap("14-locked")
    walk.page.locator("#passphrase").fill("not this one")
    walk.press()
    walk.snap("14-locked-wrong")


def people(walk: Walk) -> None:
    """Somebody is invited, joins on a phone of their own; ways in; back in with the kit."""
    page = walk.page
    page.locator("#passphrase").fill(PASSPHRASE)
    walk.press()
    walk.go("/sure?then=/take-home")
    walk.snap("31-sure")
    walk.go("/members/invite?again=1")
    page.locator("input[value=child]").check()
    walk.snap("30-invite")
    page.locator("input[value=adult]").check()
    walk.press(".card .button")
    if "/sure" in page.url:
        page.locator("#passphrase").fill(PASSPHRASE)
        page.locator(".card .button").click()
    page.wait_for_url("**/members/invite")
    walk.snap("32-invited")
    guest = walk.somebody_else()
    other = guest.page
    guest.go(f"/join#{page.locator('.secret').inner_text()}")
    other.locator("#name").fill("Elias")
    guest.snap("33-join")
    guest.press()
    other.locator("#passphrase").fill("harvest violin salad meadow bridge")
    guest.press()
    other.wait_for_url("**/kit")
    page.wait_for_url("**/members?joined=*")
    walk.snap("34-members")
    walk.press("a.row:nth-child(1) >> nth=1")
    walk.snap("35-member")
    walk.press(".button.danger")
    walk.snap("36-leaving")
    walk.go("/members/restore")
    walk.snap("61-member-restore")
    for name, path in (
        ("37-log-ins", "/box/log-ins"),
        ("38-passkeys", "/box/passkeys"),
        ("39-activity", "/box/activity"),
        ("40-passphrase-new", "/box/passphrase"),
        ("41-take-home", "/take-home"),
    ):
        walk.go(path)
        walk.snap(name)
    walk.go("/box/apps")
    page.locator("#device").fill("PhotoSync on my phone")
    walk.press("form[action='/box/apps'] .button.wide")
    page.wait_for_url("**/box/apps")
    walk.snap("42-apps")
    guest.go("/kit")
    words = other.locator(".kit li").all_inner_texts()
    other.context.clear_cookies()
    guest.go("/recover")
    other.locator("input[name=member]").nth(1).check(force=True)
    other.locator("#words").fill(" ".join(["medow", *words[1:]]))
    other.locator("#passphrase").fill(PASSPHRASE)
    guest.press()
    guest.snap("43-recover")
    other.context.close()


def finding(walk: Walk) -> None:
    """Find, a record, files in folders, the bin."""
    visitor = walk.visitor()
    fill(visitor)
    booking = record_of(visitor, "flowerpot")
    note = "Paid from the joint account, ask about the meter."
    visitor.post(f"/record/{booking}/annotate", note=note, add="to pay, holidays")
    stops = {
        "find": "/find", "find-words": "/find?q=lake", "find-days": "/find?q=photos+july+2025",
        "find-nothing": "/find?q=flowerpto", "record": f"/record/{booking}", "files": "/files?in=Papers",
        "bin-empty": "/bin",
    }  # fmt: skip
    for name, path in stops.items():
        walk.go(path)
        walk.snap(name)
    visitor.post(f"/record/{booking}/delete")
    for name, path in {
        "bin": "/bin",
        "bin-gone": f"/bin/gone?ids={booking}",
        "record-bin": f"/record/{booking}",
    }.items():
        walk.go(path)
        walk.snap(name)
    visitor.post("/bin/undelete", id=booking)


def befriending(walk: Walk) -> None:
    """The circle: empty, a friend's box that is invited and comes, what is said of it; disks and caps beside."""
    page = walk.page
    for name, path in (("48-circle-empty", "/circle"), ("49-shelf", "/circle/shelf"), ("50-caps", "/circle/caps")):
        walk.go(path)
        walk.snap(name)
    walk.go("/sure?then=/circle/invite")
    page.locator("#passphrase").fill(PASSPHRASE)
    walk.press(".card .button")
    with page.expect_navigation():
        page.get_by_role("button", name="Make the invitation").click()
    page.locator(".spoken li").first.wait_for()
    walk.snap("51-friend-invited")
    link = str(page.locator(".link-text").text_content())
    with tempfile.TemporaryDirectory() as folder:
        friend = PeerBox(Path(folder) / "lindqvist", Clock(Path(folder) / "clock"))
        try:
            joined = friend.ask("at_peerd_join", invitation=link.partition("#")[2], label="Lindqvist family")
            friend.ask("at_peerd_pairing_confirm", id=joined.id, yes=True, gets=1 << 40)
            page.wait_for_url("**/circle/pairing/i*", timeout=60_000)
            page.get_by_role("button", name="Yes, the same code").click()
            welcome = page.get_by_role("heading", name="Lindqvist family is in your circle.")
            expect(welcome).to_be_visible(timeout=60_000)
            walk.go("/circle")
            walk.snap("52-circle")
            walk.go(f"/circle/peer/{friend.key}")
            walk.snap("53-friend")
            walk.go("/circle/help")
            walk.snap("60-help-restore")
        finally:
            friend.stop()


def coming_home(walk: Walk) -> None:
    """A locker on its way home, over a box that is made up: nobody has to wait for a fire."""
    with front() as home:
        other = walk.somebody_else(base_url=home.for_browsers())
        home.be_newcomer()
        home.box.answers |= {"restore_look": made.FOUND, "restore_near": RestoreNear()}
        other.page.goto("/restore")
        other.page.locator("#words").fill(f"{made.WORDS} {made.CONTACT}")
        other.press()
        other.snap("58-restore-found")
        home.be_member()
        for stop, state in made.STOPS.items():
            home.box.answers["restore_status"] = state
            other.page.goto("/restore/progress")
            other.snap(stop)
        other.page.context.close()


def guarding(walk: Walk) -> None:
    """A child's locker and the one who looks after it; the page of a box that is out of reach."""
    run = (walk.box.data / "run").resolve()
    opened = Blocking(run).call("open", member="Marta Novak", passphrase=PASSPHRASE)
    owner = Blocking(run, opened.token, opened.member)
    owner.call("step_up", proof=PASSPHRASE)
    until_day = (datetime.now(UTC) + timedelta(days=400)).date().isoformat()
    secret, guardian = "purple lantern wobbles eleven cactus", "Marta Novak"
    child = owner.call(
        "add_member", name="Mila", passphrase=secret, role="child", guardian=guardian, guardian_until=until_day
    ).member
    walk.go("/members")
    walk.snap("44-members-child")
    walk.go(f"/members/{child}")
    walk.snap("45-child")
    walk.press("form[action$='/open'] .button")
    walk.go("/home")
    walk.snap("46-guarding")
    walk.go("/away")
    walk.snap("47-away")


def _type_word(page: Page, word: str) -> None:
    field = page.locator("input[name=word]")
    field.fill(word)
    with page.expect_response("**/kit/check"):
        field.press("Enter")
    page.locator(".field.ok, .field.bad").last.wait_for()


def _drawn(visitor: Visitor) -> bool:
    found = json.loads(visitor.get("/photos/items?from=2020-01-01&to=2030-01-01").body)["items"]
    return len(found) == PHOTOS + 1 and all(one[4] for one in found)


def _all_drawn(page: Page) -> None:
    until(lambda: page.evaluate("[...document.images].filter((one) => one.src).every((one) => one.complete)"))


WALKS: list[Callable[[Walk], None]] = [
    first_run,
    arriving,
    pictures,
    adding,
    finding,
    inside,
    people,
    befriending,
    coming_home,
    walks_kit.ways_back,
    guarding,
]
"""In this order, on one box and in one browser."""
