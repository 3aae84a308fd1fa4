"""What a locker makes of its packs after a crash, a lost catalog, a flipped bit or a full disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import BoxError, Damaged, Full, NewerFormat
from firmware.linux.catalog import SqliteCatalog
from firmware.locker import Locker
from firmware.model import Collide, Record, RecordState
from firmware.seal import Secret, new_epoch, new_key_file
from tests.homes import DAY_MS, Box, flip, put, some_secrets, whole
from tests.vectors.counted_entropy import CountedEntropy


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """An empty locker."""
    return Box(tmp_path / "locker")


def noise(seed: str, size: int) -> bytes:
    """Bytes that no codec makes smaller."""
    return hashlib.shake_256(seed.encode()).digest(size)


def answers(locker: Locker) -> dict[str, Any]:
    """Everything lists, histories, previews and counts say, with all bytes."""
    records = [record for state in RecordState for record in locker.list(state=state, order="name", limit=200).records]
    counts = locker.stats()
    return {
        "when": locker.list(limit=200).records,
        "records": records,
        "versions": [locker.versions(record.id) for record in records],
        "bytes": [whole(locker, record.id) for record in records],
        "search": [locker.search(words).records for words in ("dear", "d", "lantern", "lant harb", "harbour")],
        "previews": [locker.preview(record.id, 300) for record in records],
        "pending": [locker.pending_counts(), locker.pending_analysis(50, previews=True)],
        "counts": {name: counts[name] for name in ("records", "bytes", "bin", "chunks")},
    }


def by_name(records: tuple[Record, ...]) -> list[str]:
    """Sorted names."""
    return sorted(record.name for record in records)


# --- the catalog is a cache ---


def damage_nothing_left(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()


def damage_garbage(path: Path) -> None:
    path.write_bytes(noise("garbage", 40_000))


def damage_each_page(path: Path) -> None:
    for at in range(5000, path.stat().st_size, 4096):
        flip(path, at)


def damage_last_pages(path: Path) -> None:
    for at in range(path.stat().st_size // 2, path.stat().st_size, 4096):
        flip(path, at)


def damage_cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 4096 * 3 + 100])


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [damage_nothing_left, damage_garbage, damage_each_page, damage_last_pages, damage_cut_short, damage_empty],
)
def test_a_lost_or_ruined_catalog_is_made_again_when_the_locker_opens(box: Box, damage: Callable[[Path], None]) -> None:
    for number in range(30):
        box.put(f"letters/{number}.txt", b"dear harbour %d" % number)
    box.locker.cut()
    before = answers(box.locker)
    box.locker.close()
    damage(box.folder / "catalog" / "catalog.db")
    assert answers(box.reopen()) == before
    assert box.problems() == []


def test_rebuild_answers_the_same_and_reads_no_data_pack(box: Box) -> None:
    box.put("letters/dear.txt", b"lantern and harbour")
    box.put("film.bin", noise("film", 600_000))
    box.put("letters/dear.txt", b"harbour alone")
    gone = box.put("gone.txt", b"gone")
    box.locker.delete([gone.id])
    box.locker.commit()
    box.locker.cut()
    before = answers(box.locker)
    box.disk.reads.clear()
    box.locker.rebuild()
    assert {name.split("/")[1].split("-")[0] for name, _ in box.disk.reads} == {"meta"}
    assert answers(box.locker) == before


def test_a_rebuild_after_a_repack_answers_the_same(box: Box) -> None:
    for number in range(8):
        box.put(f"{number}.bin", noise(f"film {number}", 90_000))
    box.locker.cut()
    doomed = [record.id for record in box.locker.list().records][:2]
    box.locker.delete(doomed)
    box.locker.commit()
    box.locker.empty_bin()
    box.locker.commit()
    box.locker.repack()
    box.locker.cut()
    before = answers(box.locker)
    box.locker.rebuild()
    assert answers(box.locker) == before


def test_a_rebuild_outlives_the_text_of_a_trimmed_version(box: Box) -> None:
    for number in range(6):
        box.put("diary.txt", noise(f"day {number}", 30_000).hex().encode()[: 60_000 - number])
    box.locker.cut()
    box.clock.ms += 400 * DAY_MS
    box.put("diary.txt", b"lantern")
    box.locker.repack()
    assert len(box.locker.versions(box.locker.get("diary.txt").id)) == 3
    before = answers(box.locker)
    box.reopen(without_catalog=True)
    assert answers(box.locker)["bytes"] == before["bytes"]
    assert box.problems() == []


def test_a_rebuild_outlives_a_forgotten_record_whose_first_version_was_erased(box: Box) -> None:
    first = box.put("gone.txt", noise("first", 25_000).hex().encode())
    box.locker.cut()
    box.put("gone.txt", b"second")
    for number in range(12):
        box.put(f"stays {number}.txt", noise(f"stays {number}", 20_000).hex().encode())
    box.locker.cut()
    box.locker.delete([first.id])
    box.locker.commit()
    box.locker.empty_bin()
    box.locker.commit()
    assert box.locker.repack()["links_moved"]
    box.reopen(without_catalog=True)
    assert len(box.locker.list().records) == 12
    assert box.problems() == []


def test_a_night_after_which_nothing_happened_writes_nothing(box: Box) -> None:
    box.put("note.txt", b"note")
    box.locker.cut()
    before = {path: path.stat().st_size for path in (box.folder / "packs").iterdir()}
    box.locker.cut()
    assert {path: path.stat().st_size for path in (box.folder / "packs").iterdir()} == before
    box.put("more.txt", b"more")
    box.locker.cut()
    assert box.locker.catalog.meta("snapshot") == "2"
    assert box.problems() == []


# --- an end in the middle of a repack ---


def life_with_a_repack_ahead(box: Box) -> dict[str, Any]:
    for number in range(5):
        box.put(f"{number}.txt", noise(f"text {number}", 15_000).hex().encode())
        box.put(f"{number}.bin", noise(f"bin {number}", 50_000))
    box.locker.cut()
    box.locker.delete([box.locker.get(f"{number}.{ending}").id for number in range(3) for ending in ("txt", "bin")])
    box.locker.commit()
    box.locker.empty_bin()
    box.locker.commit()
    found = answers(box.locker)
    return {name: found[name] for name in ("records", "versions", "bytes", "search")}


@pytest.mark.parametrize("without_catalog", [False, True])
def test_old_packs_whose_removal_was_cut_off_do_no_harm(box: Box, *, without_catalog: bool) -> None:
    expected = life_with_a_repack_ahead(box)
    box.disk.removes = False
    assert box.locker.repack()["packs_dropped"] >= 2
    box.reopen(without_catalog=without_catalog)
    assert {name: answers(box.locker)[name] for name in expected} == expected
    assert box.problems() == []
    assert box.reopen(without_catalog=True).stats()["records"] == 4
    assert box.problems() == []


@pytest.mark.parametrize("survives", range(1, 12))
def test_a_repack_whose_catalog_commit_never_came(box: Box, monkeypatch: pytest.MonkeyPatch, survives: int) -> None:
    expected = life_with_a_repack_ahead(box)
    real, calls = SqliteCatalog.commit, 0

    def commit(self: SqliteCatalog) -> None:
        nonlocal calls
        calls += 1
        if calls > survives:
            raise Damaged(what="a test")
        real(self)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteCatalog, "commit", commit)
        try:
            box.locker.repack()
        except BoxError:
            box.locker.catalog.rollback()
    box.reopen()
    assert {name: answers(box.locker)[name] for name in expected} == expected
    assert box.problems() == []


# --- bits that rot ---


def test_one_flipped_bit_in_an_open_pack_takes_one_file_and_is_named(box: Box) -> None:
    ids = [box.put(f"{number}.bin", noise(f"bin {number}", 40_000)).id for number in range(6)]
    (pack,) = box.packs("data")
    flip(pack, 80 + 32 + 40_000 + 16 + 100)
    for _ in range(2):
        lost = []
        for number, id in enumerate(ids):
            try:
                assert whole(box.locker, id) == noise(f"bin {number}", 40_000)
            except Damaged:
                lost.append(number)
        assert lost == [1]
        (problem,) = list(box.locker.verify())[-1].problems
        assert (problem.code, problem.records) == ("bad-seal", (ids[1],))
        box.reopen()


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_one_rotten_link_and_a_lost_catalog_cost_what_that_link_said(box: Box, *, cut: bool, again: bool) -> None:
    results = [box.put(f"{number}.bin", noise(f"bin {number}", 40_000)) for number in range(6)]
    rows = list(box.locker.catalog.links())
    name = next(path for path in box.packs("meta"))
    if cut:
        box.locker.cut()
    elif again:
        box.reopen()
    flip(name, rows[1].at + 40)  # the link that puts 0.bin and says which data pack was begun
    packs = {path.name for path in box.packs("data")}
    box.reopen(without_catalog=True)
    assert packs == {path.name for path in box.packs("data")}
    for number, result in list(enumerate(results))[1:]:
        assert whole(box.locker, result.id) == noise(f"bin {number}", 40_000)
    assert "chain-gap" in box.problems()
    box.put("goes on.txt", b"goes on")
    assert whole(box.reopen(), box.locker.get("goes on.txt").id) == b"goes on"


def test_every_flipped_bit_of_a_cut_pack_is_named_by_verify(box: Box) -> None:
    ids = [box.put(f"{number}.bin", noise(f"bin {number}", 9_000)).id for number in range(3)]
    box.locker.cut()
    for kind in ("data", "meta"):
        path = box.packs(kind)[0]
        original = path.read_bytes()
        for at in [*range(0, 112, 5), *range(112, len(original), 1301), len(original) - 40, len(original) - 1]:
            flip(path, at)
            report = list(box.locker.verify())[-1]
            assert report.problems, (kind, at)
            touched = {record for problem in report.problems for record in problem.records}
            for number, id in enumerate(ids):
                if id not in touched:
                    assert whole(box.locker, id) == noise(f"bin {number}", 9_000)
            path.write_bytes(original)
            box.locker.shelf.forget_payloads()
    assert box.problems() == []


def test_missing_and_stray_packs_are_named_with_the_records_they_touch(box: Box) -> None:
    result = box.put("film.bin", noise("film", 9_000))
    box.put("note.txt", b"in a meta pack")
    box.locker.cut()
    (path,) = box.packs("data")
    kept = path.read_bytes()
    path.unlink()
    (box.folder / "packs" / "data-00").write_bytes(b"?")
    report = list(box.locker.verify())[-1]
    assert {problem.code: problem.records for problem in report.problems} == {
        "pack-missing": (result.id,),
        "stray-file": (),
    }
    path.write_bytes(kept)
    (box.folder / "packs" / "data-00").unlink()
    assert box.problems() == []


# --- versions of tomorrow, other keys ---


def test_a_pack_of_a_newer_box_is_refused_and_left_alone(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.put("note.txt", b"note")
    box.locker.cut()
    with monkeypatch.context() as patch:
        patch.setattr("firmware.pack.format.VERSION", 2)
        box.reopen()
        box.put("from tomorrow.txt", b"tomorrow")
        box.locker.close()
    content = {path: path.read_bytes() for path in (box.folder / "packs").iterdir()}
    box.remove_catalog()
    with pytest.raises(NewerFormat):
        Locker.open(box._home(), box.secrets)
    assert content == {path: path.read_bytes() for path in (box.folder / "packs").iterdir()}


@pytest.mark.parametrize("at", [0, 8, 9, 10, 11, 15, 16, 47, 48, 79])
@pytest.mark.parametrize("cut", [False, True])
def test_a_flipped_bit_in_any_header_and_a_lost_catalog_cost_nothing(box: Box, at: int, *, cut: bool) -> None:
    result = box.put("film.bin", noise("film", 9_000))
    note = box.put("note.txt", b"note")
    if cut:
        box.locker.cut()
    for kind in ("meta", "data"):
        flip(box.packs(kind)[0], at)
    box.reopen(without_catalog=True)
    assert whole(box.locker, result.id) == noise("film", 9_000)
    assert whole(box.locker, note.id) == b"note"
    assert set(box.problems()) == {"pack-header"}


def test_gone_for_good_leaves_nothing_under_the_old_epoch(box: Box) -> None:
    secret = box.put("secret.txt", b"never again" * 100)
    kept = box.put("kept.bin", noise("kept", 50_000))
    entropy = CountedEntropy(b"secrets")
    key_file, secrets = new_key_file(entropy)
    assert secrets.id_key == some_secrets().id_key
    old = {path.name for path in (box.folder / "packs").iterdir()}
    box.secrets = new_epoch(key_file, secrets, entropy)[1]
    box.locker.gone_for_good([secret.id], box.secrets)
    assert not old & {path.name for path in (box.folder / "packs").iterdir()}
    destroyed = (Secret(b""), *box.secrets.epochs[1:])
    box.secrets = type(box.secrets)(**{**vars(box.secrets), "epochs": destroyed})
    for without_catalog in (False, True):
        locker = box.reopen(without_catalog=without_catalog)
        assert whole(locker, kept.id) == noise("kept", 50_000)
        assert locker.search("secret").records == ()
        assert box.problems() == []


# --- a full disk ---


def fill_up(box: Box) -> None:
    for number in range(40):
        box.put(f"{number}.bin", noise(f"bin {number}", 20_000))


@pytest.mark.parametrize("room", [0, 50, 200, 3_000, 100_000, 250_000])
def test_a_full_disk_loses_nothing_and_the_next_put_works(box: Box, room: int) -> None:
    kept = box.put("kept.txt", b"harbour")
    before = answers(box.locker)
    box.disk.room = room
    with pytest.raises(Full):
        fill_up(box)
    assert whole(box.locker, kept.id) == b"harbour"
    assert by_name(box.locker.search("harb").records) == by_name(before["search"][4])
    with pytest.raises((Full, Damaged)):
        box.put("still full.bin", noise("still full", 300_000))
    box.disk.room = None
    stored = [record.name for record in box.locker.list(limit=200).records]
    result = box.put("fits again.bin", noise("fits again", 300_000))
    assert whole(box.locker, result.id) == noise("fits again", 300_000)
    assert by_name(box.locker.list(limit=200).records) == sorted([*stored, "fits again.bin"])
    for record in box.locker.list(limit=200).records:
        assert len(whole(box.locker, record.id)) == record.size
    assert box.problems() == []
    box.reopen(without_catalog=True)
    assert by_name(box.locker.list(limit=200).records) == sorted([*stored, "fits again.bin"])


def test_a_disk_that_is_full_when_the_locker_opens_still_reads(box: Box) -> None:
    kept = box.put("kept.txt", b"harbour")
    box.locker.close()
    home = box._home()
    box.disk.room = 0
    box.locker = Locker.open(home, box.secrets)
    assert whole(box.locker, kept.id) == b"harbour"
    with pytest.raises(Full):
        box.put("more.txt", b"more")
    box.disk.room = None
    box.put("more.txt", b"more")
    assert by_name(box.locker.list().records) == ["kept.txt", "more.txt"]


def test_a_large_upload_is_refused_before_its_first_byte(box: Box) -> None:
    box.disk.room = 10 << 20
    with pytest.raises(Full):
        put(box.locker, "film.mp4", bytes(20 << 20))
    assert box.locker.uncommitted_bytes == 0


# --- records that share a name, in one group ---


def test_changes_of_one_group_see_each_other(box: Box) -> None:
    locker = box.locker
    first = box.put("a.txt", b"one")
    locker.delete([first.id])
    second = put(locker, "a.txt", b"one")
    locker.commit()
    assert second.id != first.id
    assert locker.get("a.txt").state is RecordState.LIVE
    locker.rename(second.id, locker.get("a.txt").name.__class__("b.txt"))
    third = put(locker, "a.txt", b"two")
    locker.commit()
    assert third.id != second.id
    assert by_name(locker.list().records) == ["a.txt", "b.txt"]
    assert locker.delete([third.id]) == 1
    assert locker.undelete([third.id]) == 1
    locker.commit()
    assert locker.get(third.id).state is RecordState.LIVE


def test_collide_and_same(box: Box) -> None:
    first = box.put("a.txt", b"one")
    again = box.put("a.txt", b"one", collide=Collide.BESIDE)
    beside = box.put("a.txt", b"two", collide=Collide.BESIDE)
    assert (again.id, again.state.value, again.new_bytes) == (first.id, "same", 0)
    assert (beside.id != first.id, beside.version) == (True, 1)
    assert box.put("a.txt", b"one").state.value == "same"
    version = box.put("a.txt", b"three")
    assert (version.id, version.version) == (beside.id, 2)
