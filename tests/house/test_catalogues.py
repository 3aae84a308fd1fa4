"""The catalogues hold nothing dead: every event is told, every error raised, every bound kept by some code."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from firmware import errors, events, limits
from tests.house.tree import HOUSE, ROOT, python_files

CATALOGUES = {Path("firmware/errors.py"), Path("firmware/events.py"), Path("firmware/limits.py")}


@functools.cache
def _used() -> set[str]:
    code = "\n".join((ROOT / path).read_text() for path in python_files(*HOUSE) if path not in CATALOGUES)
    return set(re.findall(r"\b[A-Za-z]\w+\b", code))


def test_every_event_is_told_by_some_process() -> None:
    dead = [event.name for event in events.ALL if event.name.upper() not in _used()]
    assert not dead


def test_every_error_is_raised_somewhere() -> None:
    found = {n: c for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, errors.BoxError)}
    leaves = {name for name, error in found.items() if error.__base__ is not errors.BoxError} - {"BoxError"}
    dead = leaves - _used()
    assert not dead


def test_every_bound_is_kept_somewhere() -> None:
    limits_own = (ROOT / "firmware/limits.py").read_text()
    inside = {name for name in vars(limits) if len(re.findall(rf"\b{name}\b", limits_own)) > 1}
    dead = {name for name in vars(limits) if name.isupper()} - _used() - inside
    assert not dead
