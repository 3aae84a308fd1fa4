"""Folders as native clients know them: what is listed, what stays, what moves, and what no list shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.errors import BadName, Misused, TooLarge
from firmware.limits import FOLDER_NOTE_BYTES
from firmware.locker import Locker, folders
from firmware.model import Collide, RecordState
from tests.homes import Box, put, whole


@pytest.fixture
def locker(tmp_path: Path) -> Locker:
    """A locker with a few files in folders whose names sort around the slash."""
    locker = Box(tmp_path / "locker").locker
    for name in ("a.txt", "photos/1.jpg", "photos/2.jpg", "photos/sub/x.txt", "photos-old/y", "photos0", "photosz"):
        put(locker, name, name.encode())
    locker.commit()
    return locker


def listed(locker: Locker, path: str, page: int = 100) -> list[str]:
    """Everything right inside a folder; folders with a slash."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        some, cursor = locker.inside(path, cursor, page)
        found += [one.leaf.decode() + ("" if one.file else "/") for one in some]
        if cursor is None:
            return found


@pytest.mark.parametrize("page", [1, 2, 100])
def test_a_listing_is_the_same_in_pages_of_any_size(locker: Locker, page: int) -> None:
    assert listed(locker, "", page) == ["a.txt", "photos-old/", "photos/", "photos0", "photosz"]
    assert listed(locker, "photos", page) == ["1.jpg", "2.jpg", "sub/"]
    assert listed(locker, "nothing here", page) == []


def test_a_folder_of_very_many_is_skipped_in_one_step(locker: Locker) -> None:
    for number in range(600):
        put(locker, f"many/{number:03}", b"x")
    put(locker, "n", b"after")
    locker.commit()
    assert listed(locker, "")[1:3] == ["many/", "n"]
    assert listed(locker, "many", 7) == [f"{number:03}" for number in range(600)]


def test_an_empty_folder_and_its_note_outlive_a_rebuild_and_are_in_no_list(locker: Locker) -> None:
    folders.make(locker, "empty")
    folders.make(locker, "noted", "first")
    folders.make(locker, "noted", "second")
    locker.commit()
    records = [record.id for record in locker.list(limit=200).records]
    locker.rebuild()
    assert listed(locker, "")[1:3] == ["empty/", "noted/"]
    assert locker.look("noted").note == "second" and locker.look("noted/file").note_above == "second"
    assert (locker.look("empty").folder, locker.look("empty").file) == (True, None)
    assert [record.id for record in locker.list(limit=200).records] == records
    assert not locker.search("locker folder").records and locker.stats()["records"] == len(records)
    assert list(locker.verify())[-1].ok
    folders.remove(locker, "noted")
    locker.commit()
    assert not locker.look("noted").folder and not locker.list(state=RecordState.BIN).records
    with pytest.raises(TooLarge):
        folders.make(locker, "empty", "x" * (FOLDER_NOTE_BYTES + 1))


def test_moves_keep_records_and_copies_share_bytes(locker: Locker) -> None:
    folders.make(locker, "photos", "a note")
    locker.commit()
    id, chunks = locker.get("photos/sub/x.txt").id, locker.stats()["chunks"]
    assert folders.copy(locker, "photos", "copy", None) is None
    locker.commit()
    while folders.move(locker, "photos", "moved/there"):
        locker.commit()
    assert listed(locker, "moved/there") == listed(locker, "copy") == ["1.jpg", "2.jpg", "sub/"]
    assert locker.look("copy").note == locker.look("moved/there").note == "a note"
    assert locker.get("moved/there/sub/x.txt").id == id != locker.get("copy/sub/x.txt").id
    assert whole(locker, locker.get("copy/sub/x.txt").id) == b"photos/sub/x.txt" and locker.stats()["chunks"] == chunks
    assert {record.name for record in locker.search("photos").records} >= {"copy/1.jpg", "moved/there/1.jpg"}
    for to in ("copy", "copy/inside", ""):
        with pytest.raises(BadName):
            folders.move(locker, "copy", to)


def test_records_of_one_name_are_listed_under_names_that_find_them(locker: Locker) -> None:
    for data in (b"second", b"third"):
        put(locker, "a.txt", data, collide=Collide.BESIDE)
    locker.commit()
    *aliases, plain = listed(locker, "")[:3]
    assert plain == "a.txt" and len(set(aliases)) == 2
    contents = {_bytes(locker, name) for name in (*aliases, plain)}
    assert contents == {b"a.txt", b"second", b"third"} and _bytes(locker, plain) == b"third"
    folders.remove_file(locker, "a.txt")
    locker.commit()
    assert sorted(listed(locker, "")[:2]) == sorted(aliases) and locker.look("a.txt").file is None


def _bytes(locker: Locker, path: str) -> bytes:
    file = locker.look(path).file
    assert file is not None
    return b"".join(locker.read(file.id.hex()))


def test_a_new_time_is_a_version_of_the_same_bytes(locker: Locker) -> None:
    id = locker.get("a.txt").id
    folders.touch(locker, id, 5 * 10**9)
    folders.touch(locker, id, 5 * 10**9)
    locker.commit()
    record = locker.get(id)
    assert (record.mtime_ns, record.version) == (5 * 10**9, 2)
    assert len({version.digest for version in locker.versions(id)}) == 1


@pytest.mark.parametrize("cursor", ["zz.1", "61", "61.x", ""])
def test_a_made_up_cursor_is_misused_or_the_beginning(locker: Locker, cursor: str) -> None:
    if cursor:
        with pytest.raises(Misused):
            locker.inside("", cursor, 5)
    else:
        assert locker.inside("", cursor, 5)[0]
