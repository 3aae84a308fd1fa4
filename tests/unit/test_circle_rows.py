"""The circle written down and read again: the same view, and it goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.backup import Caps, CircleView, HourWindow
from firmware.errors import Damaged, Missing
from firmware.linux.circle_rows import CircleRows
from firmware.pack.format import Kind
from tests.sim.circle_world import LOCKER, START, World

MIB = 1 << 20


def _facts(view: CircleView) -> object:
    packs = [
        (
            pack.id,
            pack.kind,
            pack.size,
            pack.precious,
            pack.lay,
            pack.next,
            pack.formers,
            pack.dropped_at,
            pack.asked_at,
        )
        for pack in view.packs.values()
    ]
    peers = sorted(
        (each.number, each.key, each.state, each.quota, each.used, each.room, each.strikes)
        for each in view.peers.values()
    )
    standings = sorted(
        (each.number, each.locker, each.good, each.good_at, each.head) for each in view.standings.values()
    )
    return sorted(packs), peers, standings, view.awake_ms, view.released_ms, view.caps, list(view.lockers.values())


def test_a_view_read_again_is_the_same_and_goes_on(tmp_path: Path) -> None:
    world = World()
    with CircleRows(tmp_path / "circle.db") as rows:
        world.view = rows.view
        world.view.add_locker(LOCKER)
        world.view.set_custody(LOCKER, held=True)
        world.view.set_caps(Caps(windows=(HourWindow(60, 120, 5, 6),)))
        for _ in range(7):
            world.join()
        packs = [world.cut(precious=True) for _ in range(6)]
        world.view.head_is(LOCKER, 3)
        for _ in range(40):
            world.hour()
            rows.save()
        world.view.left(list(world.hosts)[2])
        world.hour()
        world.view.drop(packs[0])
        later = world.cut()
        rows.save()
        before = _facts(rows.view)
    with CircleRows(tmp_path / "circle.db") as rows:
        assert _facts(rows.view) == before
        world.view = rows.view
        world.hours(40)
        rows.save()
        assert world.safe() and world.view.safety(later).of == 6
        assert set(rows.view.changes.packs) == set()


def test_what_stands_beside_the_view(tmp_path: Path) -> None:
    with CircleRows(tmp_path / "circle.db") as rows:
        peer = rows.view.add_peer(b"p" * 32, START, label="Anna")
        rows.view.heard(peer.key, START)
        rows.view.offered(peer.key, 1 << 30, 0)
        rows.view.cut(b"x" * 32, LOCKER, Kind.META, MIB, precious=False, now_ms=START)
        rows.set_source(b"x" * 32, "meta-xx", b"d" * 32, b"e" * 16)
        rows.set_shard_ids(b"x" * 32, 1, [b"i" * 32])
        rows.set_receipt(b"x" * 32, 1, 0, b"signed")
        rows.set_shard_ids(b"x" * 32, 1, [b"i" * 32, b"i" * 32])
        rows.set_paper("card", peer.key, b"card")
        for number in range(3):
            rows.add_notice(number, b"", "alarm", f"words {number}")
        rows.save()
    with CircleRows(tmp_path / "circle.db") as rows:
        assert rows.source(b"x" * 32).file == "meta-xx" and rows.shard_id(b"x" * 32, 1, 1) == b"i" * 32
        assert rows.receipt(b"x" * 32, 1, 0) == b"signed" and rows.receipt(b"x" * 32, 1, 1) is None
        assert rows.papers("card") == {b"p" * 32: b"card"} and rows.paper("card", b"q" * 32) is None
        assert [each.text for each in rows.notices(2)] == ["words 2", "words 1"]
        assert list(rows.manifest(LOCKER)) == []
        with pytest.raises(Missing):
            rows.source(b"y" * 32)


def test_the_book_names_a_dropped_pack_until_its_shards_are_asked_away(tmp_path: Path) -> None:
    world = World()
    with CircleRows(tmp_path / "circle.db") as rows:
        world.view = rows.view
        world.view.add_locker(LOCKER)
        world.view.set_custody(LOCKER, held=True)
        for _ in range(2):
            world.join()
        pack = world.cut(precious=True)
        world.hours(3)
        rows.set_source(pack, "meta-xx", b"d" * 32, b"e" * 16)
        rows.set_shard_id(pack, rows.view.packs[pack].lay.k, 0, b"i" * 32)
        rows.view.drop(pack)
        place = rows.place(pack)
        assert place is not None and [each.shard for each in place.shards] == [b"i" * 32]
        rows.view.packs[pack].asked_at = rows.view.awake_ms
        assert rows.place(pack) is None


def test_nothing_is_kept_before_save(tmp_path: Path) -> None:
    with CircleRows(tmp_path / "circle.db") as rows:
        rows.view.add_peer(b"p" * 32, START)
        rows.set_paper("card", b"p" * 32, b"card")
    with CircleRows(tmp_path / "circle.db") as rows:
        assert not rows.view.peers and rows.papers("card") == {}


def test_another_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "circle.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(Damaged):
        CircleRows(tmp_path / "circle.db")
