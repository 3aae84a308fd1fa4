"""What people ask a locker for beside words: kinds, days, a tag, a folder; and what a grid of days shows."""

from __future__ import annotations

from firmware.lean import dataclass
from firmware.model.kinds import Kind


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records count; None asks nothing. Days are numbers (firmware.model.days), both ends included."""

    kinds: frozenset[Kind] | None = None
    from_day: int | None = None
    to_day: int | None = None
    tag: str | None = None
    folder: str | None = None


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class GridItem:
    """One record as a grid needs it."""

    id: str
    day: int
    when_ms: int
    kind: Kind
    width: int | None
    height: int | None
    duration_ms: int | None
    has_preview: bool


@dataclass(frozen=True, slots=True)
class Facets:
    """How many records there are of each kind, year and tag; ``tags`` holds the most used ones."""

    kinds: dict[str, int]
    years: dict[str, int]
    tags: list[tuple[str, int]]
    total: int
