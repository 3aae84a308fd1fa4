"""What friends know of the book: counted by households that have page and capsule, and kept over a restart."""

from __future__ import annotations

from pathlib import Path

from firmware.backup import SafetyState
from firmware.linux.circle_rows import CircleRows
from services.peerd.book_names import Named
from tests.sim.circle_world import LOCKER, World

PAGE, SHARD = LOCKER + bytes(4), b"s" * 32


def test_packs_are_safe_once_enough_friends_have_page_and_capsule(tmp_path: Path) -> None:
    world = World()
    with CircleRows(tmp_path / "circle.db") as rows:
        view = world.view = rows.view
        view.set_custody(LOCKER, held=True)
        for _ in range(3):
            world.join()
        packs = [world.cut(precious=True) for _ in range(2)]
        world.hour()
        rows.save()
        named = Named(rows)
        named.keep([LOCKER])
        assert view.safety(packs[0]).state is SafetyState.GOING
        named.wrote(PAGE, 0, 1000, packs[:1], SHARD)
        boxes = list(world.hosts)
        named.count(PAGE, boxes)
        named.composed({PAGE: b"another" + bytes(25)}, 5)
        named.composed({PAGE: SHARD}, 7)
        named.composed({PAGE: SHARD}, 9)
        named.count(PAGE, boxes)
        assert view.safety(packs[0]).state is SafetyState.GOING, "nobody has the capsule that names the page"
        for box in boxes[:2]:
            view.standing(view.peers[box].number, LOCKER).capsule = 7
        named.count(PAGE, boxes[:1])
        assert view.safety(packs[0]).state is SafetyState.GOING, "one of three may fail, and one knows"
        named.count(PAGE, boxes)
        assert [view.safety(each).state for each in packs] == [SafetyState.SAFE, SafetyState.GOING]
        named.wrote(PAGE, 0, 1000, packs, b"t" * 32)
        rows.save()
    with CircleRows(tmp_path / "circle.db") as rows:
        again = Named(rows)
        again.keep([LOCKER])
        states = [rows.view.safety(each).state for each in packs]
        assert states == [SafetyState.SAFE, SafetyState.GOING], "what was told stays told"
        again.dropped(PAGE)
        again.count(PAGE, boxes)
