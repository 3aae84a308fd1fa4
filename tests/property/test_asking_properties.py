"""No text upsets the search box, and what was understood was really typed."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from firmware.model.asking import as_words, understand, without

_WORDS = st.sampled_from(
    (
        *(
            "lake",
            "2024",
            "november",
            "21.",
            "3.5.",
            "since",
            "vor",
            "bis",
            "last",
            "summer",
            "letzten",
            "photos",
            "pdf",
        ),
        *("#tag", '"quoted', '#"a', "-", "to", "in", "29.2.", "31", "may"),
    )
)
_TYPED = st.one_of(st.text(max_size=250), st.lists(_WORDS, max_size=12).map(" ".join))
_TODAY = st.dates(dt.date(1990, 1, 1), dt.date(2199, 12, 31))


@given(_TYPED, _TODAY)
def test_nothing_typed_upsets_it(typed: str, today: dt.date) -> None:
    asked = understand(typed, today)
    if asked.first_day and asked.last_day:
        assert asked.first_day <= asked.last_day
    for piece in asked.meant:
        assert typed[piece.start : piece.end] == piece.said
    ends = [0, *(edge for piece in asked.meant for edge in (piece.start, piece.end))]
    assert ends == sorted(ends), "pieces stand one behind the other"
    for word in asked.words.split():
        assert word in typed


@given(_TYPED, _TODAY)
def test_taking_a_piece_back_takes_it_back(typed: str, today: dt.date) -> None:
    for piece in understand(typed[:150], today).meant:
        if piece.what != "tag":
            quoted = understand(as_words(typed[:150], piece), today)
            assert all(one.start != piece.start + 1 or one.said != piece.said for one in quoted.meant)
        less = understand(without(typed[:150], piece), today)
        assert len(less.words) <= 150


@given(st.dates(dt.date(1900, 1, 1), dt.date(2026, 11, 21)))
def test_every_day_can_be_named_in_every_way(day: dt.date) -> None:
    today = dt.date(2026, 11, 21)
    for typed in (
        f"{day:%Y-%m-%d}",
        f"{day:%d.%m.%Y}",
        f"{day:%d %B %Y}",
        f"{day:%B %d, %Y}",
        f"{day.day}. {day:%b} {day:%Y}",
    ):
        asked = understand(typed, today)
        assert (asked.first_day, asked.last_day, asked.words) == (day, day, ""), typed
