"""Resumable uploads through real sockets: pieces, broken connections, kill -9, locking, and what nobody may do."""

from __future__ import annotations

import io
import os
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from firmware.errors import BoxError, Conflict, Locked, Misused, NoSuchUpload, TooLarge, Unreachable, WrongOffset
from firmware.limits import MIB, UPLOAD_BYTES
from services.api.blocking import Blocking
from services.api.records_types import UploadState
from tests.services.lockerd_box import LockerdBox


@pytest.fixture(scope="module")
def ada(shared_lockerd: LockerdBox) -> Blocking:
    return shared_lockerd.claim()[0]


def content(box: Blocking, id: str) -> bytes:
    with box.stream("content", id=id) as answer:
        return b"".join(answer)


def patch(box: Blocking, id: str, data: bytes, offset: int) -> UploadState:
    state: UploadState = box.call("upload_patch", id=id, offset=offset, body=[data])
    return state


def became(state: UploadState) -> str:
    assert state.record is not None
    return state.record.id


def test_a_file_in_pieces_becomes_a_record_and_is_recognised_the_next_time(ada: Blocking) -> None:
    data = os.urandom(3 * MIB + 17)
    new = ada.call("upload_new", name="film.mp4", size=len(data), mtime_ns=7)
    assert (new.offset, new.state) == (0, "open")
    assert [one.id for one in ada.call("upload_list").uploads] == [new.id]
    offset = 0
    for stop in (1, MIB, 2 * MIB + 5):
        offset = patch(ada, new.id, data[offset:stop], offset).offset
        assert offset == stop == ada.call("upload_get", id=new.id).offset
    with pytest.raises(WrongOffset) as told:
        patch(ada, new.id, data, 5)
    assert told.value.fields["offset"] == offset
    done = patch(ada, new.id, data[offset:], offset)
    assert (done.state, done.offset) == ("stored", len(data))
    assert done.record is not None and done.record.name == "film.mp4" and done.record.mtime_ns == 7
    assert content(ada, became(done)) == data
    again = ada.call("upload_get", id=new.id)
    assert became(again) == became(done) and ada.call("upload_list").uploads == ()
    with pytest.raises(Conflict):
        patch(ada, new.id, b"", len(data))
    second = ada.call("upload_new", name="film.mp4", size=len(data))
    same = patch(ada, second.id, data, 0)
    assert (same.state, became(same)) == ("same", became(done))


def test_an_empty_file_is_complete_at_once_and_a_dropped_one_is_gone(ada: Blocking) -> None:
    assert ada.call("upload_new", name="empty.txt", size=0).record.size == 0
    new = ada.call("upload_new", name="dropped.bin", size=9)
    ada.call("upload_drop", id=new.id)
    for call in ("upload_get", "upload_drop"):
        with pytest.raises(NoSuchUpload):
            ada.call(call, id=new.id)
    with pytest.raises(NoSuchUpload):
        patch(ada, new.id, b"x", 0)
    lies: list[tuple[dict[str, Any], type[BoxError]]] = [
        ({"name": "a", "size": UPLOAD_BYTES + 1}, TooLarge),
        ({"name": "a", "size": -1}, Misused),
        ({"name": "../x", "size": 1}, BoxError),
    ]
    for bad, error in lies:
        with pytest.raises(error):
            ada.call("upload_new", **bad)
    new = ada.call("upload_new", name="lie.bin", size=4)
    with pytest.raises(Misused):
        patch(ada, new.id, b"five!", 0)
    assert patch(ada, new.id, b"four", 0).state == "stored"


def test_a_body_that_breaks_off_keeps_what_arrived(ada: Blocking, shared_lockerd: LockerdBox) -> None:
    data = os.urandom(900_000)
    new = ada.call("upload_new", name="broken.bin", size=len(data))
    path = next((shared_lockerd.run / "lockers").iterdir())
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(path))
        head = f"PATCH /v1/uploads/{new.id}?offset=0 HTTP/1.1\r\nHost: box\r\nAuthorization: Bearer {ada._token}\r\n"
        raw.sendall(head.encode() + b"Content-Length: 900000\r\n\r\n" + data[:700_000])
    offset = 0
    deadline = time.monotonic() + 20
    while offset < 700_000 and time.monotonic() < deadline:
        offset = ada.call("upload_list").uploads[0].offset
    assert offset == 700_000
    assert content(ada, became(patch(ada, new.id, data[offset:], offset))) == data


def test_whoever_asks_how_far_it_is_takes_over(ada: Blocking) -> None:
    data = os.urandom(2 * MIB)
    new = ada.call("upload_new", name="two.bin", size=len(data))
    arrived, go = threading.Event(), threading.Event()
    heard: list[BoxError] = []

    def pieces() -> Iterator[bytes]:
        yield data[:MIB]
        arrived.set()
        go.wait(20)
        yield data[MIB:]

    def first() -> None:
        try:
            ada.call("upload_patch", id=new.id, offset=0, body=pieces())
        except BoxError as error:
            heard.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    assert arrived.wait(20)
    offset = 0
    while offset < MIB:
        offset = ada.call("upload_get", id=new.id).offset
        if offset == 0:
            continue
        assert offset <= MIB
        break
    done = patch(ada, new.id, data[offset:], offset)
    go.set()
    thread.join(20)
    assert content(ada, became(done)) == data
    assert heard and isinstance(heard[0], Conflict)


def test_uploads_survive_kill_9_and_a_lock(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    data = os.urandom(5 * MIB)
    new = ada.call("upload_new", name="film.mp4", size=len(data))
    paused = patch(ada, new.id, data[: MIB + 3], 0).offset
    lockerd.kill()
    lockerd.start()
    ada = lockerd.open()
    assert ada.call("upload_get", id=new.id).offset == paused == MIB + 3
    half = patch(ada, new.id, data[paused : 3 * MIB], paused).offset
    ada.call("lock")
    with pytest.raises((Locked, Unreachable)):
        patch(ada, new.id, data[half:], half)
    ada = lockerd.open()
    ada.call("repack")
    (waiting,) = ada.call("upload_list").uploads
    done = patch(ada, waiting.id, data[waiting.offset :], waiting.offset)
    assert content(ada, became(done)) == data
    with ada.stream("verify") as answer:
        *_, last = answer.lines()
    assert last["ok"]


def test_listeners_hear_what_happens(ada: Blocking) -> None:
    heard: list[dict[str, Any]] = []
    began = threading.Event()

    def listen() -> None:
        with ada.stream("watch") as answer:
            for line in answer.lines():
                heard.append(line)
                began.set()
                if any(one["what"] == "stored" for one in heard) and any(one.get("offset") == 5 for one in heard):
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    assert began.wait(20)
    new = ada.call("upload_new", name="heard.txt", size=5)
    done = patch(ada, new.id, b"hello", 0)
    thread.join(20)
    assert {"what": "stored", "id": became(done)} in heard
    assert {"what": "upload", "id": new.id, "offset": 5} in heard


def test_a_selection_comes_as_one_zip_with_names_of_its_own(ada: Blocking) -> None:
    ids = [ada.call("put", body=[b"%d" % n], name="zip/IMG_0001.JPG", collide="beside").id for n in range(3)]
    with ada.stream("zip", ids=ids) as answer:
        archive = zipfile.ZipFile(io.BytesIO(b"".join(answer)))
    found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {"zip/IMG_0001.JPG": b"0", "zip/IMG_0001 (2).JPG": b"1", "zip/IMG_0001 (3).JPG": b"2"}
    with pytest.raises(BoxError), ada.stream("zip", ids=["0" * 32]) as answer:
        b"".join(answer)
