"""What the reader finds out about uploads shows in lists, searches and previews; what it cannot read harms nothing."""

from __future__ import annotations

import io
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from services.api.blocking import Blocking
from services.api.types import AnalysisState
from tests.services.lockerd_box import LockerdBox
from tests.services.running import children_of, until


@pytest.fixture(scope="module")
def ada(shared_lockerd: LockerdBox) -> Blocking:
    return shared_lockerd.claim()[0]


def photo() -> bytes:
    image = Image.new("RGB", (1200, 800), (200, 120, 40))
    exif = image.getexif()
    exif[306] = "2019:07:14 18:30:00"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def settled(box: Blocking, **wanted: int) -> AnalysisState:
    end = time.monotonic() + 60
    while True:
        state: Any = box.call("analysis")
        if all(getattr(state, name) == count for name, count in wanted.items()):
            assert isinstance(state, AnalysisState)
            return state
        assert time.monotonic() < end, state
        time.sleep(0.1)


def test_a_photo_gets_its_date_at_once_and_previews_when_all_is_quiet(ada: Blocking) -> None:
    ada.call("set_analysis", previews="off")
    stored = ada.call("put", body=[photo()], name="summer.jpg", mtime_ns=1)
    state = settled(ada, pending_text=0)
    assert state.pending_previews == 1 and state.previews == "off"
    record = ada.call("get", id=stored.id)
    assert (record.facts.width, record.facts.height, record.mime) == (1200, 800, "image/jpeg")
    assert record.when_ms == 1563129000000
    ada.call("set_analysis", previews="idle")
    state = settled(ada, pending_previews=0)
    assert 0 < state.reader_peak_rss_bytes < 192 << 20
    assert ada.call("get", id=stored.id).has_preview
    with ada.stream("preview", id=stored.id, edge=256) as answer:
        small = Image.open(io.BytesIO(b"".join(answer)))
        assert answer.headers["Content-Type"] in ("image/jpeg", "image/webp")
    assert max(small.size) >= 256 and small.width > small.height


def test_a_reader_that_ended_leaves_no_zombie(ada: Blocking, shared_lockerd: LockerdBox) -> None:
    ada.call("put", body=[photo() + b"\0"], name="another.jpg")
    settled(ada, pending_previews=0)
    readers = [pid for pid in _below(shared_lockerd) if "services/reader" in _command(pid)]
    assert readers
    for pid in readers:
        os.kill(pid, signal.SIGKILL)  # as if its time of silence were over
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in readers))


def _below(box: LockerdBox) -> list[int]:
    assert box.process is not None
    found: list[int] = []
    todo = [box.process.pid]
    while todo:
        below = children_of(todo.pop())
        found += below
        todo += below
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:  # a reader's child that ended meanwhile
        return ""


def test_a_hostile_file_costs_its_preview_and_nothing_else(ada: Blocking, shared_lockerd: LockerdBox) -> None:
    broken = photo()[:2000] + b"\xff" * 500
    bomb = b"%PDF-1.7\n" + b"1 0 obj << /Length 99999999999 >> stream\n" * 50
    for name, data in (("broken.jpg", broken), ("bomb.pdf", bomb), ("empty.png", b"\x89PNG\r\n\x1a\n")):
        stored = ada.call("put", body=[data], name=name)
        with ada.stream("content", id=stored.id) as answer:
            assert b"".join(answer) == data
    settled(ada, pending_text=0, pending_previews=0)
    assert ada.call("stats").counts["records"] >= 3
    shared_lockerd.wait_for("reader_failed")


def test_words_inside_text_files_are_found(ada: Blocking) -> None:
    stored = ada.call("put", body=["Käsespätzle mit Röstzwiebeln".encode()], name="rezept.md")
    assert [one.id for one in ada.call("search", q="röstzw").records] == [stored.id]
