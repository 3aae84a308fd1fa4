"""Linters are tests: one command is the whole gate. pyproject.toml has their settings and the reasons."""

from __future__ import annotations

import pytest

from tests.house.tree import HOUSE, run


def test_ruff_finds_nothing() -> None:
    assert not (found := run("-m", "ruff", "check", "--output-format=concise", ".")), found


def test_everything_is_formatted() -> None:
    assert not (found := run("-m", "ruff", "format", "--check", ".")), f"run: .venv/bin/ruff format\n{found}"


@pytest.mark.timeout(300)
def test_every_type_is_checked_strictly() -> None:
    assert not (found := run("-m", "mypy", *HOUSE, "tests")), found
