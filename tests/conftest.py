"""The whole gate runs in two processes side by side, one file at a time each; a part of it runs in one, as ever.

Files share nothing: every box has a folder, ports and names of its own. ``-n 0`` runs everything in one process.
"""

from __future__ import annotations

import os

import pytest

WORKERS = 2
LONG = ("tests/web/test_screens.py",)
"""What takes longest, to be begun first: at the end both processes have small files left. The rest keeps its order."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two when everything is run and there are cores for two; none (this process) otherwise, and when it may talk."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    talks = config.option.capture == "no"
    return WORKERS if whole and not talks and len(os.sched_getaffinity(0)) >= WORKERS else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long files first in a worker."""
    if hasattr(config, "workerinput"):
        place = {name: number for number, name in enumerate(LONG)}
        items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(LONG)))
