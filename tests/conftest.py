"""The whole gate runs in three processes side by side, one file at a time each; a part of it runs in one, as ever.

Files share nothing: every box has a folder, ports and names of its own. ``-n 0`` runs everything in one process.
"""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("machine")
"""How fast inputs are made and read says how busy the machine is, nothing about the product."""

WORKERS = 3
"""One more than the cores asked for: half of what a test does is to wait for a box, a browser, a clock."""
_CORES = 2
LONG = (
    "tests/web/test_screens.py", "tests/services/test_restore.py", "tests/bench/test_web_smoke.py",
    "tests/services/test_cli.py", "tests/web/test_journey.py", "tests/web/test_uploads.py",
    "tests/services/test_ransomware.py", "tests/property/test_api_decode.py", "tests/web/test_record.py",
    "tests/web/test_photos.py", "tests/services/test_home_network.py", "tests/web/test_find.py",
    "tests/services/test_lockerd_household.py", "tests/web/test_restore_journey.py", "tests/services/test_drill.py",
    "tests/services/test_circle.py", "tests/web/test_drill_journey.py", "tests/web/test_ended.py",
    "tests/bench/test_bench_smoke.py", "tests/web/test_routes.py", "tests/services/test_kit_peerds.py",
    "tests/services/test_lockerd_friends_key.py", "tests/sim/test_kill_browser.py", "tests/web/test_circle_pairing.py",
    "tests/web/test_peer.py", "tests/services/test_lockerd_locks.py", "tests/web/test_people.py",
    "tests/services/test_supervisor.py", "tests/services/test_lockerd_openapi.py", "tests/house/test_linters.py",
)  # fmt: skip
"""What takes longest, to be begun first: at the end all processes have small files left. The rest keeps its order."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three when everything is run and there are two cores; none (this process) otherwise, and when it may talk."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    talks = config.option.capture == "no"
    return WORKERS if whole and not talks and len(os.sched_getaffinity(0)) >= _CORES else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long files first in a worker."""
    if hasattr(config, "workerinput"):
        place = {name: number for number, name in enumerate(LONG)}
        items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(LONG)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests counted (``record_property``): an acceptance figure is read, not believed."""
    for report in terminalreporter.getreports("passed"):
        if report.when == "call" and report.user_properties:
            told = json.dumps(dict(report.user_properties))
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]} {told}")
