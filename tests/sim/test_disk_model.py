"""The model itself: what was synced survives, what was not may go in every way a real disk lets it go."""

from __future__ import annotations

import random
from collections import Counter

import apsw
import pytest

from tests.sim import vfs
from tests.sim.disk import SECTOR, MediumError, Op, PowerCut, SimDisk


def test_what_was_synced_survives_every_cut() -> None:
    for number in range(200):
        disk = SimDisk(random.Random(number))
        file = disk.create("packs/p")
        file.append(b"a" * 3000)
        file.sync()
        disk.sync_folder("packs")
        file.append(b"b" * 3000)
        after = disk.restarted()
        assert after.read("packs/p", 0, 3000) == b"a" * 3000


def test_unsynced_writes_are_kept_dropped_torn_and_reordered() -> None:
    seen: Counter[str] = Counter()
    for number in range(300):
        disk = SimDisk(random.Random(number))
        file = disk.create("p")
        file.append(b"\x01" * SECTOR * 4)
        file.sync()
        disk.sync_folder("")
        file.append(b"\x02" * SECTOR)
        file.append(b"\x03" * SECTOR)
        tail = disk.restarted().read("p", SECTOR * 4, SECTOR * 2)
        first, second = tail[:SECTOR], tail[SECTOR:]
        seen["none"] += not tail
        seen["both"] += first.count(2) == SECTOR and second.count(3) == SECTOR
        seen["later without earlier"] += not first.count(2) and second.count(3) == SECTOR
        seen["torn"] += 0 < first.count(2) < SECTOR
    assert all(seen[kind] for kind in ("none", "both", "later without earlier", "torn")), seen


def test_a_created_name_is_lost_until_its_folder_is_synced() -> None:
    found = Counter(_created_then_cut(number) for number in range(100))
    assert set(found) == {"p", ""}


def _created_then_cut(number: int) -> str:
    disk = SimDisk(random.Random(number))
    file = disk.create("packs/p")
    file.append(b"x")
    file.sync()
    return "".join(disk.restarted().names("packs"))


def test_directory_operations_survive_as_an_ordered_prefix() -> None:
    for number in range(100):
        disk = SimDisk(random.Random(number))
        for name in "abcd":
            disk.create(f"packs/{name}").close()
        assert "abcd".startswith("".join(disk.restarted().names("packs")))


def test_a_replaced_file_is_the_old_or_the_new_one() -> None:
    found = set()
    for cut in range(1, 9):
        for number in range(20):
            disk = SimDisk(random.Random(number))
            disk.replace("key", b"old" * 400)
            disk.cut_at = disk.ops + cut
            try:
                disk.replace("key", b"new" * 400)
            except PowerCut:
                disk = disk.restarted()
            found.add(disk.read("key", 0, 9999)[:3])
            assert disk.read("key", 0, 9999) in (b"old" * 400, b"new" * 400)
    assert found == {b"old", b"new"}


def test_a_failed_sync_loses_what_a_later_sync_cannot_bring_back() -> None:
    lost = 0
    for number in range(50):
        disk = SimDisk(random.Random(number))
        file = disk.make("p")
        disk.sync_entries("")
        disk.write("p", file, 0, b"x" * SECTOR)
        disk.fail = lambda op, _name: 5 if op is Op.SYNC else 0
        with pytest.raises(MediumError):
            disk.sync("p", file)
        disk.fail = None
        disk.sync("p", file)
        assert disk.read("p", 0, SECTOR) == b"x" * SECTOR
        lost += disk.restarted().read("p", 0, SECTOR) != b"x" * SECTOR
    assert lost


def test_an_earlier_life_cannot_touch_a_later_one() -> None:
    disk = SimDisk(random.Random(1))
    old = _database(disk)
    old.execute("create table t(x); insert into t values('kept')")
    with vfs.quiet():
        later = disk.restarted()
        new = _database(later)
        with pytest.raises((apsw.Error, PowerCut)):
            old.execute("insert into t values('ghost')")
        del old
        assert new.execute("select x from t").fetchall() == [("kept",)]
        assert "catalog/db-wal" in later.files
        new.close()


def test_no_database_outlives_the_simulation() -> None:
    """One that did would be closed after its VFS, at the end of the process, and crash it."""
    disk = SimDisk(random.Random(1))
    with vfs.quiet():
        left = _database(disk)
        left.execute("create table t(x)")
        disk.restarted()
    assert vfs.VFS not in {connection.open_vfs for connection in apsw.connections()}
    with pytest.raises(apsw.ConnectionClosedError):
        left.execute("select 1")


def test_nothing_is_written_in_the_clear() -> None:
    disk = SimDisk(random.Random(1))
    database = _database(disk)
    database.execute("create table t(x); insert into t values('a very private sentence')")
    database.close()
    assert disk.files
    assert not any(b"private" in file.live or file.live.startswith(b"SQLite") for file in disk.files.values())


def test_the_same_seed_gives_the_same_salts() -> None:
    def salts() -> bytes:
        vfs.seed(7)
        disk = SimDisk(random.Random(7))
        database = _database(disk)
        database.execute("create table t(x)")
        found = bytes(disk.files["catalog/db-wal"].live[16:24])
        database.close()
        return found

    assert salts() == salts()


def _database(disk: SimDisk) -> apsw.Connection:
    database = apsw.Connection(vfs.path(disk, "catalog/db"), vfs=vfs.VFS)
    database.pragma("cipher", "sqlcipher")
    database.execute(f'pragma key="raw:{"ab" * 32}"')
    database.pragma("locking_mode", "exclusive")
    database.pragma("journal_mode", "wal")
    database.pragma("synchronous", "full")
    return database


def test_a_database_whose_opening_was_cut_off_stops_no_tidying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "connections", lambda: [apsw.Connection.__new__(apsw.Connection)])
    with vfs.quiet():
        pass
