"""The page about another box in this one's place: what it says, and the one tap."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.api.circle_types import LockerSafety
from tests.web.circle_made_up import DAY_MS, NOW_MS, MadeUpFront
from tests.web.circle_made_up import front as made_up


@pytest.fixture(scope="module")
def front() -> Iterator[MadeUpFront]:
    with made_up() as found:
        yield found


def mine(moves_ms: int | None = None, moved_ms: int | None = None) -> LockerSafety:
    return LockerSafety("0" * 32, moved_ms is None, 0, 0, 9, 2, 6, 0, moves_ms, moved_ms)


def test_one_tap_lets_the_new_box_in(front: MadeUpFront) -> None:
    front.box.answers["safety"] = mine(moves_ms=NOW_MS + 3 * DAY_MS)
    assert "Is that you, on a new box?" in front.page("/circle/moves")
    assert "Bist du das, an einer neuen Box?" in front.page("/circle/moves", "de")
    front.box.asked.clear()
    assert front.ask("POST", "/circle/moves")[::2] == (303, "/circle/moves")
    assert front.box.asked == [("agree_move", {})]
    front.box.answers["safety"] = mine(moves_ms=0)
    agreed = front.page("/circle/moves")
    assert "heard your yes" in agreed and "It is me" not in agreed


def test_a_box_that_was_replaced_says_so(front: MadeUpFront) -> None:
    front.box.answers["safety"] = mine(moved_ms=NOW_MS - DAY_MS)
    gone = front.page("/circle/moves")
    assert "This box was replaced" in gone and "It is me" not in gone


def test_where_nothing_moves_there_is_nothing_to_see(front: MadeUpFront) -> None:
    front.box.answers["safety"] = mine()
    assert front.ask("GET", "/circle/moves")[::2] == (303, "/circle")
