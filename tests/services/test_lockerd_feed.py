"""A real box tells its peerd of a real locker: packs, head, custody; what was put in today can travel when asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import BadSeal
from firmware.peer import read_custody
from firmware.peer.capsules import open_capsule
from firmware.seal import KeyFile, SigningKey, open_with_words
from services.api.blocking import Blocking
from services.api.circle_types import PackState, SafetyIs
from services.lockerd.copies import weakest
from services.lockerd.feed import next_night
from tests.services.hasty import python
from tests.services.lockerd_box import PASSPHRASE
from tests.services.running import Running, until
from tests.services.test_circle import Box, pair

HOUR = 3_600_000


class Home(Box):
    """A box with an owner whose locker is open."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.running = Running(data, python=python())
        free = Blocking((data / "run").resolve())
        code = json.loads((data / "box" / "claim").read_bytes())["code"]
        made = free.call("claim", code=code, household="Elm", name="Ada", passphrase=PASSPHRASE, device="a test")
        self.words, self.member = made.words, made.member
        self.mine = free.as_session(made.token, made.member)

    def lockers(self) -> Any:
        return self.show().lockers


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path / "ada")
    yield found
    found.running.kill()


def test_what_is_put_in_travels(home: Home, tmp_path: Path) -> None:
    until(lambda: [each.custody for each in home.lockers()] == [True])
    folder = home.data / "lockers" / home.member
    held = read_custody((folder / "custody").read_bytes())
    assert held.record.box.hex() == home.show().box and held.record.epoch == 1
    home.mine.call("put", body=[b"words " * 50_000], name="a.txt", size=300_000)
    before = home.lockers()[0].here_bytes
    home.mine.call("circle_now")
    assert home.lockers()[0].here_bytes > before
    ben = Box(tmp_path / "ben")
    try:
        pair(home, ben)
        until(lambda: home.lockers()[0].safe_bytes > 0)
        shards = sorted(ben.data.glob("hosted/*/shards/*"))
        home.mine.call("step_up", proof=PASSPHRASE)
        words = home.mine.call("kit").words
        until(lambda: list(ben.data.glob("hosted/*/handovers")))
        (place,) = ben.data.glob("hosted/*/custody")
        until(lambda: read_custody(place.read_bytes()).record.epoch == 2)
        assert read_custody(place.read_bytes()).public != held.public
        home.mine.call("put", body=[b"other words " * 30_000], name="b.txt", size=360_000)
        home.mine.call("circle_now")
        until(lambda: len(list(ben.data.glob("hosted/*/shards/*"))) > len(shards) and not home.lockers()[0].going_bytes)
        assert len(list(ben.data.glob("hosted/*/custody"))) == 1
        until(lambda: _opens(newest(ben), words))
        with pytest.raises(BadSeal):
            open_capsule(newest(ben), home.words)
        filling, root = open_capsule(newest(ben), words)
        opened = open_with_words(KeyFile.parse(filling.key_file), words)
        assert SigningKey.from_seed(opened.head_seed).public == root.head
        assert read_custody(filling.custody).record.epoch == 2 and len(filling.handovers) == 1
    finally:
        ben.running.kill()


def newest(box: Box) -> bytes:
    return max(box.data.glob("hosted/*/capsules/*")).read_bytes()


def _opens(capsule: bytes, words: str) -> bool:
    try:
        return open_capsule(capsule, words)[0].head is not None
    except BadSeal:
        return False


def test_the_night_is_the_next_one() -> None:
    day = 24 * HOUR
    assert next_night(0, lambda _: 0, 0) == 3 * HOUR
    assert next_night(3 * HOUR, lambda _: 0, 0) == 27 * HOUR
    assert next_night(5 * HOUR, lambda _: 0, HOUR - 1) == day + 4 * HOUR - 1
    assert next_night(0, lambda _: 2 * HOUR, 0) == HOUR


def test_the_weakest_pack_decides() -> None:
    here, going = PackState(SafetyIs.HERE), PackState(SafetyIs.GOING)
    safe, safer = PackState(SafetyIs.SAFE, 1, 3), PackState(SafetyIs.SAFE, 2, 6)
    assert weakest([safer, safe]) == safe
    assert weakest([here, here]) == weakest([]) == here
    assert weakest([safe, here]) == weakest([going, here]) == going
