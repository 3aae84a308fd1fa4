"""Uploads across pauses, ends without warning, repacks and rot: nothing acknowledged is lost, nothing is kept twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from firmware.errors import Busy, Conflict, Full, Misused, NoSuchUpload, TooLarge, WrongOffset
from firmware.limits import KIB, MIB, UPLOAD_BYTES, UPLOAD_DAYS
from firmware.locker.uploads import Announced, Upload
from firmware.model import Collide, SafeName
from tests.homes import DAY_MS, Box, flip, whole

RNG = random.Random(3)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def begin(box: Box, name: str, size: int, collide: Collide = Collide.VERSION) -> bytes:
    row = box.locker.uploads.begin(Announced(SafeName(name), size, 5, None, collide))
    box.locker.commit()
    return row.id


def send(box: Box, id: bytes, data: bytes, offset: int, piece: int = 100_000) -> Upload:
    upload = box.locker.uploads.resume(id, offset)
    for at in range(0, len(data), piece):
        upload.write(data[at : at + piece])
    return upload


def pause(box: Box, upload: Upload) -> int:
    offset = box.locker.uploads.pause(upload).offset
    box.locker.commit()
    return offset


def finish(box: Box, upload: Upload) -> str:
    row, result = box.locker.uploads.finish(upload)
    box.locker.commit()
    assert row.record.hex() == result.id and row.offset == row.size
    return result.id


CONTENTS = {
    "nothing": b"",
    "a line": b"harbour",
    "a photo": RNG.randbytes(200_000),
    "a film": RNG.randbytes(5 * MIB + 17),
    "a ledger": b"SQLite format 3\0" + RNG.randbytes(900_000),
    "a long text": b"lantern and harbour\n" * 40_000,
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("crash", [False, True], ids=["paused", "killed"])
def test_pieces_become_the_same_chunks_as_one_stream(box: Box, content: bytes, crash: bool) -> None:
    straight = box.put("file", content)
    id = begin(box, "file", len(content))
    offset = 0
    rng = random.Random(len(content))
    while box.locker.uploads.row(id).state == "open":
        more = content[offset : offset + rng.choice([1, 70_000, 300_000, 1_500_000])]
        upload = send(box, id, more, offset)
        if upload.received == len(content):
            assert finish(box, upload) == straight.id
            break
        offset = pause(box, upload)
        assert offset == upload.received, "a polite pause loses nothing"
        if crash:
            box.reopen()
    row = box.locker.uploads.row(id)
    assert (row.state, row.record.hex()) == ("same", straight.id)
    assert whole(box.locker, straight.id) == content
    assert box.problems() == []


def test_an_end_without_warning_goes_back_to_what_was_committed(box: Box) -> None:
    content = RNG.randbytes(6 * MIB)
    id = begin(box, "film", len(content))
    upload = send(box, id, content[: 4 * MIB], 0)
    box.locker.commit()
    durable = box.locker.uploads.row(id).offset
    assert 2 * MIB < durable <= 4 * MIB
    upload.write(content[4 * MIB : 5 * MIB])
    box.reopen()
    assert box.locker.uploads.row(id).offset == durable
    with pytest.raises(WrongOffset) as told:
        box.locker.uploads.resume(id, durable + 1)
    assert told.value.fields["offset"] == durable
    record = finish(box, send(box, id, content[durable:], durable))
    assert whole(box.locker, record) == content


def test_progress_never_goes_back_behind_a_pause(box: Box) -> None:
    content = RNG.randbytes(4 * MIB)
    id = begin(box, "film", len(content))
    paused = pause(box, send(box, id, content[: 2 * MIB + 5], 0))
    upload = send(box, id, content[paused : paused + 10], paused)
    box.locker.commit()
    assert box.locker.uploads.row(id).offset == paused
    upload.write(content[paused + 10 :])
    box.locker.commit()
    assert box.locker.uploads.row(id).offset > paused


def test_repack_and_gone_leave_open_uploads_alone(box: Box) -> None:
    content = RNG.randbytes(3 * MIB)
    id = begin(box, "film", len(content))
    offset = pause(box, send(box, id, content[: 2 * MIB], 0))
    other = box.put("other", RNG.randbytes(3 * MIB))
    box.locker.delete([other.id])
    box.locker.commit()
    box.locker.empty_bin()
    box.locker.commit()
    box.locker.cut()
    assert box.locker.repack()["packs_dropped"] > 0
    box.reopen()
    assert whole(box.locker, finish(box, send(box, id, content[offset:], offset))) == content
    assert box.problems() == []


def test_a_second_sender_takes_over_and_the_first_is_refused(box: Box) -> None:
    content = RNG.randbytes(MIB)
    id = begin(box, "film", len(content))
    first = send(box, id, content[:1000], 0)
    second = box.locker.uploads.resume(id, 0)
    with pytest.raises(Conflict):
        first.write(b"more")
    second.write(content)
    assert whole(box.locker, finish(box, second)) == content
    with pytest.raises(Conflict):
        box.locker.uploads.resume(id, len(content))


def test_rotten_pieces_are_sent_once_more(box: Box) -> None:
    content = RNG.randbytes(3 * MIB)
    id = begin(box, "film", len(content))
    offset = pause(box, send(box, id, content[: 2 * MIB], 0))
    box.locker.cut()
    for at in range(5000, 2 * MIB, 20_000):
        flip(box.packs("data")[0], at)
    box.reopen()
    with pytest.raises(WrongOffset):
        box.locker.uploads.resume(id, offset)
    assert whole(box.locker, finish(box, send(box, id, content, 0))) == content


def test_bounds_expiry_and_lies(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLarge):
        begin(box, "huge", UPLOAD_BYTES + 1)
    monkeypatch.setattr("firmware.locker.uploads.UPLOADS_OPEN", 2)
    old, kept = begin(box, "a", 10), begin(box, "b", 10 * KIB)
    with pytest.raises(Busy):
        begin(box, "c", 10)
    with pytest.raises(Misused):
        send(box, old, b"more than was said", 0)
    assert box.locker.uploads.row(old).offset == 0
    box.clock.ms += UPLOAD_DAYS * DAY_MS - 1
    pause(box, send(box, kept, b"still here", 0))
    box.clock.ms += 2
    with pytest.raises(NoSuchUpload):
        box.locker.uploads.row(old)
    assert begin(box, "c", 10)
    box.locker.uploads.drop(kept)
    box.locker.commit()
    with pytest.raises(NoSuchUpload):
        box.locker.uploads.resume(kept, 0)


def test_a_failed_commit_forgets_what_it_did_not_write(box: Box) -> None:
    content = RNG.randbytes(2 * MIB)
    id = begin(box, "film", len(content))
    upload = send(box, id, content[: MIB + 300_000], 0)
    box.disk.room = 0
    with pytest.raises(Full):
        pause(box, upload)
    box.disk.room = None
    box.locker.settle()
    offset = box.locker.uploads.row(id).offset
    assert whole(box.locker, finish(box, send(box, id, content[offset:], offset))) == content
