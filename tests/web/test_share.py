"""The share target: multipart in pieces, however it is cut, and what becomes of what a phone shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Missing, Misused
from services.api.blocking import Blocking
from tests.web.front import PASSPHRASE, Reply, Visitor
from webui.multipart import PartEnd, Parts, PartStart, boundary_of

_KIND = "multipart/form-data; boundary=----WebKitFormBoundary7MA4"
_MARK = b"----WebKitFormBoundary7MA4"


def _part(name: str, data: bytes, filename: str | None = None, mime: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename is not None else ""
    head += f"\r\nContent-Type: {mime}" if mime else ""
    return b"--%b\r\n%b\r\n\r\n%b\r\n" % (_MARK, head.encode(), data)


def _body(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + _MARK + b"--\r\n"


def _read(body: bytes, size: int) -> list[tuple[str, str | None, bytes]]:
    parts = Parts(boundary_of(_KIND))
    found: list[tuple[str, str | None, bytes]] = []
    content = b""
    for at in range(0, len(body), size):
        for event in parts.feed(body[at : at + size]):
            if isinstance(event, PartStart):
                content = b""
                found.append((event.name, event.filename, b""))
            elif isinstance(event, PartEnd):
                found[-1] = (*found[-1][:2], content)
            else:
                content += event
    assert parts.is_over
    return found


@given(
    st.lists(st.tuples(st.sampled_from(["files", "text"]), st.binary(max_size=300)), max_size=5),
    st.integers(min_value=1, max_value=400),
)
def test_parts_come_out_as_they_went_in_however_the_body_is_cut(parts: list[tuple[str, bytes]], size: int) -> None:
    clean = [(name, data) for name, data in parts if _MARK not in data]
    body = _body(*(_part(name, data, "a.bin") for name, data in clean))
    assert [(name, data) for name, _, data in _read(body, size)] == clean


@given(st.binary(max_size=2000))
def test_no_strange_body_does_harm(body: bytes) -> None:
    parts = Parts(b"x")
    try:
        events = list(parts.feed(b"--x\r\n" + body))
    except Misused:
        return
    assert sum(len(one) for one in events if isinstance(one, bytes)) <= len(body)


def test_heads_have_a_bound_and_boundaries_are_named() -> None:
    with pytest.raises(Misused):
        list(Parts(b"x").feed(b"--x\r\nA: " + b"b" * 20_000))
    for kind in ("multipart/form-data", "multipart/mixed; boundary=x", "text/plain; boundary=x", ""):
        with pytest.raises(Misused):
            boundary_of(kind)
    assert boundary_of('multipart/form-data; charset=utf-8; boundary="a b"') == b"a b"


def _share(member: Visitor, *parts: bytes) -> Reply:
    return member.ask("POST", "/share", _body(*parts), Content_Type=_KIND)


def _kept(member: Visitor, *names: str) -> list[bytes | None]:
    free = Blocking((member.box.data / "run").resolve())
    opened = free.call("open", member=free.call("status").members[0].id, passphrase=PASSPHRASE)
    mine = free.as_session(opened.token, opened.member)
    found: list[bytes | None] = []
    for name in names:
        try:
            with mine.stream("content", id=mine.call("find", path=name).id) as answer:
                found.append(b"".join(answer))
        except Missing:
            found.append(None)
    return found


def test_shared_files_are_kept_and_words_without_a_file_too(member: Visitor) -> None:
    film, leaf = os.urandom(3_000_000), b"%PDF-1.4 leaf"
    reply = _share(
        member,
        _part("title", b"From the camera"),
        _part("files", film, "Strandfilm.mp4", "video/mp4"),
        _part("files", leaf, "..\\..\\Blattwerk.pdf", "application/pdf"),
    )
    assert (reply.status, reply.leads_to) == (303, "/home")
    assert _kept(member, "Strandfilm.mp4", "Blattwerk.pdf") == [film, leaf]
    assert _share(member, _part("url", b"https://example.org/rhabarber"), _part("text", b"Kuchen")).status == 303
    assert "Shared 20" in member.get("/home").text


def test_a_share_that_breaks_off_is_not_taken_for_whole(member: Visitor) -> None:
    body = _part("files", b"x" * 1000, "Bruchstueck.bin")[:-200]
    reply = member.ask("POST", "/share", body, Content_Type=_KIND)
    assert reply.status == 503
    assert _kept(member, "Bruchstueck.bin") == [None]


def test_only_a_member_shares_and_only_from_here(member: Visitor) -> None:
    stranger = Visitor(member.box)
    reply = stranger.ask("POST", "/share", _body(_part("files", b"x", "a")), Content_Type=_KIND)
    assert reply.leads_to.startswith("/open")
    elsewhere = {"Origin": "https://evil.example", "Content_Type": _KIND}
    assert member.ask("POST", "/share", _body(), **elsewhere).status == 403
    assert member.ask("POST", "/share", b"nonsense", Content_Type="multipart/form-data").status == 400
