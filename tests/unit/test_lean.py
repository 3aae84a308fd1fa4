"""Frozen dataclasses of little memory behave as those of the standard library do."""

from __future__ import annotations

from dataclasses import field, fields, replace

from firmware.lean import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    note: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Other:
    x: int
    y: int = 2

    def __repr__(self) -> str:
        return "hidden"


def test_equality_hash_and_text_look_at_the_fields_they_should() -> None:
    assert Point(1) == Point(1, 2, "seen by nobody") and hash(Point(1)) == hash(Point(1, 2, "x"))
    others: list[object] = [Point(1, 3), Other(1), (1, 2)]
    assert Point(1) not in others
    assert repr(Point(1, note="secret")) == "Point(x=1, y=2)" and repr(Other(1)) == "hidden"
    assert replace(Point(1), y=5) == Point(1, 5) and [each.name for each in fields(Point)] == ["x", "y", "note"]
    assert not hasattr(Point(1), "__dict__") and {Point(1), Point(1)} == {Point(1)}
