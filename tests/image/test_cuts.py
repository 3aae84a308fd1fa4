"""What the power cuts of the image's test are made of: the log of a card, and the cards that can come of it."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from tests.image.cuts import acknowledged
from tests.image.writelog import MAGIC, SECTOR, Rewriter, entries, last_flush

_FLUSH = -1


def _log(path: Path, writes: list[tuple[int, int]]) -> Path:
    """``writes``: (sector, value of its two sectors' bytes), or (_FLUSH, 0)."""
    whole = struct.pack("<QQQI", MAGIC, 1, 0, SECTOR).ljust(SECTOR, b"\0")
    for sector, value in writes:
        flush = sector == _FLUSH
        whole += struct.pack("<QQQQ", 0 if flush else sector, 0 if flush else 2, int(flush), 0).ljust(SECTOR, b"\0")
        whole += b"" if flush else bytes([value]) * 2 * SECTOR
    path.write_bytes(whole)
    return path


def _card(path: Path) -> Path:
    path.write_bytes(bytes(16 * SECTOR))
    return path


def test_what_was_flushed_is_there_and_the_rest_may_be_anything(tmp_path: Path) -> None:
    log = _log(tmp_path / "log", [(0, 1), (4, 2), (_FLUSH, 0), (4, 3), (8, 4)])
    fates = set()
    for seed in range(40):
        rewriter = Rewriter(_card(tmp_path / "card"), log)
        assert rewriter.advance(5) == 2
        rewriter.tear(rewriter.card, 5, random.Random(seed))
        sectors = [rewriter.card.read_bytes()[at * SECTOR] for at in range(12)]
        assert sectors[:4] == [1, 1, 0, 0]
        assert set(sectors[4:6]) <= {2, 3}
        assert set(sectors[8:10]) <= {0, 4}
        fates.add((*sectors[4:6], *sectors[8:10]))
    assert {(2, 2, 0, 0), (3, 3, 4, 4)} <= fates
    assert any(left != right for left, right, *_ in fates)  # torn


def test_a_card_follows_its_log_and_never_goes_back(tmp_path: Path) -> None:
    log = _log(tmp_path / "log", [(0, 1), (_FLUSH, 0), (0, 2), (_FLUSH, 0), (0, 3)])
    rewriter = Rewriter(_card(tmp_path / "card"), log)
    assert [last_flush(rewriter.written, cut) for cut in range(6)] == [0, 0, 2, 2, 4, 4]
    assert rewriter.cut_after(log.stat().st_size) == 5
    for cut, value in ((1, 0), (3, 1), (5, 2)):
        rewriter.advance(cut)
        assert rewriter.card.read_bytes()[0] == value


def test_a_log_without_its_end_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    log = _log(tmp_path / "log", [(0, 1), (4, 2)])
    log.write_bytes(log.read_bytes()[:-1])
    assert [each.start for each in entries(log)] == [0]
    (tmp_path / "other").write_bytes(bytes(2 * SECTOR))
    with pytest.raises(ValueError, match="log"):
        entries(tmp_path / "other")


def test_only_whole_lines_are_acknowledgements() -> None:
    digest = "a" * 64
    assert acknowledged(f"READY\r\nACK file-1 {digest}\r\nREFUSED file-2 x\r\nACK file-3 {digest}") == {
        "file-1": digest
    }
