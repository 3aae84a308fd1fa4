"""The web bench runs to its end and finds what it promises, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import web
from tests.bench.options import parse


@pytest.mark.slow
def test_the_bench_weighs_pages_and_measures_uploads(tmp_path: Path) -> None:
    words = ["--gib", "0.02", "--rounds", "1", "--files", "300", "--photo-divide", "8", "--cache", str(tmp_path), "--json"]
    found = web.bench(parse("smoke", words), web.Size(photos=2, idle_seconds=0))
    assert 0 < float(str(found["first_page_gz_kb"])) <= 60
    assert 0 < float(str(found["first_page_requests"])) <= 12
    assert 0 < float(str(found["js_gz_kb_home"])) <= 60
    for name in ("upload_cpu_vs_sink", "upload_tls_mib_s", "photo_visible_p95_s", "idle_pss_mib"):
        assert float(str(found[name])) > 0, name
    assert found["grid_photos"] == 300
