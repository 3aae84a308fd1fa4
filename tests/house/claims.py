"""Writes README.md's status table from claims.toml: ``python -m tests.house.claims --write``.

A capability *works* when claims.toml names tests for it and nothing that is missing; it is *begun* while something is
missing; without an entry in ``[started]`` it is not begun.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.house.tree import ROOT

START, END = "<!-- status: written by `python -m tests.house.claims --write` -->", "<!-- /status -->"


@dataclass(frozen=True, slots=True)
class Claim:
    """One capability: what the box owes, which tests show it, and what it does not do yet."""

    id: str
    owed: str
    tests: tuple[str, ...] = ()
    missing: str = ""

    @property
    def status(self) -> str:
        """``works``, ``begun`` or ``not begun``."""
        if not self.tests:
            return "not begun"
        return "begun" if self.missing else "works"


def claims() -> list[Claim]:
    """Read claims.toml; raises KeyError when ``[started]`` names a capability that ``[owed]`` does not."""
    found: dict[str, Any] = tomllib.loads((ROOT / "claims.toml").read_text())
    started = found["started"]
    for name in started:
        found["owed"][name]
    return [
        Claim(name, owed, tuple(started[name]["tests"]), started[name].get("missing", ""))
        if name in started
        else Claim(name, owed)
        for name, owed in found["owed"].items()
    ]


def table() -> str:
    """The status table: one row for everything that works or is begun, one line for the rest."""
    lines = [START, "", "| | the box owes | status | shown by | not yet |", "|---|---|---|---|---|"]
    for c in claims():
        if c.tests:
            files = sorted({test.split("::")[0] for test in c.tests})
            shown = ", ".join(f"[{Path(name).stem.removeprefix('test_')}]({name})" for name in files)
            lines.append(f"| {c.id} | {c.owed} | **{c.status}** | {shown} | {c.missing} |")
    rest = [c for c in claims() if not c.tests]
    lines += ["", f"Not begun ({len(rest)} of {len(claims())}): " + "; ".join(f"{c.id} {c.owed}" for c in rest) + "."]
    return "\n".join([*lines, "", END])


def exists(test: str) -> bool:
    """Whether ``file::function`` (or ``file::Class::function``) is a test in the tree."""
    name, _, inside = test.partition("::")
    if not (ROOT / name).is_file() or not inside:
        return False
    scope: list[ast.stmt] = ast.parse((ROOT / name).read_text()).body
    for part in inside.split("::"):
        named = [s for s in scope if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        hit = next((s for s in named if s.name == part), None)
        if hit is None:
            return False
        scope = hit.body
    return True


def written(readme: str) -> str:
    """``readme`` with its status table replaced by the current one."""
    return re.sub(re.escape(START) + ".*?" + re.escape(END), lambda _: table(), readme, flags=re.DOTALL)


if __name__ == "__main__":
    page = ROOT / "README.md"
    current = written(page.read_text())
    if "--write" in sys.argv:
        page.write_text(current)
    sys.exit(0 if page.read_text() == current else 1)
