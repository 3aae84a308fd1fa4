"""Fixtures of the tests that start real processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.services.lockerd_box import LockerdBox


@pytest.fixture
def lockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockerdBox]:
    """An unclaimed lockerd."""
    yield from _box(tmp_path_factory)


@pytest.fixture(scope="module")
def shared_lockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockerdBox]:
    """A lockerd that all tests of one module share."""
    yield from _box(tmp_path_factory)


def _box(factory: pytest.TempPathFactory) -> Iterator[LockerdBox]:
    box = LockerdBox(factory.mktemp("box"))
    try:
        yield box
    finally:
        if box.process is not None and box.process.poll() is None:
            box.stop()
        shutil.rmtree(box.run)
    assert "Traceback" not in box.log.read_text()
