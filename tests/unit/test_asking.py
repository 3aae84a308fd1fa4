"""What the one search box understands, in both languages."""

from __future__ import annotations

import datetime as dt

import pytest

from firmware.model.asking import as_words, understand, without

TODAY = dt.date(2026, 11, 21)


@pytest.mark.parametrize(
    ("typed", "first", "last"),
    [
        ("november 2025", "2025-11-01", "2025-11-30"),
        ("März 2024", "2024-03-01", "2024-03-31"),
        ("21.11.2026", "2026-11-21", "2026-11-21"),
        ("21.11.98", "1998-11-21", "1998-11-21"),
        ("21/11/2025", "2025-11-21", "2025-11-21"),
        ("2026-11-21", "2026-11-21", "2026-11-21"),
        ("2026-11", "2026-11-01", "2026-11-30"),
        ("11.2025", "2025-11-01", "2025-11-30"),
        ("3.12.", "2025-12-03", "2025-12-03"),
        ("29.2.", "2024-02-29", "2024-02-29"),
        ("21. November", "2026-11-21", "2026-11-21"),
        ("24 December 2023", "2023-12-24", "2023-12-24"),
        ("november 21st, 2025", "2025-11-21", "2025-11-21"),
        ("Dezember", "2025-12-01", "2025-12-31"),
        ("2025", "2025-01-01", "2025-12-31"),
        ("2023-2025", "2023-01-01", "2025-12-31"),
        ("march 2023 to mai 2024", "2023-03-01", "2024-05-31"),
        ("summer 2025", "2025-06-01", "2025-08-31"),
        ("Winter 2024", "2024-12-01", "2025-02-28"),
        ("last summer", "2026-06-01", "2026-08-31"),
        ("letzten Herbst", "2025-09-01", "2025-11-30"),
        ("this winter", "2025-12-01", "2026-02-28"),
        ("today", "2026-11-21", "2026-11-21"),
        ("vorgestern", "2026-11-19", "2026-11-19"),
        ("last week", "2026-11-09", "2026-11-15"),
        ("dieses Jahr", "2026-01-01", "2026-12-31"),
        ("letzten Monat", "2026-10-01", "2026-10-31"),
        ("since 2024", "2024-01-01", "None"),
        ("after 2024", "2025-01-01", "None"),
        ("vor 2020", "None", "2019-12-31"),
        ("bis 3.5.2021", "None", "2021-05-03"),
    ],
)
def test_days_and_spans(typed: str, first: str, last: str) -> None:
    for around in ("{}", "{} lake", "photos {}", "Fotos vom See {}"):
        asked = understand(around.format(typed), TODAY)
        assert (str(asked.first_day), str(asked.last_day)) == (first, last), around


@pytest.mark.parametrize(
    ("typed", "kinds", "words"),
    [
        ("photos", ("photo",), ""),
        ("Videos lake", ("video",), "lake"),
        ("Fotos Strand", ("photo",), "Strand"),
        ("Bilder und Videos", ("photo", "video"), ""),
        ("Unterlagen Versicherung", ("document",), "Versicherung"),
        ("PDF rechnung", ("document",), "PDF rechnung"),
        ("photos of the lake in july 2024", ("photo",), "lake "),
        ("photos, lake", ("photo",), "lake"),
    ],
)
def test_kinds(typed: str, kinds: tuple[str, ...], words: str) -> None:
    asked = understand(typed, TODAY)
    assert (asked.kinds, asked.words) == (kinds, words)


@pytest.mark.parametrize(
    "typed",
    [
        "lake house", "vor dem Haus", "of mice and men", '"photos" "2024"', "31.2.2025", "13.13.2026", "0815", "film",
        "from", "bis", "since", "1.", "the", "9999", "-", "₂₀₂₄", "2025x", "last", "mayor",
    ],
)  # fmt: skip
def test_everything_else_is_words(typed: str) -> None:
    asked = understand(typed, TODAY)
    assert asked.meant == () and asked.words.strip() == typed.replace('"', "")


def test_a_tag_is_named_by_its_sign() -> None:
    assert understand("#holiday photos", TODAY).tag == "holiday"
    asked = understand('#"Summer House" lake', TODAY)
    assert (asked.tag, asked.words) == ("Summer House", "lake")


def test_a_year_or_month_alone_may_be_meant_as_a_word() -> None:
    for typed in ("Steuer 2024", "rechnung november", "may"):
        asked = understand(typed, TODAY)
        assert not asked.sure
        plain = as_words(typed, asked.meant[0])
        again = understand(plain, TODAY)
        assert again.meant == () and again.words.replace('"', "").split() == typed.split()
        assert understand(without(typed, asked.meant[0]), TODAY).meant == ()
    assert understand("Steuer märz 2024", TODAY).sure


def test_a_blank_behind_the_last_word_ends_it() -> None:
    assert understand("lake", TODAY).words == "lake"
    assert understand("lake ", TODAY).words == "lake "
    assert understand('"lake"', TODAY).words == "lake "
