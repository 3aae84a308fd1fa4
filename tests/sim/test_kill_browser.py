"""A small round of ``./box sim kill --via browser``: every kind of process dies once under the official tus client."""

from __future__ import annotations

import gc
import warnings

import pytest

from tests.sim.kill_browser import TARGETS, kill_via_browser


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_official_client_brings_every_file_through() -> None:
    with warnings.catch_warnings():  # a connection whose other end was killed is closed when its answer is collected
        warnings.simplefilter("ignore", ResourceWarning)
        figures = kill_via_browser(len(TARGETS), seed=5)
        gc.collect()
    assert figures["files_identical"] is True
    assert int(str(figures["files_compared"])) >= 3
    assert [figures[f"kills_of_{target}"] for target in TARGETS] == [1] * len(TARGETS)
    assert int(str(figures["resumed_in_the_middle"])) > 0
