"""A small round of ``./box sim kill`` on real processes."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

import pytest

from tests.sim.kill import kill


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_processes_lose_nothing_acknowledged(tmp_path: Path) -> None:
    with warnings.catch_warnings():  # a connection whose other end was killed is closed when its answer is collected
        warnings.simplefilter("ignore", ResourceWarning)
        figures = kill(6, seed=2, folder=None, keep=tmp_path / "kept")
        gc.collect()
    assert figures["acked_bytes_lost"] == 0
    assert figures["verify_problems"] == 0
    assert figures["files_compared"] == figures["acked_files"] > 0
    assert figures["kills_during_write"] >= 3
    # A file sent again with the bytes it had is acknowledged as the version that is there: one original, two answers.
    assert len(list((tmp_path / "kept" / "originals").iterdir())) == figures["versions_compared"]
