"""The circle bench runs to its end on a few files; nothing about time or the rival, which is a long download."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import circle
from tests.bench.options import parse


def test_files_become_shards_with_six_friends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circle, "SMALL_FILES", 20)
    data = tmp_path / "data"
    data.mkdir()
    for number, each in enumerate(circle.small_files(3)):
        (data / f"{number}.txt").write_bytes(each * 100)
    words = ["--data", str(data), "--rounds", "1", "--cache", str(tmp_path / "cache"), "--json"]
    found = circle.bench(parse("smoke", words), with_tahoe=False)
    assert int(str(found["packs_joined"])) >= 2
    assert found["set_files"] == 3
    for name in ("place_cpu_s_per_gib", "ingest_and_place_cpu_s", "small_files_per_s", "stored_ratio"):
        assert float(str(found[name])) > 0
    assert 20 < float(str(found["peerd_peak_rss_mib"])) < 100
