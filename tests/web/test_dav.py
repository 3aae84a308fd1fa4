"""Native clients over WebDAV, against a real box: daily use, the manners of Windows and Finder, and bad company."""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.api.bulk import END, block_prefix, encode_start
from tests.services.hasty import python
from tests.services.running import Running, until
from tests.web.device import PASSPHRASE, Device, Owner
from tests.web.front import Visitor, start

_BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<D:propfind xmlns:D="DAV:"><D:prop><x>&b;</x></D:prop></D:propfind>"""


@pytest.fixture(scope="module")
def owner(box: Running) -> Owner:
    """The first member."""
    return Owner(box)


@pytest.fixture(scope="module")
def laptop(owner: Owner) -> Device:
    """One device of hers."""
    return owner.device("laptop")


@pytest.fixture(scope="module")
def phone(owner: Owner) -> Device:
    """Another one."""
    return owner.device("phone")


def test_a_document_written_there_is_a_record_like_others(owner: Owner, laptop: Device) -> None:
    assert laptop.ask("MKCOL", "letters").status == 201
    made = laptop.put("letters/harbour.txt", b"the harbour at dawn", X_OC_Mtime="1700000000.5")
    assert made.status == 201 and made.headers["X-OC-Mtime"] == "accepted"
    whole = laptop.get("letters/harbour.txt")
    assert whole.body == b"the harbour at dawn" and whole.headers["ETag"] == made.headers["ETag"]
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    assert whole.headers["Content-Disposition"].startswith("attachment")
    assert whole.headers["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    part = laptop.get("letters/harbour.txt", Range="bytes=4-10", If_Range=made.headers["ETag"])
    assert (part.status, part.body) == (206, b"harbour")
    assert laptop.get("letters/harbour.txt", If_None_Match=made.headers["ETag"]).status == 304
    (found,) = owner.call("search", q="harbour").records
    assert found.name == "letters/harbour.txt"
    assert laptop.put("letters/harbour.txt", b"second version").status == 204
    assert len(owner.call("versions", id=found.id).versions) == 2
    assert laptop.ask("DELETE", "letters/harbour.txt").status == 204
    assert laptop.get("letters/harbour.txt").status == 404
    assert laptop.inside("") == ["letters/"], "a folder stays when its last file goes"
    assert owner.call("list", state="bin").records[0].id == found.id


def test_folders_live_empty_and_are_in_no_list_of_people(owner: Owner, laptop: Device) -> None:
    assert laptop.ask("MKCOL", "a%20b").status == 201
    assert laptop.ask("MKCOL", "a%20b/%C3%A4").status == 201
    assert laptop.inside("a%20b/") == ["a%20b/%C3%A4/"]
    assert laptop.put("no/such/folder/x", b"x").status == 409
    assert laptop.ask("MKCOL", "no/such").status == 409
    before = owner.call("stats").counts["records"]
    assert laptop.ask("MOVE", "a%20b/", Destination=laptop.root + "moved/").status == 201
    assert laptop.inside("moved") == ["moved/%C3%A4/"]
    assert owner.call("stats").counts["records"] == before
    assert laptop.ask("DELETE", "moved/").status == 204
    assert laptop.ask("PROPFIND", "moved", None, Depth="0").status == 404


def test_moves_and_copies_send_no_bytes_and_keep_notes(owner: Owner, laptop: Device) -> None:
    laptop.ask("MKCOL", "m")
    laptop.put("m/one", b"1" * 5000)
    assert laptop.patch("m/one", "<Z:colour>blue &amp; red</Z:colour>").status == 207
    record = owner.call("find", path="m/one").id
    assert laptop.ask("COPY", "m/one", None, Destination=laptop.root + "m/two").status == 201
    assert laptop.ask("MOVE", "m/one", None, Destination="/dav/m/three").status == 201
    assert owner.call("find", path="m/three").id == record
    for name in ("two", "three"):
        assert laptop.get(f"m/{name}").body == b"1" * 5000
        assert "blue &amp; red" in laptop.ask("PROPFIND", f"m/{name}", None, Depth="0").text
    assert laptop.ask("MOVE", "m/two", None, Destination=laptop.root + "m/three", Overwrite="F").status == 412
    assert laptop.ask("MOVE", "m/two", None, Destination=laptop.root + "m/three").status == 204
    assert laptop.ask("COPY", "m/", None, Destination=laptop.root + "m/inside/").status == 403
    assert laptop.ask("MOVE", "m/three", None, Destination=laptop.root + "m").status == 403
    assert laptop.ask("MOVE", "m/three", None, Destination="https://evil.example/dav/x").status == 502
    assert laptop.ask("MOVE", "m/three", None, Destination="/upload").status == 400
    assert laptop.get("m/three").status == 200


def test_two_records_of_one_name_are_both_reachable(owner: Owner, laptop: Device) -> None:
    for data in (b"older", b"newer"):
        owner.call("put", body=_pieces(data), name="dup/IMG.JPG", size=5, collide="beside")
    names = laptop.inside("dup")
    assert len(names) == 2 and "dup/IMG.JPG" in names
    other = next(one for one in names if one != "dup/IMG.JPG")
    assert re.fullmatch(r"dup/IMG~[0-9a-f]{8}\.JPG", other)
    assert (laptop.get("dup/IMG.JPG").body, laptop.get(other).body) == (b"newer", b"older")
    assert laptop.ask("DELETE", "dup/IMG.JPG").status == 204
    assert laptop.inside("dup") == [other], "deleting one does not bring the other under its name"


def test_windows_tells_the_time_before_the_bytes(laptop: Device) -> None:
    stamp = "<Z:Win32LastModifiedTime>Tue, 14 Nov 2023 22:13:20 GMT</Z:Win32LastModifiedTime>"
    other = "<Z:Win32FileAttributes>00000020</Z:Win32FileAttributes>"
    assert laptop.put("w.docx", b"").status == 201
    token = laptop.lock("w.docx").headers["Lock-Token"]
    assert "200 OK" in laptop.patch("w.docx", stamp + other, If=f"({token})").text
    saved = laptop.put("w.docx", b"letter", If=f"({token})")
    assert saved.status == 204
    assert "200 OK" in laptop.patch("w.docx", stamp, If=f"({token})").text
    head = laptop.ask("HEAD", "w.docx")
    assert head.headers["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert head.headers["ETag"] == saved.headers["ETag"], "the same time again is no new version"
    assert laptop.ask("UNLOCK", "w.docx", None, Lock_Token=token).status == 204
    later = stamp.replace("2023", "2024")
    assert "403 Forbidden" in laptop.patch("w.docx", later.replace("Tue, 14", "Tuesday the 14")).text
    assert "200 OK" in laptop.patch("w.docx", later).text
    assert laptop.get("w.docx").body == b"letter"


def test_what_finder_writes_beside_files_stays_out_of_the_locker(owner: Owner, laptop: Device) -> None:
    finder = Device(laptop.box, laptop.password, headers={"User-Agent": "WebDAVFS/3.0.0 (03008000) Darwin/23.1.0"})
    before = owner.call("stats").counts["records"]
    for name in ("._photo.jpg", ".DS_Store"):
        assert finder.put(name, b"resource fork").status == 201
        assert finder.get(name).body == b"resource fork"
        assert name in finder.inside("")
        assert name not in laptop.inside("")
    assert finder.ask("MOVE", "._photo.jpg", None, Destination=finder.root + "._other.jpg").status == 201
    assert finder.get("._photo.jpg").status == 404
    assert finder.ask("DELETE", ".DS_Store").status == 204
    assert owner.call("stats").counts["records"] == before
    assert laptop.put("._meant", b"a program that copies means it").status == 201
    assert owner.call("find", path="._meant").size == 30


def test_a_stolen_lock_token_is_worth_nothing(laptop: Device, phone: Device) -> None:
    laptop.put("locked.txt", b"mine")
    token = laptop.lock("locked.txt", Timeout="Infinite").headers["Lock-Token"].strip("<>")
    assert token in laptop.ask("PROPFIND", "locked.txt", None, Depth="0").text
    assert token not in phone.ask("PROPFIND", "locked.txt", None, Depth="0").text
    assert phone.put("locked.txt", b"theirs").status == 423
    assert phone.put("locked.txt", b"theirs", If=f"(<{token}>)").status == 423
    assert phone.ask("DELETE", "locked.txt", None, If=f"(<{token}>)").status == 423
    assert phone.ask("UNLOCK", "locked.txt", None, Lock_Token=f"<{token}>").status == 403
    assert phone.ask("MOVE", "locked.txt", None, Destination=phone.root + "elsewhere").status == 423
    assert phone.lock("locked.txt").status == 423
    assert laptop.put("locked.txt", b"mine again", If=f"(<{token}>)").status == 204
    assert laptop.put("locked.txt", b"x", If="(<urn:uuid:made-up>)").status == 412
    assert laptop.ask("UNLOCK", "locked.txt", None, Lock_Token=f"<{token}>").status == 204
    assert phone.put("locked.txt", b"now it may").status == 204


@pytest.mark.parametrize(
    "path",
    ["../etc/passwd", "a/../../b", "%2e%2e/x", "a%2fb", "a//b", "x%00y", ".", "%2e", "a" * 300, "b/" * 2100 + "c"],
    ids=lambda path: path[:20],
)
def test_names_that_lead_elsewhere_are_refused(laptop: Device, path: str) -> None:
    for method in ("PUT", "MKCOL", "GET", "PROPFIND", "LOCK"):
        reply = laptop.ask(method, path, b"" if method == "PUT" else None)
        assert reply.status == 400, (method, reply.status)


@pytest.mark.parametrize(
    "body",
    [
        _BOMB,
        b"<D:propfind",
        b'<D:propfind xmlns:D="DAV:">' + b"<a>" * 100 + b"</a>" * 100 + b"</D:propfind>",
        b'<D:propfind xmlns:D="DAV:"><D:prop>' + b"<a/>" * 5000 + b"</D:prop></D:propfind>",
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><D:propfind xmlns:D="DAV:"/>',
        "<D:propfind xmlns:D='DAV:'><D:allprop/></D:propfind>".encode("utf-16")[:-3],
        b"\xff\xfe\x00",
        b'<D:propfind xmlns:D="DAV:"/>',
    ],
    ids=["bomb", "cut off", "deep", "many", "external", "half UTF-16", "bytes", "asks nothing"],
)
def test_xml_that_means_harm_is_refused(laptop: Device, body: bytes) -> None:
    assert laptop.ask("PROPFIND", "", body, Depth="0").status == 400
    assert laptop.ask("PROPPATCH", "", body).status == 400
    assert laptop.ask("LOCK", "x.txt", body).status == 400


def test_what_is_too_much_is_refused(laptop: Device) -> None:
    assert "propfind-finite-depth" in laptop.ask("PROPFIND", "", None, Depth="infinity").text
    assert laptop.ask("PROPFIND", "").status == 403
    assert laptop.ask("PROPFIND", "", b" " * 70_000, Depth="0").status == 413
    assert laptop.ask("GET", "", None, If="(<a>) " * 100).status == 400
    assert laptop.ask("GET", "", None, If="(((((").status == 400
    laptop.ask("MKCOL", "noted")
    big = "<Z:note>" + "x" * 30_000 + "</Z:note>"
    assert laptop.patch("noted", big).status == 507
    assert laptop.put("part", b"x", Content_Range="bytes 0-0/2").status == 400
    assert laptop.ask("DELETE", "").status == 403


def test_a_large_folder_is_answered_in_pieces(owner: Owner, laptop: Device) -> None:
    files = (
        encode_start(b"many/%05d.txt" % number, 0, 1, None) + block_prefix(1) + b"x" + END for number in range(1200)
    )

    async def send() -> None:
        async with owner.client.stream("bulk_put", body=_pieces(*files)) as answer:
            async for _ in answer.lines():
                pass

    asyncio.run(send())
    assert laptop.inside("many") == [f"many/{number:05}.txt" for number in range(1200)]
    assert laptop.ask("COPY", "many/", None, Destination=laptop.root + "more/").status == 201
    assert len(laptop.inside("more")) == 1200
    assert laptop.ask("DELETE", "many/").status == 204


def test_an_upload_that_breaks_off_keeps_nothing(owner: Owner, laptop: Device) -> None:
    connection = Visitor(owner.box).connect()
    connection.putrequest("PUT", "/dav/half.bin")
    connection.putheader("Authorization", _basic(laptop))
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"x" * 300_000)
    connection.close()
    assert laptop.get("half.bin").status == 404
    chunked = Visitor(owner.box).connect()
    pieces = iter([b"a" * 300_000, b"b" * 10])
    chunked.request("PUT", "/dav/pieces.bin", pieces, {"Authorization": _basic(laptop)}, encode_chunked=True)
    assert chunked.getresponse().status == 201
    chunked.close()
    assert laptop.get("pieces.bin").body == b"a" * 300_000 + b"b" * 10


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _basic(device: Device) -> str:
    return "Basic " + base64.b64encode(f"{device.name}:{device.password}".encode()).decode()


def test_what_clients_noted_outlives_the_web_front(box: Running, laptop: Device) -> None:
    laptop.ask("MKCOL", "lasting")
    laptop.put("lasting/file", b"x")
    laptop.patch("lasting/", "<Z:mood>calm</Z:mood>")
    laptop.patch("lasting/file", "<Z:mood>wild</Z:mood>")
    os.kill(box.children()["webd"], signal.SIGKILL)
    until(lambda: _answers(laptop))
    assert "calm" in laptop.ask("PROPFIND", "lasting/", None, Depth="0").text
    assert "wild" in laptop.ask("PROPFIND", "lasting/file", None, Depth="0").text


def _answers(device: Device) -> bool:
    try:
        return device.ask("OPTIONS", "").status == 200
    except (OSError, http.client.HTTPException):
        return False


@pytest.fixture
def own_box(tmp_path: Path) -> Iterator[Running]:
    """A box whose locker may be locked."""
    box = start(tmp_path, python())
    yield box
    assert box.stop() == 0


def test_who_may_come_in(own_box: Running) -> None:
    owner = Owner(own_box)
    device = owner.device("tablet")
    assert device.ask("OPTIONS", "").headers["DAV"] == "1, 2, 3"
    for _ in range(20):
        assert Device(own_box, "wrong").ask("PROPFIND", "", None, Depth="0").status == 401
    assert device.get("").status == 200, "an old password on one device leaves the others their tries"
    assert Device(own_box, PASSPHRASE).get("").status == 401, "the passphrase opens nothing here"
    assert Device(own_box, device.password, name="nobody").get("").status == 401
    anonymous = Visitor(own_box).get("/dav/")
    assert anonymous.status == 401 and 'realm="Locker Box"' in anonymous.headers["WWW-Authenticate"]
    owner.call("drop_app_password", id=device.id)
    assert device.get("").status in (401, 503)
    assert device.get("").status == 401
    other = owner.device("another")
    assert other.get("").status == 200
    owner.call("lock")
    assert other.get("").status == 423
    assert other.put("x", b"y").status == 423
