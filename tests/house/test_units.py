"""Every systemd unit is well formed and gives its process no more than it needs (scored by systemd itself, offline)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files

_KINDS = (".service", ".socket", ".slice", ".timer", ".target", ".path", ".mount")
UNITS = [path for path in files() if path.suffix in _KINDS]
SERVICES = [path for path in UNITS if path.suffix == ".service"]
EXPOSURE_TENTHS_MAX = {
    "lockerd": 5,
    "webd": 11,
    "peerd": 15,
    "certifier": 11,
    "console": 11,
    "firstboot": 15,
    "clear-card": 15,
    "boxd": 25,
    "fetcher": 15,
    "rescue-page": 15,
    "turn-back": 10,
    "check-data": 10,
    "prove-card": 10,
}
"""systemd's own score, 0 (safe) to 100 (unsafe), in tenths; a bare unit has 96."""

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine")


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, env=clean)


def test_every_process_of_the_box_has_a_unit() -> None:
    assert {path.stem for path in SERVICES} == set(EXPOSURE_TENTHS_MAX)


def test_units_are_well_formed(tmp_path: Path) -> None:
    for path in UNITS:
        text = (ROOT / path).read_text()
        placed = text.replace("/usr/lib/locker-box/.venv/bin/python", sys.executable)
        placed = placed.replace("ExecStart=/usr/lib/locker-box/", f"ExecStart={ROOT}/image/root/usr/lib/locker-box/")
        (tmp_path / path.name).write_text(re.sub(r"^Documentation=.*\n", "", placed, flags=re.MULTILINE))
    found = _analyze("verify", "--recursive-errors=no", "--man=no", *map(str, sorted(tmp_path.iterdir())))
    assert found.returncode == 0, found.stderr
    assert not [line for line in found.stderr.splitlines() if str(tmp_path) in line], found.stderr


@pytest.mark.parametrize("path", SERVICES, ids=str)
def test_exposure_stays_below_its_bound(path: Path) -> None:
    bound = EXPOSURE_TENTHS_MAX[path.stem]
    found = _analyze("security", "--offline=yes", "--no-pager", f"--threshold={bound}", str(ROOT / path))
    assert "Overall exposure level" in found.stdout, found.stderr
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("path", SERVICES, ids=str)
def test_a_unit_is_bounded_and_restarted_and_keeps_asserts(path: Path) -> None:
    text = (ROOT / path).read_text()
    for wanted in ("MemoryMax=", "MemorySwapMax=0", "TasksMax=", "LimitCORE=0", "LimitNOFILE=", "Restart=on-failure"):
        assert f"\n{wanted}" in text, wanted
    assert not re.search(r"python\d?(\.\d+)? -O|PYTHONOPTIMIZE", text)
    assert set(re.findall(r"^Environment=(.*)$", text, re.MULTILINE)) <= {"MALLOC_ARENA_MAX=1"}  # no secrets


def test_a_bare_unit_would_be_refused(tmp_path: Path) -> None:
    """The control: this gate can fail."""
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/usr/bin/true\n")
    assert _analyze("security", "--offline=yes", "--no-pager", "--threshold=15", str(bare)).returncode != 0
