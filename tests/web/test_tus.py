"""tus 1.0.0 on the real processes: what the protocol promises, and every lie a client can tell."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from firmware import limits
from tests.services.running import Running, until
from tests.web.front import Visitor
from tests.web.tus_client import STREAMED, Tus, pairs

_NOBODY = "/uploads/" + "0" * 32


@pytest.fixture
def tus(member: Visitor) -> Tus:
    """A client of the first member, whose locker is open whatever the test before did."""
    if member.get("/home").status != 200:
        member.open()
    return Tus(member)


def _fetched(tus: Tus, record: str) -> bytes:
    return tus.visitor.get(f"/record/{record}/file").body


def test_a_file_in_pieces_comes_back_bit_for_bit(tus: Tus) -> None:
    data = os.urandom(2_300_000)
    made = tus.new("Bucht.bin", len(data))
    assert made.status == 201
    assert made.headers["Tus-Resumable"] == "1.0.0"
    where = made.headers["Location"]
    assert where.startswith("/uploads/")
    assert tus.offset(where) == 0
    reply = made
    for start in range(0, len(data), 1_000_000):
        piece = data[start : start + 1_000_000]
        reply = tus.patch(where, start, piece)
        assert (reply.status, reply.body) == (204, b"")
        assert int(reply.headers["Upload-Offset"]) == start + len(piece)
        assert ("Upload-Expires" in reply.headers) is (start + len(piece) < len(data))
    assert _fetched(tus, reply.headers["Upload-Record"]) == data


def test_a_head_tells_the_state_and_is_never_cached(tus: Tus) -> None:
    where = tus.new("halb.bin", 1000, b"x" * 400).headers["Location"]
    reply = tus.head(where)
    assert (reply.headers["Upload-Offset"], reply.headers["Upload-Length"]) == ("400", "1000")
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Upload-Metadata"] == pairs(filename="halb.bin")
    waiting = json.loads(tus.visitor.get("/uploads").body)["uploads"]
    assert [where.endswith(one["upload"]) for one in waiting].count(True) == 1
    assert tus.drop(where).status == 204
    assert tus.head(where).status == 404


@pytest.mark.parametrize("data", [b"", b"x", b"petals" * 99_999])
def test_a_creation_may_carry_the_whole_file(tus: Tus, data: bytes) -> None:
    made = tus.new("ganz.bin", len(data), data)
    assert made.status == 201
    assert int(made.headers["Upload-Offset"]) == len(data)
    assert _fetched(tus, json.loads(made.body)["id"]) == data


def test_metadata_names_path_type_and_date(tus: Tus) -> None:
    known = pairs(relativePath="Ferien/🌻 ä.txt", filename="ä.txt", filetype="text/plain", mtime="1700000000123")
    made = json.loads(tus.new("", 6, b"sommer", Upload_Metadata=known).body)
    assert made["name"] == "Ferien/🌻 ä.txt"
    page = tus.visitor.get(f"/record/{made['id']}").text
    assert "🌻 ä.txt" in page and "2023" in page


def test_options_tell_what_this_server_can(tus: Tus) -> None:
    reply = tus.visitor.ask("OPTIONS", "/uploads")
    assert reply.status == 204
    assert reply.headers["Tus-Version"] == "1.0.0"
    assert reply.headers["Tus-Extension"] == "creation,creation-with-upload,termination,expiration"
    assert int(reply.headers["Tus-Max-Size"]) == limits.UPLOAD_BYTES


def test_another_version_of_the_protocol_is_named(tus: Tus) -> None:
    reply = tus.new("x", 1, Tus_Resumable="2.0.0")
    assert (reply.status, reply.headers["Tus-Version"]) == (412, "1.0.0")


def test_a_client_that_cannot_say_patch_says_it_in_a_header(tus: Tus) -> None:
    where = tus.new("alt.bin", 4).headers["Location"]
    said = {"Tus_Resumable": "1.0.0", "Upload_Offset": "0", "Content_Type": STREAMED}
    reply = tus.visitor.ask("POST", where, b"alte", X_HTTP_Method_Override="PATCH", **said)
    assert reply.status == 204
    assert tus.visitor.ask("POST", where, b"", X_HTTP_Method_Override="TRACE", **said).status == 405


class TestLies:
    """Clients that are wrong, or want to be."""

    @pytest.mark.parametrize("offset", [0, 3, 5, 1000, 10**15])
    def test_a_wrong_offset_is_a_conflict_and_changes_nothing(self, tus: Tus, offset: int) -> None:
        where = tus.new("vier.bin", 10, b"1234").headers["Location"]
        reply = tus.patch(where, offset, b"567890")
        assert reply.status == 409
        assert json.loads(reply.body)["error"]["advice"]
        assert tus.offset(where) == 4
        tus.drop(where)

    @pytest.mark.parametrize("offset", ["", "-1", "1e3", "+4", "four", "٤", "9" * 40])
    def test_an_offset_that_is_none(self, tus: Tus, offset: str) -> None:
        where = tus.new("vier.bin", 10, b"1234").headers["Location"]
        assert tus.patch(where, 0, b"5", Upload_Offset=offset.encode().decode("latin1")).status == 400
        assert tus.offset(where) == 4
        tus.drop(where)

    def test_more_than_was_announced_is_refused(self, tus: Tus) -> None:
        where = tus.new("kurz.bin", 10).headers["Location"]
        assert 400 <= tus.patch(where, 0, b"x" * 4000).status < 500
        assert tus.offset(where) <= 10
        assert 400 <= tus.new("kurz.bin", 3, b"abcdef").status < 500

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Upload_Length": "-5"}, 400),
            ({"Upload_Length": ""}, 400),
            ({"Upload_Length": "1", "Upload_Defer_Length": "1"}, 400),
            ({"Upload_Length": str(limits.UPLOAD_BYTES + 1)}, 413),
            ({"Upload_Length": "9" * 16}, 413),
            ({"Upload_Metadata": ""}, 400),
            ({"Upload_Metadata": "filename ***"}, 400),
            ({"Upload_Metadata": pairs(filename=b"\xff\xfe")}, 400),
            ({"Upload_Metadata": pairs(filename="../escape")}, 400),
            ({"Upload_Metadata": pairs(filename="a\0b")}, 400),
            ({"Upload_Metadata": pairs(filename="n" * 5000)}, 400),
            ({"Upload_Metadata": pairs(filename="fine", mtime="yesterday")}, 400),
            ({"Content_Type": "image/jpeg"}, 415),
            ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ],
    )
    def test_what_cannot_begin_is_said_kindly(self, tus: Tus, headers: dict[str, str], status: int) -> None:
        reply = tus.new("fine", 1, **headers)
        assert reply.status == status, reply.text
        said = json.loads(reply.body)["error"] if status != 415 or "image/jpeg" in headers.values() else None
        assert said is None or (said["sentence"] and said["advice"])

    def test_other_content_is_no_piece(self, tus: Tus) -> None:
        where = tus.new("a.bin", 4).headers["Location"]
        assert tus.patch(where, 0, b"abcd", Content_Type="application/octet-stream").status == 415
        assert tus.offset(where) == 0

    def test_an_upload_that_is_not_there(self, tus: Tus) -> None:
        assert tus.head(_NOBODY).status == 404
        assert tus.patch(_NOBODY, 0, b"x").status == 404
        assert tus.drop(_NOBODY).status == 404

    def test_strangers_and_forms_from_elsewhere(self, tus: Tus, box: Running) -> None:
        where = tus.new("mein.bin", 4).headers["Location"]
        stranger = Tus(Visitor(box))
        for reply in (stranger.new("x", 1), stranger.patch(where, 0, b"x"), stranger.head(where), stranger.drop(where)):
            assert reply.status == 401
        evil = {"Origin": "https://evil.example"}
        assert tus.new("x", 1, **evil).status == 403
        assert tus.patch(where, 0, b"x", **evil).status == 403
        assert tus.visitor.ask("DELETE", where, None, Tus_Resumable="1.0.0", **evil).status == 403
        assert tus.offset(where) == 0

    def test_a_refused_body_does_not_hold_the_line_for_ever(self, tus: Tus) -> None:
        where = tus.new("a.bin", 1 << 30).headers["Location"]
        connection = tus.begin_patch(where, 77, 1 << 30, b"x" * 1_000_000)
        answer = connection.getresponse()
        assert answer.status == 409
        connection.close()
        tus.drop(where)


class TestInterruptions:
    """Connections that break, phones that come back, lockers that are locked."""

    def test_a_body_that_breaks_off_keeps_what_arrived(self, tus: Tus) -> None:
        data = os.urandom(9_000_000)
        where = tus.new("lang.bin", len(data)).headers["Location"]
        connection = tus.begin_patch(where, 0, len(data), data[:6_000_000])
        connection.close()
        until(lambda: tus.offset(where) > 0)
        offset = tus.offset(where)
        assert offset <= 6_000_000
        done = tus.patch(where, offset, data[offset:])
        while done.status == 409:  # more of the broken body was on its way
            offset = tus.offset(where)
            done = tus.patch(where, offset, data[offset:])
        assert done.status == 204
        assert hashlib.sha256(_fetched(tus, done.headers["Upload-Record"])).digest() == hashlib.sha256(data).digest()

    def test_a_second_connection_takes_over_from_the_first(self, tus: Tus) -> None:
        data = os.urandom(3_000_000)
        where = tus.new("zwei.bin", len(data)).headers["Location"]
        sleeping = tus.begin_patch(where, 0, len(data), data[:1_000_000])
        until(lambda: tus.patch(where, at := tus.offset(where), data[at:]).status == 204)
        record = tus.head(where).headers["Upload-Record"]
        assert _fetched(tus, record) == data
        sleeping.send(data[1_000_000:])
        assert sleeping.getresponse().status == 409
        sleeping.close()

    def test_slow_bodies_leave_room_for_nobody_else_only_up_to_a_bound(self, tus: Tus) -> None:
        places = [tus.new(f"{number}.bin", 9).headers["Location"] for number in range(limits.WEB_UPLOADS_AT_ONCE)]
        slow = [tus.begin_patch(where, 0, 9, b"x") for where in places]
        where = tus.new("mehr.bin", 9).headers["Location"]
        until(lambda: tus.patch(where, tus.offset(where), b"").status == 503)
        for connection in slow:
            connection.close()
        until(lambda: tus.patch(where, tus.offset(where), b"").status != 503)
        assert tus.patch(where, 0, b"123456789").status == 204
        for place in places:
            tus.drop(place)

    def test_a_locked_locker_is_said_as_423_and_goes_on_after_opening(self, tus: Tus) -> None:
        where = tus.new("später.bin", 8, b"vier").headers["Location"]
        tus.visitor.post("/lock")
        for reply in (tus.head(where), tus.patch(where, 4, b"mehr"), tus.new("x", 1)):
            assert reply.status == 423
        assert json.loads(tus.new("x", 1).body)["error"]["code"] == "locked"
        tus.visitor.open()
        assert tus.offset(where) == 4
        assert tus.patch(where, 4, b"mehr").status == 204

    def test_the_front_holds_only_a_little_of_a_large_body(self, tus: Tus, box: Running) -> None:
        size = 64 * limits.MIB
        where = tus.new("groß.bin", size).headers["Location"]
        status = Path(f"/proc/{box.children()['webd']}/status")
        before = _peak_kib(status)
        connection = tus.begin_patch(where, 0, size)
        block = os.urandom(limits.MIB)
        for _ in range(size // len(block)):
            connection.send(block)
        assert connection.getresponse().status == 204
        connection.close()
        assert _peak_kib(status) - before < 16 * 1024


def _peak_kib(status: Path) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def test_files_that_are_here_already_are_recognised(tus: Tus) -> None:
    data = os.urandom(50_000)
    record = json.loads(tus.new("bekannt.bin", len(data), data).body)["id"]
    asked = [
        {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        {"size": len(data), "sha256": hashlib.sha256(b"other").hexdigest()},
    ]
    body = json.dumps({"files": asked}).encode()
    reply = tus.visitor.ask("POST", "/uploads/known", body, Content_Type="application/json")
    assert json.loads(reply.body) == {"known": [record, None]}
    for nonsense in (b"", b"[]", b"{}", b'{"files": 3}', b'{"files": [{"size": "x"}]}'):
        assert tus.visitor.ask("POST", "/uploads/known", nonsense, Content_Type="application/json").status == 400
