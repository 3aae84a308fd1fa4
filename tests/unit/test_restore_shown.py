"""What people are told of a restore: how far it is, whose box is missing, how much can be had now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from firmware.backup.book import PackPlace
from firmware.errors import BoxError, Full, NewerFormat
from firmware.limits import MIB
from services.api.restore_types import RestoreFriend, RestoreIs, RestoreSource
from services.lockerd.rest_list import From
from services.lockerd.restore_shown import under_way
from services.lockerd.returning import Order
from tests.unit.test_restoring import A, B, C, pack

_FULL = "The disk has no room for this: 68 MiB are needed, 1 MiB are free."


@dataclass
class Under:
    """A restore under way, as ``ComingBack`` shows itself."""

    places: list[PackPlace]
    friends: list[RestoreFriend]
    got: set[bytes] = field(default_factory=set)
    trouble: BoxError | None = None
    names_here: bool = True
    settled: bool = True

    def __post_init__(self) -> None:
        self.needed = {each.pack: each for each in self.places}
        self.todo = [each for each in self.places if each.pack not in self.got]
        self.sources = tuple(RestoreSource(each) for each in self.friends)
        self.order = Order(1, 2, "", "", [], [], [], names_ms=3, sources={A.hex(): From("Ada", 2, MIB)})

    def here(self) -> set[bytes]:
        return self.got

    def there(self) -> set[bytes]:
        return {bytes.fromhex(each.peer) for each in self.friends if each.there}

    def wrong(self) -> set[tuple[bytes, bytes]]:
        return set()


def friend(key: bytes, label: str, **more: Any) -> RestoreFriend:
    return RestoreFriend(key.hex(), label, **more)


def test_it_names_who_must_come_back_and_what_can_be_had_without() -> None:
    films, letters = pack(1, 2, [A, B, C]), pack(2, 1, [A], kind=2)
    away = [friend(A, "Ada", there=True), friend(B, "Ben", there=False), friend(C, "Cleo", there=False)]
    found = under_way(cast("Any", Under([films, letters], away)))
    assert (found.state, found.error) == (RestoreIs.REST, None)
    assert (found.now_bytes, found.needed_bytes, found.received_bytes) == (4 * MIB, 8 * MIB, MIB)
    assert [(each.wanted, each.labels) for each in found.needs] == [(1, ("Ben", "Cleo"))]
    stuck = under_way(cast("Any", Under([films, letters], away, {letters.pack})))
    assert (stuck.state, stuck.error, stuck.now_bytes) == (RestoreIs.FRIENDS, "too-few-friends", 0)
    assert stuck.sentence == "The rest needs 1 more of these boxes: Ben, Cleo."


def test_waiting_friends_a_newer_kit_and_a_full_disk_are_told_apart() -> None:
    films = [pack(1, 1, [B])]
    waits = under_way(cast("Any", Under(films, [friend(B, "Ben", there=False, waits_until_ms=9)])))
    assert (waits.state, waits.waits_until_ms, waits.error) == (RestoreIs.WAITING, 9, "custody-waits")
    newer = under_way(cast("Any", Under(films, [friend(B, "Ben", there=False, error="kit-replaced")])))
    assert (newer.state, newer.error) == (RestoreIs.FRIENDS, "kit-replaced")
    full = Under(films, [friend(B, "Ben", there=True)], trouble=Full(need_mib=9, free_mib=1))
    told = under_way(cast("Any", full))
    assert (told.state, told.sentence) == (RestoreIs.FULL, _FULL), "all that is to come, and what stays free"
    written = Under(films, [friend(B, "Ben", there=True)], trouble=NewerFormat(what="A page", found=2, known=1))
    later = under_way(cast("Any", written))
    assert (later.state, later.error) == (RestoreIs.REST, "newer-format") and later.advice
    early = Under(films, [friend(B, "Ben", there=False)], names_here=False, settled=False)
    assert under_way(cast("Any", early)).state is RestoreIs.NAMES
