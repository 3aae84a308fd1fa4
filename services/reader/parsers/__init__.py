"""The parsers, one family per mother process. Everything in this package runs inside the sandbox only."""

from __future__ import annotations

import importlib

from services.reader.families import Family
from services.reader.zygote import Tasks


def tasks(family: Family) -> Tasks:
    """Import the parsers of ``family``, and nothing else, into this process."""
    found = importlib.import_module(f"services.reader.parsers.{family.value}").TASKS
    assert isinstance(found, Tasks)
    return found
