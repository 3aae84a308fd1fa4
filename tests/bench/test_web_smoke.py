"""The web bench runs to its end and finds what it promises, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import first_run, lighthouse, web
from tests.bench.options import parse


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_bench_weighs_pages_and_measures_uploads(tmp_path: Path) -> None:
    less = ["--gib=0.02", "--rounds=1", "--files=300", "--photo-divide=8"]
    small = web.Size(photos=2, idle_seconds=0, settle_ms=100)
    found = web.bench(parse("smoke", ["--json", "--cache", str(tmp_path), *less]), small)
    assert 0 < float(str(found["first_page_gz_kb"])) <= 60
    assert 0 < float(str(found["first_page_requests"])) <= 12
    assert 0 < float(str(found["js_gz_kb_home"])) <= 60
    for name in ("upload_cpu_vs_sink", "upload_tls_mib_s", "photo_visible_p95_s", "idle_pss_mib"):
        assert float(str(found[name])) > 0, name
    assert found["grid_photos"] == 300


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_lighthouse_finds_nothing_that_does_not_depend_on_how_busy_this_machine_is(tmp_path: Path) -> None:
    found = lighthouse.bench(parse("smoke", ["--json", "--cache", str(tmp_path), "--rounds=1"]))
    for page in ("first", "home", "photos"):
        assert int(str(found[f"{page}_accessibility"])) >= 95, page
        assert int(str(found[f"{page}_best_practices"])) >= 95, page
        assert int(str(found[f"{page}_performance"])) > 0, page


def test_a_faster_machine_is_slowed_down_more() -> None:
    assert [lighthouse.slowdown(index) for index in (0, 150, 1050, 1533, 2000, 9000)] == [1, 1, 2.5, 4, 6, 6]
    assert lighthouse.slowdown(900) < lighthouse.slowdown(901)


@pytest.mark.slow
def test_a_first_run_prints_what_it_took(tmp_path: Path) -> None:
    found = first_run.bench(parse("smoke", ["--json", "--cache", str(tmp_path)]))
    assert 0 < int(str(found["taps"])) <= 13
    assert int(str(found["os_taps"])) > 0
    assert float(str(found["seconds_to_first_photo"])) > 0
