"""The small parts of the web front by themselves: hosts, sessions, names, addresses, the picture."""

from __future__ import annotations

from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import limits
from webui.files import StaticFiles
from webui.hosts import Hosts, host_name
from webui.pages.door import of_this_box
from webui.pages.found import marked
from webui.pages.record import attachment
from webui.pages.shown import readable
from webui.session import Sessions
from webui.village import Scene, draw

HOSTS = Hosts(("locker-ab12", "locker-ab12.local"))


@pytest.mark.parametrize(
    ("host", "local", "fine"),
    [
        ("locker-ab12.local", "192.168.1.40", True),
        ("LOCKER-AB12.local.:8443", "192.168.1.40", True),
        ("locker-ab12", "192.168.1.40", True),
        ("192.168.1.40:8443", "192.168.1.40", True),
        ("192.168.1.41", "192.168.1.40", False),
        ("[fe80::1]:443", "fe80::1%eth0", True),
        ("192.168.1.40", "::ffff:192.168.1.40", True),
        ("localhost:1", "127.0.0.1", True),
        ("localhost", "192.168.1.40", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("evil.example", "192.168.1.40", False),
        ("locker-ab12.local.evil.example", "192.168.1.40", False),
        ("locker-ab12.local:80:80", "192.168.1.40", False),
        ("locker-ab12.local@evil.example", "192.168.1.40", False),
        ("", "192.168.1.40", False),
        ("[::1", "::1", False),
        ("0x7f.1", "127.0.0.1", False),
        ("2130706433", "127.0.0.1", False),
    ],
)
def test_hosts(host: str, local: str, fine: bool) -> None:
    assert HOSTS.allows(host, local) is fine


@given(st.text(max_size=60))
def test_no_strange_host_is_ever_allowed(text: str) -> None:
    if HOSTS.allows(text, "192.168.1.40"):
        assert host_name(text) in ("locker-ab12", "locker-ab12.local", "192.168.1.40")


@given(st.text(min_size=1, max_size=80))
def test_a_download_keeps_its_name_and_cannot_break_the_header(name: str) -> None:
    leaf = name.rsplit("/", 1)[-1]
    header = attachment(name)
    assert header.isascii() and header.isprintable()
    plain, _, exact = header.removeprefix('attachment; filename="').partition("\"; filename*=UTF-8''")
    assert '"' not in plain
    assert unquote(exact) == leaf.encode("utf-8", "surrogateescape" if _escapes(leaf) else "replace").decode(
        "utf-8", "replace"
    )


def _escapes(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


@pytest.mark.parametrize("name", ["photo\u202egpj.exe", "a\u2066b\u2069", "tab\tname", "\x85", "a\u200fb"])
def test_marks_that_turn_a_name_round_are_shown_as_such(name: str) -> None:
    assert "\ufffd" in readable(name)


def test_ordinary_names_of_all_people_stay_as_they_are() -> None:
    for name in ("Müller.txt", "שלום.txt", "写真.jpg", "👩‍👩‍👧.png", "ａ b  c"):
        assert readable(name) == name
    assert readable("caf\udce9.txt") == "caf\ufffd.txt"


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("/home", True),
        ("/record/00?x=1", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
        ("", False),
        ("home", False),
        ("/a\nb", False),
        ("/ü", False),
    ],
)
def test_a_way_on_never_leaves_the_box(path: str, fine: bool) -> None:
    assert of_this_box(path) is fine


def test_found_words_are_marked_whatever_they_hold() -> None:
    assert marked("Boat (hire).pdf", "boat (") == (("Boat", True), (" (hire).pdf", False))
    assert marked("Köln, Kölner Dom", "koln") == (("Köln", True), (", ", False), ("Köln", True), ("er Dom", False))
    assert marked("snowflake", "lake") == (("snowflake", False),)
    assert "".join(piece for piece, _ in marked("a.b*c", ". * b")) == "a.b*c"
    assert marked("name", "") == (("name", False),)


def test_sessions_end_by_age_and_by_number() -> None:
    now = [1000.0]
    sessions = Sessions(lambda: now[0])
    cookie, session = sessions.start()
    assert sessions.find(cookie) is session
    assert sessions.find(cookie + "x") is None and sessions.find(None) is None
    now[0] += limits.WEB_SETUP_SECONDS + 1
    assert sessions.find(cookie) is None
    cookie, session = sessions.start()
    session.token, session.words, session.code = "token-0123", "word-0123", "code-0123"
    assert not any(secret in repr(session) for secret in ("token-0123", "word-0123", "code-0123"))
    now[0] += limits.WEB_SETUP_SECONDS + 1
    assert sessions.find(cookie) is session, "a member's session lives longer than a set-up"
    strangers = [sessions.start()[0] for _ in range(limits.WEB_SESSIONS + 10)]
    assert sessions.find(cookie) is session, "strangers push out strangers, not members"
    assert sum(sessions.find(one) is not None for one in strangers) == limits.WEB_SESSIONS - 1
    sessions.end(session)
    assert sessions.find(cookie) is None and not session.token and not session.words


@pytest.mark.parametrize("lit", [True, False])
def test_the_picture_is_well_formed_and_small(lit: bool) -> None:
    svg = draw(Scene(lit=lit), "A sentence &amp; more")
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == "A sentence & more"
    assert ("lit" in str(root.get("class"))) is lit
    assert len(svg) < 12_000
    assert "style=" not in svg, "the content security policy allows no inline style"


def test_first_page_stays_light() -> None:
    files = StaticFiles()
    first = ("style.css", "page.js", "setup.js", "claim-code.js", "scan.js", "icons.svg", "logo.svg")
    fonts = ("figtree-latin.woff2", "literata-voice-latin.woff2")
    found = [one for name in (*first, *fonts) if (one := files.find(name))]
    assert len(found) + 1 <= 12, "requests, with the page itself"
    assert sum(len(one.packed or one.body) for one in found) < 58_000, "the page itself needs about 3 kB more"
    assert all(files.url(name).startswith("/static/") for name in files.names())


def test_modules_come_after_those_they_import() -> None:
    files = StaticFiles()
    addresses = files.modules("photos.js", "viewer.js")
    assert addresses.index(files.url("photo-grid.js")) < addresses.index(files.url("photo-wall.js"))
    assert addresses.index(files.url("photo-days.js")) < addresses.index(files.url("photos.js"))
    assert addresses.index(files.url("zoom.js")) < addresses.index(files.url("viewer.js"))
    assert len(addresses) == len(set(addresses))


def test_a_module_that_comes_when_it_is_wanted_is_asked_for_by_its_address_and_not_before() -> None:
    files = StaticFiles()
    photos = files.find("photos.js")
    assert photos is not None and f'import("{files.url("viewer.js")}")'.encode() in photos.body
    assert files.url("viewer.js") not in files.modules("photos.js")
