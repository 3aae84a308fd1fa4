"""What stands inside records, words that look alike, and old versions brought back."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.errors import Conflict, NoSuchRecord
from firmware.locker.reverting import revert
from firmware.locker.texts import line_with
from firmware.locker.words import nearest
from firmware.model import Analysis, Facts, SafeName
from tests.homes import Box, put, whole

_TERMS = [("lake", 9), ("lakes", 2), ("lamp", 1), ("rechnung", 5), ("rechnungen", 1), ("harbour", 3)]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """An empty locker."""
    return Box(tmp_path / "locker")


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("Arrival at the lake side gate", "lake", "Arrival at the lake side gate"),
        ("a\n\n b\tGrüße aus  Köln", "koln", "a b Grüße aus Köln"),
        ("Seestraße 5", "seestr", "Seestraße 5"),
        ("nothing of it", "lake", None),
        ("snowflake", "lake", None),
        ("lake", "", None),
        ("x" * 50 + " word lake " + "y" * 300, "lake", "…word lake " + "y" * 109 + "…"),
    ],
)
def test_the_line_with_the_word(text: str, words: str, line: str | None) -> None:
    assert line_with(text, words) == line


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("laek", ["lake"]),
        ("lake", ["lakes"]),
        ("rechnugn", ["rechnung", "rechnungen"]),
        ("harbor", ["harbour"]),
        ("la", []),
        ("zzz", []),
    ],
)
def test_slips_of_the_finger(word: str, near: list[str]) -> None:
    assert nearest(word, _TERMS) == near


def test_words_of_the_locker_that_look_like_one(box: Box) -> None:
    put(box.locker, "Harbour at night.txt", b"lanterns, lantern, boats")
    box.locker.commit()
    assert list(box.locker.near("lantren")) == ["lantern"]
    assert list(box.locker.reader().near("Habour")) == ["harbour"]
    assert list(box.locker.near("…")) == []


def test_the_text_of_every_kind_of_record(box: Box) -> None:
    small = put(box.locker, "a.txt", "Grüße".encode()).id
    large = put(box.locker, "b.txt", b"word " * 40_000).id
    old = put(box.locker, "c.txt", "Grüße".encode("cp1252")).id
    paper = put(box.locker, "d.pdf", b"%PDF-1.4 \0").id
    box.locker.commit()
    box.locker.analyse(paper, Analysis(facts=Facts(text="an invoice")))
    box.locker.commit()
    reader = box.locker.reader()
    assert [reader.text(id) for id in (small, old, paper)] == ["Grüße", "Grüße", "an invoice"]
    assert (reader.text(large) or "").startswith("word word")
    with pytest.raises(NoSuchRecord):
        reader.text("0" * 32)


def test_an_old_version_comes_back_as_the_newest(box: Box) -> None:
    locker = box.locker
    id = put(locker, "plan.txt", b"the first harbour", mtime_ns=5 * 10**15).id
    put(locker, "plan.txt", b"the second lantern", mtime_ns=6 * 10**15)
    locker.commit()
    revert(locker, id, 1)
    locker.commit()
    assert whole(locker, id) == b"the first harbour"
    assert [one.number for one in locker.versions(id)] == [3, 2, 1]
    assert locker.get(id).mtime_ns == 5 * 10**15
    assert [record.id for record in locker.search("harbour").records] == [id]
    assert not locker.search("lantern").records
    locker.rebuild()
    assert locker.text(id) == "the first harbour" and locker.get(id).version == 3
    revert(locker, id, 3)
    locker.commit()
    assert locker.get(id).version == 3, "the newest version is there already"


def test_a_version_that_is_not_there_does_not_come_back(box: Box) -> None:
    id = put(box.locker, "plan.txt", b"one").id
    box.locker.commit()
    with pytest.raises(NoSuchRecord):
        revert(box.locker, id, 7)
    box.locker.rename(id, SafeName("other.txt"))
    box.locker.delete([id])
    box.locker.commit()
    with pytest.raises(Conflict):
        revert(box.locker, id, 1)
