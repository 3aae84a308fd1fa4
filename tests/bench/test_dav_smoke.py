"""The WebDAV bench runs to its end on a few files, and litmus is complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import dav
from tests.bench.options import parse


@pytest.mark.skipif(bool(dav.tools_missing()), reason="litmus and rclone are not installed")
def test_litmus_is_complete_and_rclone_finds_no_difference(tmp_path: Path) -> None:
    found = dav.bench(parse("smoke", ["--files", "12", "--cache", str(tmp_path), "--json"]))
    assert found["litmus_passed"] == found["litmus_total"] and int(str(found["litmus_total"])) > 100
    assert found["litmus_skipped"] == 0
    assert found["rclone_check_ok"] is True
    assert found["files_compared"] == 12
