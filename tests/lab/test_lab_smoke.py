"""Two real boxes in namespaces of their own become friends over a shaped line; a badge is true, and nothing is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lab import circles, phones
from tests.lab.lab import Lab, Wish
from tests.lab.network import Line
from tests.lab.outside import Outside, needed_packs
from tests.lab.scenarios.fill import truthful
from tests.lab.shell import works
from tests.services.hasty import _AT_START


def no_ground() -> str | None:
    """Why there can be no lab here, if so."""
    if os.geteuid():
        return "network namespaces need root"
    name = f"lbt-{os.getpid()}"
    if not works("ip", "netns", "add", name):
        return "this machine makes no network namespaces"
    works("ip", "netns", "delete", name)
    return None


def test_two_boxes_on_a_shaped_line_and_their_badges(tmp_path: Path) -> None:
    if why := no_ground():
        pytest.skip(why)
    folder = phones.make(tmp_path / "phone", 3, 1 << 20)
    with Lab(Wish(2, keep=tmp_path, isolation="namespaces"), line=Line(delay_ms=0)) as lab:
        owner, friend = lab.boxes
        for each in lab.boxes:
            each.interpreter = lab.interpreter(f"hasty{each.number}", [lab.isolation.house, _AT_START])
        lab.start()
        assert circles.pair(owner, friend)[0].isdecimal()
        names = circles.names_below(folder)
        assert circles.put(owner, folder) == len(names)
        assert not any(map(circles.is_safe, circles.badges(owner, list(names)).values()))
        circles.ship(owner)
        outside, needed, told = Outside(owner, [friend]), needed_packs(owner), circles.badges(owner, list(names))
        assert all(circles.is_safe(each) for each in told.values())
        assert all(truthful(outside, needed[name.encode()], badge) for name, badge in told.items())
        assert all(outside.same(pack, [friend.number]) for packs in needed.values() for pack in packs)
        assert lab.network.sent(owner.number) > outside.bytes
    assert not list(Path("/run/netns").glob(f"lbl{os.getpid()}-*"))
    assert not any(each.running for each in lab.boxes)
