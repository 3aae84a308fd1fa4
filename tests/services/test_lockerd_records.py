"""Records through real sockets: put, list, find, read, forget, export; and what nobody may put."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from firmware.errors import BadName, BoxError, Full, Misused, NoSuchRange, NoSuchRecord, TooLarge
from firmware.limits import MIB, UPLOAD_BYTES
from firmware.model import Collide
from services.api import bulk
from services.api.blocking import Blocking
from tests.services.lockerd_box import LockerdBox, frames


@pytest.fixture(scope="module")
def ada(shared_lockerd: LockerdBox) -> Blocking:
    return shared_lockerd.claim()[0]


def content(box: Blocking, id: str, headers: dict[str, str] | None = None, **args: Any) -> bytes:
    with box.stream("content", id=id, headers=headers, **args) as answer:
        return b"".join(answer)


def test_what_was_put_comes_back_exactly_and_in_ranges(ada: Blocking) -> None:
    data = os.urandom(3 * MIB + 17)
    stored = ada.call("put", body=[data[:100], data[100:]], name="photos/a.bin", mtime_ns=123, size=len(data))
    assert (stored.state, stored.version, stored.size) == ("stored", 1, len(data))
    assert content(ada, stored.id) == data
    with ada.stream("content", id=stored.id, headers={"Range": "bytes=1048570-2097160"}) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes 1048570-2097160/{len(data)}"
        etag = answer.headers["ETag"]
        assert b"".join(answer) == data[1048570:2097161]
    assert content(ada, stored.id, {"Range": "bytes=-17"}) == data[-17:]
    assert content(ada, stored.id, {"Range": "bytes=5-", "If-Range": '"other"'}) == data
    with ada.stream("content", id=stored.id, headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304
    with pytest.raises(NoSuchRange):
        content(ada, stored.id, {"Range": f"bytes={len(data)}-"})


def test_the_same_bytes_are_the_same_and_other_bytes_a_version(ada: Blocking) -> None:
    first = ada.call("put", body=[b"one"], name="v.txt")
    assert ada.call("put", body=[b"one"], name="v.txt").state == "same"
    second = ada.call("put", body=[b"two!"], name="v.txt")
    assert (second.id, second.version) == (first.id, 2)
    found = ada.call("versions", id=first.id).versions
    assert [(one.number, one.size) for one in found] == [(2, 4), (1, 3)]
    assert content(ada, first.id, version=1) == b"one"
    beside = ada.call("put", body=[b"three"], name="v.txt", collide=Collide.BESIDE)
    assert beside.id != first.id


def test_records_are_listed_searched_deleted_and_brought_back(ada: Blocking) -> None:
    for number in range(5):
        ada.call("put", body=[b"Minutes of the gardening club, spring %d" % number], name=f"club/minutes-{number}.txt")
    page = ada.call("list", folder="club", limit=3, order="name")
    assert [one.name for one in page.records] == [f"club/minutes-{n}.txt" for n in range(3)]
    rest = ada.call("list", folder="club", limit=3, order="name", cursor=page.next)
    assert len(rest.records) == 2 and rest.next is None
    assert len(ada.call("search", q="gardening spr").records) == 5
    id = page.records[0].id
    assert ada.call("delete", id=id).count == 1
    assert id in [one.id for one in ada.call("list", state="bin").records]
    assert len(ada.call("search", q="gardening").records) == 4
    assert ada.call("undelete", ids=[id]).count == 1
    assert content(ada, id) == b"Minutes of the gardening club, spring 0"
    ada.call("rename", id=id, name="club/agenda.txt")
    assert ada.call("find", path="club/agenda.txt").id == id


def test_emptied_and_destroyed_records_are_gone_and_the_others_stay(ada: Blocking) -> None:
    keep = ada.call("put", body=[b"keep me"], name="gone/keep.txt")
    bin_ = ada.call("put", body=[b"to the bin"], name="gone/bin.txt")
    kill = ada.call("put", body=[b"destroy me"], name="gone/kill.txt")
    ada.call("delete", id=bin_.id)
    assert ada.call("empty").count >= 1
    with pytest.raises(NoSuchRecord):
        ada.call("get", id=bin_.id)
    ada.call("gone", ids=[kill.id])
    with pytest.raises(NoSuchRecord):
        content(ada, kill.id)
    assert content(ada, keep.id) == b"keep me"
    assert ada.call("put", body=[b"after"], name="gone/after.txt").state == "stored"
    with ada.stream("verify") as answer:
        *_, last = answer.lines()
    assert last["done"] and last["ok"] and last["records"] > 3


def test_two_bulk_puts_at_once_share_commits_and_lose_nothing(ada: Blocking) -> None:
    sets = [[(f"bulk{n}/{i:04}.bin", os.urandom(900 + i)) for i in range(400)] for n in range(2)]
    answers: list[list[dict[str, object]]] = [[], []]

    def put(n: int) -> None:
        answers[n].extend(ada.bulk_put(frames(sets[n])))

    threads = [threading.Thread(target=put, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(2):
        *lines, done = answers[n]
        assert [line["n"] for line in lines] == list(range(400))
        assert done == {"done": True, "files": 400, "stored": 400, "same": 0, "failed": 0,
                        "bytes": sum(len(one) for _, one in sets[n])}  # fmt: skip
    assert fetched(ada, folder="bulk0") == dict(sets[0])
    ids = [str(line["id"]) for line in answers[1][:5]]
    assert fetched(ada, ids=ids) == dict(sets[1][:5])


def fetched(box: Blocking, **args: Any) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    name, parts = "", [b""]
    parser = bulk.Frames()
    with box.stream("fetch", **args) as answer:
        for piece in answer:
            for event in parser.feed(piece):
                if isinstance(event, bulk.FileStart):
                    name, parts = event.name.decode("utf-8", "surrogateescape"), []
                elif isinstance(event, memoryview):
                    parts.append(bytes(event))
                else:
                    assert event.ok
                    found[name] = b"".join(parts)
    parser.close()
    return found


def test_names_nobody_expects_survive_exactly(ada: Blocking) -> None:
    names = ["odd/\udcff\udc80.txt", "odd/\u202egnp.exe", "odd/🦊 & co?.txt", "odd/new\nline", "odd/%2e%2e"]
    lines = list(ada.bulk_put(frames((name, name.encode("utf-8", "surrogateescape")) for name in names)))
    assert lines[-1]["stored"] == len(names)
    listed = {one.name: one.id for one in ada.call("list", folder="odd").records}
    assert set(listed) == set(names)
    for name in names:
        assert content(ada, ada.call("find", path=name).id) == name.encode("utf-8", "surrogateescape")
        assert ada.call("put", body=[b"changed"], name=name).version == 2


def test_names_that_would_leave_their_folder_are_refused_one_by_one(ada: Blocking) -> None:
    names = ["ok/first", "../etc/passwd", "a//b", "/abs", "nul\0x", "x" * 300, "ok/last"]
    *lines, done = ada.bulk_put(frames((name, b"data") for name in names))
    codes = [line.get("error", {}).get("code") for line in lines]
    assert codes == [None, "bad-name", "bad-name", "bad-name", "bad-name", "bad-name", None]
    assert (done["stored"], done["failed"]) == (2, 5)
    with pytest.raises(BadName):
        ada.call("put", body=[b"x"], name="../x")


def test_a_put_that_lies_about_its_size_keeps_nothing(ada: Blocking) -> None:
    with pytest.raises(BoxError):
        ada.call("put", body=[b"four"], name="lie.txt", size=5)
    with pytest.raises(BoxError):
        ada.call("put", body=[b"four", b"more"], name="lie.txt", size=5)
    with pytest.raises(NoSuchRecord):
        ada.call("find", path="lie.txt")
    assert ada.call("put", body=[], name="empty.txt", size=0).size == 0
    assert content(ada, ada.call("find", path="empty.txt").id) == b""


def test_an_upload_nobody_could_keep_is_refused_before_its_first_byte(ada: Blocking) -> None:
    def never() -> Iterator[bytes]:
        asked.append(True)
        yield b"x" * MIB
        while True:
            yield b"x" * MIB

    asked: list[bool] = []
    with pytest.raises(TooLarge):
        ada.call("put", body=never(), name="huge", size=UPLOAD_BYTES + 1)
    free = os.statvfs("/tmp")
    with pytest.raises(Full):
        ada.call("put", body=never(), name="huge", size=min(UPLOAD_BYTES, free.f_bavail * free.f_frsize))


def test_garbage_in_a_bulk_stream_ends_it_and_keeps_what_came_before(ada: Blocking) -> None:
    good = b"".join(frames([("hostile/before.txt", b"fine")]))
    half = bulk.encode_start(b"hostile/half.txt", 0) + bulk.encode_data(b"half")
    for bad in (b"\xff" * 64, b"\0\0\0\x05hello", half, half + b"\0\0\0", half + b"\x7f\xff\xff\xff" + b"x" * 99):
        answer = ada.bulk_put([good, bad])
        assert next(answer)["n"] == 0
        with pytest.raises(Misused):
            next(answer)
    with pytest.raises(NoSuchRecord):
        ada.call("find", path="hostile/half.txt")
    aborted = half + bulk.ABORT + b"".join(frames([("hostile/after.txt", b"fine too")]))
    *lines, done = ada.bulk_put([aborted])
    assert lines[0]["error"]["code"] == "file-changed" and lines[1]["state"] == "stored"
    assert (done["stored"], done["failed"]) == (1, 1)


def test_the_archive_holds_every_record_and_other_tools_read_it(ada: Blocking, tmp_path: os.PathLike[str]) -> None:
    ada.call("put", body=[b"a" * 100_000], name="zip/large.txt", mtime_ns=1_700_000_000_000_000_000)
    ada.call("put", body=[b"deep"], name="zip/ünï/tief.txt")
    with ada.stream("export", folder="zip") as answer:
        raw = b"".join(answer)
    archive = zipfile.ZipFile(io.BytesIO(raw))
    assert archive.testzip() is None
    assert {name: len(archive.read(name)) for name in archive.namelist()} == {
        "zip/large.txt": 100_000,
        "zip/ünï/tief.txt": 4,
    }
    path = os.path.join(tmp_path, "a.zip")
    with open(path, "wb") as file:
        file.write(raw)
    script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])"
    subprocess.run([sys.executable, "-c", script, path, tmp_path], check=True)
    with open(os.path.join(tmp_path, "zip/ünï/tief.txt"), "rb") as file:
        assert file.read() == b"deep"


def test_a_rebuilt_catalog_answers_as_before(ada: Blocking) -> None:
    before = [(one.id, one.name, one.version, one.size) for one in ada.call("list", limit=200, order="name").records]
    counts = ada.call("rebuild").counts
    assert counts["records"] >= len(before)
    after = [(one.id, one.name, one.version, one.size) for one in ada.call("list", limit=200, order="name").records]
    assert after == before
    ada.call("cut")
    ada.call("repack")
    assert ada.call("stats").counts["records"] == counts["records"]


def test_a_client_that_goes_away_leaves_nothing_half(ada: Blocking) -> None:
    with ada.stream("bulk_put", body=slow()) as answer:
        first = next(answer.lines())
        assert first["state"] == "stored"
    with pytest.raises(NoSuchRecord):
        ada.call("find", path="slow/never.txt")
    assert ada.call("put", body=[b"go on"], name="slow/after.txt").state == "stored"


def slow() -> Iterator[bytes]:
    yield b"".join(frames([("slow/first.txt", b"first")]))
    yield bulk.encode_start(b"slow/never.txt", 0) + bulk.encode_data(b"never finished")
    while True:
        yield bulk.encode_data(b"x" * 1000)
