"""The wire bench runs to its end on a few bytes; nothing about time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import wire
from tests.bench.options import parse


def test_the_same_bytes_come_out_of_every_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "IDLE_SECONDS", 0.1)
    found = wire.bench(parse("smoke", ["--gib", "0.004", "--rounds", "1", "--cache", str(tmp_path), "--json"]))
    size = round(0.004 * wire.GIB)
    assert found["bytes_compared"] == 3 * size + size // wire.UNPATCHED_SHARE
    assert found["copy"] in ("patched", "native")
    for name in ("iroh_mib_s", "iroh_cpu_s_per_gib", "iroh_vs_tls_throughput", "unpatched_mib_s"):
        assert float(str(found[name])) > 0
    assert 5 < float(str(found["idle_endpoint_pss_mib"])) < 100
