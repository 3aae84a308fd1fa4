"""Whoever has the 24 words comes back among real boxes: the capsule, the circle in it, the book, and all it names.

One circle of four peerds; the box that comes back lives in this process and knows what stands in the kit alone.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from firmware.backup.book import PackPlace, whole_book
from firmware.errors import KitUnknown, TooManyTries
from firmware.linux.clock import SystemEntropy
from firmware.peer import Card, Verdict, read_card
from firmware.peer.messages import Keeping, Status
from firmware.seal import new_words
from tests.services.circle_peerds import Clock, PeerBox, end
from tests.services.kit_locker import KitLocker, Stranger
from tests.services.running import until

pytestmark = pytest.mark.timeout(300)


class Village:
    """Ada, her three friends, her locker of a dozen packs."""

    def __init__(self, folder: Path) -> None:
        clock = Clock(folder / "clock")
        self.boxes = [PeerBox(folder / name, clock) for name in ("ada", "ben", "cem", "dan")]
        self.ada, *self.friends = self.boxes
        for each in self.friends:
            self.ada.befriend(each)
        self.locker = KitLocker.made(self.ada.data)
        for number in range(12):
            self.locker.cut(40_000 + number, "meta" if number % 3 == 0 else "data", precious=number % 3 == 0)
        self.tell()

    def tell(self) -> None:
        """lockerd tells of what there is; it is with friends, the book too."""
        self.ada.tell(self.locker)
        until(self.told)

    def told(self) -> bool:
        """Whether everything is safe and every friend has the newest capsule."""
        if not self.ada.safe() or self.ada.show().moving:
            return False
        with closing(sqlite3.connect(f"file:{self.ada.data}/circle/circle.db?mode=ro", uri=True)) as rows:
            (newest,) = rows.execute("SELECT capsule FROM locker").fetchone()
            known = [each for (each,) in rows.execute("SELECT capsule FROM standing")]
        return known == [newest] * len(self.friends)

    def cards(self) -> list[Card]:
        """The friends' cards, as they stand in the kit."""
        with closing(sqlite3.connect(f"file:{self.ada.data}/circle/circle.db?mode=ro", uri=True)) as rows:
            found = [read_card(data) for (data,) in rows.execute("SELECT data FROM paper WHERE kind='card'")]
        return sorted(found, key=lambda each: [box.key for box in self.friends].index(each.box.hex()))


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    found = Village(tmp_path_factory.mktemp("kit"))
    try:
        yield found
    finally:
        end(found.boxes)


def test_the_words_alone_find_the_capsule_and_wrong_ones_nothing(village: Village) -> None:
    async def story() -> None:
        ben, cem, dan = village.cards()
        async with Stranger.born(village.locker.words) as new:
            found = await new.newest([ben, cem, dan])
            assert found.agreeing == (ben.box, cem.box, dan.box) and not found.older + found.forked
            part = new.circle(found)
            assert {each.box for each in part.friends} == {ben.box, cem.box, dan.box}
            assert part.box.hex() == village.ada.key and part.pages
            assert all(set(each.peers) == {ben.box, cem.box, dan.box} for each in part.pages)
            greeted = await new.greet(ben, village.locker.id, found.epoch + 1)
            assert greeted.custody[0].state == Verdict.WAITING and greeted.custody[0].until_ms > greeted.now_ms
            with pytest.raises(KitUnknown):
                await new.kit(dan, new_words(SystemEntropy()))

    asyncio.run(story())


def test_a_page_that_changed_is_written_anew_and_the_old_one_asked_away(village: Village) -> None:
    async def pages() -> set[bytes]:
        ben, cem, _ = village.cards()
        async with Stranger.born(village.locker.words) as new:
            return {each.shard for each in new.circle(await new.newest([ben, cem])).pages}

    before = asyncio.run(pages())
    for number in range(3):
        village.locker.cut(50_000 + number, "data")
    village.tell()
    after = asyncio.run(pages())
    assert before and after and not before & after
    village.ada.stop()
    village.ada.start()  # a killed box goes on where it stopped: nothing is written twice
    until(village.told)
    assert asyncio.run(pages()) == after


async def everything(new: Stranger, village: Village) -> dict[bytes, PackPlace]:
    """Take the locker over with one tap on the old box, read the book, ask every friend for every shard it names."""
    cards = {each.box: each for each in village.cards()}
    found = await new.newest(list(cards.values()))
    part = new.circle(found)
    epoch = found.epoch + 2  # the box of the first test shows the one between
    for card in cards.values():
        assert (await new.greet(card, village.locker.id, epoch)).custody[0].state == Verdict.WAITING
    await asyncio.to_thread(village.ada.ask, "move_agreed", locker=village.locker.id.hex())
    for card in cards.values():
        assert (await new.greet(card, village.locker.id, epoch)).custody[0].state == Verdict.TAKEN
        assert (await new.greet(card, village.locker.id, epoch)).custody[0].state == Verdict.SAME
    book = whole_book([await new.page(cards[at.peers[0]], village.locker.id, at) for at in part.pages])
    for box, card in cards.items():
        shards = tuple(at.shard for each in book.values() for at in each.shards if at.peer == box)
        heard = await new.ask(card, Status(village.locker.id, shards))
        assert shards and all(how is Keeping.HELD for how, _ in heard.answer.each())
    return book


def test_one_tap_on_the_old_box_lets_the_new_one_in_and_every_shard_is_found(village: Village) -> None:
    (mine,) = village.ada.show().lockers
    until(lambda: village.ada.show().lockers[0].moves_ms)  # a friend told it of the box of the first test
    assert mine.custody and mine.moved_ms is None

    async def story() -> None:
        async with Stranger.born(village.locker.words) as new:
            book = await everything(new, village)
            assert {each.hex() for each in book} == {each["id"] for each in village.locker.packs}
            for told in village.locker.packs:
                place = book[bytes.fromhex(told["id"])]
                assert (place.size, place.digest.hex()) == (told["size"], told["digest"])
                assert len(place.shards) == place.n == 3

    asyncio.run(story())
    until(lambda: village.ada.show().lockers[0].moved_ms)
    old = village.ada.show()
    assert not old.lockers[0].custody and old.lockers[0].moves_ms is None
    for friend in village.friends:
        homes = [each.household for each in friend.show().peers]
        assert len(homes) == 2 and homes[0] == homes[1] != "", "the new box is in the old one's place"
    village.ada.stop()
    village.ada.start()
    assert not village.ada.show().lockers[0].custody, "it remembers"
    village.ada.ask("feed", **village.locker.feed(village.ada.key))
    assert not village.ada.show().lockers[0].custody, "lockerd's old record brings nothing back"


def test_whoever_only_guesses_has_to_wait(village: Village) -> None:
    async def story() -> None:
        ben, *_ = village.cards()
        async with Stranger.born(village.locker.words) as new:
            other = new_words(SystemEntropy())
            for _ in range(5):
                with pytest.raises(KitUnknown):
                    await new.kit(ben, other)
            with pytest.raises(TooManyTries):
                await new.kit(ben)

    asyncio.run(story())
