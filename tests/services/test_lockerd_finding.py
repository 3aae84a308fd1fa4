"""Finding again through real sockets: days, the grid, filters, tags and notes, facets, known files, a selection."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest

from firmware.errors import Misused, NoSuchRecord
from services.api.blocking import Blocking
from services.api.records_types import FileHash
from tests.services.lockerd_box import LockerdBox

DAY_NS = 86_400 * 10**9
NOON_NS = 19_000 * DAY_NS + DAY_NS // 2
PHOTO = b"\xff\xd8\xff\xe0"


@pytest.fixture(scope="module")
def ada(shared_lockerd: LockerdBox) -> Blocking:
    ada = shared_lockerd.claim()[0]
    for number in range(6):
        when = NOON_NS - number // 2 * DAY_NS
        ada.call("put", body=[PHOTO + os.urandom(99 + number)], name=f"days/p{number}.jpg", mtime_ns=when)
    ada.call("put", body=[b"Minutes of the harbour club"], name="days/minutes.txt", mtime_ns=NOON_NS - 400 * DAY_NS)
    return ada


def test_days_count_and_the_grid_pages_through_them(ada: Blocking) -> None:
    days = ada.call("days", kinds="photo,video").days
    assert [(one.day, one.count) for one in days] == [("2022-01-08", 2), ("2022-01-07", 2), ("2022-01-06", 2)]
    assert len(ada.call("days").days) == 4
    first = ada.call("day_items", kinds="photo", limit=4)
    rest = ada.call("day_items", kinds="photo", limit=4, cursor=first.next)
    found = [*first.items, *rest.items]
    assert [one.day for one in found] == ["2022-01-08"] * 2 + ["2022-01-07"] * 2 + ["2022-01-06"] * 2
    assert len({one.id for one in found}) == 6 and rest.next is None
    assert {one.kind for one in found} == {"photo"}
    inside = ada.call("day_items", from_day="2022-01-07", to_day="2022-01-07").items
    assert [one.day for one in inside] == ["2022-01-07"] * 2
    lies: list[dict[str, Any]] = [{"kinds": "photo,vault"}, {"from_day": "2022-02-30"}, {"cursor": "1.2"}]
    for words in lies:
        with pytest.raises(Misused):
            ada.call("day_items", **words)


def test_filters_narrow_lists_and_searches(ada: Blocking) -> None:
    assert [one.name for one in ada.call("list", kinds="text").records] == ["days/minutes.txt"]
    assert len(ada.call("list", from_day="2022-01-07").records) == 4
    assert len(ada.call("search", q="days", kinds="photo", to_day="2022-01-06").records) == 2
    assert len(ada.call("search", kinds="photo").records) == 6
    assert ada.call("search").records == ()
    page = ada.call("list", kinds="photo", limit=5)
    assert len(ada.call("list", kinds="photo", limit=5, cursor=page.next).records) == 1


def test_tags_and_notes_are_kept_found_and_counted(ada: Blocking) -> None:
    photos = ada.call("search", kinds="photo").records
    ids = [one.id for one in photos[:3]]
    assert ada.call("annotate", ids=ids, add_tags=["Trip to the sea", "blue"]).count == 3
    assert ada.call("annotate", ids=ids[:1], note="Grandma’s lighthouse", remove_tags=["blue"]).count == 1
    assert ada.call("annotate", ids=ids[:1], note="Grandma’s lighthouse").count == 0
    one = ada.call("get", id=ids[0])
    assert (one.tags, one.note) == (("Trip to the sea",), "Grandma’s lighthouse")
    assert [one.id for one in ada.call("search", q="lighthouse").records] == ids[:1]
    assert {one.id for one in ada.call("search", q="trip sea").records} == set(ids)
    assert {one.id for one in ada.call("list", tag="blue").records} == set(ids[1:])
    assert [(one.tag, one.count) for one in ada.call("tags").tags] == [("Trip to the sea", 3), ("blue", 2)]
    minutes = ada.call("find", path="days/minutes.txt").id
    ada.call("annotate", ids=[minutes], add_tags=["club"], note="signed")
    assert len(ada.call("search", q="harbour signed").records) == 1, "its own words are still found"
    ada.call("put", body=[b"Minutes of the garden club"], name="days/minutes.txt")
    assert ada.call("get", id=minutes).tags == ("club",), "a new version keeps them"
    assert len(ada.call("search", q="garden signed").records) == 1
    ada.call("rebuild")
    assert ada.call("get", id=ids[0]).note == "Grandma’s lighthouse"
    assert {one.id for one in ada.call("search", q="trip sea").records} == set(ids)
    with pytest.raises(NoSuchRecord):
        ada.call("annotate", ids=[ids[0], "0" * 32], add_tags=["x"])
    for bad in ({"add_tags": ["a,b"]}, {"add_tags": [" "]}, {"note": "x" * 10_001}, {"add_tags": ["a\x9fb"]}):
        with pytest.raises(Misused):
            ada.call("annotate", ids=ids, **bad)
    with pytest.raises(Misused):
        ada.call("annotate", ids=ids[:1], add_tags=[f"t{n}" for n in range(32)])


def test_facets_say_how_what_is_found_divides(ada: Blocking) -> None:
    every = ada.call("facets")
    assert every.kinds == {"photo": 6, "text": 1} and every.total == 7
    assert every.years["2022"] == 6
    some = ada.call("facets", q="trip", from_day="2022-01-01")
    assert some.kinds == {"photo": 3} and some.tags[0].tag == "Trip to the sea"
    assert ada.call("facets", q="…").total == 0


def test_known_files_need_not_be_sent(ada: Blocking) -> None:
    here, other = os.urandom(3000), os.urandom(3000)
    id = ada.call("put", body=[here], name="known/a.bin").id
    files = [FileHash(len(data), hashlib.sha256(data).hexdigest()) for data in (here, other, here[:10])]
    for _ in range(2):
        assert ada.call("known", files=files).known == (id, None, None)
