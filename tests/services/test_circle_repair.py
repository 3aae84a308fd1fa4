"""Repair among real boxes while days pass: with the owner, without it, and what both know of each other afterwards.

One circle of six peerds for the whole story; the clock of all of them is moved, an hour at a time. It takes minutes, so
it runs when it is asked for: ``LOCKER_BOX_LONG=1``; the lab's *heal* tells the same story with whole boxes.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from services.api.circle_types import InCare, PeerIs
from tests.services.circle_locker import FakeLocker
from tests.services.circle_peerds import HOUR, NO_CLOCK, Clock, PeerBox, end, later
from tests.services.running import until
from tests.vectors.second_shard_reader import shard_id

pytestmark = [NO_CLOCK, pytest.mark.timeout(600)]
DAY = 24
PACKS = 6
SIZE = 1 << 20
SHARD = SIZE // 2


class Village:
    """Ada and five friends who know nobody but Ada; her six packs lie 2/4 with them."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock(folder / "clock")
        names = ("ada", "ben", "cem", "dan", "eva", "fay")
        self.boxes = [PeerBox(folder / name, self.clock) for name in names]
        self.ada, *self.friends = self.boxes
        self.locker = FakeLocker(self.ada.data)

    @property
    def running(self) -> list[PeerBox]:
        return [each for each in self.boxes if each.process is not None]

    def pass_hours(self, who: Sequence[PeerBox], hours: int, done: Callable[[], object] | None = None) -> None:
        """So many hours at most, each of them lived by ``who``; for the others it is just later."""
        assert later(self.clock, hours, who, done)

    def work_hours(self, who: Sequence[PeerBox], done: Callable[[], bool]) -> None:
        """Bytes take their time: the clock stands still while they may be moving."""
        for _ in range(10):
            later(self.clock, 1, who)
            with contextlib.suppress(AssertionError):
                until(done, 12)
                return
        raise AssertionError("this did not become true in ten hours")

    def kept(self) -> dict[str, set[str]]:
        """Shards by the name of who keeps them."""
        return {each.name: set(each.shards()) for each in self.friends}


def care(box: PeerBox) -> InCare:
    """How Ada's locker stands with a delegate."""
    (found,) = box.show().care
    return found


def guests(box: PeerBox) -> int:
    """How many boxes it was introduced to."""
    with closing(sqlite3.connect(f"file:{box.data}/circle/circle.db?mode=ro", uri=True)) as rows:
        return int(rows.execute("SELECT count(*) FROM paper WHERE kind='guest'").fetchone()[0])


def fullest(boxes: list[PeerBox]) -> PeerBox:
    """Whoever keeps most."""
    return max(boxes, key=lambda each: len(each.shards()))


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    made = Village(tmp_path_factory.mktemp("village"))
    try:
        for each in made.friends:
            made.ada.befriend(each)
        for _ in range(PACKS):
            made.locker.cut(SIZE)
        made.ada.tell(made.locker)
        until(made.ada.safe, 120)
        yield made
    finally:
        end(made.boxes)


def test_a_lost_peer_costs_one_shard_of_traffic_for_each_it_kept(village: Village) -> None:
    ada, lost = village.ada, fullest(village.friends)
    before, gone = village.kept(), set(lost.shards())
    lost.stop(signal.SIGTERM)
    village.pass_hours([ada], 5 * DAY, lambda: ada.peer(lost).state is PeerIs.SUSPENDED)
    until(lambda: gone <= set().union(*(each.shards() for each in village.friends if each is not lost)), 120)
    until(ada.safe, 120)
    new = {name: shards - before[name] for name, shards in village.kept().items()}
    assert sum(map(len, new.values())) == len(gone), "one shard of traffic for each lost one"
    lost.start()
    until(lambda: ada.sees(lost))
    village.pass_hours([ada], 3 * DAY, lambda: list(lost.data.glob("hosted/*/deletes/*")))
    until(lambda: ada.peer(lost).state is PeerIs.ACTIVE and ada.safe())


def test_what_is_asked_away_goes_after_thirty_days_of_the_hosts_own(village: Village) -> None:
    host = next(each for each in village.friends if list(each.data.glob("hosted/*/deletes/*")))
    before = set(host.shards())
    host.stop(signal.SIGTERM)
    village.clock.forward(40 * DAY * HOUR)
    host.start(whole=True)
    assert set(host.shards()) == before, "a clock that was moved deletes nothing: 30 days must be lived"
    village.clock.forward(31 * DAY * HOUR)
    until(lambda: set(host.shards()) < before, 120)
    host.stop(signal.SIGTERM)
    host.start()
    until(lambda: village.ada.sees(host))


def asked_away(boxes: Sequence[PeerBox]) -> set[str]:
    """The shards these hosts were asked to delete in thirty days."""
    rests = (path.read_bytes()[24:] for each in boxes for path in each.data.glob("hosted/*/deletes/*"))
    return {rest[at : at + 32].hex() for rest in rests for at in range(0, len(rest), 32)}


def test_a_dropped_pack_is_asked_away_and_can_be_asked_back(village: Village) -> None:
    ada, friends, locker = village.ada, village.friends, village.locker
    village.pass_hours([ada], 31 * DAY)  # no more than a fifth of what is older than a month goes without a person
    before, (dropped, *rest) = asked_away(friends), locker.packs
    ada.ask("feed", **(locker.feed(ada.key) | {"packs": rest, "dropped": [dropped["id"]]}))
    village.pass_hours([ada], 6 * DAY)
    assert asked_away(friends) <= before, "it waits a week"
    village.pass_hours([ada], 4 * DAY, lambda: len(asked_away(friends) - before) >= 4)
    asked = asked_away(friends) - before
    held = set().union(*(each.shards() for each in friends))
    assert asked <= held, "and thirty days more with the hosts"
    ada.tell(locker)
    until(lambda: not asked & asked_away(friends), 120)
    until(ada.safe, 120)


def test_a_rotten_shard_is_found_and_made_again(village: Village) -> None:
    ada, host = village.ada, fullest(village.friends)
    spoilt = min(host.shards())
    (at,) = host.data.glob(f"hosted/*/shards/{spoilt}")
    rotten = bytearray(at.read_bytes())
    rotten[len(rotten) // 2] ^= 1
    at.write_bytes(rotten)
    village.pass_hours([ada], 28 * DAY, lambda: ada.peer(host).strikes)

    def right() -> list[Path]:
        there = [path for each in village.friends for path in each.data.glob(f"hosted/*/shards/{spoilt}")]
        return [path for path in there if shard_id(path.read_bytes()).hex() == spoilt]

    village.work_hours([ada], lambda: bool(right()))
    until(lambda: not at.exists() or at in right())  # what is wrong takes no room any more
    village.pass_hours([ada], 12 * DAY, lambda: ada.peer(host).state is PeerIs.ACTIVE and ada.safe())


def test_leases_run_on_and_a_common_friend_vouches(village: Village) -> None:
    ada = village.ada
    ben, cem = village.friends[:2]
    ben.befriend(cem)
    (custody,) = cem.data.glob("hosted/*/custody")
    before = custody.stat().st_mtime
    village.pass_hours([ada], 2 * DAY)
    until(lambda: custody.stat().st_mtime > before + DAY * HOUR)
    cem.stop(signal.SIGTERM)
    before = custody.stat().st_mtime
    village.pass_hours([ada, ben], 3 * DAY)
    ada.stop(signal.SIGTERM)
    cem.start()
    until(lambda: cem.sees(ben) and ben.sees(cem))
    village.pass_hours([ben], 3 * DAY, lambda: custody.stat().st_mtime > before + DAY * HOUR)
    ada.start()
    until(lambda: all(ada.sees(each) for each in village.friends))


def test_delegates_repair_while_the_owner_is_away(village: Village) -> None:
    ada, (ben, cem, *others) = village.ada, village.friends
    for each in (ben, cem):
        ada.ask("at_peerd_peer_set", peer=each.key, delegate=True)
    village.pass_hours([ada], 3)
    until(lambda: all(each.show().care for each in (ben, cem)))
    until(lambda: care(ben).packs == care(cem).packs == PACKS)
    until(lambda: all(guests(each) >= (4 if each in (ben, cem) else 2) for each in village.friends), 120)
    ada.stop(signal.SIGTERM)
    lost = fullest(others)
    before, gone = village.kept(), set(lost.shards())
    lost.stop(signal.SIGTERM)
    both = (ben, cem)
    village.pass_hours(both, DAY + 2)
    village.work_hours(both, lambda: all(care(each).silent_ms for each in both))
    village.pass_hours(both, 20 * DAY, lambda: all(care(each).acting and care(each).away for each in both))
    rest = [each for each in village.friends if each is not lost]
    village.work_hours(both, lambda: gone <= set().union(*(each.shards() for each in rest)))
    until(lambda: sum(care(each).made for each in both) >= len(gone))
    new = {name: shards - before[name] for name, shards in village.kept().items()}
    assert sum(map(len, new.values())) <= len(gone)
    ada.start()
    until(lambda: any(each.kind == "rebuilt" for each in ada.show().notices))
    village.pass_hours([ada], 6 * DAY, lambda: ada.peer(lost).state is PeerIs.SUSPENDED)
    until(ada.safe, 120)
    after = {name: shards - before[name] for name, shards in village.kept().items()}
    assert after == new, "nothing was shipped twice"


def test_a_friend_that_leaves_is_emptied_first_and_gone_after_its_notice(village: Village) -> None:
    ada = village.ada
    for each in village.boxes:
        if each.process is None:
            each.start()
    until(lambda: all(ada.sees(each) for each in village.friends))
    village.pass_hours([ada], 12 * DAY, lambda: all(ada.peer(each).state is PeerIs.ACTIVE for each in village.friends))
    leaving = fullest(village.friends)
    leaving.ask("at_peerd_peer_leave", peer=ada.key)
    until(lambda: ada.peer(leaving).state is PeerIs.LEAVING)
    held = set(leaving.shards())
    others = [each for each in village.friends if each is not leaving]
    village.work_hours([ada], lambda: held <= set().union(*(each.shards() for each in others)))
    assert held <= leaving.shards().keys(), "it keeps what it promised until its notice is over"
    for days, state in ((28, PeerIs.LEAVING), (3, PeerIs.LEFT)):
        ada.stop(signal.SIGTERM)
        village.clock.forward(days * DAY * HOUR)
        ada.start()
        until(lambda state=state: ada.peer(leaving).state is state)  # type: ignore[misc]
