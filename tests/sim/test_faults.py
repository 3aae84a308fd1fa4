"""A small round of ``python -m tests.sim.faults``: whatever operation the disk refuses, no promise is broken."""

from __future__ import annotations

import pytest

from tests.sim.faults import Fault, play_all


@pytest.mark.parametrize("fault", list(Fault))
def test_a_refused_operation_breaks_no_promise(fault: Fault) -> None:
    lives, errors, troubles = play_all("test", fault, stride=13)
    assert troubles == []
    assert lives > 5
    assert errors > 0.75 * lives  # the rest met the closing of the catalog, where nothing can be lost
