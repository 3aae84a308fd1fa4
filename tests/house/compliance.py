"""Writes docs/compliance.md from docs/compliance.toml, through ``python -m tests.house.docs --write``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.house.tree import ROOT

MANDATORY: Final = frozenset(
    {
        "4-1", "5.1-1", "5.1-2", "5.1-3", "5.1-4", "5.1-5", "5.2-1", "5.3-2", "5.3-3",
        "5.3-7", "5.3-8", "5.3-10", "5.3-13", "5.3-16", "5.4-1", "5.4-2", "5.4-3", "5.4-4",
        "5.5-1", "5.5-5", "5.5-7", "5.5-8", "5.6-1", "5.6-2", "5.6-4", "5.8-2", "5.8-3",
        "5.11-1", "5.13-1", "6.1-1", "6.1-2", "6.1-3", "6.1-5",
    }
)  # fmt: skip
"""The provisions of EN 303 645 V2.1.1 (annex B) whose status is M or M C."""
STATES: Final = ("shown", "partly", "not yet", "not applicable")


@dataclass(frozen=True, slots=True)
class Provision:
    """One provision: what it asks, what the box does, which tests show that, what is missing."""

    name: str
    status: str
    asks: str
    state: str
    does: str
    tests: tuple[str, ...]
    missing: str


def provisions() -> list[Provision]:
    """Read docs/compliance.toml; raises KeyError when a provision lacks what every one has."""
    found: dict[str, Any] = tomllib.loads((ROOT / "docs/compliance.toml").read_text())
    return [
        Provision(
            name, each["status"], each["asks"], each["state"], each.get("does", ""), tuple(each["tests"]),
            each.get("missing", ""),
        )
        for name, each in found.items()
    ]  # fmt: skip


def page() -> str:
    """The page: one row for each provision, and the sums."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    found = provisions()
    yield "# EN 303 645"
    yield ""
    yield "<!-- Written by `python -m tests.house.docs --write`; change docs/compliance.toml instead. -->"
    yield ""
    yield (
        "How the box answers the mandatory provisions of ETSI EN 303 645 V2.1.1 (*Cyber Security for Consumer Internet "
        "of Things: Baseline Requirements*). This is our own account; nobody outside has assessed it."
    )
    yield ""
    sums = {state: sum(each.state == state for each in found) for state in STATES}
    yield f"Of {len(found)} provisions: " + ", ".join(f"{count} {state}" for state, count in sums.items()) + "."
    yield ""
    yield "| | status | it asks | state | the box | not | shown by |"
    yield "|---|---|---|---|---|---|---|"
    for each in found:
        shown = ", ".join(f"[{test.rpartition('::')[2]}](../{test.partition('::')[0]})" for test in each.tests)
        row = (each.name, each.status, each.asks, f"**{each.state}**", each.does, each.missing, shown)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
