"""What pages say about copies: never more than is known, the worst first, one thing to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.api.circle_types import Circle, LockerSafety, PackState, PeerInfo, PeerIs, Reach, SafetyIs
from webui.files import HOME
from webui.language import Languages
from webui.pages.copies import told
from webui.pages.safety import Standing, need_of, said
from webui.rings import segments
from webui.village import Scene, draw

ENGLISH = Languages(HOME / "locales").fallback
NOW = 1_795_000_000_000
DAY = 86_400_000
GB = 1_000_000_000


def friend(number: int, **changes: object) -> PeerInfo:
    """A friend's box that is in touch and proved itself a minute ago."""
    fine = PeerInfo(
        f"{number:064x}", f"Friend {number}", PeerIs.ACTIVE, Reach.DIRECT,
        NOW - 9 * DAY, NOW - 60_000, NOW - 60_000, 60 * GB, 41 * GB, 60 * GB, 38 * GB,
    )  # fmt: skip
    return replace(fine, **changes)  # type: ignore[arg-type]


def circle(*peers: PeerInfo, **changes: object) -> Circle:
    """A circle at rest."""
    safety = (locker(),)
    found = Circle("0" * 64, "Here", (), peers, safety, (), 0, False, False, 0, 900 * GB)
    return replace(found, **changes)  # type: ignore[arg-type]


def locker(here: int = 0, going: int = 0, safe: int = 41 * GB, *, custody: bool = True) -> LockerSafety:
    """One locker, any two of six may fail."""
    return LockerSafety("0" * 32, custody, here, going, safe, 2, 6)


def home(around: Circle, mine: LockerSafety) -> Standing:
    """What home says to an owner with 14,208 things."""
    return said(around, mine, {"records": 14_208}, ENGLISH, NOW, is_owner=True)


def test_safe_says_how_many_may_fail_and_who_keeps_it() -> None:
    six = circle(*(friend(number) for number in range(6)))
    found = told(PackState(SafetyIs.SAFE, 2, 6), six, ENGLISH)
    assert (found.badge, found.title) == ("Safe with friends", "Two may fail and it stays")
    assert found.text == "Whole on this box, and in 6 sealed shards. Any 4 bring it back."
    assert len(found.ring) == len(found.friends) == 6
    larger = circle(*(friend(number) for number in range(9)))
    assert told(PackState(SafetyIs.SAFE, 2, 6), larger, ENGLISH).friends == (), "not all nine keep a shard of it"


def test_one_friend_keeps_a_copy() -> None:
    found = told(PackState(SafetyIs.SAFE, 0, 1), circle(friend(1)), ENGLISH)
    assert found.title == "This box may fail and it stays"
    assert found.text.endswith("with Friend 1.")


@pytest.mark.parametrize("state", [SafetyIs.HERE, SafetyIs.GOING])
def test_what_is_not_there_yet_is_never_called_safe(state: SafetyIs) -> None:
    for around in (
        circle(friend(1)),
        circle(friend(1), paused=True),
        circle(friend(1), lockers=(locker(custody=False),)),
    ):
        found = told(PackState(state), around, ENGLISH)
        assert found.state == state.value and not found.ring and "Safe" not in found.badge + found.title + found.line


def test_home_says_safe_only_when_nothing_waits() -> None:
    six = circle(*(friend(number) for number in range(6)))
    fine = home(six, locker())
    assert fine.heading == "Everything is safe." and fine.lead.startswith(
        "14,208 things, on this box and with friends."
    )
    assert (fine.tile.big, fine.tile.small, fine.need, fine.waiting) == ("6 of 6", "any 2 may fail", None, None)
    for mine in (locker(here=1), locker(going=1)):
        some = home(six, mine)
        assert "Everything" not in some.heading and some.waiting is not None and some.waiting.can_send
    assert not (home(replace(six, paused=True), locker(here=1)).waiting or pytest.fail("it waits")).can_send


def test_one_thing_needs_you_the_worst_first() -> None:
    dark = friend(1, reach=Reach.AWAY, seen_ms=NOW - 3 * DAY)
    leaving = friend(2, state=PeerIs.LEAVING, leaves_ms=NOW + 20 * DAY)
    lost = friend(3, state=PeerIs.LOST, reach=Reach.AWAY, seen_ms=NOW - 30 * DAY)
    wrong = friend(4, state=PeerIs.SUSPENDED, strikes=2)
    order = [(lost, "counts as lost"), (leaving, "leaves on"), (dark, "is dark, 3 days now")]
    for at, (_, words) in enumerate(order):
        need = need_of(circle(*(peer for peer, _ in order[at:])), locker(), ENGLISH, NOW)
        assert need is not None and words in need.title and need.href.startswith("/circle/peer/")
    need = need_of(circle(wrong), locker(), ENGLISH, NOW)
    assert need is not None and "does not prove" in need.title
    without = need_of(circle(lost), locker(custody=False), ENGLISH, NOW)
    assert without is not None and without.href == "/kit"
    gone = replace(locker(here=1, custody=False), moved_ms=NOW)
    replaced = home(circle(friend(1)), gone)
    assert replaced.need is not None and replaced.need.href == "/circle/moves" and replaced.waiting is None
    asleep = friend(5, reach=Reach.AWAY, seen_ms=NOW - DAY // 2)
    assert need_of(circle(asleep), locker(), ENGLISH, NOW) is None, "a box may sleep"
    assert home(circle(dark, asleep, friend(6)), locker()).houses == ("alarm", "dark", "lit")


def test_the_ring_and_the_village_show_who_is_there() -> None:
    ring = segments([True, False, True])
    assert [each.look for each in ring] == ["held", "gone", "held"]
    assert len(segments([True] * 14)) == 1
    drawn = draw(Scene(lit=True, friends=("lit", "alarm", "dark", "alarm", "alarm")), "x")
    assert drawn.count('class="far') == 5 and drawn.count("far dark") == 4
    assert drawn.count('class="amber"') == 2, "no more than two marks"
