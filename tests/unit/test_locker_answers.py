"""What a locker answers: lists in pages, searches, names of every kind, ranges, retention, duplicates."""

from __future__ import annotations

import hashlib
import itertools
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import BadName, BoxError, Misused, NoSuchRecord
from firmware.locker.retention import ALWAYS_KEPT, DAY_MS, expired
from firmware.locker.words import search_expression
from firmware.model import Analysis, Facts, Page, RecordState, SafeName, Version
from tests.homes import START_MS, Box, put, whole


def noise(seed: str, size: int) -> bytes:
    """Bytes that no codec makes smaller."""
    return hashlib.shake_256(seed.encode()).digest(size)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """An empty locker."""
    return Box(tmp_path / "locker")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A locker with 45 records, many of the same day, in two folders."""
    box = Box(tmp_path_factory.mktemp("library") / "locker")
    for number in range(45):
        folder = ("photos", "photos/summer", "photosynthesis")[number % 3]
        mtime = (START_MS + (number % 7) * DAY_MS) * 10**6
        put(box.locker, f"{folder}/picture {number:02}.txt", b"harbour %d" % number, mtime_ns=mtime)
    box.locker.commit()
    return box


def found(box: Box, words: str) -> list[str]:
    """Names a search finds, sorted."""
    return sorted(record.name for record in box.locker.search(words).records)


def all_pages(ask: Callable[[str | None], Page]) -> list[str]:
    """Follow the cursors; return ids in the order they came."""
    ids: list[str] = []
    cursor = None
    while True:
        page = ask(cursor)
        ids += [record.id for record in page.records]
        cursor = page.next
        if cursor is None:
            return ids


def test_a_text_emptied_within_one_commit_is_not_found_by_its_old_words(box: Box) -> None:
    put(box.locker, "a.txt", b"lantern")
    put(box.locker, "a.txt", b"")
    box.locker.commit()
    assert found(box, "lantern") == []
    assert found(box, "a") == ["a.txt"]


# --- pages ---


@pytest.mark.parametrize("order", ["when", "name"])
@pytest.mark.parametrize("limit", [1, 7, 44, 45, 46])
@pytest.mark.parametrize("folder", [None, "photos", "photos/summer/"])
def test_pages_are_complete_and_in_order(library: Box, order: str, limit: int, folder: str | None) -> None:
    locker = library.locker
    ids = all_pages(lambda cursor: locker.list(order=order, limit=limit, cursor=cursor, folder=folder))
    records = [locker.get(id) for id in ids]
    assert len(set(ids)) == len(ids) == {None: 45, "photos": 30, "photos/summer/": 15}[folder]
    if order == "name":
        assert [record.name.raw for record in records] == sorted(record.name.raw for record in records)
    else:
        assert [-record.when_ms for record in records] == sorted(-record.when_ms for record in records)


def test_pages_of_a_search_are_complete(library: Box) -> None:
    ids = all_pages(lambda cursor: library.locker.search("pict harb", cursor=cursor, limit=4))
    assert ids == []  # "pict" is not the last word: it must be a whole one
    ids = all_pages(lambda cursor: library.locker.search("picture harb", cursor=cursor, limit=4))
    assert len(set(ids)) == len(ids) == 45


@pytest.mark.parametrize("order", ["when", "name"])
def test_pages_stay_in_step_while_records_come_and_go(box: Box, order: str) -> None:
    for number in range(20):
        put(box.locker, f"{number:02}.txt", b"%d" % number, mtime_ns=(START_MS - number) * 10**6)
    box.locker.commit()
    first = box.locker.list(order=order, limit=10)
    box.locker.delete([first.records[-1].id, first.records[0].id])
    put(box.locker, "!before all.txt", b"new", mtime_ns=(START_MS + 5) * 10**6)
    box.locker.commit()
    second = box.locker.list(order=order, limit=10, cursor=first.next)
    assert [record.name for record in second.records] == [f"{number}.txt" for number in range(10, 20)]
    assert second.next is None


@pytest.mark.parametrize(
    "cursor", ["", "x", "5", "5.x", ".", "zz.1", "1.99999999999999999999", "9" * 5001 + ".1", "\ud800.1"]
)
@pytest.mark.parametrize("order", ["when", "name"])
def test_a_made_up_cursor_is_refused(library: Box, cursor: str, order: str) -> None:
    with pytest.raises(Misused):
        library.locker.list(cursor=cursor, order=order)


def test_an_unknown_order_is_refused_and_limits_are_bounded(library: Box) -> None:
    with pytest.raises(Misused):
        library.locker.list(order="size")
    assert len(library.locker.list(limit=-5).records) == 1
    assert len(library.locker.list(limit=10**9).records) == 45


# --- search ---

TEXTS = {
    "notes/Résumé Großmutter.txt": "The quick brown fox über den Zaun",
    "İstanbul 2019.txt": "ferry",
    unicodedata.normalize("NFD", "École à Besançon.txt"): unicodedata.normalize("NFD", "déjà vu"),
    "IMG_0042.txt": "harbour; quick, silver",
    "a_b-c.d.txt": "100% OR NOT near",
    "письмо.txt": "Привет Ёлка",
    "写真.txt": "港",
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A locker with the texts above."""
    box = Box(tmp_path_factory.mktemp("texts") / "locker")
    for name, text in TEXTS.items():
        put(box.locker, name, text.encode())
    box.locker.commit()
    return box


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("resume", [0]), ("RÉSUMÉ", [0]), ("grossmutter", []), ("großmutter", [0]), ("Groß", [0]), ("uber", [0]),
        ("quick", [0, 3]), ("quick brown", [0]), ("brown quick", [0]), ("quic brown", []), ("quick silv", [3]),
        ("istanbul", [1]), ("İstanbul", [1]), ("istan", [1]), ("ecole", [2]), ("École", [2]), ("E\u0301cole", [2]),
        ("besanc", [2]), ("deja vu", [2]), ("De\u0301ja", [2]), ("img", [3]), ("0042", [3]), ("img_00", [3]),
        ("i", [1, 3]), ("im", [3]), ("fo", []), ("fox", [0]), ("fe", []), ("fer", [1]), ("é", [2]), ("vu", [2]),
        ("a", [2, 4]), ("a b c d", [4]), ("b-c", [4]), ("100%", [4]), ("or not near", [4]), ("привет", [5]),
        ("ёлка", [5]), ("письм", [5]), ("写真", [6]), ("写", [6]), ("港", [6]), ("quick ", [0, 3]), ("quic ", []),
        ("", []), ("   ", []), ("*", []), ("!?", []), ("_", []), ("zqp", []),
    ],
)  # fmt: skip
def test_what_a_search_finds(texts: Box, words: str, names: list[int]) -> None:
    assert found(texts, words) == sorted(list(TEXTS)[number] for number in names)


@pytest.mark.parametrize(
    "words",
    ['" OR *', '"', '""', "quick*", "name:quick", "quick NEAR brown", "NEAR(quick brown)", "{name}: quick", "^quick",
     "quick AND NOT fox", "'; DROP TABLE record; --", "quick)", "(quick", "quick\0or", "\ud800", "x" * 100_000,
     "w " * 50_000, "-"],
)  # fmt: skip
def test_no_search_is_a_command(texts: Box, words: str) -> None:
    assert set(found(texts, words)) <= {name for place, name in enumerate(TEXTS) if place in {0, 3, 4}}
    assert len(texts.locker.list().records) == len(TEXTS)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30))
def test_any_text_can_be_searched(texts: Box, words: str) -> None:
    texts.locker.search(words)
    expression = search_expression(words)
    assert expression is None or expression.count('"') % 2 == 0


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(TEXTS)), st.integers(3, 9))
def test_every_name_is_found_by_its_words_and_their_beginnings(texts: Box, name: str, length: int) -> None:
    for word in name.replace("_", " ").replace("/", " ").replace(".", " ").replace("-", " ").split():
        assert name in found(texts, word)
        if len(unicodedata.normalize("NFC", word)) > length:
            assert name in found(texts, unicodedata.normalize("NFC", word)[:length])


def test_titles_and_found_texts_are_searched_and_outlive_a_rename(box: Box) -> None:
    id = box.put("scan.pdf", b"%PDF-1.7 ...").id
    box.locker.analyse(id, Analysis(Facts(title="Rental Agreement", text="signed in the kitchen")))
    box.locker.commit()
    other = box.put("story.txt", b"a lantern").id
    box.locker.analyse(other, Analysis(Facts(title="Winter")))
    box.locker.commit()
    box.locker.rename(id, SafeName("flat.pdf"))
    box.locker.rename(other, SafeName("tale.txt"))
    box.locker.commit()
    for _ in range(2):
        assert found(box, "rental") == found(box, "kitchen") == found(box, "flat signed") == ["flat.pdf"]
        assert found(box, "winter") == found(box, "lantern") == found(box, "tale winter lant") == ["tale.txt"]
        assert found(box, "scan") == found(box, "story") == []
        box.locker.rebuild()


def test_an_answer_about_an_older_version_is_dropped(box: Box) -> None:
    id = box.put("a.txt", b"lantern").id
    box.put("a.txt", b"harbour")
    box.locker.analyse(id, Analysis(Facts(title="Winter")), version=1)
    box.locker.commit()
    assert box.locker.get(id).facts.title is None
    box.locker.analyse(id, Analysis(Facts(title="Winter")), version=2)
    box.locker.analyse(id, Analysis(Facts(width=5)), version=2)
    box.locker.commit()
    assert (box.locker.get(id).facts.title, found(box, "winter"), found(box, "harbour")) == (None, [], ["a.txt"])


def test_what_is_in_the_bin_is_not_found_and_old_text_neither(box: Box) -> None:
    id = box.put("a.txt", b"lantern").id
    box.put("a.txt", b"harbour")
    assert (found(box, "lantern"), found(box, "harbour")) == ([], ["a.txt"])
    box.locker.delete([id])
    box.locker.commit()
    assert found(box, "harbour") == []
    box.locker.undelete([id])
    box.locker.commit()
    assert found(box, "harbour") == ["a.txt"]


# --- names ---

GOOD = [
    "plain", "with space ", " leading", "tab\tnew\nline", "emoji 😀👩‍👩‍👧", "\u202etxt.exe", "\ufeffbom", "..hidden",
    "a/b/c/d", "e" * 255, "ä" * 127, "x/" * 100 + "x", "bad-\udcff\udc80-utf8", "C:\\windows", "~", "-rf", "NUL",
    "%2e%2e", "...",
]  # fmt: skip
BAD = [
    "", "/", "/absolute", "a//b", "a/", ".", "..", "../up", "a/../b", "a/./b", "nul\0nul", "f" * 256, "ä" * 128,
    "x/" * 2100 + "x", "half \ud83d", "a/" + "😀" * 64,
]  # fmt: skip


def test_good_names_come_back_exactly(box: Box) -> None:
    for number, name in enumerate(GOOD):
        box.put(name, b"%d" % number)
    box.locker.cut()
    for _ in range(2):
        assert sorted(record.name.raw for record in box.locker.list(limit=200).records) == sorted(
            name.encode("utf-8", "surrogateescape") for name in GOOD
        )
        for number, name in enumerate(GOOD):
            assert whole(box.locker, box.locker.get(name).id) == b"%d" % number
        box.reopen(without_catalog=True)


@pytest.mark.parametrize("name", BAD)
def test_bad_names_are_refused_with_a_reason(box: Box, name: str) -> None:
    with pytest.raises(BadName):
        SafeName(name)
    with pytest.raises(NoSuchRecord):
        box.locker.get(name)


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=300))
def test_a_safe_name_never_leaves_its_folder(raw: bytes) -> None:
    try:
        name = SafeName(raw.decode("utf-8", "surrogateescape"))
    except BadName:
        return
    assert name.raw == raw
    assert name.shown.encode()
    assert b"\0" not in raw
    assert not {b"", b".", b".."} & set(raw.split(b"/"))


# --- bytes ---


@settings(max_examples=40, deadline=None)
@given(start=st.integers(-5, 900_100), length=st.none() | st.integers(0, 900_100))
def test_any_range_of_a_long_file(film: tuple[Box, str, bytes], start: int, length: int | None) -> None:
    box, id, content = film
    stop = None if length is None else max(0, start) + length
    assert b"".join(box.locker.read(id, start=start, stop=stop)) == content[max(0, start) : stop]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Box, str, bytes]:
    """One file of several chunks."""
    box = Box(tmp_path_factory.mktemp("film") / "locker")
    content = noise("film", 900_000)
    return box, box.put("film.bin", content).id, content


def test_the_same_bytes_again_add_nothing(box: Box) -> None:
    content = noise("film", 700_000)
    first = box.put("film.bin", content)
    assert first.new_bytes == len(content)
    size = sum(path.stat().st_size for path in box.packs("data"))
    again = box.put("film.bin", content)
    copied = box.put("copy/film.bin", content)
    assert (again.new_bytes, copied.new_bytes, again.id) == (0, 0, first.id)
    assert copied.id != first.id
    assert sum(path.stat().st_size for path in box.packs("data")) == size
    in_one_group = [put(box.locker, f"{number}.bin", noise("twin", 9_000)) for number in range(3)]
    assert [result.new_bytes for result in in_one_group] == [9_000, 0, 0]
    box.locker.commit()
    assert all(whole(box.locker, result.id) == noise("twin", 9_000) for result in in_one_group)


def test_a_name_is_known_however_it_came_about(box: Box) -> None:
    """The writer's filter of names may not forget one: a second record of the name would hide the first."""
    first = box.put("a.txt", b"one")
    box.locker.rename(first.id, SafeName("b.txt"))
    box.locker.commit()
    for text in (b"two", b"three"):
        again = box.put("b.txt", text)
        assert again.id == first.id
        box.reopen()
    box.locker.rebuild()
    assert (box.put("b.txt", b"four").id, box.put("b.txt", b"four").version) == (first.id, 4)
    assert box.put("a.txt", b"one").id != first.id


def test_announced_sizes_are_kept(box: Box) -> None:
    receiver = box.locker.begin(SafeName("a.bin"), mtime_ns=0, size=5)
    receiver.write(b"1234")
    with pytest.raises(Misused):
        receiver.finish()
    receiver = box.locker.begin(SafeName("a.bin"), mtime_ns=0, size=5)
    with pytest.raises(Misused):
        receiver.write(b"123456")
    box.locker.commit()
    assert box.locker.stats()["records"] == 0


@pytest.mark.parametrize("id", ["", "zz", "0" * 32, "0" * 31, "A" * 32, "\ud800", "x" * 10_000])
def test_unknown_ids_are_no_record(box: Box, id: str) -> None:
    locker = box.locker
    asks: list[Callable[[], object]] = [
        lambda: locker.get(id), lambda: locker.versions(id), lambda: list(locker.read(id)), lambda: locker.delete([id]),
        lambda: locker.undelete([id]), lambda: locker.rename(id, SafeName("x")), lambda: locker.analyse(id, Analysis()),
        lambda: locker.gone_for_good([id], box.secrets),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(NoSuchRecord):
            ask()
    assert locker.preview(id, 100) is None


@pytest.mark.parametrize("version", [0, -1, 2, 1 << 31, 1 << 70])
def test_unknown_versions_are_no_record(box: Box, version: int) -> None:
    id = box.put("a.txt", b"a").id
    with pytest.raises(NoSuchRecord):
        list(box.locker.read(id, version=version))


@pytest.mark.parametrize("folder", ["..", "a//b", "a\0b", "\ud800"])
def test_folders_that_cannot_be_are_refused(box: Box, folder: str) -> None:
    with pytest.raises(BoxError):
        box.locker.list(folder=folder)


def test_reading_many_goes_in_the_order_asked(box: Box) -> None:
    ids = [box.put(f"{number}.txt", b"%d" % number).id for number in range(5)]
    box.locker.delete([ids[2]])
    box.locker.commit()
    assert list(box.locker.ids_in_order()) == [ids[0], ids[1], ids[3], ids[4]]
    asked = [ids[3], ids[0], "0" * 32, ids[2]]
    answer = [(one.id.hex(), b"".join(pieces)) for one, pieces in box.locker.read_many(asked)]
    assert answer == [(ids[3], b"3"), (ids[0], b"0"), (ids[2], b"2")]


def test_a_reader_of_its_own_sees_commits_and_nothing_sooner(box: Box) -> None:
    reader = box.locker.reader()
    put(box.locker, "a.txt", b"a")
    assert reader.stats()["records"] == 0
    box.locker.commit()
    assert [record.name for record in reader.list().records] == ["a.txt"]
    box.locker.delete([reader.get("a.txt").id])
    box.locker.commit()
    assert reader.list(state=RecordState.BIN).records[0].name == "a.txt"
    reader.close()


# --- retention ---

AGES = st.lists(st.integers(0, 800 * DAY_MS), min_size=1, max_size=60)


def history(ages: list[int], now: int) -> list[Version]:
    """Versions of these ages (ms), newest first."""
    stored = sorted((now - age for age in ages), reverse=True)
    return [Version(len(stored) - place, 1, 0, stored_ms, "") for place, stored_ms in enumerate(stored)]


@given(AGES)
def test_the_retention_rule_keeps_what_it_promises(ages: list[int]) -> None:
    now = 1_000 * DAY_MS
    versions = history(ages, now)
    gone = set(expired(versions, now))
    kept = [version for version in versions if version.number not in gone]
    assert versions[:ALWAYS_KEPT] == kept[:ALWAYS_KEPT]
    assert gone <= {version.number for version in versions if now - version.stored_ms > 30 * DAY_MS}
    weeks = {version.stored_ms // (7 * DAY_MS) for version in versions if now - version.stored_ms <= 365 * DAY_MS}
    assert weeks == {v.stored_ms // (7 * DAY_MS) for v in kept if now - v.stored_ms <= 365 * DAY_MS}
    assert expired(kept, now) == []


@given(AGES, st.integers(1, 200))
def test_flooding_with_versions_pushes_out_nothing_that_was_there(ages: list[int], flood: int) -> None:
    now = 1_000 * DAY_MS
    before = history(ages, now)
    kept = {v.number for v in before if v.number not in expired(before, now)} - {v.number for v in before[:ALWAYS_KEPT]}
    fresh = [Version(before[0].number + number, 1, 0, now, "") for number in range(flood, 0, -1)]
    assert not kept & set(expired([*fresh, *before], now))


def test_the_rule_written_out() -> None:
    now = 1_000 * DAY_MS
    week = 7 * DAY_MS
    stored = [now, now - DAY_MS, now - 2 * DAY_MS, *(now - now % week - week * back + day * DAY_MS
              for back, day in itertools.product((10, 20, 60), (5, 3, 1)))]  # fmt: skip
    versions = [Version(len(stored) - place, 1, 0, ms, "") for place, ms in enumerate(stored)]
    assert expired(versions, now) == [1, 2, 3, 5, 6, 8, 9]
